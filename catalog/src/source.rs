//! A TOML file held in memory, so that errors can name its lines.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::{Error, Location};

/// Larger than any pack; a wrong path to a disk image is refused early.
const MAXIMUM_BYTES: u64 = 4 << 20;

pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let size = fs::metadata(path).map_err(failed)?.len();
        if size > MAXIMUM_BYTES {
            return Err(Error::Invalid {
                at: Location::whole(path),
                subject: "file".into(),
                problem: format!("{size} bytes are too many"),
                remedy: format!("a configuration file has at most {MAXIMUM_BYTES}"),
            });
        }
        let bytes = fs::read(path).map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|error| Error::Syntax {
            at: Location::whole(path),
            message: format!(
                "byte {} is not UTF-8; save the file as UTF-8",
                error.utf8_error().valid_up_to()
            ),
        })?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        toml::from_str(&self.text).map_err(|error| Error::Syntax {
            at: error
                .span()
                .map_or_else(|| Location::whole(&self.path), |span| self.at(&span)),
            message: error.message().replace('\n', " "),
        })
    }

    /// The line on which a span starts.
    pub(crate) fn at(&self, span: &Range<usize>) -> Location {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        Location {
            file: self.path.clone(),
            line: before.matches('\n').count() + 1,
        }
    }

    pub(crate) fn invalid(
        &self,
        span: &Range<usize>,
        subject: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Error {
        Error::Invalid {
            at: self.at(span),
            subject: subject.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}
