//! One call to a cockpit application on D-Bus.
//!
//! A peer is never started by a command: names are resolved to the unique name
//! of who owns them now, and unique names cannot be activated.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use codriver_catalog::{Bus, ObjectFilter, Value};
use tokio::time::{Instant, sleep, timeout_at};
use zbus::fdo::DBusProxy;
use zbus::wire::{OwnedVariant, StructureBuilder, Variant};
use zbus::{Connection, Message};

use super::journal::Change;
use super::performed::{CallMade, Performed};
use super::plan::{Access, Action, Member, PeerCall};
use super::{Done, argument, scaled, stepped};
use crate::bus_error::BusError;
use crate::{Outcome, Reason};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// How long a written property may take to show its new value.
const SHOWN_WITHIN: Duration = Duration::from_millis(600);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(40);
/// Objects looked at when a route says "the first object below".
const MOST_OBJECTS: usize = 64;

/// Makes the call; what has not answered by `deadline` is given up.
pub(super) async fn call(connection: &Connection, call: PeerCall, deadline: Instant) -> Done {
    let begun = Instant::now();
    let mut calls = Vec::new();
    let mut change = None;
    // The waiting for a written property has its own, shorter limit inside.
    let acted = timeout_at(deadline, act(connection, call, &mut calls, &mut change)).await;
    let (outcome, value) = match acted {
        Ok(Ok(value)) => (Outcome::Done, value),
        Ok(Err(outcome)) => (outcome, None),
        Err(_) => {
            let message = format!("no answer within {} ms", begun.elapsed().as_millis());
            // Whether an overdue call still takes effect is unknown.
            (Outcome::failed(Reason::PeerTimeout, message), None)
        }
    };
    // A peer that answers with an error has done nothing.
    let change = change.filter(|_| outcome.reason() != Some(&Reason::PeerError));
    Done {
        performed: Performed {
            value,
            calls,
            ..Performed::ended(outcome)
        },
        change,
    }
}

/// `change` holds what may be different from the moment at which the peer is asked for it.
async fn act(
    connection: &Connection,
    call: PeerCall,
    calls: &mut Vec<CallMade>,
    change: &mut Option<Change>,
) -> Result<Option<Value>, Outcome> {
    let peer = Peer::find(connection, &call).await?;
    match &call.member {
        Member::Method(member, arguments) => {
            calls.push(peer.made(member, arguments.iter().map(|(_, value)| value)));
            *change = Some(Change {
                target: peer.target(member),
                restore: None,
            });
            peer.method(member, arguments).await?;
            Ok(None)
        }
        Member::Property(name, _, Access::Get { scale }) => {
            calls.push(peer.made(name, std::iter::empty()));
            let value = peer.get(name).await?;
            Ok(Some(scaled(value, *scale)))
        }
        Member::Property(name, signature, access) => {
            let present = peer.get(name).await?;
            let value = match access {
                Access::Step(delta) => stepped(&present, *delta).ok_or_else(|| {
                    let message = format!("{name} is {present}, which cannot be stepped");
                    Outcome::refused(Reason::WrongType, message)
                })?,
                Access::Set(value) => value.clone(),
                Access::Get { .. } => present.clone(),
            };
            calls.push(peer.made(name, std::iter::once(&value)));
            // The call names the very peer that is changed.
            *change = Some(Change {
                target: peer.target(name),
                restore: Some(Action::Peer(PeerCall {
                    service: peer.name.clone(),
                    path: peer.path.clone(),
                    member: Member::Property(
                        name.clone(),
                        *signature,
                        Access::Set(present.clone()),
                    ),
                    ..call.clone()
                })),
            });
            peer.set(name, *signature, &value).await?;
            let shown = peer.wait_for(name, &value).await?;
            if shown == present {
                *change = None;
            }
            if same(&shown, &value) {
                Ok(None)
            } else if shown == present && matches!(access, Access::Step(_)) {
                let message = format!("{name} stays at {shown}");
                Err(Outcome::refused(Reason::AlreadyAtLimit, message))
            } else {
                let message = format!("{name} was set to {value} and shows {shown}");
                Err(Outcome::unconfirmed(Reason::NotConfirmed, message))
            }
        }
    }
}

/// A peer that is on the bus now.
struct Peer<'a> {
    connection: &'a Connection,
    bus: &'static str,
    /// Its well-known name, for people and for undo.
    name: String,
    /// Its unique name, for calls.
    owner: String,
    path: String,
    interface: &'a str,
}

impl<'a> Peer<'a> {
    async fn find(connection: &'a Connection, call: &'a PeerCall) -> Result<Self, Outcome> {
        let absent = |why: String| Outcome::failed(Reason::NoService, why);
        let bus = DBusProxy::new(connection)
            .await
            .map_err(|error| absent(format!("the bus does not answer: {error}")))?;
        let name = match call.service.strip_suffix('*') {
            None => call.service.clone(),
            Some(prefix) => {
                let names = bus
                    .list_names()
                    .await
                    .map_err(|error| absent(format!("the bus lists no names: {error}")))?;
                let mut names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                names.sort_unstable();
                names
                    .into_iter()
                    .find(|name| name.starts_with(prefix))
                    .map(str::to_owned)
                    .ok_or_else(|| {
                        absent(format!("nobody on the bus is called {}", call.service))
                    })?
            }
        };
        let well_known = name
            .as_str()
            .try_into()
            .map_err(|error| absent(format!("{name} is no bus name: {error}")))?;
        let owner = bus
            .get_name_owner(well_known)
            .await
            .map_err(|_| absent(format!("{name} is not on the bus")))?;
        let mut peer = Self {
            connection,
            bus: match call.bus {
                Bus::Session => "session",
                Bus::System => "system",
            },
            name,
            owner: owner.to_string(),
            path: call.path.clone(),
            interface: &call.interface,
        };
        if let Some(root) = call.path.strip_suffix("/*") {
            let root = if root.is_empty() { "/" } else { root };
            peer.path = peer.object(root, call.filter.as_ref()).await?;
        }
        Ok(peer)
    }

    /// The object at or below `root` that has the interface and shows what
    /// `filter` wants: of several the one that shows an earlier value, then the nearer one.
    async fn object(&self, root: &str, filter: Option<&ObjectFilter>) -> Result<String, Outcome> {
        let mut waiting = VecDeque::from([root.to_owned()]);
        let mut looked_at = 0;
        let mut best: Option<(usize, String)> = None;
        while let Some(path) = waiting.pop_front() {
            looked_at += 1;
            if looked_at > MOST_OBJECTS {
                break;
            }
            let Some(xml) = self.introspect(&path).await? else {
                continue;
            };
            let parent = path.trim_end_matches('/');
            // An absolute name is the object's own; children are named relatively.
            let children = names_of("node", &xml).filter(|child| !child.starts_with('/'));
            waiting.extend(children.map(|child| format!("{parent}/{child}")));
            if !names_of("interface", &xml).any(|name| name == self.interface) {
                continue;
            }
            let rank = match filter {
                None => Some(0),
                Some(filter) => self.rank(&path, filter).await?,
            };
            match rank {
                Some(0) => return Ok(path),
                Some(rank) if best.as_ref().is_none_or(|(best, _)| rank < *best) => {
                    best = Some((rank, path));
                }
                _ => {}
            }
        }
        best.map(|(_, path)| path).ok_or_else(|| {
            let that = filter.map_or(String::new(), |filter| {
                let values: Vec<_> = filter.values.iter().map(Value::to_string).collect();
                format!(" whose {} is {}", filter.property, values.join(" or "))
            });
            let message = format!("{} has no object with {}{that}", self.name, self.interface);
            Outcome::refused(Reason::NoObject, message)
        })
    }

    /// An object's introspection data; `None` for one that vanished since its parent named it.
    async fn introspect(&self, path: &str) -> Result<Option<String>, Outcome> {
        let introspectable = "org.freedesktop.DBus.Introspectable";
        let reply = self.ask(path, introspectable, "Introspect", &()).await?;
        Ok(reply.and_then(|reply| reply.body().deserialize().ok()))
    }

    /// Which of the wanted values an object shows, from zero; `None` for none of them.
    async fn rank(&self, path: &str, filter: &ObjectFilter) -> Result<Option<usize>, Outcome> {
        let property = filter.property.as_str();
        let body = (self.interface, property);
        let shown: Option<OwnedVariant> = match self.ask(path, PROPERTIES, "Get", &body).await? {
            Some(reply) => reply.body().deserialize().ok(),
            // Services older than the standard interface, oFono among them,
            // have this method on each of theirs.
            None => self
                .ask(path, self.interface, "GetProperties", &())
                .await?
                .and_then(|reply| {
                    let body = reply.body();
                    let mut all: HashMap<String, OwnedVariant> = body.deserialize().ok()?;
                    all.remove(property)
                }),
        };
        let shown = shown.and_then(|shown| argument::read(&shown));
        Ok(shown.and_then(|shown| filter.values.iter().position(|value| same(value, &shown))))
    }

    /// Calls a method of one of the peer's objects; `None` when it answers with an error.
    async fn ask<B>(
        &self,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<Option<Message>, Outcome>
    where
        B: serde::Serialize + zbus::wire::DynamicType + Sync,
    {
        let owner = Some(self.owner.as_str());
        let asked = self
            .connection
            .call_method(owner, path, Some(interface), member, body);
        match asked.await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) => match BusError::from(&error) {
                BusError::Answered => Ok(None),
                _ => Err(failure(&self.name, &error)),
            },
        }
    }

    async fn method(&self, member: &str, arguments: &[(char, Value)]) -> Result<(), Outcome> {
        let wrong = |problem: String| Outcome::refused(Reason::WrongType, problem);
        if arguments.is_empty() {
            return self.send(self.interface, member, &()).await.map(drop);
        }
        let mut body = StructureBuilder::new();
        for (signature, value) in arguments {
            body = body.append_field(argument::typed(*signature, value).map_err(wrong)?);
        }
        let body = body.build().map_err(|error| wrong(error.to_string()))?;
        self.send(self.interface, member, &body).await.map(drop)
    }

    async fn get(&self, property: &str) -> Result<Value, Outcome> {
        let reply = self
            .send(PROPERTIES, "Get", &(self.interface, property))
            .await?;
        let value: Option<OwnedVariant> = reply.body().deserialize().ok();
        value
            .and_then(|value| argument::read(&value))
            .ok_or_else(|| {
                let message = format!("{} shows no plain value for {property}", self.name);
                Outcome::failed(Reason::PeerError, message)
            })
    }

    async fn set(&self, property: &str, signature: char, value: &Value) -> Result<(), Outcome> {
        // Undo writes back what was read, in the type that the route states.
        let value: Variant<'_> = argument::typed(signature, value)
            .map_err(|problem| Outcome::refused(Reason::WrongType, problem))?;
        self.send(PROPERTIES, "Set", &(self.interface, property, value))
            .await
            .map(drop)
    }

    /// Reads until the property shows `value`, or for a while; what it shows then.
    async fn wait_for(&self, property: &str, value: &Value) -> Result<Value, Outcome> {
        let until = Instant::now() + SHOWN_WITHIN;
        loop {
            let shown = self.get(property).await?;
            if same(&shown, value) || Instant::now() >= until {
                return Ok(shown);
            }
            sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    async fn send<B>(&self, interface: &str, member: &str, body: &B) -> Result<Message, Outcome>
    where
        B: serde::Serialize + zbus::wire::DynamicType + Sync,
    {
        self.connection
            .call_method(
                Some(self.owner.as_str()),
                self.path.as_str(),
                Some(interface),
                member,
                body,
            )
            .await
            .map_err(|error| failure(&self.name, &error))
    }

    /// Names what is changed, for the journal.
    fn target(&self, member: &str) -> String {
        format!("{} {} {}.{member}", self.name, self.path, self.interface)
    }

    fn made<'v>(&self, member: &str, arguments: impl Iterator<Item = &'v Value>) -> CallMade {
        CallMade {
            bus: self.bus,
            destination: self.name.clone(),
            member: format!("{}.{member}", self.interface),
            arguments: arguments.map(Value::to_string).collect(),
        }
    }
}

fn failure(peer: &str, error: &zbus::Error) -> Outcome {
    let reason = match BusError::from(error) {
        BusError::Nobody | BusError::Lost => Reason::PeerGone,
        BusError::Denied => Reason::NotAllowed,
        BusError::Answered => Reason::PeerError,
    };
    Outcome::failed(reason, format!("{peer}: {error}"))
}

/// Equal, numbers up to what a player's own rounding of a volume may cost.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => (one - other).abs() < 0.005,
        _ => one.to_string() == other.to_string(),
    }
}

/// The `name` attributes of the tags `tag` in introspection data that belong to
/// the object itself: some services describe its children in the same text. The
/// format is fixed by the D-Bus specification, so a scan does.
fn names_of<'x>(tag: &'x str, xml: &'x str) -> impl Iterator<Item = &'x str> {
    let mut open_nodes = 0_usize;
    xml.split('<').filter_map(move |element| {
        let inside = element.split('>').next()?;
        if inside.trim_end() == "/node" {
            open_nodes = open_nodes.saturating_sub(1);
            return None;
        }
        let is_own = open_nodes == 1;
        if attributes_of("node", inside).is_some() && !inside.ends_with('/') {
            open_nodes += 1;
        }
        let (_, value) = attributes_of(tag, inside)
            .filter(|_| is_own)?
            .split_once("name=")?;
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        value
            .get(1..)?
            .split(quote)
            .next()
            .filter(|name| !name.is_empty())
    })
}

/// What stands behind the tag's name, if it is this tag.
fn attributes_of<'x>(tag: &str, inside: &'x str) -> Option<&'x str> {
    inside
        .strip_prefix(tag)
        .filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn introspection_names_interfaces_and_children() {
        let xml = "<!DOCTYPE node><node><interface name=\"a.B\"><method name=\"M\"/></interface>\
                   <node name='modem'/><node/></node>";
        assert_eq!(names_of("interface", xml).collect::<Vec<_>>(), ["a.B"]);
        assert_eq!(names_of("node", xml).collect::<Vec<_>>(), ["modem"]);
    }

    #[test]
    fn what_a_child_has_is_not_the_objects_own() {
        let xml = "<node name=\"/\"><node name=\"modem\"><interface name=\"a.B\"/>\
                   <node name=\"call\"/></node><interface name=\"c.D\"/></node>";
        assert_eq!(names_of("interface", xml).collect::<Vec<_>>(), ["c.D"]);
        assert_eq!(names_of("node", xml).collect::<Vec<_>>(), ["modem"]);
    }

    #[test]
    fn a_malformed_introspection_names_nothing() {
        assert_eq!(names_of("node", "<node name=><node name=\"").count(), 0);
    }
}
