//! What a provider compiled from a graph, kept for the next start.
//!
//! A compiled graph is a folder `<key>` with a small `graph.onnx`, what the provider
//! compiled in files of its own, which it can read without copying them through the graph,
//! and the sha256 of each in `sha256sums`. The key covers all that it was made from, so a
//! changed graph, library or option finds no folder; a file that differs from its hash is
//! never loaded.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::Candidate;
use crate::sha256;

/// The file of a folder that names the others.
const GRAPH: &str = "graph.onnx";
/// The file of a folder that says what the others are, as `sha256sum --check` reads it.
const SUMS: &str = "sha256sums";

/// Makes ONNX Runtime write what the provider compiles beside the graph `to`.
pub(super) fn session_entries(to: &Path) -> [(&'static str, String); 3] {
    [
        ("ep.context_enable", "1".into()),
        ("ep.context_embed_mode", "0".into()),
        ("ep.context_file_path", to.to_string_lossy().into_owned()),
    ]
}

/// Bytes of free space that are wanted for each byte of the graph.
///
/// Room is asked for beforehand: a vendor's library need not bear a full disk.
const ROOM: u64 = 2;
/// Beside that, for what else lies on the disk.
const SPARE: u64 = 1 << 20;

/// The place of one compiled graph.
pub(super) struct CachedContext {
    folder: PathBuf,
    graph: PathBuf,
    /// `Err` when the graph cannot be read.
    key: Result<String, String>,
}

/// What is at that place.
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// This compiled graph.
    Whole(PathBuf),
    /// Something that cannot be used, and why.
    Damaged(String),
}

impl CachedContext {
    pub(super) fn new(
        folder: &Path,
        graph: &Path,
        library_version: &str,
        candidate: &Candidate,
    ) -> Self {
        let key = sha256::of_file(graph)
            .map(|graph| key(&graph, library_version, candidate))
            .map_err(|error| format!("{}: cannot be read: {error}", graph.display()));
        Self {
            folder: folder.into(),
            graph: graph.into(),
            key,
        }
    }

    /// Looks for the compiled graph and compares its files with their hashes.
    pub(super) fn find(&self) -> Found {
        let Ok(folder) = self.place() else {
            return Found::Missing;
        };
        if !folder.exists() {
            return Found::Missing;
        }
        match check(&folder) {
            Ok(()) => Found::Whole(folder.join(GRAPH)),
            Err(problem) => Found::Damaged(problem),
        }
    }

    /// Makes a folder and returns the graph that a provider may write into it,
    /// if there is room for it.
    pub(super) fn prepare(&self) -> Result<PathBuf, String> {
        let place = self.place()?;
        let part = place.with_extension(format!("{}.part", std::process::id()));
        // One of a process with the same number that was cut off.
        let _ = fs::remove_dir_all(&part);
        fs::create_dir_all(&part).map_err(|error| {
            format!(
                "{}: cannot be made: {error}; correct cache, or its permissions",
                self.folder.display()
            )
        })?;
        self.require_room().inspect_err(|_| {
            let _ = fs::remove_dir(&part);
        })?;
        Ok(part.join(GRAPH))
    }

    /// Puts what a provider wrote in its place, whole or not at all.
    pub(super) fn keep(&self, part: &Path) -> Result<(), String> {
        let folder = part.parent().unwrap_or(part);
        let kept = self.place().and_then(|place| {
            if !part.is_file() {
                return Err("the provider compiles nothing that can be kept; remove cache".into());
            }
            seal(folder)
                // Between the two nothing is there, which costs one start its time.
                .and_then(|()| match fs::remove_dir_all(&place) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => fs::rename(folder, &place),
                })
                .map_err(|error| {
                    format!(
                        "{}: the compiled graph cannot be kept: {error}",
                        self.folder.display()
                    )
                })
        });
        if kept.is_err() {
            self.discard(part);
        }
        kept
    }

    /// Half a graph helps nobody, least of all on a full disk.
    pub(super) fn discard(&self, part: &Path) {
        let _ = fs::remove_dir_all(part.parent().unwrap_or(part));
    }

    fn require_room(&self) -> Result<(), String> {
        let unknown = |error: String| format!("{}: free space: {error}", self.folder.display());
        let graph = fs::metadata(&self.graph).map_err(|error| unknown(error.to_string()))?;
        let wanted = graph.len() * ROOM + SPARE;
        let disk = rustix::fs::statvfs(&self.folder).map_err(|error| unknown(error.to_string()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < wanted {
            return Err(format!(
                "{}: no room for the compiled graph: {} MB are free, {} MB are wanted; make room, or move cache",
                self.folder.display(),
                free >> 20,
                wanted.div_ceil(1 << 20)
            ));
        }
        Ok(())
    }

    fn place(&self) -> Result<PathBuf, String> {
        let key = self.key.as_ref().map_err(Clone::clone)?;
        Ok(self.folder.join(key))
    }
}

/// Whether every file of a folder is what it was, and the graph among them.
fn check(folder: &Path) -> Result<(), String> {
    let about = |file: &Path, problem: String| format!("{}: {problem}", file.display());
    let list = folder.join(SUMS);
    let sums = fs::read_to_string(&list).map_err(|error| about(&list, error.to_string()))?;
    let mut files: Vec<(&str, &str)> = sums.lines().filter_map(|l| l.split_once("  ")).collect();
    if !files.iter().any(|(_, name)| *name == GRAPH) {
        return Err(about(&list, format!("does not list {GRAPH}")));
    }
    // The small one first: what is damaged is found soon.
    files.sort_by_key(|(_, name)| *name != GRAPH);
    for (expected, name) in files {
        let file = folder.join(name);
        match sha256::of_file(&file) {
            Ok(found) if found == expected => {}
            Ok(_) => return Err(format!("{} differs from its hash", file.display())),
            Err(error) => return Err(about(&file, error.to_string())),
        }
    }
    Ok(())
}

/// Lists the files of a folder with their hashes, and makes sure that all are on the disk.
fn seal(folder: &Path) -> io::Result<()> {
    let mut sums = String::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        sums += &format!("{}  {name}\n", sha256::of_file(&file)?);
        File::open(&file)?.sync_all()?;
    }
    let list = folder.join(SUMS);
    fs::write(&list, sums)?;
    File::open(&list)?.sync_all()
}

/// Everything that a compiled graph depends on.
fn key(graph: &str, library_version: &str, candidate: &Candidate) -> String {
    let mut parts = vec![
        graph.to_owned(),
        library_version.to_owned(),
        format!("{candidate:?}"),
    ];
    if let Candidate::Plugin {
        library, options, ..
    } = candidate
    {
        let named = options.values().map(Path::new);
        let files = named.filter(|value| value.is_absolute());
        parts.extend(files.chain([library.as_path()]).map(identity));
    }
    let digest = Sha256::digest(parts.join("\n"));
    digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Tells one release of a library from another without reading it all.
fn identity(file: &Path) -> String {
    let Ok(about) = fs::metadata(file) else {
        return "missing".into();
    };
    let changed = about
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{} {}", about.len(), changed.unwrap_or_default().as_nanos())
}
