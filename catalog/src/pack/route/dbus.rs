//! Cockpit applications on D-Bus.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::value::{RawValue, value_source};
use crate::{Argument, Bus, DbusArgument, DbusCall, DbusRoute, ObjectFilter, Operation, Value};

const BASIC_TYPES: &str = "sbdiuxtynqo";
/// A method may also take a variant; a property is one by itself.
const METHOD_TYPES: &str = "sbdiuxtynqov";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDbus {
    bus: Bus,
    service: String,
    path: String,
    #[serde(rename = "where")]
    filter: Option<BTreeMap<String, RawFilterValues>>,
    interface: String,
    member: Option<String>,
    #[serde(default)]
    arguments: Vec<RawDbusArgument>,
    property: Option<String>,
    operation: Option<Operation>,
    value: Option<RawDbusArgument>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawFilterValues {
    Several(Vec<Value>),
    One(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDbusArgument {
    #[serde(rename = "type")]
    signature: char,
    value: RawValue,
}

pub(super) fn dbus_route(raw: RawDbus, arguments: &[Argument]) -> Result<DbusRoute, String> {
    let call = match (raw.member, raw.property) {
        (Some(member), None) => {
            if raw.operation.is_some() || raw.value.is_some() {
                return Err("operation and value belong to a property, not to a member".into());
            }
            DbusCall::Method {
                member,
                arguments: raw
                    .arguments
                    .into_iter()
                    .map(|argument| dbus_argument(argument, METHOD_TYPES, arguments))
                    .collect::<Result<_, _>>()?,
            }
        }
        (None, Some(name)) => {
            let operation = raw.operation.ok_or("a property needs an operation")?;
            if (operation == Operation::Get) != raw.value.is_none() {
                return Err("set and step need a value, get has none".into());
            }
            DbusCall::Property {
                name,
                operation,
                value: raw
                    .value
                    .map(|value| dbus_argument(value, BASIC_TYPES, arguments))
                    .transpose()?,
            }
        }
        _ => return Err("exactly one of member and property must be given".into()),
    };
    let filter = raw.filter.map(object_filter).transpose()?;
    if filter.is_some() && !raw.path.ends_with("/*") {
        return Err("where chooses among the objects below a path that ends in \"/*\"".into());
    }
    Ok(DbusRoute {
        bus: raw.bus,
        service: raw.service,
        path: raw.path,
        filter,
        interface: raw.interface,
        call,
    })
}

fn object_filter(raw: BTreeMap<String, RawFilterValues>) -> Result<ObjectFilter, String> {
    let mut entries = raw.into_iter();
    let (Some((property, values)), None) = (entries.next(), entries.next()) else {
        return Err("where names exactly one property, as in { State = \"incoming\" }".into());
    };
    let values = match values {
        RawFilterValues::One(value) => vec![value],
        RawFilterValues::Several(values) => values,
    };
    if values.is_empty() {
        return Err(format!("where lists no value of {property}"));
    }
    Ok(ObjectFilter { property, values })
}

fn dbus_argument(
    raw: RawDbusArgument,
    types: &str,
    arguments: &[Argument],
) -> Result<DbusArgument, String> {
    if !types.contains(raw.signature) {
        return Err(format!(
            "\"{}\" is no D-Bus type that can stand here; use one of {types}",
            raw.signature
        ));
    }
    Ok(DbusArgument {
        signature: raw.signature,
        value: value_source(raw.value, arguments)?,
    })
}
