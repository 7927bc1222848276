//! One actuator's requests, one after the other, each to its one outcome.

use std::sync::{Arc, Mutex};

use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    Context, Event, Request,
    admission::Admission,
    bus::{self, Order, SendOrder},
    lock,
    policy::Guard,
    state::State,
};
use crate::{
    Outcome, Reason, Value,
    dbc::Raw,
    description::{Actuator, EcuRefusal, Entry},
};

/// An admitted request.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) context: Context,
    /// What the request signal says.
    pub(super) raw: Raw,
    /// Receipt plus time to live: the frame leaves before, or never.
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Outcome>,
}

pub(super) struct Worker {
    pub(super) entry: Entry,
    pub(super) state: Arc<State>,
    pub(super) guard: Arc<Guard>,
    pub(super) admission: Arc<Mutex<Admission>>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) events: broadcast::Sender<Event>,
}

/// Works until the gateway is dropped.
pub(super) async fn run(worker: Worker, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let started = Instant::now();
        let outcome = worker.act(&job).await;
        worker.guard.settled(&job.request.path);
        tracing::info!(
            path = job.request.path,
            value = %job.request.value,
            request_id = job.request.request_id,
            caller = job.request.caller,
            milliseconds = started.elapsed().as_millis() as u64,
            %outcome,
            "request"
        );
        lock(&worker.admission).finish(&job.request, &outcome);
        // A caller that went away leaves its outcome in the log and in the memory of requests.
        let _ = job.reply.send(outcome);
    }
}

impl Worker {
    async fn act(&self, job: &Job) -> Outcome {
        if Instant::now() >= job.deadline {
            return bus::expired();
        }
        let Some(actuator) = &self.entry.actuator else {
            return Outcome::refused(Reason::NotAllowed, "It cannot be set.");
        };
        // Listening begins before the frame leaves, so that no answer is missed.
        let refusals = self.events.subscribe();
        let outcome = match self.send(job).await {
            Ok(sent) => self.confirmed(job, actuator, sent, refusals).await,
            Err(outcome) => outcome,
        };
        let done = (outcome == Outcome::Done).then_some(job.raw);
        // Where this finds no room the request ends by its own time.
        let _ = self
            .orders
            .try_send(Order::Release(self.entry.path.clone(), done));
        outcome
    }

    async fn send(&self, job: &Job) -> Result<Instant, Outcome> {
        let (reply, answer) = oneshot::channel();
        let order = Order::Send(Box::new(SendOrder {
            entry: self.entry.clone(),
            value: job.request.value.clone(),
            context: job.context,
            raw: job.raw,
            deadline: job.deadline,
            reply,
        }));
        if self.orders.try_send(order).is_err() {
            return Err(Outcome::refused(
                Reason::Busy,
                "Too many frames wait for the bus.",
            ));
        }
        // The bus task answers every order, each within a bounded time.
        answer
            .await
            .unwrap_or_else(|_| Err(Outcome::failed(Reason::Internal, "The gateway stopped.")))
    }

    /// Waits until the status shows the value, an ECU refuses, or the time is over. Where the
    /// car shows no reaction the request is made again, as often as the description allows, spread
    /// over that time and within the time to live.
    async fn confirmed(
        &self,
        job: &Job,
        actuator: &Actuator,
        sent: Instant,
        mut refusals: broadcast::Receiver<Event>,
    ) -> Outcome {
        let path = &self.entry.path;
        let wanted = &job.request.value;
        let Some(mut reports) = self.state.reports(path) else {
            return Outcome::failed(Reason::Internal, "It has no state.");
        };
        let before = self.state.get(path).flatten().map(|reading| reading.value);
        let timeout = sleep_until(sent + actuator.confirm_within);
        tokio::pin!(timeout);
        let patience = actuator.confirm_within / (actuator.transmission.retries + 1);
        let mut retries = Retries {
            left: actuator.transmission.retries,
            next: sent + patience,
        };
        let mut shown = None;
        loop {
            let report = reports.borrow_and_update().clone();
            if let Some(report) = report.filter(|report| report.at >= sent) {
                match report.value {
                    Some(value) if self.entry.shows(&value, wanted) => return Outcome::Done,
                    value => shown = Some(value),
                }
            }
            tokio::select! {
                changed = reports.changed() => if changed.is_err() {
                    return Outcome::failed(Reason::Internal, "The gateway stopped.");
                },
                event = refusals.recv() => if let Ok(Event::Refused(refusal)) = event
                    && concerns(&refusal, actuator)
                {
                    return Outcome::failed(
                        Reason::EcuRefused,
                        format!("The car refused {path} = {wanted}: {}.", refusal.reason),
                    );
                },
                () = sleep_until(retries.next), if retries.left > 0 => {
                    retries.left -= 1;
                    retries.next += patience;
                    if !reacts(shown.as_ref(), before.as_ref()) {
                        // What keeps this one from leaving does not undo the first one: the wait
                        // goes on.
                        if let Err(outcome) = self.send(job).await {
                            tracing::info!(path, %outcome, "not asked again");
                            retries.left = 0;
                        }
                    }
                },
                () = &mut timeout => return unconfirmed(path, shown.map(|value| match value {
                    Some(value) => value.to_string(),
                    None => "not available".into(),
                })),
            }
        }
    }
}

/// Further attempts of one request.
struct Retries {
    left: u32,
    next: Instant,
}

/// Whether the car moves towards something: it shows another value than before the request.
fn reacts(shown: Option<&Option<Value>>, before: Option<&Value>) -> bool {
    matches!((shown, before), (Some(Some(now)), Some(before)) if now != before)
}

fn concerns(refusal: &EcuRefusal, actuator: &Actuator) -> bool {
    refusal.request_id == actuator.request.message.id().raw()
        && refusal.start_bit == actuator.request.signal.start_bit()
        && refusal.page.is_none_or(|page| {
            let wanted = actuator.request.message.page(&actuator.request.signal);
            wanted.is_none_or(|wanted| wanted == page)
        })
}

fn unconfirmed(path: &str, shown: Option<String>) -> Outcome {
    match shown {
        Some(value) => Outcome::unconfirmed(
            Reason::NotConfirmed,
            format!("It was sent, but {path} still is {value}."),
        ),
        None => Outcome::unconfirmed(
            Reason::NoAnswer,
            format!("It was sent, but nothing was heard of {path} since."),
        ),
    }
}
