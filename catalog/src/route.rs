//! Where a command leaves for: a VSS path, a D-Bus peer, or the assistant itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Value, Zone};

/// The one way out of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Route {
    /// A signal of the vehicle, through the gateway.
    Vss(VssRoute),
    /// A cockpit application on D-Bus.
    Dbus(DbusRoute),
    /// Something the dialogue does itself.
    Assistant(AssistantAction),
}

impl Route {
    /// Whether it only tells a state and changes nothing.
    pub fn only_reads(&self) -> bool {
        match self {
            Self::Vss(route) => route.operation == Operation::Get,
            Self::Dbus(route) => matches!(
                route.call,
                DbusCall::Property {
                    operation: Operation::Get,
                    ..
                }
            ),
            Self::Assistant(action) => {
                matches!(action, AssistantAction::Time | AssistantAction::Date)
            }
        }
    }
}

/// What is done with a signal or property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Write the value.
    Set,
    /// Read the present value, add the value, write the sum. At the limit it
    /// is refused, never clamped.
    Step,
    /// Read only; the reply tells.
    Get,
}

/// A signal of the vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct VssRoute {
    /// What is done.
    pub operation: Operation,
    /// What is written; `None` exactly when the operation is `Get`.
    pub value: Option<ValueSource>,
    /// Which VSS paths.
    pub paths: Paths,
    /// A number read is told times this (0.001 tells metres as kilometres); not
    /// zero, and 1 unless the operation is `Get`.
    pub scale: f64,
}

/// VSS paths, the same or by an argument. No list is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    /// The same for every call.
    Fixed(Vec<String>),
    /// By the value of the argument `zone`; every allowed zone is here.
    ByZone(BTreeMap<Zone, Vec<String>>),
    /// By the value of a choice argument; every choice is here. In TOML
    /// `{ argument = "screen", table = { centre = ["..."], cluster = ["..."] } }`.
    ByChoice {
        /// Which argument.
        argument: String,
        /// From the choice's name to its paths.
        table: BTreeMap<String, Vec<String>>,
    },
}

impl Paths {
    /// The paths for these arguments; `None` when the one that decides is missing or has no paths.
    pub fn of(&self, arguments: &BTreeMap<String, Value>) -> Option<&[String]> {
        let paths = match self {
            Self::Fixed(paths) => Some(paths),
            Self::ByZone(by_zone) => by_zone.get(&arguments.get("zone")?.as_zone()?),
            Self::ByChoice { argument, table } => table.get(&arguments.get(argument)?.to_string()),
        };
        paths.map(Vec::as_slice)
    }

    /// Every path, for validation against a vehicle.
    pub fn all(&self) -> Vec<&str> {
        match self {
            Self::Fixed(paths) => paths.iter().map(String::as_str).collect(),
            Self::ByZone(by_zone) => by_zone.values().flatten().map(String::as_str).collect(),
            Self::ByChoice { table, .. } => table.values().flatten().map(String::as_str).collect(),
        }
    }
}

/// Where a written value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueSource {
    /// Always the same.
    Constant(Value),
    /// An argument, unchanged. In TOML `"{temperature}"`.
    Argument(String),
    /// A number argument times a factor. In TOML `{ argument = "amount", scale = -1 }`.
    Scaled {
        /// Which argument.
        argument: String,
        /// The factor; not zero.
        scale: f64,
    },
    /// By the printed value of an argument. In TOML `{ argument = "level", table = { 1 = 33, 2 = 66 } }`.
    Table {
        /// Which argument.
        argument: String,
        /// From the argument's printed value to what is written.
        table: BTreeMap<String, Value>,
    },
}

impl ValueSource {
    /// The argument it needs, if any.
    pub fn argument(&self) -> Option<&str> {
        match self {
            Self::Constant(_) => None,
            Self::Argument(argument)
            | Self::Scaled { argument, .. }
            | Self::Table { argument, .. } => Some(argument),
        }
    }

    /// The value for these arguments; `None` when an argument or table entry is missing.
    pub fn resolve(&self, arguments: &BTreeMap<String, Value>) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Argument(argument) => arguments.get(argument).cloned(),
            Self::Scaled { argument, scale } => {
                let number = arguments.get(argument)?.as_number()?;
                Some(Value::Number(number * scale))
            }
            Self::Table { argument, table } => {
                table.get(&arguments.get(argument)?.to_string()).cloned()
            }
        }
    }
}

/// Which message bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bus {
    /// The user's session.
    Session,
    /// The system.
    System,
}

/// A cockpit application.
#[derive(Debug, Clone, PartialEq)]
pub struct DbusRoute {
    /// On which bus.
    pub bus: Bus,
    /// A well-known name, or a prefix ending in `.*` for the first owner found.
    pub service: String,
    /// The object path, or a prefix ending in `/*` for the first object found below it.
    pub path: String,
    /// Which of the objects below a prefix; `None` takes the first, and a
    /// path without `/*` has none.
    pub filter: Option<ObjectFilter>,
    /// The interface.
    pub interface: String,
    /// What is called.
    pub call: DbusCall,
}

/// The object whose property shows one of these values. In TOML
/// `where = { State = ["active", "held"] }` or `where = { State = "incoming" }`.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectFilter {
    /// A property of the route's interface.
    pub property: String,
    /// What it may show; an object that shows an earlier one is preferred. Not empty.
    pub values: Vec<Value>,
}

/// A method or a property.
#[derive(Debug, Clone, PartialEq)]
pub enum DbusCall {
    /// Call a method.
    Method {
        /// Its name.
        member: String,
        /// Its arguments in order.
        arguments: Vec<DbusArgument>,
    },
    /// Read or write a property.
    Property {
        /// Its name.
        name: String,
        /// What is done.
        operation: Operation,
        /// What is written, with its type; `None` exactly when the operation is `Get`.
        value: Option<DbusArgument>,
    },
}

/// A value with its D-Bus type.
#[derive(Debug, Clone, PartialEq)]
pub struct DbusArgument {
    /// A basic D-Bus type: one of `s b d i u x t y n q o`; for a method also `v`, a flag, number
    /// or text in a variant.
    pub signature: char,
    /// Where the value comes from. Texts may also embed slots: `"tel:{number}"`.
    pub value: ValueSource,
}

/// What the dialogue does without leaving the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssistantAction {
    /// Restore what the last utterance changed.
    Undo,
    /// Drop what is pending.
    Cancel,
    /// Say the last reply again.
    Repeat,
    /// Say what can be said.
    Help,
    /// Yes to a pending question.
    Confirm,
    /// No to a pending question.
    Deny,
    /// Tell the time of day.
    Time,
    /// Tell the date.
    Date,
    /// Close the assistant's own microphone.
    MuteMicrophone,
}
