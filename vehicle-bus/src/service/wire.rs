//! How values, options and rows go over D-Bus.

use std::collections::{BTreeMap, HashMap};

use codriver_catalog::Language;
use zbus::{OwnedVariant, Variant, fdo};

use crate::{
    Value,
    description::{Entry, Kind},
    gateway::Context,
};

/// The options of `SetWith` and `GetWith`.
pub type Options = HashMap<String, OwnedVariant>;

/// A row of `List`: path, type, writable, min, max, unit.
pub(super) type Row = (String, String, bool, OwnedVariant, OwnedVariant, String);

/// Reads the options of `SetWith` and `GetWith`. One that is not known is refused: who sets it means
/// something by it.
///
/// # Errors
/// A sentence that names the option.
pub fn context(options: &Options) -> Result<Context, String> {
    let mut context = Context::default();
    for (name, value) in options {
        match (name.as_str(), from_variant(value)) {
            ("speaker_zone", Some(Value::Text(zone))) => {
                context.speaker = Some(zone.parse().map_err(|why| format!("{name}: {why}."))?);
            }
            ("confirmed", Some(Value::Flag(confirmed))) => context.confirmed = confirmed,
            ("language", Some(Value::Text(code))) => {
                let known = Language::ALL.into_iter().find(|each| each.code() == code);
                let known = known.ok_or_else(|| format!("language: there is no \"{code}\"."))?;
                context.language = Some(known);
            }
            _ => {
                return Err(format!(
                    "{name}: the options are speaker_zone (s), confirmed (b), language (s)."
                ));
            }
        }
    }
    Ok(context)
}

/// The options that say what `context` says.
pub(crate) fn options(context: Context) -> HashMap<&'static str, Variant<'static>> {
    let mut options = HashMap::new();
    if let Some(zone) = context.speaker {
        options.insert("speaker_zone", Variant::from(zone.as_str()));
    }
    if context.confirmed {
        options.insert("confirmed", Variant::from(true));
    }
    if let Some(language) = context.language {
        options.insert("language", Variant::from(language.code()));
    }
    options
}

/// A boolean, any number, or a text; None for anything else.
pub fn from_variant(value: &Variant<'_>) -> Option<Value> {
    Some(match value {
        Variant::Bool(flag) => Value::Flag(*flag),
        Variant::F64(number) => Value::Number(*number),
        Variant::U8(number) => Value::Number((*number).into()),
        Variant::I16(number) => Value::Number((*number).into()),
        Variant::U16(number) => Value::Number((*number).into()),
        Variant::I32(number) => Value::Number((*number).into()),
        Variant::U32(number) => Value::Number((*number).into()),
        Variant::I64(number) => Value::Number(*number as f64),
        Variant::U64(number) => Value::Number(*number as f64),
        Variant::Str(text) => Value::Text(text.to_string()),
        Variant::Variant(inner) => return from_variant(inner),
        _ => return None,
    })
}

/// b, d or s.
pub(crate) fn variant(value: Value) -> Variant<'static> {
    match value {
        Value::Flag(flag) => Variant::from(flag),
        Value::Number(number) => Variant::from(number),
        Value::Text(text) => Variant::from(text),
    }
}

pub(super) fn to_variant(value: Value) -> fdo::Result<OwnedVariant> {
    owned(variant(value))
}

fn owned(variant: Variant<'static>) -> fdo::Result<OwnedVariant> {
    OwnedVariant::try_from(variant).map_err(|error| fdo::Error::Failed(error.to_string()))
}

pub(super) fn row(entry: &Entry) -> fdo::Result<Row> {
    let words = |words: &BTreeMap<String, i64>| {
        owned(Variant::from(words.keys().cloned().collect::<Vec<_>>()))
    };
    let text = |text: &str| to_variant(Value::Text(text.into()));
    let (min, max) = match &entry.kind {
        Kind::Boolean => (
            to_variant(Value::Flag(false))?,
            to_variant(Value::Flag(true))?,
        ),
        Kind::Number { min, max, .. } => (
            to_variant(Value::Number(*min))?,
            to_variant(Value::Number(*max))?,
        ),
        Kind::Choice(choices) => (words(choices)?, words(choices)?),
        Kind::Color => (text("#000000")?, text("#FFFFFF")?),
    };
    let writable = entry.actuator.is_some();
    let kind = entry.kind.name().to_owned();
    Ok((
        entry.path.clone(),
        kind,
        writable,
        min,
        max,
        entry.unit.clone(),
    ))
}
