//! The places: an SQLite file with a table
//! `places(name TEXT, kind TEXT, address TEXT, latitude REAL, longitude REAL)`.
//! A place has a position in degrees (WGS 84), an address, or both; `kind` is
//! `home`, `work` or a word of the file's own.

use std::path::Path;
use std::time::Duration;

use codriver_vehicle_bus::route::{Destination, Finding, Place};
use rusqlite::{Connection, OpenFlags, Row};

use super::DirectoryError;
use super::cached::Stamps;
use super::key::Key;

/// Another program may be writing for that long.
const BUSY: Duration = Duration::from_millis(200);
/// More places than anybody names.
const MOST_PLACES: usize = 10_000;

/// Every place with its names.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    place: Place,
    name: Key,
    kind: Option<Key>,
}

impl Places {
    /// Reads the file; what is wrong with some rows keeps no other out.
    pub(super) fn load(file: &Stamps, path: &Path) -> (Self, Vec<DirectoryError>) {
        match file {
            Ok(None) => (Self::default(), Vec::new()),
            Ok(Some(_)) => match read(path) {
                Ok(read) => read,
                Err(source) => {
                    let path = path.to_owned();
                    let error = DirectoryError::Places { path, source };
                    (Self::default(), vec![error])
                }
            },
            Err((path, kind)) => {
                let (path, source) = (path.clone(), (*kind).into());
                let error = DirectoryError::Read { path, source };
                (Self::default(), vec![error])
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// What they are called.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|named| named.place.name.as_str())
    }

    /// Which place is meant: by its name, then by its kind, then by the sound of its name.
    pub(super) fn find(&self, spoken: &str) -> Finding<Place> {
        let Some(wanted) = Key::of(spoken) else {
            return Finding::Nothing;
        };
        let ways: [&dyn Fn(&Named) -> bool; 3] = [
            &|named| named.name.written == wanted.written,
            &|named| named.kind.as_ref() == Some(&wanted),
            &|named| named.name.sounds == wanted.sounds,
        ];
        for way in ways {
            let meant: Vec<&Place> = self
                .places
                .iter()
                .filter(|named| way(named))
                .map(|named| &named.place)
                .collect();
            match meant.as_slice() {
                [] => {}
                [one] => return Finding::One((*one).clone()),
                several => {
                    return Finding::Several(several.iter().map(|one| one.name.clone()).collect());
                }
            }
        }
        Finding::Nothing
    }
}

fn read(path: &Path) -> rusqlite::Result<(Places, Vec<DirectoryError>)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags)?;
    file.busy_timeout(BUSY)?;
    let mut query = file.prepare(
        "SELECT rowid, name, kind, address, latitude, longitude FROM places ORDER BY rowid LIMIT ?1",
    )?;
    let mut rows = query.query([MOST_PLACES as i64])?;
    let mut places = Places::default();
    let mut errors = Vec::new();
    while let Some(row) = rows.next()? {
        match named(row) {
            Ok(named) => places.places.push(named),
            Err(problem) => errors.push(DirectoryError::Place {
                path: path.to_owned(),
                row: row.get(0)?,
                problem,
            }),
        }
    }
    Ok((places, errors))
}

fn named(row: &Row<'_>) -> Result<Named, String> {
    let name: String = column(row, "name")?;
    let kind: Option<String> = column(row, "kind")?;
    let address: Option<String> = column(row, "address")?;
    let latitude: Option<f64> = column(row, "latitude")?;
    let longitude: Option<f64> = column(row, "longitude")?;
    let address = address.filter(|address| !address.trim().is_empty());
    let destination = match (latitude, longitude, address) {
        (Some(latitude), Some(longitude), _) => {
            if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
                return Err("latitude must be -90 to 90 and longitude -180 to 180".into());
            }
            Destination::Position {
                latitude,
                longitude,
            }
        }
        (None, None, Some(address)) => Destination::Address(address),
        (None, None, None) => return Err("it has neither position nor address".into()),
        _ => return Err("of latitude and longitude one is missing".into()),
    };
    let key = Key::of(&name).ok_or("it has no name")?;
    Ok(Named {
        name: key,
        kind: kind.as_deref().and_then(Key::of),
        place: Place { name, destination },
    })
}

fn column<T: rusqlite::types::FromSql>(row: &Row<'_>, name: &str) -> Result<T, String> {
    row.get(name).map_err(|error| error.to_string())
}
