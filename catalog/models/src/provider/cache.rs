//! What a provider compiled from a graph, kept for the next start.
//!
//! A compiled graph is a file `<key>.onnx` with its sha256 beside it. The key
//! covers all that it was made from, so a changed graph, library or option
//! finds no file; a file that differs from its hash is never loaded.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::Candidate;
use crate::sha256;

/// Makes ONNX Runtime write what the provider compiles into the one file `to`.
pub(super) fn session_entries(to: &Path) -> [(&'static str, String); 3] {
    [
        ("ep.context_enable", "1".into()),
        ("ep.context_embed_mode", "1".into()),
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

    /// Looks for the compiled graph and compares it with its hash.
    pub(super) fn find(&self) -> Found {
        let Ok([graph, hash]) = self.files() else {
            return Found::Missing;
        };
        if !graph.exists() {
            return Found::Missing;
        }
        match (fs::read_to_string(&hash), sha256::of_file(&graph)) {
            (Ok(expected), Ok(found)) if expected.trim() == found => Found::Whole(graph),
            (Ok(_), Ok(_)) => Found::Damaged(format!("{} differs from its hash", graph.display())),
            (Err(error), _) => Found::Damaged(format!("{}: {error}", hash.display())),
            (_, Err(error)) => Found::Damaged(format!("{}: {error}", graph.display())),
        }
    }

    /// Makes the folder and returns the file into which a provider may write,
    /// if there is room for it.
    pub(super) fn prepare(&self) -> Result<PathBuf, String> {
        let [graph, _] = self.files()?;
        fs::create_dir_all(&self.folder).map_err(|error| {
            format!(
                "{}: cannot be made: {error}; correct cache, or its permissions",
                self.folder.display()
            )
        })?;
        self.require_room()?;
        let part = graph.with_extension(format!("{}.part.onnx", std::process::id()));
        // One of a process with the same number that was cut off.
        let _ = fs::remove_file(&part);
        Ok(part)
    }

    /// Puts the file that a provider wrote in its place, whole or not at all.
    pub(super) fn keep(&self, part: &Path) -> Result<(), String> {
        let kept = self.files().and_then(|[graph, hash]| {
            let failed = |error: std::io::Error| {
                format!(
                    "{}: the compiled graph cannot be kept: {error}",
                    self.folder.display()
                )
            };
            if !part.is_file() {
                return Err("the provider compiles nothing that can be kept; remove cache".into());
            }
            let digest = sha256::of_file(part).map_err(failed)?;
            let hash_part = part.with_extension("sha256");
            fs::write(&hash_part, digest).map_err(failed)?;
            for file in [part, &hash_part] {
                File::open(file)
                    .and_then(|file| file.sync_all())
                    .map_err(failed)?;
            }
            // Between the two renames the pair does not fit, which is found out and mended.
            fs::rename(&hash_part, &hash).map_err(failed)?;
            fs::rename(part, &graph).map_err(failed)
        });
        if kept.is_err() {
            // Half a file helps nobody, least of all on a full disk.
            let _ = fs::remove_file(part);
            let _ = fs::remove_file(part.with_extension("sha256"));
        }
        kept
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

    fn files(&self) -> Result<[PathBuf; 2], String> {
        let key = self.key.as_ref().map_err(Clone::clone)?;
        Ok(["onnx", "sha256"].map(|kind| self.folder.join(format!("{key}.{kind}"))))
    }
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
