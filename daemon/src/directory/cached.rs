//! What was read of files, until the files are other ones.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A file as far as it can be told that it changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    pub(super) path: PathBuf,
    changed: Option<SystemTime>,
    pub(super) bytes: u64,
}

/// The files of one source; `Ok(None)` when there is no such folder or file.
pub(super) type Stamps = Result<Option<Vec<Stamp>>, (PathBuf, io::ErrorKind)>;

/// The stamp of one file.
pub(super) fn stamp(path: &Path) -> Stamps {
    match std::fs::metadata(path) {
        Ok(known) => Ok(Some(vec![Stamp {
            path: path.to_owned(),
            changed: known.modified().ok(),
            bytes: known.len(),
        }])),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err((path.to_owned(), error.kind())),
    }
}

/// What was made of the files with these stamps.
#[derive(Debug)]
pub(super) struct Cached<T> {
    known: Mutex<Option<(Stamps, Arc<T>)>>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self {
            known: Mutex::new(None),
        }
    }
}

impl<T> Cached<T> {
    /// What was made before when the stamps are the same, else what `load` makes now.
    pub(super) fn get(&self, stamps: Stamps, load: impl FnOnce(&Stamps) -> T) -> Arc<T> {
        // A loader that panicked has left the old value, which is whole.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, value)) = known.as_ref()
            && *of == stamps
        {
            return Arc::clone(value);
        }
        let value = Arc::new(load(&stamps));
        *known = Some((stamps, Arc::clone(&value)));
        value
    }
}
