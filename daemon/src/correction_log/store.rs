//! The log's files: JSON lines, readable by nobody else, and never more than the bound.
//!
//! New entries go to `corrections.jsonl`. When it has half of what both may take, it becomes
//! `corrections.1.jsonl`, and the one that was that is gone. A line is appended in one write; one
//! that was torn off when the power went is cut away before the next, and a line that makes no
//! sense is passed over and counted. Nothing is made before there is something to write.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::Error;

const CURRENT: &str = "corrections.jsonl";
const PREVIOUS: &str = "corrections.1.jsonl";
/// What is left of erasing, until it takes the place of the file.
const UNFINISHED: &str = "corrections.new";

/// The log on the disk.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    most_bytes: u64,
    /// The number of the last entry that was ever written, as far as that is known.
    last: u64,
    /// Whether the end of the current file is known to be whole.
    mended: bool,
    known: Survey,
}

/// What is on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// Whole entries.
    pub entries: u64,
    /// Lines that make no sense.
    pub damaged: u64,
    /// What the files take.
    pub bytes: u64,
    /// When the first entry was written.
    pub oldest: Option<String>,
    /// When the last one was.
    pub newest: Option<String>,
}

/// What is read of a line to know its place.
#[derive(Deserialize)]
struct Head {
    entry: u64,
    at: String,
}

impl Head {
    fn of(line: &[u8]) -> Option<(u64, Timestamp)> {
        let head: Self = serde_json::from_slice(line).ok()?;
        Some((head.entry, head.at.parse().ok()?))
    }
}

impl Store {
    /// The log in a folder, which may not be there yet, of at most `most_bytes`. It is to be
    /// surveyed before anything else.
    pub fn at(folder: &Path, most_bytes: u64) -> Self {
        let store = Self {
            folder: folder.to_owned(),
            most_bytes,
            last: 0,
            mended: false,
            known: Survey::default(),
        };
        // It is a copy of what its file still has.
        let _absent = fs::remove_file(store.path(UNFINISHED));
        store
    }

    /// What was found when it was surveyed last, and what was written since.
    pub fn known(&self) -> &Survey {
        &self.known
    }

    /// The number that the next entry gets.
    pub fn next(&self) -> u64 {
        self.last.saturating_add(1)
    }

    /// Writes an entry, and lets the oldest ones go where there is no room for it.
    ///
    /// # Errors
    /// [`Error::System`]; an entry that is longer than half of the bound.
    pub fn append(&mut self, entry: &Entry) -> Result<(), Error> {
        let mut line = serde_json::to_vec(entry)
            .map_err(|error| self.failed("writing", io::Error::other(error)))?;
        line.push(b'\n');
        let room = self.most_bytes / 2;
        if line.len() as u64 > room {
            let problem = format!("an entry of {} bytes is too long for it", line.len());
            return Err(self.failed("writing", io::Error::other(problem)));
        }
        let rotated = self
            .write(&line, room)
            .map_err(|error| self.failed("writing", error))?;
        self.last = entry.entry;
        self.known.entries += 1;
        self.known.bytes += line.len() as u64;
        self.known.oldest.get_or_insert_with(|| entry.at.clone());
        self.known.newest = Some(entry.at.clone());
        // What gave way is not known.
        if rotated { self.survey() } else { Ok(()) }
    }

    /// Whether older entries gave way.
    fn write(&mut self, line: &[u8], room: u64) -> io::Result<bool> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let mut file = self.open_current()?;
        if !self.mended {
            cut_torn_line(&mut file)?;
            self.mended = true;
        }
        let rotates = file.metadata()?.len() + line.len() as u64 > room;
        if rotates {
            fs::rename(self.path(CURRENT), self.path(PREVIOUS))?;
            file = self.open_current()?;
        }
        let written = file.write_all(line);
        // Half a line must not become the beginning of the next.
        self.mended = written.is_ok();
        written.map(|()| rotates)
    }

    /// The file that grows, for us only, whatever it was before.
    fn open_current(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(self.path(CURRENT))?;
        if file.metadata()?.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    /// The entries after the one with the number `after`, oldest first, of together at most about
    /// `most_bytes`, but at least one where there is one.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn read(&self, after: u64, most_bytes: usize) -> Result<Vec<String>, Error> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        for line in self.lines()? {
            match Head::of(&line) {
                Some((entry, _)) if entry > after => {}
                _ => continue,
            }
            bytes += line.len();
            if bytes > most_bytes && !taken.is_empty() {
                break;
            }
            // JSON that was read is text.
            taken.extend(String::from_utf8(line).ok());
        }
        Ok(taken)
    }

    /// Counts what is there.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn survey(&mut self) -> Result<(), Error> {
        let mut survey = Survey::default();
        for line in self.lines()? {
            survey.bytes += line.len() as u64 + 1;
            let Some((entry, at)) = Head::of(&line) else {
                survey.damaged += 1;
                continue;
            };
            self.last = self.last.max(entry);
            survey.entries += 1;
            survey.oldest.get_or_insert_with(|| at.to_string());
            survey.newest = Some(at.to_string());
        }
        self.known = survey;
        Ok(())
    }

    /// Erases all entries, or those from before a moment; with them the lines that make no sense.
    /// How many entries that were.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn erase(&mut self, before: Option<Timestamp>) -> Result<u64, Error> {
        let mut erased = 0;
        for name in [PREVIOUS, CURRENT] {
            let path = self.path(name);
            let mut kept = Vec::new();
            for line in self.lines_of(name)? {
                match (Head::of(&line), before) {
                    (Some((_, at)), Some(before)) if at >= before => {
                        kept.extend_from_slice(&line);
                        kept.push(b'\n');
                    }
                    (Some(_), _) => erased += 1,
                    (None, _) => {}
                }
            }
            self.replace(&path, &kept)
                .map_err(|error| self.failed("erasing", error))?;
        }
        self.survey()?;
        Ok(erased)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        if content.is_empty() {
            return match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let unfinished = self.path(UNFINISHED);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(unfinished, path)
    }

    /// Every line, oldest first, without its end.
    fn lines(&self) -> Result<Vec<Vec<u8>>, Error> {
        let mut lines = self.lines_of(PREVIOUS)?;
        lines.extend(self.lines_of(CURRENT)?);
        Ok(lines)
    }

    fn lines_of(&self, name: &str) -> Result<Vec<Vec<u8>>, Error> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(bytes
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(<[u8]>::to_vec)
                .collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.failed("reading", error)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn failed(&self, doing: &str, source: io::Error) -> Error {
        let folder = self.folder.display();
        Error::system(format!("{doing} the correction log in {folder}"), source)
    }
}

/// Cuts away what follows the last whole line.
fn cut_torn_line(file: &mut File) -> io::Result<()> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |last| last + 1);
    match whole == bytes.len() {
        true => Ok(()),
        false => file.set_len(whole as u64),
    }
}
