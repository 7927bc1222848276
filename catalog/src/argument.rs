//! The arguments a command takes and what they may hold.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::name::name;
use crate::telephone::telephone_number;
use crate::{Language, Unit, Value, Zone};

/// One declared argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its name, as phrases, routes and replies refer to it.
    pub name: String,
    /// What it may hold.
    pub kind: ArgumentKind,
    /// What it is when nobody says; `None` makes it required.
    pub default: Option<Value>,
}

/// What an argument may hold.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgumentKind {
    /// One of these seats or groups.
    Zone {
        /// In the order of the pack.
        allowed: Vec<Zone>,
    },
    /// A number in a unit.
    Number {
        /// What it counts.
        unit: Unit,
        /// Smallest, inclusive.
        min: f64,
        /// Largest, inclusive.
        max: f64,
        /// Distance of neighbouring values, counted from `min`; greater than zero.
        step: f64,
    },
    /// One of a few named things, each with the words for it.
    Choice {
        /// In the order of the pack.
        choices: Vec<Choice>,
    },
    /// Free words, taken as they were said.
    Text {
        /// Longest, in characters.
        max_characters: usize,
        /// What the words must be.
        form: TextForm,
        /// Where they are looked up before the command leaves; replies keep
        /// the words that were said.
        lookup: Option<Lookup>,
        /// What they never begin with: words that make something else of the
        /// sentence ("去年" is no wish to go anywhere).
        never_begins: Vec<String>,
    },
    /// On or off. It has no words of its own: phrases fix it.
    Flag,
}

/// What free words must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextForm {
    /// Anything.
    #[default]
    Any,
    /// A telephone number, said or written; the value is what is dialled.
    TelephoneNumber,
    /// Somebody's name, as an address book may hold it.
    Name,
}

/// Whose list of names a text is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// The address book: a name becomes a telephone number, or the command is refused.
    Contacts,
    /// The places: a name becomes coordinates or an address; what is not among
    /// them stays as it was said.
    Places,
}

/// One value of a choice argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The value's name, language-free.
    pub name: String,
    /// How it is said.
    pub words: BTreeMap<Language, Vec<String>>,
}

/// Why a value does not fit an argument. Nothing is ever bent to fit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// A required argument was not given.
    #[error("argument \"{argument}\" is missing")]
    Missing {
        /// Which.
        argument: String,
    },
    /// The command has no such argument.
    #[error("there is no argument \"{argument}\"")]
    Unknown {
        /// Which.
        argument: String,
    },
    /// A number below or above the range.
    #[error("{argument} {value} is outside {min} to {max}")]
    OutOfRange {
        /// Which.
        argument: String,
        /// What was asked.
        value: f64,
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
    /// A number between two steps.
    #[error("{argument} {value} is not a multiple of {step} from {min}")]
    OffStep {
        /// Which.
        argument: String,
        /// What was asked.
        value: f64,
        /// Where counting begins.
        min: f64,
        /// The distance of neighbouring values.
        step: f64,
    },
    /// A zone or choice that the argument does not list, or an overlong text.
    #[error("{argument} cannot be \"{value}\"")]
    NotAllowed {
        /// Which.
        argument: String,
        /// What was asked.
        value: String,
    },
    /// A value of another kind.
    #[error("{argument} cannot hold {value}: it is a {expected}")]
    WrongKind {
        /// Which.
        argument: String,
        /// What was asked.
        value: String,
        /// What it holds.
        expected: &'static str,
    },
}

impl Argument {
    /// Reads a value that came as plain JSON, TOML or text and checks it.
    ///
    /// # Errors
    /// [`ArgumentError`] when the value does not fit.
    pub fn parse(&self, value: &Value) -> Result<Value, ArgumentError> {
        let value = match (&self.kind, value) {
            (ArgumentKind::Zone { .. }, Value::Text(text)) => match text.parse() {
                Ok(zone) => Value::Zone(zone),
                Err(_) => return Err(self.not_allowed(value)),
            },
            (ArgumentKind::Choice { .. }, Value::Text(text)) => Value::Choice(text.clone()),
            (ArgumentKind::Text { .. }, Value::Text(text)) => match self.read_text(text) {
                Some(read) => Value::Text(read),
                None => return Err(self.not_allowed(value)),
            },
            _ => value.clone(),
        };
        self.check(&value)?;
        Ok(value)
    }

    /// Checks a value of the right variant.
    ///
    /// # Errors
    /// [`ArgumentError`] when the value does not fit.
    pub fn check(&self, value: &Value) -> Result<(), ArgumentError> {
        let allowed = match (&self.kind, value) {
            (ArgumentKind::Zone { allowed }, Value::Zone(zone)) => allowed.contains(zone),
            (ArgumentKind::Choice { choices }, Value::Choice(name)) => {
                choices.iter().any(|choice| choice.name == *name)
            }
            (ArgumentKind::Text { max_characters, .. }, Value::Text(text)) => {
                !text.trim().is_empty()
                    && text.chars().count() <= *max_characters
                    && self.read_text(text).is_some()
            }
            (ArgumentKind::Flag, Value::Flag(_)) => true,
            (ArgumentKind::Number { min, max, step, .. }, Value::Number(number)) => {
                return self.check_number(*number, *min, *max, *step);
            }
            _ => {
                return Err(ArgumentError::WrongKind {
                    argument: self.name.clone(),
                    value: value.to_string(),
                    expected: self.kind.name(),
                });
            }
        };
        if allowed {
            Ok(())
        } else {
            Err(self.not_allowed(value))
        }
    }

    /// What free words stand for in this argument, however long they are;
    /// `None` when they are something else, or it takes no free words.
    pub fn read_text(&self, said: &str) -> Option<String> {
        let ArgumentKind::Text {
            form, never_begins, ..
        } = &self.kind
        else {
            return None;
        };
        let plain = said.trim_start().to_lowercase();
        let other = never_begins.iter().any(|words| begins(&plain, words));
        if other { None } else { form.read(said) }
    }

    fn check_number(&self, value: f64, min: f64, max: f64, step: f64) -> Result<(), ArgumentError> {
        // Written so that NaN is out of range too.
        if !(value >= min && value <= max) {
            return Err(ArgumentError::OutOfRange {
                argument: self.name.clone(),
                value,
                min,
                max,
            });
        }
        let steps = (value - min) / step;
        if (steps - steps.round()).abs() > 1e-6 {
            return Err(ArgumentError::OffStep {
                argument: self.name.clone(),
                value,
                min,
                step,
            });
        }
        Ok(())
    }

    fn not_allowed(&self, value: &Value) -> ArgumentError {
        ArgumentError::NotAllowed {
            argument: self.name.clone(),
            value: value.to_string(),
        }
    }
}

/// Whether a text begins with these words: whole ones where spaces part them.
fn begins(text: &str, words: &str) -> bool {
    text.strip_prefix(words).is_some_and(|rest| {
        let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '\'';
        !(words.ends_with(goes_on) && rest.starts_with(goes_on))
    })
}

impl TextForm {
    /// The value that words of this form stand for; `None` when they are not of it.
    pub fn read(self, text: &str) -> Option<String> {
        match self {
            Self::Any => Some(text.to_owned()),
            Self::TelephoneNumber => telephone_number(text),
            Self::Name => name(text),
        }
    }
}

impl ArgumentKind {
    /// The name the packs use: `zone`, `number`, `choice`, `text`, `flag`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Zone { .. } => "zone",
            Self::Number { .. } => "number",
            Self::Choice { .. } => "choice",
            Self::Text { .. } => "text",
            Self::Flag => "flag",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_words_that_begin_like_something_else_are_refused() {
        let never_begins = ["年", "get", "the call"].map(String::from).to_vec();
        let place = Argument {
            name: "destination".into(),
            kind: ArgumentKind::Text {
                max_characters: 20,
                form: TextForm::Any,
                lookup: None,
                never_begins,
            },
            default: None,
        };
        for said in ["年夏天", "Get some coffee", "the call", " the call centre"] {
            assert_eq!(place.read_text(said), None, "{said}");
            let value = Value::Text(said.into());
            assert!(place.check(&value).is_err(), "{said}");
            assert!(place.parse(&value).is_err(), "{said}");
        }
        for said in ["万年桥", "gettysburg", "the callers' inn", "get's"] {
            assert_eq!(place.read_text(said).as_deref(), Some(said));
        }
    }
}
