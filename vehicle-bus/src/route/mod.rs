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

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use codriver_catalog::{Catalog, Command, UtteranceId, Value};
use tokio::task::JoinSet;
use tokio::time::Instant;
use zbus::Connection;

use self::journal::{Change, Journal};
pub use self::lookup::{Contact, Destination, Directory, Finding, Place};
pub use self::performed::{CallMade, Performed};
pub use self::plan::{Action, Plan, PlanError};
pub use crate::gateway::Context;
use crate::{Outcome, Reason};

/// A change older than this is not taken back any more.
const UNDO_WITHIN: Duration = Duration::from_secs(120);
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
    undo_within: Duration,
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
            undo_within: UNDO_WITHIN,
        }
    }

    /// The same, with another time within which a change can be taken back.
    #[must_use]
    pub fn undo_within(self, undo_within: Duration) -> Self {
        Self {
            undo_within,
            ..self
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
            .map(|ended| *ended)
    }

    /// Performs one command; nothing is asked for after `deadline`. A zone of
    /// several paths ends in one outcome, done only when every path is.
    pub async fn perform(
        &self,
        catalog: &Catalog,
        command: &Command,
        request: RequestId,
        deadline: Instant,
        context: Context,
    ) -> Performed {
        let begun = Instant::now();
        let command = match lookup::resolve(self.directory.as_ref(), catalog, command).await {
            Ok(command) => command,
            Err(ended) => return *ended,
        };
        let plan = match Plan::of(catalog, &command) {
            Ok(plan) => plan,
            Err(error) => return Performed::ended(error.outcome()),
        };
        let until = Until {
            peers: deadline.min(begun + PEERS_WITHIN),
            vehicle: deadline.min(begun + plan.time_to_live),
        };
        let mut parts = self
            .carry_out(plan.actions, &request.to_string(), until, context)
            .await;
        self.remember(request.utterance, &mut parts);
        performed::combine(parts.into_iter().map(Part::into_performed))
    }

    /// Puts back what the last utterance changed, within the gateway's rules; `None` when
    /// there is nothing to take back, or it was too long ago. What undoing changed can be undone
    /// in turn; where it changed nothing, it can be tried again.
    pub async fn undo(
        &self,
        request: RequestId,
        deadline: Instant,
        context: Context,
    ) -> Option<Performed> {
        let changes = self.journal().take(self.undo_within, Instant::now())?;
        let until = Until {
            peers: deadline.min(Instant::now() + PEERS_WITHIN),
            vehicle: deadline,
        };
        let (actions, lost): (Vec<_>, Vec<_>) = changes
            .newest_first()
            .map(|change| change.restore.clone().ok_or(&change.target))
            .partition(Result::is_ok);
        let actions: Vec<Action> = actions.into_iter().flatten().collect();
        let name = request.to_string();
        let mut parts = self.carry_out(actions.clone(), &name, until, context).await;
        // The fog light must be off again before the high beam may come on: what stood against
        // something else gets a second chance when the rest is done.
        for (part, action) in parts.iter_mut().zip(actions) {
            if part.done.performed.outcome.reason() == Some(&Reason::Conflict) {
                let again = format!("{name}.again");
                let mut again = self.carry_out(vec![action], &again, until, context).await;
                if let Some(again) = again.pop() {
                    *part = again;
                }
            }
        }
        self.remember(request.utterance, &mut parts);
        self.journal().put_back(changes.clone());
        let lost = lost.into_iter().filter_map(Result::err).map(|target| {
            let message = "It cannot be taken back.";
            let outcome = Outcome::refused(Reason::CannotUndo, message);
            (target.clone(), Performed::ended(outcome))
        });
        let parts = parts.into_iter().map(Part::into_performed).chain(lost);
        Some(performed::combine(parts))
    }

    /// Carries out actions side by side: the windows of one zone move together.
    async fn carry_out(
        &self,
        actions: Vec<Action>,
        request: &str,
        until: Until,
        context: Context,
    ) -> Vec<Part> {
        let mut running = JoinSet::new();
        for (number, action) in actions.into_iter().enumerate() {
            let connection = self.connection(&action).cloned();
            let id = format!("{}-{request}.{number}", self.run);
            running.spawn(async move {
                let subject = action.subject();
                let done = match (action, connection) {
                    (Action::Vehicle(access), connection) => {
                        let asking = vehicle::Asking {
                            request: &id,
                            deadline: until.vehicle,
                            context,
                        };
                        vehicle::access(connection, access, asking).await
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
                Part {
                    number,
                    subject,
                    done,
                }
            });
        }
        let mut parts = Vec::new();
        while let Some(joined) = running.join_next().await {
            parts.push(joined.unwrap_or_else(|error| Part {
                number: usize::MAX,
                subject: "task".to_owned(),
                done: Performed::ended(Outcome::failed(Reason::Internal, error.to_string())).into(),
            }));
        }
        parts.sort_by_key(|part| part.number);
        parts
    }

    fn remember(&self, utterance: UtteranceId, parts: &mut [Part]) {
        let changes = parts.iter_mut().filter_map(|part| part.done.change.take());
        self.journal().record(utterance, changes, Instant::now());
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

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.utterance, self.index)
    }
}

/// One action of several, carried out.
#[derive(Debug)]
struct Part {
    number: usize,
    subject: String,
    done: Done,
}

impl Part {
    fn into_performed(self) -> (String, Performed) {
        (self.subject, self.done.performed)
    }
}

/// What one action came to, and what it changed or may have changed.
#[derive(Debug)]
struct Done {
    performed: Performed,
    change: Option<Change>,
}

impl From<Performed> for Done {
    fn from(performed: Performed) -> Self {
        Self {
            performed,
            change: None,
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
