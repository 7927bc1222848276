//! The directory that holds all model packs of a machine.

use std::path::{Path, PathBuf};

use crate::{Error, ModelPack};

/// A model store: one directory, one model pack a subdirectory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The store in `directory`. Nothing is read yet.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The developer's store: `$CODRIVER_MODELS`, else
    /// `$XDG_CACHE_HOME/codriver/models`, else `~/.cache/codriver/models`.
    ///
    /// # Errors
    /// [`Error::NoStore`] when none of the three variables is set.
    pub fn from_environment() -> Result<Self, Error> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = || {
            variable("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")))
        };
        variable("CODRIVER_MODELS")
            .map(PathBuf::from)
            .or_else(|| cache().map(|cache| cache.join("codriver/models")))
            .map(Self::at)
            .ok_or(Error::NoStore)
    }

    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Opens the pack `name`: see [`ModelPack::open`].
    ///
    /// # Errors
    /// As [`ModelPack::open`].
    pub fn open(&self, name: &str) -> Result<ModelPack, Error> {
        ModelPack::open(self, name)
    }

    /// Every pack of the store in the order of names, each opened or the
    /// reason why it cannot be. A store that does not exist yet is empty.
    ///
    /// # Errors
    /// [`Error::Read`] when the directory exists but cannot be listed.
    pub fn list(&self) -> Result<Vec<Result<ModelPack, Error>>, Error> {
        let unreadable = |source| Error::Read {
            path: self.directory.clone(),
            source,
        };
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Packs in the making have names that begin with a dot.
            if !name.starts_with('.') && entry.path().is_dir() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names.iter().map(|name| self.open(name)).collect())
    }
}
