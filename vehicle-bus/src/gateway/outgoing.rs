//! What goes out: every request message with what is asked of its signals now, when its next frame
//! is due, and its end-to-end counter.
//!
//! The rule. A request leaves at once, in a frame of its own. Further frames depend on the
//! message's send type (GenMsgSendType, GenMsgCycleTime): none for one that is sent on change,
//! every cycle time for a cyclic one, every cycle time while something is asked for one that is
//! sent while active, and then one more that shows nothing is asked any more.
//!
//! In each frame a signal shows
//! - what is asked of it, while a request is open: for a momentary request the time the
//!   description states, else until its outcome is known, and never past its time to live. A
//!   message sent on change whose signal has no idle value cannot be silent about it either: as
//!   long as the car may still be at it, nothing else leaves in that message;
//! - else its idle value;
//! - or, where it has none, the last value: of the car's fresh status or of the last request that
//!   was done, whichever disturbs less. In a message sent on change that is the status, since the
//!   ECU takes every signal of the frame; in a cyclic one it is the value shown so far, since the
//!   ECU takes a change. While neither is known nothing is sent: a guess would move something.

mod request;

use std::collections::BTreeMap;

use tokio::time::Instant;

use self::request::Request;
use super::Context;
use crate::{
    Outcome, Reason, Value,
    dbc::Raw,
    description::{Description, Entry},
    frame::{CanFrame, CanId},
};

/// All request messages.
pub(super) struct Outgoing {
    messages: BTreeMap<CanId, Request>,
    by_path: BTreeMap<String, (CanId, usize)>,
}

/// What a new request asks for.
pub(super) struct Asked<'a> {
    pub(super) path: &'a str,
    pub(super) raw: Raw,
    pub(super) value: &'a Value,
    pub(super) context: Context,
    /// Receipt plus time to live.
    pub(super) deadline: Instant,
}

/// What is known of the car while frames are composed.
pub(super) struct Known<'a> {
    /// The fresh status of a path.
    pub(super) status: &'a dyn Fn(&str) -> Option<Value>,
    /// Whether a value may still be asked for, by whoever asked first.
    pub(super) allowed: &'a dyn Fn(&Entry, &Value, Context) -> bool,
}

impl Outgoing {
    pub(super) fn new(description: &Description) -> Self {
        let mut outgoing = Self {
            messages: BTreeMap::new(),
            by_path: BTreeMap::new(),
        };
        for entry in description.entries() {
            let Some(actuator) = &entry.actuator else {
                continue;
            };
            let message = &actuator.request.message;
            let id = message.id();
            let request = outgoing.messages.entry(id).or_insert_with(|| {
                let protection = description.protection(id);
                Request::new(message, protection.map(|each| each.sender()))
            });
            let index = request.add(entry, actuator);
            outgoing.by_path.insert(entry.path.clone(), (id, index));
        }
        outgoing
    }

    /// The bus is up: nothing is asked any more, and cyclic messages begin.
    pub(super) fn begin(&mut self, now: Instant) {
        for request in self.messages.values_mut() {
            request.begin(now);
        }
    }

    /// Opens a request and composes its first frame.
    pub(super) fn ask(
        &mut self,
        asked: &Asked<'_>,
        now: Instant,
        known: &Known<'_>,
    ) -> Result<CanFrame, Outcome> {
        let nothing = || Outcome::refused(Reason::NotAllowed, "It cannot be set.");
        let (id, index) = self.by_path.get(asked.path).ok_or_else(nothing)?;
        let request = self.messages.get_mut(id).ok_or_else(nothing)?;
        request.ask(*index, asked, now, known)
    }

    /// Closes a request; `done` where the car shows its value.
    pub(super) fn release(&mut self, path: &str, done: Option<Raw>, now: Instant) {
        let Some((id, index)) = self.by_path.get(path) else {
            return;
        };
        if let Some(request) = self.messages.get_mut(id) {
            request.release(*index, done, now);
        }
    }

    /// When [`Self::due`] has something to do.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.messages.values().filter_map(Request::next_due).min()
    }

    /// Ends what is over and returns the frames that are due, each with whether it only repeats.
    pub(super) fn due(&mut self, now: Instant, known: &Known<'_>) -> Vec<CanFrame> {
        self.messages
            .values_mut()
            .flat_map(|request| request.due(now, known))
            .collect()
    }
}

#[cfg(test)]
mod tests;
