//! What a command's route comes to: typed actions, every value checked.

use std::time::Duration;

use codriver_catalog::{
    Bus, Catalog, Command, DbusArgument, DbusCall, ObjectFilter, Operation, Route, Value,
    ValueSource,
};

use crate::{Outcome, Reason};

/// What is to be done for one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The actions, none depending on another.
    pub actions: Vec<Action>,
    /// How long it may still act.
    pub time_to_live: Duration,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Something with one VSS path, through the gateway.
    Vehicle(VehicleAccess),
    /// Something with a D-Bus peer.
    Peer(PeerCall),
}

/// Something with one VSS path.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleAccess {
    /// The VSS path.
    pub path: String,
    /// Read, write or step.
    pub access: Access,
}

/// Something with a D-Bus peer.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerCall {
    /// On which bus.
    pub bus: Bus,
    /// A bus name, or a prefix ending in `.*`.
    pub service: String,
    /// An object path, or a prefix ending in `/*`.
    pub path: String,
    /// Which of the objects below a prefix.
    pub filter: Option<ObjectFilter>,
    /// The interface.
    pub interface: String,
    /// Method or property.
    pub member: Member,
}

/// A method or property of a peer.
#[derive(Debug, Clone, PartialEq)]
pub enum Member {
    /// A method with its arguments: D-Bus type and value.
    Method(String, Vec<(char, Value)>),
    /// A property, its D-Bus type where it is written, and what is done with it.
    Property(String, char, Access),
}

/// What is done with a path or property.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    /// Read it; a number is told times this.
    Get {
        /// The factor; not zero.
        scale: f64,
    },
    /// Write this.
    Set(Value),
    /// Read it, add this, write the sum.
    Step(f64),
}

/// Why a command has no plan. Packs are checked when they are loaded, so this
/// means that the catalogue changed between understanding and acting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The catalogue has no such command.
    #[error("the catalogue has no command {0}")]
    Unknown(String),
    /// The dialogue does it, not the router.
    #[error("{0} is for the assistant itself")]
    Assistant(String),
    /// An argument that the route needs is missing or of the wrong kind.
    #[error("{command}: the route's {what} cannot be made of the arguments")]
    Value {
        /// The command.
        command: String,
        /// What cannot be made.
        what: &'static str,
    },
}

impl PlanError {
    pub(super) fn outcome(&self) -> Outcome {
        let reason = match self {
            Self::Unknown(_) => Reason::NotAvailable,
            Self::Assistant(_) => Reason::Internal,
            Self::Value { .. } => Reason::WrongType,
        };
        Outcome::refused(reason, self.to_string())
    }
}

impl Plan {
    /// Makes the plan of `command`.
    ///
    /// # Errors
    /// [`PlanError`] when the catalogue has no way for it.
    pub fn of(catalog: &Catalog, command: &Command) -> Result<Self, PlanError> {
        let name = command.name.as_str();
        let definition = catalog
            .command(name)
            .ok_or_else(|| PlanError::Unknown(name.to_owned()))?;
        let missing = |what| PlanError::Value {
            command: name.to_owned(),
            what,
        };
        let actions = match &definition.route {
            Route::Assistant(_) => return Err(PlanError::Assistant(name.to_owned())),
            Route::Vss(route) => {
                let value = route.value.as_ref();
                let access = access(route.operation, route.scale, value, command)
                    .ok_or_else(|| missing("value"))?;
                let paths = route
                    .paths
                    .of(&command.arguments)
                    .ok_or_else(|| missing("path"))?;
                let action = |path: &String| {
                    Action::Vehicle(VehicleAccess {
                        path: path.clone(),
                        access: access.clone(),
                    })
                };
                paths.iter().map(action).collect()
            }
            Route::Dbus(route) => {
                let typed = |argument: &DbusArgument| {
                    Some((
                        argument.signature,
                        argument.value.resolve(&command.arguments)?,
                    ))
                };
                let member = match &route.call {
                    DbusCall::Method { member, arguments } => {
                        let arguments = arguments.iter().map(typed).collect::<Option<_>>();
                        Member::Method(
                            member.clone(),
                            arguments.ok_or_else(|| missing("argument"))?,
                        )
                    }
                    DbusCall::Property {
                        name,
                        operation,
                        value,
                    } => {
                        let source = value.as_ref().map(|value| &value.value);
                        let access = access(*operation, 1.0, source, command)
                            .ok_or_else(|| missing("value"))?;
                        let signature = value.as_ref().map_or('v', |value| value.signature);
                        Member::Property(name.clone(), signature, access)
                    }
                };
                vec![Action::Peer(PeerCall {
                    bus: route.bus,
                    service: route.service.clone(),
                    path: route.path.clone(),
                    filter: route.filter.clone(),
                    interface: route.interface.clone(),
                    member,
                })]
            }
        };
        Ok(Self {
            actions,
            time_to_live: definition.policy.time_to_live,
        })
    }
}

fn access(
    operation: Operation,
    scale: f64,
    value: Option<&ValueSource>,
    command: &Command,
) -> Option<Access> {
    if operation == Operation::Get {
        return Some(Access::Get { scale });
    }
    let value = value?.resolve(&command.arguments)?;
    match operation {
        Operation::Step => Some(Access::Step(value.as_number()?)),
        _ => Some(Access::Set(value)),
    }
}

impl Action {
    /// The path or peer, for messages.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Vehicle(access) => access.path.clone(),
            Self::Peer(call) => call.service.clone(),
        }
    }
}
