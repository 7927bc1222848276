//! The address book: a folder of vCard files, and who is meant by a name.

use std::io;
use std::path::Path;

use codriver_vehicle_bus::route::{Contact, Finding};

use super::DirectoryError;
use super::cached::{Stamp, Stamps, stamp};
use super::card::{self, Card};
use super::key::Key;

/// A larger file holds something else than names and numbers.
const LARGEST_FILE: u64 = 64 << 20;

/// Everybody, with all the names each goes by.
#[derive(Debug, Default)]
pub(super) struct AddressBook {
    people: Vec<Person>,
}

#[derive(Debug)]
struct Person {
    name: String,
    number: Option<String>,
    /// All that they may be called by.
    names: Vec<String>,
    /// Full names and nicknames.
    whole: Vec<Key>,
    /// The given name.
    part: Option<Key>,
}

/// The vCard files of a folder.
pub(super) fn files(folder: &Path) -> Stamps {
    let failed = |error: io::Error| (folder.to_owned(), error.kind());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut files: Vec<Stamp> = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let is_card = path.extension().is_some_and(|extension| {
            extension.eq_ignore_ascii_case("vcf") || extension.eq_ignore_ascii_case("vcard")
        });
        if is_card {
            // A file that has just been removed is none.
            files.extend(stamp(&path)?.into_iter().flatten());
        }
    }
    files.sort();
    Ok(Some(files))
}

impl AddressBook {
    /// Reads every file; what is wrong with some keeps nobody else out.
    pub(super) fn load(files: &Stamps) -> (Self, Vec<DirectoryError>) {
        let mut book = Self::default();
        let mut errors = Vec::new();
        let files = match files {
            Ok(files) => files.iter().flatten(),
            Err((path, kind)) => {
                let (path, source) = (path.clone(), (*kind).into());
                return (book, vec![DirectoryError::Read { path, source }]);
            }
        };
        for Stamp { path, bytes, .. } in files {
            let read = if *bytes > LARGEST_FILE {
                Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("{bytes} bytes are no address book; remove it"),
                ))
            } else {
                std::fs::read(path)
            };
            match read {
                Ok(bytes) => {
                    let (cards, wrong) = card::read(path, &bytes);
                    book.people.extend(cards.into_iter().map(Person::of));
                    errors.extend(wrong);
                }
                Err(source) => errors.push(DirectoryError::Read {
                    path: path.clone(),
                    source,
                }),
            }
        }
        (book, errors)
    }

    pub(super) fn len(&self) -> usize {
        self.people.len()
    }

    /// What everybody may be called by.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.people.iter().flat_map(|person| &person.names);
        names.map(String::as_str)
    }

    /// Who is meant. A whole name goes before a given name, and what is
    /// written so before what only sounds so.
    pub(super) fn find(&self, spoken: &str) -> Finding<Contact> {
        let Some(wanted) = Key::of(spoken) else {
            return Finding::Nothing;
        };
        let written = |key: &Key| key.written == wanted.written;
        let sounds = |key: &Key| key.sounds == wanted.sounds;
        let ways: [&dyn Fn(&Person) -> bool; 4] = [
            &|person| person.whole.iter().any(written),
            &|person| person.part.iter().any(written),
            &|person| person.whole.iter().any(sounds),
            &|person| person.part.iter().any(sounds),
        ];
        for way in ways {
            let meant: Vec<&Person> = self.people.iter().filter(|person| way(person)).collect();
            if !meant.is_empty() {
                return finding(meant);
            }
        }
        Finding::Nothing
    }
}

fn finding(mut meant: Vec<&Person>) -> Finding<Contact> {
    // Somebody who is written down twice is still one person.
    let mut numbers = Vec::new();
    meant.retain(|person| match &person.number {
        Some(number) if numbers.contains(number) => false,
        number => {
            numbers.extend(number.clone());
            true
        }
    });
    match meant.as_slice() {
        [one] => Finding::One(Contact {
            name: one.name.clone(),
            number: one.number.clone(),
        }),
        several => Finding::Several(several.iter().map(|one| one.name.clone()).collect()),
    }
}

impl Person {
    fn of(card: Card) -> Self {
        let Card {
            full_name,
            family_name: family,
            given_name: given,
            title,
            nicknames,
            number,
        } = card;
        let mut names = vec![full_name.clone()];
        // A given or family name alone is no whole name, and neither is a title.
        for (one, other) in [(&given, &family), (&title, &family)] {
            if !one.is_empty() && !other.is_empty() {
                names.push(format!("{one} {other}"));
                names.push(format!("{other} {one}"));
            }
        }
        names.extend(nicknames);
        let whole = names.iter().filter_map(|name| Key::of(name)).collect();
        let part = Key::of(&given);
        names.push(given);
        Self {
            name: full_name,
            number,
            names,
            whole,
            part,
        }
    }
}
