//! What the packs say: commands, words and replies, loaded together and
//! replaced together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use codriver_catalog::Catalog;

use crate::Error;
use crate::replies::Replies;
use crate::settings::Settings;

/// Commands and words with the replies that go with them.
#[derive(Debug)]
pub struct Knowledge {
    /// The commands and the words.
    pub catalog: Arc<Catalog>,
    /// The replies.
    pub replies: Replies,
}

impl Knowledge {
    /// Reads everything from the configured folder.
    ///
    /// # Errors
    /// Every problem of every file, with file and line.
    pub fn load(settings: &Settings) -> Result<Self, Error> {
        let directory = directory(settings)?;
        Ok(Self {
            catalog: Arc::new(Catalog::load(&directory)?),
            replies: Replies::load(&directory.join("replies.toml"))?,
        })
    }
}

/// The folder that holds commands/, languages/ and replies.toml.
///
/// # Errors
/// [`Error::NoConfigs`] when it is not there.
pub fn directory(settings: &Settings) -> Result<PathBuf, Error> {
    let configured = &settings.configs.directory;
    if configured.as_os_str().is_empty() {
        return found(Path::new("/etc/codriver"), "commands");
    }
    if configured.is_dir() {
        Ok(configured.clone())
    } else {
        Err(Error::NoConfigs {
            path: configured.clone(),
        })
    }
}

/// `installed` where it holds `mark`, else the configs folder of the source
/// tree that this program was built in.
fn found(installed: &Path, mark: &str) -> Result<PathBuf, Error> {
    if installed.join(mark).is_dir() {
        return Ok(installed.to_owned());
    }
    source_tree()
        .map(|root| root.join("configs"))
        .filter(|configs| configs.join(mark).is_dir())
        .ok_or_else(|| Error::NoConfigs {
            path: installed.to_owned(),
        })
}

/// The source tree that this program runs from: `<root>/target/<profile>/program`.
/// A build folder elsewhere is no source tree; then the working directory may be one.
pub fn source_tree() -> Option<PathBuf> {
    let beside_program = std::env::current_exe().ok();
    let working = std::env::current_dir().ok();
    beside_program
        .iter()
        .chain(&working)
        .flat_map(|start| start.ancestors())
        .find(|folder| folder.join("configs/commands").is_dir() && folder.join("catalog").is_dir())
        .map(Path::to_owned)
}
