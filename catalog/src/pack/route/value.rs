//! Where a written value comes from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{Argument, ArgumentKind, Choice, Value, ValueSource};

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum RawValue {
    Table(RawTable),
    Scaled(RawScaled),
    Plain(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScaled {
    argument: String,
    scale: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTable {
    argument: String,
    table: BTreeMap<String, Value>,
}

pub(super) fn factor(scale: f64) -> Result<f64, String> {
    if scale.is_finite() && scale != 0.0 {
        Ok(scale)
    } else {
        Err("scale must be a number other than zero".into())
    }
}

pub(super) fn value_source(raw: RawValue, arguments: &[Argument]) -> Result<ValueSource, String> {
    let source = match raw {
        RawValue::Plain(Value::Text(text)) => {
            match text
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
            {
                Some(argument) => ValueSource::Argument(argument.to_owned()),
                None => ValueSource::Constant(Value::Text(text)),
            }
        }
        RawValue::Plain(value) => ValueSource::Constant(value),
        RawValue::Scaled(RawScaled { argument, scale }) => {
            let scale = factor(scale)?;
            ValueSource::Scaled { argument, scale }
        }
        RawValue::Table(RawTable { argument, table }) => ValueSource::Table { argument, table },
    };
    let Some(name) = source.argument() else {
        return Ok(source);
    };
    let argument = arguments
        .iter()
        .find(|argument| argument.name == name)
        .ok_or_else(|| format!("value names \"{name}\", which is no argument"))?;
    match (&source, &argument.kind) {
        (ValueSource::Scaled { .. }, kind) if !matches!(kind, ArgumentKind::Number { .. }) => {
            Err(format!(
                "only a number can be scaled, and \"{name}\" is a {}",
                kind.name()
            ))
        }
        (ValueSource::Table { table, .. }, ArgumentKind::Choice { choices }) => {
            same_names(name, choices, table.keys())?;
            Ok(source)
        }
        _ => Ok(source),
    }
}

/// A table by a choice lists exactly its choices.
pub(super) fn same_names<'a>(
    argument: &str,
    choices: &[Choice],
    listed: impl Iterator<Item = &'a String>,
) -> Result<(), String> {
    let known: BTreeSet<_> = choices.iter().map(|choice| choice.name.as_str()).collect();
    let listed: BTreeSet<_> = listed.map(String::as_str).collect();
    match known.symmetric_difference(&listed).next() {
        Some(odd) => Err(format!(
            "the table and the choices of \"{argument}\" differ in \"{odd}\""
        )),
        None => Ok(()),
    }
}
