//! Signals of the car.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::value::{RawValue, factor, same_names, value_source};
use crate::{Argument, ArgumentKind, Operation, Paths, ValueSource, VssRoute, Zone};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVss {
    operation: Operation,
    value: Option<RawValue>,
    paths: RawPaths,
    scale: Option<f64>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(in crate::pack) enum RawPaths {
    Named(String),
    Fixed(Vec<String>),
    ByChoice(RawPathTable),
    ByZone(BTreeMap<Zone, Vec<String>>),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::pack) struct RawPathTable {
    argument: String,
    table: BTreeMap<String, Vec<String>>,
}

pub(super) fn vss_route(
    raw: RawVss,
    arguments: &[Argument],
    named: &BTreeMap<String, RawPaths>,
) -> Result<VssRoute, String> {
    let value = written_value(raw.operation, raw.value, arguments)?;
    let scale = match raw.scale {
        None => 1.0,
        Some(scale) if raw.operation == Operation::Get => factor(scale)?,
        Some(_) => {
            return Err(
                "the scale of a route is for get; write value = { argument = \"...\", scale = ... }"
                    .into(),
            );
        }
    };
    let paths = match raw.paths {
        RawPaths::Named(name) => named
            .get(&name)
            .cloned()
            .ok_or_else(|| format!("there is no [paths.{name}] in this file"))?,
        written => written,
    };
    let paths = match paths {
        RawPaths::Named(name) => {
            return Err(format!("[paths] may not name another set, \"{name}\""));
        }
        RawPaths::Fixed(paths) if paths.is_empty() => return Err("paths is empty".into()),
        RawPaths::Fixed(paths) => Paths::Fixed(paths),
        RawPaths::ByChoice(RawPathTable { argument, table }) => {
            let choices = arguments
                .iter()
                .find(|known| known.name == argument)
                .and_then(|argument| match &argument.kind {
                    ArgumentKind::Choice { choices } => Some(choices),
                    _ => None,
                })
                .ok_or_else(|| format!("paths name \"{argument}\", which is no choice argument"))?;
            same_names(&argument, choices, table.keys())?;
            if let Some((name, _)) = table.iter().find(|(_, paths)| paths.is_empty()) {
                return Err(format!("choice \"{name}\" of \"{argument}\" has no paths"));
            }
            Paths::ByChoice { argument, table }
        }
        RawPaths::ByZone(by_zone) => {
            let allowed = arguments
                .iter()
                .find_map(|argument| match &argument.kind {
                    ArgumentKind::Zone { allowed } => Some(allowed),
                    _ => None,
                })
                .ok_or("paths go by zone, but there is no zone argument")?;
            for zone in allowed {
                if by_zone.get(zone).is_none_or(Vec::is_empty) {
                    return Err(format!("zone \"{zone}\" is allowed but has no paths"));
                }
            }
            Paths::ByZone(by_zone)
        }
    };
    Ok(VssRoute {
        operation: raw.operation,
        value,
        paths,
        scale,
    })
}

fn written_value(
    operation: Operation,
    raw: Option<RawValue>,
    arguments: &[Argument],
) -> Result<Option<ValueSource>, String> {
    match (operation, raw) {
        (Operation::Get, None) => Ok(None),
        (Operation::Get, Some(_)) => Err("get writes no value".into()),
        (_, None) => Err("set and step need a value".into()),
        (_, Some(raw)) => value_source(raw, arguments).map(Some),
    }
}
