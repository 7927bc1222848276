//! From a command to the car or a cockpit application, and back with an outcome.
//!
//! A command's definition says where it leaves for; [`Plan`] turns that into
//! typed actions, and [`Router`] carries them out: VSS paths through the
//! gateway by its [client](crate::client), the rest as calls to D-Bus peers. Nothing
//! here decides what is safe; the gateway does.

mod argument;
mod journal;
mod lookup;
mod peer;
mod performed;
mod plan;
mod vehicle;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use codriver_catalog::{Catalog, Command, UtteranceId, Value};
use tokio::task::JoinSet;
use tokio::time::Instant;
use zbus::Connection;

use self::journal::{Journal, Previous};
pub use self::lookup::{Contact, Destination, Directory, Finding, Place};
pub use self::performed::{CallMade, Performed};
pub use self::plan::{Action, Plan, PlanError};
use crate::{Outcome, Reason};

/// An application has answered within this, lookup included, or is given up:
/// nobody waits longer than two seconds to hear why nothing happened.
const PEERS_WITHIN: Duration = Duration::from_millis(1800);

/// Names one command of one utterance, so that the gateway acts on it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// The utterance.
    pub utterance: UtteranceId,
    /// Which of its commands, from zero.
    pub index: usize,
}

/// Carries out commands and remembers what the last utterance changed.
///
/// A bus that the process has no connection to is `None`: commands that need
/// it fail with the reason `no_service` (or `no_gateway`), nothing else does.
#[derive(Debug)]
pub struct Router {
    gateway: Option<Connection>,
    session: Option<Connection>,
    system: Option<Connection>,
    /// Where names are looked up.
    directory: Option<Arc<dyn Directory>>,
    /// Utterances count from one in every process, and the gateway remembers
    /// requests across ours.
    run: String,
    journal: Mutex<Journal>,
}

impl Router {
    /// A router over these connections: the one on which the gateway's name
    /// is, the user's session, and the system bus.
    pub fn new(
        gateway: Option<Connection>,
        session: Option<Connection>,
        system: Option<Connection>,
    ) -> Self {
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros());
        Self {
            gateway,
            session,
            system,
            directory: None,
            run: format!("{:x}-{started:x}", std::process::id()),
            journal: Mutex::default(),
        }
    }

    /// Looks names up in `directory`. Without one nobody and no place is known.
    pub fn with_directory(self, directory: Arc<dyn Directory>) -> Self {
        Self {
            directory: Some(directory),
            ..self
        }
    }

    /// How the command ends if its names already forbid it, `None` otherwise:
    /// nobody is asked to confirm a call that cannot be made.
    pub async fn objection(&self, catalog: &Catalog, command: &Command) -> Option<Performed> {
        lookup::resolve(self.directory.as_ref(), catalog, command)
            .await
            .err()
    }

    /// Performs one command; nothing is asked for after `deadline`. A zone of
    /// several paths ends in one outcome, done only when every path is.
    pub async fn perform(
        &self,
        catalog: &Catalog,
        command: &Command,
        request: RequestId,
        deadline: Instant,
    ) -> Performed {
        let begun = Instant::now();
        let command = match lookup::resolve(self.directory.as_ref(), catalog, command).await {
            Ok(command) => command,
            Err(ended) => return ended,
        };
        let plan = match Plan::of(catalog, &command) {
            Ok(plan) => plan,
            Err(error) => return Performed::ended(error.outcome()),
        };
        let until = Until {
            peers: deadline.min(begun + PEERS_WITHIN),
            vehicle: deadline.min(begun + plan.time_to_live),
        };
        self.carry_out(plan.actions, request, until, true).await
    }

    /// Puts back what the last utterance changed, newest first; `None` when
    /// there is nothing to take back. What was undone is forgotten, whatever
    /// the outcome.
    pub async fn undo(&self, request: RequestId, deadline: Instant) -> Option<Performed> {
        let changes = self.journal().take();
        if changes.is_empty() {
            return None;
        }
        let actions = changes.into_iter().rev().map(Previous::restore).collect();
        let until = Until {
            peers: deadline.min(Instant::now() + PEERS_WITHIN),
            vehicle: deadline,
        };
        Some(self.carry_out(actions, request, until, false).await)
    }

    async fn carry_out(
        &self,
        actions: Vec<Action>,
        request: RequestId,
        until: Until,
        remember: bool,
    ) -> Performed {
        // Windows of one zone move together, so the actions run side by side.
        let mut running = JoinSet::new();
        for (part, action) in actions.into_iter().enumerate() {
            let connection = self.connection(&action).cloned();
            let id = format!(
                "{}-{}.{}.{part}",
                self.run, request.utterance, request.index
            );
            running.spawn(async move {
                let subject = action.subject();
                let done = match (action, connection) {
                    (Action::Vehicle(access), connection) => {
                        vehicle::access(connection, access, &id, until.vehicle).await
                    }
                    (Action::Peer(call), Some(connection)) => {
                        peer::call(&connection, call, until.peers).await
                    }
                    (Action::Peer(_), None) => Performed::ended(Outcome::failed(
                        Reason::NoService,
                        "there is no connection to the bus of that application",
                    ))
                    .into(),
                };
                (part, subject, done)
            });
        }
        let mut parts = Vec::new();
        while let Some(joined) = running.join_next().await {
            match joined {
                Ok(part) => parts.push(part),
                Err(error) => parts.push((
                    usize::MAX,
                    "task".to_owned(),
                    Performed::ended(Outcome::failed(Reason::Internal, error.to_string())).into(),
                )),
            }
        }
        parts.sort_by_key(|(part, _, _)| *part);
        if remember {
            let changes = parts
                .iter_mut()
                .filter_map(|(_, _, done)| done.previous.take());
            self.journal().record(request.utterance, changes);
        }
        performed::combine(
            parts
                .into_iter()
                .map(|(_, subject, done)| (subject, done.performed)),
        )
    }

    fn connection(&self, action: &Action) -> Option<&Connection> {
        match action {
            Action::Vehicle(_) => self.gateway.as_ref(),
            Action::Peer(call) => match call.bus {
                codriver_catalog::Bus::Session => self.session.as_ref(),
                codriver_catalog::Bus::System => self.system.as_ref(),
            },
        }
    }

    fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        // The journal is whole between any two of its calls, so a panic
        // elsewhere does not spoil it.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until when actions may begin or wait.
#[derive(Debug, Clone, Copy)]
struct Until {
    peers: Instant,
    vehicle: Instant,
}

/// What one action came to, and how to take it back.
#[derive(Debug)]
struct Done {
    performed: Performed,
    previous: Option<Previous>,
}

impl From<Performed> for Done {
    fn from(performed: Performed) -> Self {
        Self {
            performed,
            previous: None,
        }
    }
}

/// What is left until `deadline`, at most `longest`.
fn remaining(deadline: Instant, longest: Duration) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .min(longest)
}

/// The sum of a reading and a step; `None` when the reading is no number.
fn stepped(present: &Value, delta: f64) -> Option<Value> {
    Some(decimal(present.as_number()? + delta))
}

/// A reading for people: a number times `scale`, anything else as it is.
fn scaled(reading: Value, scale: f64) -> Value {
    match reading {
        Value::Number(number) => decimal(number * scale),
        other => other,
    }
}

/// Results of decimal fractions (0.3 + 0.1) are rounded to what people mean.
fn decimal(number: f64) -> Value {
    Value::Number((number * 1e6).round() / 1e6)
}
