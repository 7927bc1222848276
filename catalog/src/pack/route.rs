//! Where a command leaves for, as a pack writes it: the car, a cockpit application, or the assistant.

mod dbus;
mod value;
mod vss;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Argument, ArgumentKind, AssistantAction, Route};

use dbus::{RawDbus, dbus_route};
pub(super) use vss::RawPaths;
use vss::{RawVss, vss_route};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    vss: Option<RawVss>,
    dbus: Option<RawDbus>,
    assistant: Option<AssistantAction>,
}

pub(super) fn route_of(
    raw: RawRoute,
    arguments: &[Argument],
    named: &BTreeMap<String, RawPaths>,
) -> Result<Route, String> {
    if let Some(argument) = looked_up(arguments)
        && raw.dbus.is_none()
    {
        return Err(format!(
            "\"{argument}\" has a lookup, and what is found is for a dbus route only"
        ));
    }
    match (raw.vss, raw.dbus, raw.assistant) {
        (Some(vss), None, None) => vss_route(vss, arguments, named).map(Route::Vss),
        (None, Some(dbus), None) => dbus_route(dbus, arguments).map(Route::Dbus),
        (None, None, Some(action)) => Ok(Route::Assistant(action)),
        _ => Err("exactly one of vss, dbus and assistant must be given".into()),
    }
}

/// The name of an argument that is looked up, if there is one.
fn looked_up(arguments: &[Argument]) -> Option<&str> {
    let is_looked_up = |argument: &&Argument| {
        matches!(
            argument.kind,
            ArgumentKind::Text {
                lookup: Some(_),
                ..
            }
        )
    };
    arguments
        .iter()
        .find(is_looked_up)
        .map(|argument| argument.name.as_str())
}
