//! DBC files: which signal lies where in which message, encoded and decoded by our own code over
//! can-dbc's parse, and checked against Python cantools over every signal.

mod attribute;
mod bits;
mod message;
mod signal;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use attribute::SendType;
pub use bits::ByteOrder;
pub use message::{DecodedSignal, Message};
pub use signal::{Raw, Signal};

use crate::{Error, frame::CanId};

/// All messages of one DBC file.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    file: Arc<PathBuf>,
    messages: Vec<Message>,
    by_id: BTreeMap<CanId, usize>,
    by_name: BTreeMap<String, usize>,
}

impl Database {
    /// Reads a DBC file, in UTF-8 or Windows-1252.
    ///
    /// # Errors
    /// [`Error::Read`], or as [`Database::parse`].
    pub fn load(file: &Path) -> Result<Self, Error> {
        let bytes = fs::read(file).map_err(|source| Error::Read {
            file: file.to_owned(),
            source,
        })?;
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text.into(),
            Err(_) => can_dbc::decode_cp1252(&bytes).ok_or_else(|| Error::DbcSyntax {
                file: file.to_owned(),
                problem: "its text is neither UTF-8 nor Windows-1252".into(),
            })?,
        };
        Self::parse(file, &text)
    }

    /// Reads DBC text; `file` is the name that errors carry.
    ///
    /// # Errors
    /// [`Error::DbcSyntax`], [`Error::BadMessage`], [`Error::BadSignal`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, Error> {
        let dbc = can_dbc::Dbc::try_from(text).map_err(|problem| Error::DbcSyntax {
            file: file.to_owned(),
            problem: problem.to_string(),
        })?;
        let file = Arc::new(file.to_owned());
        let mut database = Self {
            file: Arc::clone(&file),
            messages: Vec::new(),
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        for parsed in &dbc.messages {
            // Not on the bus: where tools keep signals that belong to no message.
            if parsed.name == "VECTOR__INDEPENDENT_SIG_MSG" {
                continue;
            }
            let message = message::message(&dbc, parsed, &file)?;
            let index = database.messages.len();
            let unique = match database.by_name.entry(message.name().to_owned()) {
                Entry::Vacant(place) => {
                    place.insert(index);
                    database.by_id.insert(message.id(), index).is_none()
                }
                Entry::Occupied(_) => false,
            };
            if !unique {
                return Err(Error::BadMessage {
                    file: file.to_path_buf(),
                    message: message.name().to_owned(),
                    problem: "its name or identifier is there twice".into(),
                });
            }
            database.messages.push(message);
        }
        Ok(database)
    }

    /// The file it came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Messages in the file's order.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The message with this identifier.
    pub fn by_id(&self, id: CanId) -> Option<&Message> {
        self.messages.get(*self.by_id.get(&id)?)
    }

    /// A message by name.
    ///
    /// # Errors
    /// [`Error::UnknownMessage`].
    pub fn message(&self, name: &str) -> Result<&Message, Error> {
        self.by_name
            .get(name)
            .and_then(|index| self.messages.get(*index))
            .ok_or_else(|| Error::UnknownMessage {
                file: self.file.to_path_buf(),
                message: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests;
