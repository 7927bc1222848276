//! vCards, versions 3.0 (RFC 2426) and 4.0 (RFC 6350): names and telephone numbers.

use std::path::Path;

use codriver_catalog::TextForm;
use ical::line::LineReader;
use ical::property::{Property, PropertyParser};

use super::DirectoryError;

/// What a card says about somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Card {
    /// FN, or what N makes of it.
    pub(super) full_name: String,
    /// N: empty where it is not given.
    pub(super) family_name: String,
    pub(super) given_name: String,
    pub(super) title: String,
    /// NICKNAME.
    pub(super) nicknames: Vec<String>,
    /// What is dialled: the preferred number, else a mobile one, else the first.
    pub(super) number: Option<String>,
}

/// The cards of one file, and what is wrong with others or with lines of them.
pub(super) fn read(path: &Path, bytes: &[u8]) -> (Vec<Card>, Vec<DirectoryError>) {
    let mut reader = Reader {
        path,
        cards: Vec::new(),
        errors: Vec::new(),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => reader.read(text),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            reader.error(line, "is no UTF-8; export the contacts as UTF-8".into());
        }
    }
    (reader.cards, reader.errors)
}

struct Reader<'a> {
    path: &'a Path,
    cards: Vec<Card>,
    errors: Vec<DirectoryError>,
}

/// A card that is not ended yet.
struct Open {
    begun: usize,
    card: Card,
    version: bool,
    /// Something makes the whole card useless; it was reported.
    spoiled: bool,
    numbers: Vec<Number>,
}

/// A number with what speaks for it: smaller is better.
struct Number {
    preference: (u8, u8),
    dialled: String,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) {
        let mut open: Option<Open> = None;
        for line in LineReader::new(text.trim_start_matches('\u{feff}').as_bytes()) {
            let number = line.number();
            let property = match property(line.as_str()) {
                Ok(property) => property,
                Err(problem) => {
                    self.error(number, problem);
                    continue;
                }
            };
            match (name(&property).as_str(), open.as_mut()) {
                ("BEGIN", unended) => {
                    if let Some(unended) = unended {
                        let begun = unended.begun;
                        self.error(begun, "the card is not ended; add END:VCARD".into());
                    }
                    open = Some(Open::at(number));
                }
                ("END", Some(_)) => {
                    if let Some(ended) = open.take() {
                        self.close(ended);
                    }
                }
                (_, None) => self.error(number, "stands outside any card".into()),
                (name, Some(card)) => {
                    if let Err(problem) = card.take(name, &property) {
                        self.error(number, problem);
                    }
                }
            }
        }
        if let Some(unended) = open {
            let problem = "the card is not ended; add END:VCARD";
            self.error(unended.begun, problem.into());
        }
    }

    fn close(&mut self, mut open: Open) {
        if open.spoiled {
            return;
        }
        if !open.version {
            let problem = "the card has no VERSION; it must be 3.0 or 4.0";
            return self.error(open.begun, problem.into());
        }
        if open.card.full_name.is_empty() {
            let parts = [&open.card.given_name, &open.card.family_name];
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            open.card.full_name = parts.cloned().collect::<Vec<_>>().join(" ");
        }
        if open.card.full_name.is_empty() {
            return self.error(open.begun, "the card has no name; add FN".into());
        }
        // Of equally good ones the first: the sort keeps their order.
        open.numbers.sort_by_key(|number| number.preference);
        let best = open.numbers.into_iter().next();
        open.card.number = best.map(|number| number.dialled);
        self.cards.push(open.card);
    }

    fn error(&mut self, line: usize, problem: String) {
        self.errors.push(DirectoryError::Card {
            path: self.path.to_owned(),
            line,
            problem,
        });
    }
}

impl Open {
    fn at(line: usize) -> Self {
        Self {
            begun: line,
            card: Card::default(),
            version: false,
            spoiled: false,
            numbers: Vec::new(),
        }
    }

    fn take(&mut self, name: &str, property: &Property) -> Result<(), String> {
        let value = property.value.as_deref().unwrap_or_default();
        match name {
            "VERSION" if matches!(value, "3.0" | "4.0") => self.version = true,
            "VERSION" => {
                self.spoiled = true;
                return Err(format!(
                    "vCard version {value} is not read; export the contacts as 3.0 or 4.0"
                ));
            }
            "FN" if self.card.full_name.is_empty() => self.card.full_name = unescaped(value),
            "N" => {
                let mut parts = split(value, ';').into_iter();
                self.card.family_name = parts.next().unwrap_or_default();
                self.card.given_name = parts.next().unwrap_or_default();
                self.card.title = parts.nth(1).unwrap_or_default();
            }
            "NICKNAME" => self.card.nicknames.extend(split(value, ',')),
            "TEL" => self.numbers.extend(telephone(value, property)?),
            _ => {}
        }
        Ok(())
    }
}

/// A number that somebody can be called at; `None` for a fax machine and its like.
fn telephone(value: &str, property: &Property) -> Result<Option<Number>, String> {
    let kinds = parameters(property, "TYPE");
    let is = |names: &[&str]| kinds.iter().any(|kind| names.contains(&kind.as_str()));
    if is(&["fax", "pager", "modem", "textphone"]) && !is(&["voice", "cell"]) {
        return Ok(None);
    }
    // Mistakes go to the log, where no number belongs.
    // In version 4 it may be a URI with parameters: tel:+49-30-5550100;ext=12.
    let written = value.strip_prefix("tel:").unwrap_or(value);
    let written = written.split(';').next().unwrap_or_default();
    let dialled = TextForm::TelephoneNumber
        .read(&unescaped(written))
        .ok_or("TEL is no telephone number; write + and digits")?;
    let preferred = parameters(property, "PREF")
        .first()
        .map(|rank| rank.parse());
    let rank = match preferred {
        Some(Ok(rank)) => rank,
        Some(Err(_)) => return Err("PREF is no number from 1 to 100".into()),
        None if is(&["pref"]) => 1,
        None => u8::MAX,
    };
    let mobile = u8::from(!is(&["cell", "iphone"]));
    Ok(Some(Number {
        preference: (rank, mobile),
        dialled,
    }))
}

/// One unfolded line. The number of a mistake's line is the reader's to tell.
fn property(line: &str) -> Result<Property, String> {
    match PropertyParser::from_reader(line.as_bytes()).next() {
        Some(Ok(property)) => Ok(property),
        Some(Err(error)) => {
            let said = error.to_string();
            Err(said
                .split_once(": ")
                .map_or(said.clone(), |(_, rest)| rest.into()))
        }
        None => Err("is empty".into()),
    }
}

/// The property's name without its group: `item1.TEL` is `TEL`.
fn name(property: &Property) -> String {
    let name = property.name.rsplit('.').next().unwrap_or_default();
    name.to_ascii_uppercase()
}

fn parameters(property: &Property, name: &str) -> Vec<String> {
    let parameters = property.params.iter().flatten();
    parameters
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .flat_map(|(_, values)| values)
        // "voice,cell" may stand between quotes as one value.
        .flat_map(|value| value.split(','))
        .map(|value| value.trim().to_ascii_lowercase())
        .collect()
}

/// The parts of a structured value, unescaped.
fn split(value: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character == separator {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            match character {
                '\\' => part.extend(characters.next().map(escaped)),
                plain => part.push(plain),
            }
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

fn unescaped(value: &str) -> String {
    // No text holds this character, so the whole value is one part.
    split(value, '\0').concat()
}

fn escaped(character: char) -> char {
    match character {
        'n' | 'N' => ' ',
        other => other,
    }
}
