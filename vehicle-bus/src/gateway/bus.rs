//! The task that owns the bus: reports come in, request frames go out, a lost bus is opened again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until, timeout_at},
};

use super::{
    BusState, Context, Event,
    health::{Counters, add},
    outgoing::{Asked, Known, Outgoing},
    policy::{self, Guard},
    state::State,
};
use crate::{
    Outcome, Reason, Value,
    dbc::Raw,
    description::{Description, Entry},
    end_to_end::{Receiver, Verdict},
    frame::{CanFrame, CanId},
    transport::{Address, Fault, Received, Transport},
};

/// Wait before the bus is opened again: doubled after each failure, from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A bus that takes a frame more slowly than this is lost.
const SENDING: Duration = Duration::from_millis(500);
/// A bus on which nothing was heard for this long is called silent.
const SILENCE: Duration = Duration::from_secs(2);
/// Faults come by the thousand; the log has one line of them in this time.
const FAULT_LOG: Duration = Duration::from_secs(1);

/// What the bus task is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    Send(Box<SendOrder>),
    /// The outcome of a path's request is known: its message no longer asks for it. The raw value
    /// is given where the car shows it.
    Release(String, Option<Raw>),
    /// Answered at once: the task lives.
    Ping(oneshot::Sender<()>),
}

/// One request, to be checked again before its frame leaves.
#[derive(Debug)]
pub(super) struct SendOrder {
    pub(super) entry: Entry,
    pub(super) value: Value,
    pub(super) context: Context,
    /// What the request signal says.
    pub(super) raw: Raw,
    pub(super) deadline: Instant,
    /// When it left, or why it did not.
    pub(super) reply: oneshot::Sender<Result<Instant, Outcome>>,
}

pub(super) struct Bus {
    pub(super) address: Address,
    pub(super) description: Arc<Description>,
    pub(super) state: Arc<State>,
    pub(super) guard: Arc<Guard>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) bus_state: watch::Sender<BusState>,
    pub(super) counters: Arc<Counters>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) outgoing: Outgoing,
    pub(super) receivers: BTreeMap<CanId, Receiver>,
}

/// Runs until nobody can give orders any more.
pub(super) async fn run(mut bus: Bus) {
    let mut backoff = BACKOFF.0;
    loop {
        let opening = Transport::open(&bus.address);
        let opened = tokio::select! {
            opened = opening => opened,
            () = refuse_all(&mut bus.orders) => return,
        };
        let problem = match opened {
            Ok(transport) => {
                backoff = BACKOFF.0;
                tracing::info!(address = %bus.address, "CAN is up");
                bus.bus_state.send_replace(BusState::Up);
                bus.outgoing.begin(Instant::now());
                match bus.serve(transport).await {
                    Some(problem) => {
                        add(&bus.counters.lost_bus);
                        problem
                    }
                    None => return,
                }
            }
            Err(error) => error.to_string(),
        };
        let down = BusState::Down(problem);
        if *bus.bus_state.borrow() != down {
            tracing::warn!(address = %bus.address, state = %down, "CAN");
        }
        bus.bus_state.send_replace(down);
        tokio::select! {
            () = sleep(backoff) => {}
            () = refuse_all(&mut bus.orders) => return,
        }
        backoff = (backoff * 2).min(BACKOFF.1);
    }
}

impl Bus {
    /// Serves an open bus. Returns why it was lost, or None when nobody gives orders any more.
    async fn serve(&mut self, mut transport: Transport) -> Option<String> {
        let mut silent_from = Instant::now() + SILENCE;
        let mut faults = FaultLog::default();
        loop {
            let silence = match *self.bus_state.borrow() {
                BusState::Silent | BusState::Unacknowledged => None,
                _ => Some(silent_from),
            };
            let wake = self.outgoing.next_due().into_iter().chain(silence).min();
            tokio::select! {
                received = transport.receive() => match received {
                    Ok(Received::Frame(frame)) => {
                        silent_from = Instant::now() + SILENCE;
                        self.heard(&frame);
                    }
                    Ok(Received::Fault(fault)) => {
                        self.counters.count(fault);
                        faults.note(fault);
                        self.judge(fault);
                    }
                    Err(error) => return Some(error.to_string()),
                },
                order = self.orders.recv() => match order? {
                    Order::Ping(reply) => drop(reply.send(())),
                    Order::Release(path, done) => {
                        self.outgoing.release(&path, done, Instant::now());
                    }
                    Order::Send(order) => {
                        if let Err(problem) = self.send(&mut transport, *order).await {
                            return Some(problem);
                        }
                    }
                },
                () = until(wake) => {
                    if silence.is_some_and(|silence| silence <= Instant::now()) {
                        tracing::warn!(address = %self.address, "CAN is silent");
                        self.bus_state.send_replace(BusState::Silent);
                    }
                    if let Err(problem) = self.send_due(&mut transport).await {
                        return Some(problem);
                    }
                }
            }
        }
    }

    fn heard(&mut self, frame: &CanFrame) {
        let at = Instant::now();
        add(&self.counters.received);
        self.bus_state.send_if_modified(|state| {
            let speaks_again = matches!(state, BusState::Silent | BusState::Unacknowledged);
            if speaks_again {
                *state = BusState::Up;
            }
            speaks_again
        });
        if !self.trusted(frame, at) {
            return;
        }
        for (entry, value) in self.description.read(frame) {
            self.report(entry, value, at);
        }
        if let Some(refusal) = self.description.refusal(frame) {
            tracing::info!(?refusal, "an ECU refuses");
            let _ = self.events.send(Event::Refused(refusal));
        }
    }

    /// Whether sending still makes sense after an error frame.
    fn judge(&self, fault: Fault) {
        let next = match fault {
            Fault::Unacknowledged => BusState::Unacknowledged,
            // The controller has thrown away what it wanted to send.
            Fault::Restarted => BusState::Up,
            _ => return,
        };
        self.bus_state.send_if_modified(|state| {
            let changes = *state != next
                && (next == BusState::Unacknowledged || *state == BusState::Unacknowledged);
            if changes {
                tracing::warn!(address = %self.address, state = %next, "CAN");
                *state = next;
            }
            changes
        });
    }

    fn is_acknowledged(&self) -> bool {
        *self.bus_state.borrow() != BusState::Unacknowledged
    }

    fn report(&self, entry: &Entry, value: Option<Value>, at: Instant) {
        if self.state.report(&entry.path, value.clone(), at) {
            let path = entry.path.clone();
            // Nobody listening is no error.
            let _ = self.events.send(Event::Changed { path, value });
        }
    }

    /// Whether end-to-end protection lets the frame in. What a message said is unknown from the
    /// moment on at which it is not believed any more.
    fn trusted(&mut self, frame: &CanFrame, at: Instant) -> bool {
        let Some(receiver) = self.receivers.get_mut(&frame.id()) else {
            return true;
        };
        match receiver.check(frame.payload(), at.into_std()) {
            Verdict::Accepted => true,
            Verdict::Rejected { fault, lost } => {
                add(&self.counters.rejected);
                tracing::debug!(%frame, %fault, "a protected frame is not used");
                if lost {
                    tracing::warn!(%frame, %fault, "a protected message is not believed any more");
                    for entry in self.description.reported_by(frame.id()) {
                        self.report(entry, None, at);
                    }
                }
                false
            }
        }
    }

    /// The last check and the sending. Err: the bus is lost.
    async fn send(&mut self, transport: &mut Transport, order: SendOrder) -> Result<(), String> {
        let now = Instant::now();
        let check = if now >= order.deadline {
            Err(expired())
        } else if !self.is_acknowledged() {
            Err(unacknowledged())
        } else {
            self.guard.leave(policy::Asked {
                path: &order.entry.path,
                value: &order.value,
                context: order.context,
            })
        };
        let asked = Asked {
            path: &order.entry.path,
            raw: order.raw,
            value: &order.value,
            context: order.context,
            deadline: order.deadline,
        };
        let car = (Arc::clone(&self.state), Arc::clone(&self.guard));
        let composed =
            check.and_then(|()| with_known(&car, |known| self.outgoing.ask(&asked, now, known)));
        let frame = match composed {
            Ok(frame) => frame,
            Err(outcome) => {
                let _ = order.reply.send(Err(outcome));
                return Ok(());
            }
        };
        let sent = self
            .transmit(transport, &frame, order.deadline.min(now + SENDING))
            .await;
        match &sent {
            Ok(()) => {
                self.tell(&order.entry.path, &frame);
                let _ = order.reply.send(Ok(Instant::now()));
            }
            Err(problem) => {
                let problem = format!("The frame could not be sent: {problem}.");
                let _ = order
                    .reply
                    .send(Err(Outcome::failed(Reason::BusDown, problem)));
            }
        }
        sent
    }

    /// Cyclic frames, and the ends of momentary requests. Err: the bus is lost.
    async fn send_due(&mut self, transport: &mut Transport) -> Result<(), String> {
        let now = Instant::now();
        let car = (Arc::clone(&self.state), Arc::clone(&self.guard));
        let frames = with_known(&car, |known| self.outgoing.due(now, known));
        // Composed all the same, so that what is over ends.
        if !self.is_acknowledged() {
            return Ok(());
        }
        for frame in frames {
            tracing::debug!(%frame, "cyclic frame");
            self.transmit(transport, &frame, Instant::now() + SENDING)
                .await?;
        }
        Ok(())
    }

    async fn transmit(
        &self,
        transport: &mut Transport,
        frame: &CanFrame,
        until: Instant,
    ) -> Result<(), String> {
        match timeout_at(until, transport.send(frame)).await {
            Ok(Ok(())) => {
                add(&self.counters.sent);
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            // What is half sent must not complete later: the connection is given up.
            Err(_) => Err(format!("{} takes no frames", self.address)),
        }
    }

    fn tell(&self, path: &str, frame: &CanFrame) {
        let Some(message) = self.description.database().by_id(frame.id()) else {
            return;
        };
        let decoded = self.description.describe(frame);
        tracing::info!(path, %frame, decoded, "frame sent");
        let _ = self.events.send(Event::FrameSent {
            path: path.to_owned(),
            message: message.name().to_owned(),
            id: frame.id().raw(),
            payload: frame.payload().to_vec(),
            decoded,
        });
    }
}

/// Lets `compose` look at the car's state: what it reports now, and what may be asked of it.
fn with_known<T>(
    (state, guard): &(Arc<State>, Arc<Guard>),
    compose: impl FnOnce(&Known<'_>) -> T,
) -> T {
    compose(&Known {
        status: &|path| state.get(path).flatten().map(|reading| reading.value),
        allowed: &|entry, value, context| {
            let path = &entry.path;
            guard.may_go_on(policy::Asked {
                path,
                value,
                context,
            })
        },
    })
}

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Error frames in the log: the first at once, the others counted.
#[derive(Default)]
struct FaultLog {
    written: Option<Instant>,
    unwritten: u64,
}

impl FaultLog {
    fn note(&mut self, fault: Fault) {
        let now = Instant::now();
        if self.written.is_some_and(|at| now < at + FAULT_LOG) {
            self.unwritten += 1;
            return;
        }
        tracing::warn!(%fault, unwritten = self.unwritten, "error frame");
        self.written = Some(now);
        self.unwritten = 0;
    }
}

/// Answers orders while there is no bus; ends when nobody can give any.
async fn refuse_all(orders: &mut mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Ping(reply) => drop(reply.send(())),
            Order::Release(..) => {}
            Order::Send(order) => {
                let outcome = Outcome::refused(Reason::BusDown, "CAN went down.");
                let _ = order.reply.send(Err(outcome));
            }
        }
    }
}

pub(super) fn unacknowledged() -> Outcome {
    Outcome::refused(
        Reason::BusDown,
        "Nobody on the CAN acknowledges: the controller would send it whenever somebody does, \
         long past its time to live.",
    )
}

pub(super) fn expired() -> Outcome {
    Outcome::refused(
        Reason::Expired,
        "Its time to live ran out before it could be sent.",
    )
}
