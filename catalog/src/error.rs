//! What can be wrong in the configuration files, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a configuration file, printed as `file:line`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file as it was opened.
    pub file: PathBuf,
    /// One-based line; zero when the whole file is meant.
    pub line: usize,
}

impl Location {
    /// The whole of `file`.
    pub fn whole(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}", self.file.display()),
        }
    }
}

/// Everything this crate can refuse. Every message names the file and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{}: cannot be read: {source}; check the path and its permissions", path.display())]
    Read {
        /// What was opened.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not TOML, or has a key or type that the format does not know.
    #[error("{at}: {message}")]
    Syntax {
        /// Where.
        at: Location,
        /// What the parser said, in one line.
        message: String,
    },
    /// A file is well-formed but says something that cannot be.
    #[error("{at}: {subject}: {problem}; {remedy}")]
    Invalid {
        /// Where.
        at: Location,
        /// What is wrong: `command "window.open"`.
        subject: String,
        /// How it is wrong.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
    /// Several files or entries are wrong; all of them, in reading order.
    #[error("{}", join(.0))]
    Several(Vec<Error>),
}

impl Error {
    /// The problems one by one, `Several` flattened.
    pub fn each(&self) -> Vec<&Error> {
        match self {
            Self::Several(errors) => errors.iter().flat_map(Error::each).collect(),
            other => vec![other],
        }
    }

    /// `Ok(value)` when `errors` is empty, the one error, or all of them.
    pub(crate) fn collect<T>(value: T, mut errors: Vec<Error>) -> Result<T, Error> {
        match errors.len() {
            0 => Ok(value),
            1 => Err(errors.remove(0)),
            _ => Err(Error::Several(errors)),
        }
    }
}

fn join(errors: &[Error]) -> String {
    let lines: Vec<String> = errors.iter().map(Error::to_string).collect();
    lines.join("\n")
}
