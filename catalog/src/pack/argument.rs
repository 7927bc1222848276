//! What an argument may be, as a pack writes it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Argument, ArgumentKind, Choice, Language, Lookup, TextForm, Unit, Value, Zone};

/// Longest free text when a pack does not say.
const DEFAULT_TEXT_CHARACTERS: usize = 80;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum RawArgument {
    Zone {
        allowed: Vec<Zone>,
        default: Option<Value>,
    },
    Number {
        unit: Option<Unit>,
        min: f64,
        max: f64,
        step: f64,
        default: Option<Value>,
    },
    Choice {
        choices: toml::map::Map<String, toml::Value>,
        default: Option<Value>,
    },
    Text {
        max_characters: Option<usize>,
        #[serde(default)]
        form: TextForm,
        lookup: Option<Lookup>,
        #[serde(default)]
        never_begins: Vec<String>,
        default: Option<Value>,
    },
    Flag {
        default: Option<Value>,
    },
}

pub(super) fn argument_of(name: &str, value: toml::Value) -> Result<Argument, String> {
    let raw: RawArgument = value
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let (kind, default) = match raw {
        RawArgument::Zone { allowed, default } => {
            if allowed.is_empty() {
                return Err("no zone is allowed".into());
            }
            if name != "zone" {
                return Err("an argument of kind \"zone\" must be called zone".into());
            }
            (ArgumentKind::Zone { allowed }, default)
        }
        RawArgument::Number {
            unit,
            min,
            max,
            step,
            default,
        } => {
            let unit =
                unit.ok_or("it has no unit; add unit = \"percent\", \"celsius\" or another")?;
            let finite = [min, max, step].iter().all(|number| number.is_finite());
            if !finite || min > max || step <= 0.0 {
                return Err(format!(
                    "min {min}, max {max}, step {step} make no range; min <= max and step > 0"
                ));
            }
            (
                ArgumentKind::Number {
                    unit,
                    min,
                    max,
                    step,
                },
                default,
            )
        }
        RawArgument::Choice { choices, default } => {
            let choices = choices
                .into_iter()
                .map(|(name, words)| {
                    let words: BTreeMap<Language, Vec<String>> =
                        words.try_into().map_err(|error: toml::de::Error| {
                            format!("choice \"{name}\": {}", error.message())
                        })?;
                    Ok(Choice { name, words })
                })
                .collect::<Result<Vec<_>, String>>()?;
            if choices.is_empty() {
                return Err("it has no choices".into());
            }
            (ArgumentKind::Choice { choices }, default)
        }
        RawArgument::Text {
            max_characters,
            form,
            lookup,
            never_begins,
            default,
        } => {
            if lookup.is_some() && form == TextForm::TelephoneNumber {
                return Err(
                    "a telephone number is looked up nowhere; remove lookup or form".into(),
                );
            }
            let plain = |words: &String| !words.is_empty() && *words == words.to_lowercase();
            if let Some(words) = never_begins.iter().find(|words| !plain(words)) {
                return Err(format!(
                    "never_begins holds \"{words}\"; write words, in small letters"
                ));
            }
            let max_characters = max_characters.unwrap_or(DEFAULT_TEXT_CHARACTERS);
            (
                ArgumentKind::Text {
                    max_characters,
                    form,
                    lookup,
                    never_begins,
                },
                default,
            )
        }
        RawArgument::Flag { default } => (ArgumentKind::Flag, default),
    };
    let mut argument = Argument {
        name: name.to_owned(),
        kind,
        default: None,
    };
    argument.default = default
        .map(|value| argument.parse(&value))
        .transpose()
        .map_err(|error| format!("default: {error}"))?;
    Ok(argument)
}
