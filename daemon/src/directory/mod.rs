//! Who and what is known by name on board: the address book and the places.
//!
//! Both are files that other programs write. They are read again as soon as
//! they have changed, always on a thread that may block.

mod cached;
mod card;
mod contacts;
mod key;
mod places;

use std::path::PathBuf;
use std::sync::Arc;

use codriver_vehicle_bus::route::{Contact, Directory, Finding, Place};

use self::cached::Cached;
use self::contacts::AddressBook;
use self::places::Places;
use crate::settings::Settings;

/// What is wrong with one of the files. What is right in it, and the other
/// files, are used all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// A folder or file cannot be read.
    #[error("{}: cannot be read: {source}; check its permissions", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A vCard, or a line of one, makes no sense.
    #[error("{}:{line}: {problem}", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The places file is no such file.
    #[error("{}: {source}; it needs a table places(name, kind, address, latitude, longitude)", path.display())]
    Places {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// One place makes no sense.
    #[error("{}: row {row} of places: {problem}", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// SQLite's rowid.
        row: i64,
        /// What is wrong and what to do.
        problem: String,
    },
}

/// A folder of vCards and an SQLite file of places. What is missing is empty.
#[derive(Debug)]
pub struct LocalDirectory {
    contacts: PathBuf,
    address_book: Cached<AddressBook>,
    places_file: PathBuf,
    places: Cached<Places>,
}

impl LocalDirectory {
    /// Nothing is read before it is needed, or [`Self::refresh`] is called.
    pub fn new(contacts: PathBuf, places: PathBuf) -> Self {
        Self {
            contacts,
            address_book: Cached::default(),
            places_file: places,
            places: Cached::default(),
        }
    }

    /// The configured ones.
    pub fn of(settings: &Settings) -> Self {
        let (contacts, places) = (&settings.contacts.directory, &settings.places.file);
        Self::new(contacts.clone(), places.clone())
    }

    /// All that is known now. Reads what has changed, and may block.
    pub fn known(&self) -> Known {
        Known {
            address_book: self.address_book(),
            places: self.places(),
        }
    }

    fn address_book(&self) -> Arc<AddressBook> {
        let files = contacts::files(&self.contacts);
        self.address_book.get(files, |files| {
            let (book, errors) = AddressBook::load(files);
            let (what, from) = ("contacts", self.contacts.display());
            match files {
                Ok(None) => tracing::info!(%from, "no address book; nobody is called by name"),
                _ => tracing::info!(what, count = book.len(), %from, "names read"),
            }
            report(&errors);
            book
        })
    }

    fn places(&self) -> Arc<Places> {
        let file = cached::stamp(&self.places_file);
        self.places.get(file, |file| {
            let (places, errors) = Places::load(file, &self.places_file);
            let (what, from) = ("places", self.places_file.display());
            match file {
                Ok(None) => tracing::info!(%from, "no places file; no place is known by name"),
                _ => tracing::info!(what, count = places.len(), %from, "names read"),
            }
            report(&errors);
            places
        })
    }
}

/// Everybody and every place at one moment.
#[derive(Debug)]
pub struct Known {
    address_book: Arc<AddressBook>,
    places: Arc<Places>,
}

impl Known {
    /// Whether nothing was read between the two.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.address_book, &other.address_book)
            && Arc::ptr_eq(&self.places, &other.places)
    }

    /// What people may be called by.
    pub fn contacts(&self) -> Vec<String> {
        self.address_book.names().map(str::to_owned).collect()
    }

    /// What places are called.
    pub fn places(&self) -> Vec<String> {
        self.places.names().map(str::to_owned).collect()
    }
}

impl Directory for LocalDirectory {
    fn contact(&self, spoken: &str) -> Finding<Contact> {
        self.address_book().find(spoken)
    }

    fn place(&self, spoken: &str) -> Finding<Place> {
        self.places().find(spoken)
    }
}

/// As many errors as help somebody to mend the files.
const MOST_REPORTED: usize = 10;

fn report(errors: &[DirectoryError]) {
    for error in errors.iter().take(MOST_REPORTED) {
        tracing::warn!("{error}");
    }
    if let Some(more) = errors.len().checked_sub(MOST_REPORTED)
        && more > 0
    {
        tracing::warn!(more, "further mistakes of this kind");
    }
}

#[cfg(test)]
mod tests;
