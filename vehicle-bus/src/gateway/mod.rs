//! The gateway: every rule that protects the car, and the closed loop of each request.
//!
//! A request is admitted or refused at once ([`Gateway::set`]), waits its turn in its actuator's
//! bounded queue, is checked again just before each of its frames leaves, and is done only when the
//! car's status shows the value. A value the car already has is requested all the same: a set-point
//! repeated changes nothing, and only a status heard after the request is proof.

mod actuator;
mod admission;
mod bus;
mod health;
mod outgoing;
mod policy;
mod state;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use codriver_catalog::Language;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Instant, timeout},
};

use self::{
    actuator::Job,
    admission::{Admission, Known},
    bus::Order,
    outgoing::Outgoing,
    policy::{Asked, Guard},
    state::State,
};
use crate::{
    Outcome, Reason, Value,
    description::{Description, EcuRefusal, ValueError},
    transport::Address,
};

pub use self::{
    admission::Limits,
    health::{BusState, Counters},
    policy::Context,
    state::Reading,
};

/// Events kept for a slow listener; the oldest are lost first and it is told so.
const EVENTS: usize = 1024;
/// Requests that wait for one actuator; one more is refused as busy.
const WAITING: usize = 8;
/// Frames that wait for the bus.
const ORDERS: usize = 64;

/// What happens on the bus.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A path has another value; None: it became unavailable.
    Changed {
        /// VSS path.
        path: String,
        /// Its value.
        value: Option<Value>,
    },
    /// A request frame left.
    FrameSent {
        /// VSS path it is for.
        path: String,
        /// DBC message.
        message: String,
        /// Identifier without the extended flag.
        id: u32,
        /// Payload.
        payload: Vec<u8>,
        /// `Message{Signal=value}`.
        decoded: String,
    },
    /// An ECU refused a request.
    Refused(EcuRefusal),
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// VSS path.
    pub path: String,
    /// The value it shall have.
    pub value: Value,
    /// From receipt until the frame must have left.
    pub time_to_live: Duration,
    /// The caller's own name for the request; it acts at most once.
    pub request_id: String,
    /// Who asks (D-Bus unique name); limits and request ids are the caller's own.
    pub caller: String,
}

/// A running gateway. Clones share it; the last one dropped ends it.
#[derive(Debug, Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    description: Arc<Description>,
    state: Arc<State>,
    guard: Arc<Guard>,
    admission: Arc<Mutex<Admission>>,
    limits: Limits,
    queues: BTreeMap<String, mpsc::Sender<Job>>,
    orders: mpsc::Sender<Order>,
    events: broadcast::Sender<Event>,
    bus: watch::Receiver<BusState>,
    counters: Arc<Counters>,
}

impl Gateway {
    /// Starts the bus task and one task an actuator on the current tokio runtime. A bus that is
    /// not there yet is tried again and again; until then requests are refused as `bus_down`.
    pub fn start(description: Description, address: Address, limits: Limits) -> Self {
        let description = Arc::new(description);
        let state = Arc::new(State::new(&description));
        let guard = Arc::new(Guard::new(Arc::clone(&description), Arc::clone(&state)));
        let admission = Arc::new(Mutex::new(Admission::new(limits)));
        let (events, _) = broadcast::channel(EVENTS);
        let (orders, ordered) = mpsc::channel(ORDERS);
        let counters = Arc::new(Counters::default());
        let (bus_state, bus) = watch::channel(BusState::Down(format!("{address} is not open yet")));
        tokio::spawn(bus::run(bus::Bus {
            address,
            description: Arc::clone(&description),
            state: Arc::clone(&state),
            guard: Arc::clone(&guard),
            events: events.clone(),
            bus_state,
            counters: Arc::clone(&counters),
            orders: ordered,
            outgoing: Outgoing::new(&description),
            receivers: description
                .protections()
                .map(|protection| (protection.message().id(), protection.receiver()))
                .collect(),
        }));
        let mut queues = BTreeMap::new();
        for entry in description.entries().filter(|e| e.actuator.is_some()) {
            let (queue, jobs) = mpsc::channel(WAITING);
            tokio::spawn(actuator::run(
                actuator::Worker {
                    entry: entry.clone(),
                    state: Arc::clone(&state),
                    guard: Arc::clone(&guard),
                    admission: Arc::clone(&admission),
                    orders: orders.clone(),
                    events: events.clone(),
                },
                jobs,
            ));
            queues.insert(entry.path.clone(), queue);
        }
        Self {
            shared: Arc::new(Shared {
                description,
                state,
                guard,
                admission,
                limits,
                queues,
                orders,
                events,
                bus,
                counters,
            }),
        }
    }

    /// Asks for a value, of nobody knows whom; see [`Gateway::submit`].
    pub async fn set(&self, request: Request) -> Outcome {
        self.submit(request, Context::default(), Instant::now())
            .await
    }

    /// Asks for a value; what is returned waits for its one outcome. Everything that can be
    /// decided now is decided before this returns, so requests are queued in the order of the
    /// calls. Dropping the future does not stop the request. Its time to live counts from
    /// `received`.
    ///
    /// A request_id seen before never acts again: while it runs, or when it named something
    /// else, it is refused as `duplicate_request`; afterwards it is answered with its outcome,
    /// also when that was the question for a confirmation. A confirmed request is a new one.
    pub fn submit(
        &self,
        request: Request,
        context: Context,
        received: Instant,
    ) -> impl Future<Output = Outcome> + Send + use<> {
        let admitted = self.admit(request, context, received);
        async move {
            match admitted {
                Ok(answer) => answer.await.unwrap_or_else(|_| {
                    Outcome::failed(Reason::Internal, "The gateway stopped during the request.")
                }),
                Err(outcome) => outcome,
            }
        }
    }

    /// The last value the car reported, while it is fresh. None for a path that is not listed;
    /// a reading without value when it is unknown, stale or unavailable.
    pub fn get(&self, path: &str) -> Option<Option<Reading>> {
        self.shared.state.get(path)
    }

    /// The description.
    pub fn description(&self) -> &Description {
        &self.shared.description
    }

    /// Whether the bus can be used; changes wake the receiver.
    pub fn bus(&self) -> watch::Receiver<BusState> {
        self.shared.bus.clone()
    }

    /// What was counted on the bus.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What happens from now on. A listener more than 1024 events late loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }

    /// Whether the bus task still takes orders, answered within `limit`.
    pub async fn is_alive(&self, limit: Duration) -> bool {
        let (reply, answer) = oneshot::channel();
        let ask = async {
            self.shared.orders.send(Order::Ping(reply)).await.is_ok() && answer.await.is_ok()
        };
        timeout(limit, ask).await.unwrap_or(false)
    }

    fn admit(
        &self,
        request: Request,
        context: Context,
        received: Instant,
    ) -> Result<oneshot::Receiver<Outcome>, Outcome> {
        if request.request_id.is_empty() || request.request_id.len() > 128 {
            return Err(Outcome::refused(
                Reason::BadRequest,
                "request_id must have 1 to 128 bytes.",
            ));
        }
        {
            let mut admission = lock(&self.shared.admission);
            match admission.know(&request, received) {
                Known::New => {}
                Known::Same(outcome) => return Err(outcome),
                Known::Refused(outcome) => return Err(outcome),
            }
        }
        let job = self.job(&request, context, received);
        let (job, answer) = match job {
            Ok(pair) => pair,
            Err(outcome) => {
                tracing::info!(path = request.path, value = %request.value, %outcome, "request");
                lock(&self.shared.admission).finish(&request, &outcome);
                return Err(outcome);
            }
        };
        let queued = match self.shared.queues.get(&request.path) {
            Some(queue) => queue.try_send(job).is_ok(),
            None => false,
        };
        if !queued {
            let outcome = Outcome::refused(
                Reason::Busy,
                format!("Too many requests wait for {}.", request.path),
            );
            lock(&self.shared.admission).finish(&request, &outcome);
            return Err(outcome);
        }
        Ok(answer)
    }

    /// All that can be refused at once; what passes is a job for its actuator.
    fn job(
        &self,
        request: &Request,
        context: Context,
        received: Instant,
    ) -> Result<(Job, oneshot::Receiver<Outcome>), Outcome> {
        let path = &request.path;
        let Some(entry) = self.shared.description.entry(path) else {
            let language = context.language.unwrap_or(Language::English);
            return Err(self.shared.description.missing(path, language));
        };
        let Some(actuator) = &entry.actuator else {
            let problem = format!("{path} can be read but not set.");
            return Err(Outcome::refused(Reason::NotAllowed, problem));
        };
        let physical = entry
            .physical(&request.value)
            .map_err(|error| match error {
                ValueError::Type(expected) => {
                    Outcome::refused(Reason::WrongType, format!("{path} takes {expected}."))
                }
                ValueError::Range(problem) => {
                    Outcome::refused(Reason::OutOfRange, format!("{path}: {problem}."))
                }
            })?;
        let raw = actuator
            .raw(physical)
            .map_err(|error| Outcome::refused(Reason::OutOfRange, format!("{error}.")))?;
        if request.time_to_live > self.shared.limits.max_time_to_live {
            return Err(Outcome::refused(
                Reason::BadRequest,
                format!(
                    "time_to_live_ms may be {} at most.",
                    self.shared.limits.max_time_to_live.as_millis()
                ),
            ));
        }
        if request.time_to_live.is_zero() {
            return Err(Outcome::refused(Reason::Expired, "It has no time to live."));
        }
        match &*self.shared.bus.borrow() {
            BusState::Up | BusState::Silent => {}
            BusState::Unacknowledged => return Err(bus::unacknowledged()),
            BusState::Down(why) => {
                return Err(Outcome::refused(
                    Reason::BusDown,
                    format!("CAN is down: {why}."),
                ));
            }
        }
        let asked = Asked {
            path,
            value: &request.value,
            context,
        };
        self.shared.guard.admit(asked, received)?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            request: request.clone(),
            context,
            raw,
            deadline: received + request.time_to_live,
            reply,
        };
        Ok((job, answer))
    }
}

/// A poisoned lock only means that a test failed elsewhere; the data is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
