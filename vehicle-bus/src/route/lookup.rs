//! Names that were said, turned into what an application can use, before the call leaves.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use codriver_catalog::{ArgumentKind, Catalog, Command, Lookup, Value};
use tokio::time::timeout;

use super::performed::Performed;
use crate::{Outcome, Reason};

/// A list of names that takes longer than this is given up.
const LOOK_UP_WITHIN: Duration = Duration::from_millis(500);
/// More names than this nobody keeps in mind while driving.
const MOST_CHOICES: usize = 3;

/// The people and places known on board. It is asked on a thread that may block.
pub trait Directory: Debug + Send + Sync {
    /// Who is meant by a name.
    fn contact(&self, spoken: &str) -> Finding<Contact>;
    /// Which place is meant by a name.
    fn place(&self, spoken: &str) -> Finding<Place>;
}

/// What a spoken name can stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding<T> {
    /// Exactly this.
    One(T),
    /// Any of these, by their full names; at least two.
    Several(Vec<String>),
    /// Nothing known.
    Nothing,
}

/// Somebody of the address book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The full name.
    pub name: String,
    /// The number to dial, `+` and digits; `None` when none is written down.
    pub number: Option<String>,
}

/// A place with a name of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub destination: Destination,
}

/// Where a place is.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    /// In degrees, north and east positive (WGS 84).
    Position {
        /// -90 to 90.
        latitude: f64,
        /// -180 to 180.
        longitude: f64,
    },
    /// As it is written on a letter.
    Address(String),
}

impl Destination {
    /// As a navigation application is told: a `geo:` URI (RFC 5870), or the address.
    pub fn as_text(&self) -> String {
        match self {
            Self::Position {
                latitude,
                longitude,
            } => format!("geo:{latitude},{longitude}"),
            Self::Address(address) => address.clone(),
        }
    }
}

/// The command with every name that its pack wants looked up replaced by what
/// was found.
///
/// # Errors
/// The outcome when a name stands for nobody, or for several.
pub(super) async fn resolve(
    directory: Option<&Arc<dyn Directory>>,
    catalog: &Catalog,
    command: &Command,
) -> Result<Command, Box<Performed>> {
    let mut resolved = command.clone();
    let Some(definition) = catalog.command(command.name.as_str()) else {
        return Ok(resolved);
    };
    for argument in &definition.arguments {
        let ArgumentKind::Text {
            lookup: Some(lookup),
            ..
        } = argument.kind
        else {
            continue;
        };
        if let Some(Value::Text(spoken)) = command.arguments.get(&argument.name) {
            let found = look_up(directory.cloned(), lookup, spoken.clone()).await?;
            resolved
                .arguments
                .insert(argument.name.clone(), Value::Text(found));
        }
    }
    Ok(resolved)
}

async fn look_up(
    directory: Option<Arc<dyn Directory>>,
    lookup: Lookup,
    spoken: String,
) -> Result<String, Box<Performed>> {
    // Files may be read, which must not hold up anybody else.
    let asked = tokio::task::spawn_blocking(move || match lookup {
        Lookup::Contacts => number_of(directory.as_deref(), &spoken),
        Lookup::Places => destination(directory.as_deref(), spoken),
    });
    match timeout(LOOK_UP_WITHIN, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let broken = Outcome::failed(Reason::Internal, error.to_string());
            Err(Box::new(Performed::ended(broken)))
        }
        Err(_) => {
            let message = format!(
                "The names could not be read within {} ms.",
                LOOK_UP_WITHIN.as_millis()
            );
            let late = Outcome::failed(Reason::PeerTimeout, message);
            Err(Box::new(Performed::ended(late)))
        }
    }
}

fn number_of(directory: Option<&dyn Directory>, spoken: &str) -> Result<String, Box<Performed>> {
    let refused = |reason, message| Box::new(Performed::ended(Outcome::refused(reason, message)));
    match directory.map_or(Finding::Nothing, |directory| directory.contact(spoken)) {
        Finding::One(Contact {
            number: Some(number),
            ..
        }) => Ok(number),
        Finding::One(contact) => {
            let message = format!("{} has no telephone number.", contact.name);
            Err(refused(Reason::NoNumber, message))
        }
        Finding::Several(names) => Err(Box::new(several(spoken, names))),
        Finding::Nothing => {
            let message = format!("There is nobody called {spoken} in your contacts.");
            Err(refused(Reason::UnknownContact, message))
        }
    }
}

/// What is no known place is for the navigation to find.
fn destination(
    directory: Option<&dyn Directory>,
    spoken: String,
) -> Result<String, Box<Performed>> {
    match directory.map_or(Finding::Nothing, |directory| directory.place(&spoken)) {
        Finding::One(place) => Ok(place.destination.as_text()),
        Finding::Several(names) => Err(Box::new(several(&spoken, names))),
        Finding::Nothing => Ok(spoken),
    }
}

fn several(spoken: &str, mut names: Vec<String>) -> Performed {
    let others = names.len().saturating_sub(MOST_CHOICES);
    names.truncate(MOST_CHOICES);
    let and_others = if others > 0 { " and others" } else { "" };
    let message = format!("{spoken} can be {}{and_others}.", names.join(", "));
    Performed {
        choices: names,
        ..Performed::ended(Outcome::refused(Reason::SeveralMatches, message))
    }
}
