//! One request message: what is asked of each of its signals, and its next frame.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Asked, Context, Known};
use crate::{
    Outcome, Reason, Value,
    dbc::{Message, Raw, SendType, Signal},
    description::{Actuator, Entry, Transmission},
    end_to_end::Sender,
    frame::CanFrame,
};

/// One request message.
pub(super) struct Request {
    message: Arc<Message>,
    sender: Option<Sender>,
    signals: Vec<Asking>,
    /// When its next cyclic frame leaves.
    due: Option<Instant>,
    /// The signal whose page the next cyclic frame of a multiplexed message shows.
    turn: usize,
    /// Something was asked in the last cyclic frame.
    was_active: bool,
}

/// One request signal.
struct Asking {
    entry: Entry,
    signal: Signal,
    transmission: Transmission,
    open: Option<Open>,
    /// The last value, of a signal that has no idle value.
    kept: Option<Raw>,
}

#[derive(Clone)]
struct Open {
    raw: Raw,
    value: Value,
    context: Context,
    /// Not shown from here on.
    deadline: Instant,
    /// Over from here on, whatever its outcome.
    until: Instant,
}

/// Why a message cannot be composed: a path beside the one that is asked.
enum Hindrance {
    /// It would have to be guessed.
    Unknown(String),
    /// Its time to live is over and its outcome is not known yet.
    Unsettled(String),
}

impl Asking {
    fn new(entry: &Entry, actuator: &Actuator) -> Self {
        Self {
            entry: entry.clone(),
            signal: actuator.request.signal.clone(),
            transmission: actuator.transmission.clone(),
            open: None,
            kept: None,
        }
    }

    /// When a request made now is over, should its outcome not be known before.
    fn open_until(&self, asked: &Asked<'_>, now: Instant, cyclic: bool) -> Instant {
        if let Some(momentary) = self.transmission.momentary {
            return (now + momentary).min(asked.deadline);
        }
        if self.transmission.idle.is_some() {
            return asked.deadline;
        }
        // Without an idle value there is no taking back but by another value, so it is shown for as
        // long as the car may take.
        let within = self.entry.actuator.as_ref().map(|a| a.confirm_within);
        let settled = now + within.unwrap_or_default();
        if cyclic {
            settled.min(asked.deadline)
        } else {
            settled
        }
    }

    fn end(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.until)
    }

    /// What the car shows, as the request signal would say it.
    fn of_status(&self, known: &Known<'_>) -> Option<Raw> {
        let value = (known.status)(&self.entry.path)?;
        let physical = self.entry.carried(&value)?;
        self.entry.actuator.as_ref()?.raw(physical).ok()
    }
}

impl Hindrance {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Unknown(path) => Outcome::refused(
                Reason::NoAnswer,
                format!("Its message also carries {path}, which the car does not report now."),
            ),
            Self::Unsettled(path) => Outcome::refused(
                Reason::Busy,
                format!("Its message also carries {path}, and the car may still be at that."),
            ),
        }
    }
}

impl Request {
    pub(super) fn new(message: &Arc<Message>, sender: Option<Sender>) -> Self {
        Self {
            message: Arc::clone(message),
            sender,
            signals: Vec::new(),
            due: None,
            turn: 0,
            was_active: false,
        }
    }

    /// Takes in one signal and gives its index.
    pub(super) fn add(&mut self, entry: &Entry, actuator: &Actuator) -> usize {
        self.signals.push(Asking::new(entry, actuator));
        self.signals.len() - 1
    }

    /// The bus is up: nothing is asked any more, and a cyclic message begins.
    pub(super) fn begin(&mut self, now: Instant) {
        for asking in &mut self.signals {
            asking.open = None;
        }
        self.was_active = false;
        self.due = match self.message.send_type() {
            SendType::Cyclic(_) => Some(now),
            SendType::OnChange | SendType::WhileActive(_) => None,
        };
    }

    /// Closes a request; `done` where the car shows its value.
    pub(super) fn release(&mut self, index: usize, done: Option<Raw>, now: Instant) {
        if let Some(asking) = self.signals.get_mut(index) {
            if done.is_some() {
                asking.kept = done;
            }
            // A momentary request has its own end.
            if asking.transmission.momentary.is_none() {
                asking.open = None;
            }
        }
        self.settle(now);
    }

    /// When [`Self::due`] has something to do.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let ends = self.signals.iter().filter_map(Asking::end);
        ends.chain(self.due).min()
    }

    /// Opens a request and composes its first frame.
    pub(super) fn ask(
        &mut self,
        index: usize,
        asked: &Asked<'_>,
        now: Instant,
        known: &Known<'_>,
    ) -> Result<CanFrame, Outcome> {
        let cyclic = self.message.send_type().cycle_time();
        let before = match self.signals.get_mut(index) {
            Some(asking) => {
                let until = asking.open_until(asked, now, cyclic.is_some());
                asking.open.replace(Open {
                    raw: asked.raw,
                    value: asked.value.clone(),
                    context: asked.context,
                    deadline: asked.deadline,
                    until,
                })
            }
            None => None,
        };
        let payload = match self.compose(Some(index), now, known) {
            Ok(payload) => payload,
            Err(hindrance) => {
                if let Some(asking) = self.signals.get_mut(index) {
                    asking.open = before;
                }
                return Err(hindrance.outcome());
            }
        };
        match cyclic {
            Some(cycle) => {
                self.due = Some(now + cycle);
                self.was_active = true;
            }
            // The frame said it; nothing is repeated. A signal without an idle value stays as it was
            // asked for in frames for other signals, until the car's status can speak for it.
            None => {
                if let Some(asking) = self.signals.get_mut(index)
                    && asking.transmission.momentary.is_none()
                    && asking.transmission.idle.is_some()
                {
                    asking.open = None;
                }
            }
        }
        self.frame(payload).ok_or_else(|| {
            Outcome::failed(
                Reason::Internal,
                "Its message is no frame of CAN or CAN FD.",
            )
        })
    }

    /// Ends what is over and returns the frames that are due.
    pub(super) fn due(&mut self, now: Instant, known: &Known<'_>) -> Vec<CanFrame> {
        let mut ended = None;
        for (index, asking) in self.signals.iter_mut().enumerate() {
            let Some(open) = &asking.open else { continue };
            // What may no longer be asked for is taken back, not repeated.
            if open.until <= now || !(known.allowed)(&asking.entry, &open.value, open.context) {
                asking.open = None;
                if asking.transmission.momentary.is_some() {
                    ended = Some(index);
                }
            }
        }
        self.settle(now);
        let mut payloads = Vec::new();
        if self.due.is_some_and(|due| due <= now) {
            let shown = self.shown();
            payloads.extend(self.compose(shown, now, known));
            self.was_active = self.is_active();
            self.due = match self.message.send_type() {
                SendType::Cyclic(cycle) => Some(now + cycle),
                SendType::WhileActive(cycle) => self.was_active.then_some(now + cycle),
                SendType::OnChange => None,
            };
        } else if ended.is_some() {
            // The end of a momentary request is told at once.
            payloads.extend(self.compose(ended, now, known));
        }
        payloads
            .into_iter()
            .filter_map(|payload| self.frame(payload))
            .collect()
    }

    /// A message that is sent while active says at once that it no longer is.
    fn settle(&mut self, now: Instant) {
        if let SendType::WhileActive(_) = self.message.send_type()
            && self.was_active
            && !self.is_active()
        {
            self.due = Some(now);
        }
    }

    fn is_active(&self) -> bool {
        self.signals.iter().any(|asking| asking.open.is_some())
    }

    /// The signal whose page a cyclic frame shows: those that are asked take turns.
    fn shown(&mut self) -> Option<usize> {
        let count = self.signals.len();
        let next = (1..=count)
            .map(|step| (self.turn + step) % count)
            .find(|index| {
                let asking = self.signals.get(*index);
                asking.is_some_and(|asking| asking.open.is_some())
            })?;
        self.turn = next;
        Some(next)
    }

    /// The payload in which `shown` is on its page.
    fn compose(
        &mut self,
        shown: Option<usize>,
        now: Instant,
        known: &Known<'_>,
    ) -> Result<Vec<u8>, Hindrance> {
        let mut payload = match shown.and_then(|index| self.signals.get(index)) {
            Some(asking) => self.message.page_payload(&asking.signal),
            None => self.message.start_payload(),
        };
        let cyclic = self.message.send_type().cycle_time().is_some();
        for asking in &mut self.signals {
            if !self.message.is_present(&asking.signal, &payload) {
                continue;
            }
            let raw = match (&asking.open, asking.transmission.idle) {
                (Some(open), _) if now < open.deadline => open.raw,
                (_, Some(idle)) => idle,
                // The car may be at it: to show what it was would take it back, and to show it
                // would ask for it past its time.
                (Some(_), None) => return Err(Hindrance::Unsettled(asking.entry.path.clone())),
                (None, None) => {
                    let status = asking.of_status(known);
                    let raw = if cyclic {
                        asking.kept.or(status)
                    } else {
                        status.or(asking.kept)
                    };
                    let raw = raw.ok_or_else(|| Hindrance::Unknown(asking.entry.path.clone()))?;
                    asking.kept = Some(raw);
                    raw
                }
            };
            self.message.put(&mut payload, &asking.signal, raw);
        }
        Ok(payload)
    }

    fn frame(&mut self, mut payload: Vec<u8>) -> Option<CanFrame> {
        if let Some(sender) = &mut self.sender {
            sender.protect(&mut payload);
        }
        self.message.frame(&payload).ok()
    }
}
