//! The task that owns the bus: reports come in, request frames go out, a lost bus is opened again.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Instant, sleep, timeout_at},
};

use super::{
    BusState, Context, Event,
    policy::{Asked, Guard},
    state::State,
};
use crate::{
    Outcome, Reason, Value,
    description::{Description, Entry},
    frame::CanFrame,
    transport::{Address, Transport},
};

/// Wait before the bus is opened again: doubled after each failure, from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A bus that takes a frame more slowly than this is lost.
const SENDING: Duration = Duration::from_millis(500);

/// What the bus task is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    Send(Box<SendOrder>),
    /// Answered at once: the task lives.
    Ping(oneshot::Sender<()>),
}

/// One request frame, to be checked again before it leaves.
#[derive(Debug)]
pub(super) struct SendOrder {
    pub(super) entry: Entry,
    pub(super) value: Value,
    pub(super) context: Context,
    pub(super) frame: CanFrame,
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
    pub(super) orders: mpsc::Receiver<Order>,
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
                match bus.serve(transport).await {
                    Some(problem) => problem,
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
        loop {
            tokio::select! {
                received = transport.receive() => match received {
                    Ok(frame) => self.heard(&frame),
                    Err(error) => return Some(error.to_string()),
                },
                order = self.orders.recv() => match order? {
                    Order::Ping(reply) => drop(reply.send(())),
                    Order::Send(order) => {
                        if let Err(problem) = self.send(&mut transport, *order).await {
                            return Some(problem);
                        }
                    }
                },
            }
        }
    }

    fn heard(&self, frame: &CanFrame) {
        let at = Instant::now();
        for (entry, value) in self.description.read(frame) {
            if self.state.report(&entry.path, value.clone(), at) {
                let path = entry.path.clone();
                // Nobody listening is no error.
                let _ = self.events.send(Event::Changed { path, value });
            }
        }
        if let Some(refusal) = self.description.refusal(frame) {
            tracing::info!(?refusal, "an ECU refuses");
            let _ = self.events.send(Event::Refused(refusal));
        }
    }

    /// The last check and the sending. Err: the bus is lost.
    async fn send(&self, transport: &mut Transport, order: SendOrder) -> Result<(), String> {
        let now = Instant::now();
        let check = if now >= order.deadline {
            Err(expired())
        } else {
            self.guard.leave(Asked {
                path: &order.entry.path,
                value: &order.value,
                context: order.context,
            })
        };
        if let Err(outcome) = check {
            let _ = order.reply.send(Err(outcome));
            return Ok(());
        }
        let until = order.deadline.min(now + SENDING);
        let sent = match timeout_at(until, transport.send(&order.frame)).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            // What is half sent must not complete later: the connection is given up.
            Err(_) => Err(format!("{} takes no frames", self.address)),
        };
        match &sent {
            Ok(()) => {
                self.tell(&order);
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

    fn tell(&self, order: &SendOrder) {
        let Some(message) = self.description.database().by_id(order.frame.id()) else {
            return;
        };
        let decoded = message.describe(order.frame.payload());
        tracing::info!(path = order.entry.path, frame = %order.frame, decoded, "frame sent");
        let _ = self.events.send(Event::FrameSent {
            path: order.entry.path.clone(),
            message: message.name().to_owned(),
            id: order.frame.id().raw(),
            payload: order.frame.payload().to_vec(),
            decoded,
        });
    }
}

/// Answers orders while there is no bus; ends when nobody can give any.
async fn refuse_all(orders: &mut mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Ping(reply) => drop(reply.send(())),
            Order::Send(order) => {
                let outcome = Outcome::refused(Reason::BusDown, "CAN went down.");
                let _ = order.reply.send(Err(outcome));
            }
        }
    }
}

pub(super) fn expired() -> Outcome {
    Outcome::refused(
        Reason::Expired,
        "Its time to live ran out before it could be sent.",
    )
}
