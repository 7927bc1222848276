//! The ECUs without a bus: frames in, time passing, frames out.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    Value,
    dbc::Message,
    description::{Description, Entry, Kind},
    frame::{CanFrame, CanId},
};
use serde::Deserialize;

use super::{Faults, Order};
use crate::Error;

const PARKED: &str = include_str!("parked.toml");
/// An ECU reacts after this and up to [`REACTION_SPREAD_MS`] more.
const REACTION: Duration = Duration::from_millis(30);
const REACTION_SPREAD_MS: u64 = 51;
/// A moving part reports its position this often.
const MOTION_STEP: Duration = Duration::from_millis(50);
/// Status messages without a cycle time in the DBC.
const DEFAULT_CYCLE: Duration = Duration::from_secs(1);
/// The refusal reason "Not now".
const NOT_NOW: f64 = 0.0;

/// All ECUs of the described car. Holds no clock: every call says what time it is.
#[derive(Debug)]
pub struct Car {
    description: Description,
    values: BTreeMap<String, f64>,
    moves: BTreeMap<String, f64>,
    momentary: BTreeMap<String, f64>,
    statuses: BTreeMap<CanId, Status>,
    reactions: Vec<Reaction>,
    reacted: u64,
    faults: Faults,
}

/// One status message and when it is sent next.
#[derive(Debug)]
struct Status {
    message: Arc<Message>,
    payload: Vec<u8>,
    due: Instant,
}

/// What an ECU will do.
#[derive(Debug)]
struct Reaction {
    due: Instant,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Become { path: String, physical: f64 },
    Move { path: String, target: f64 },
    Send(CanFrame),
}

#[derive(Deserialize)]
struct Parked {
    values: BTreeMap<String, toml::Value>,
    moves: BTreeMap<String, f64>,
    momentary: BTreeMap<String, f64>,
}

impl Car {
    /// The car described in `directory` (vehicle.toml and its DBC), parked.
    ///
    /// # Errors
    /// The description, or a start value that its path cannot have.
    pub fn load(directory: &Path, faults: Faults, now: Instant) -> Result<Self, Error> {
        let description = Description::load(directory)?;
        let listing = |problem: String| Error::Listing {
            path: "parked.toml".into(),
            problem,
        };
        let parked: Parked = toml::from_str(PARKED).map_err(|error| listing(error.to_string()))?;
        let mut car = Self {
            values: BTreeMap::new(),
            moves: parked.moves,
            momentary: parked.momentary,
            statuses: BTreeMap::new(),
            reactions: Vec::new(),
            reacted: 0,
            faults,
            description,
        };
        let entries: Vec<Entry> = car.description.entries().cloned().collect();
        for entry in &entries {
            let physical = match parked.values.get(&entry.path) {
                Some(value) => entry
                    .physical(&value_of(value).ok_or_else(|| listing(entry.path.clone()))?)
                    .map_err(|error| listing(format!("{}: {error:?}", entry.path)))?,
                None => resting(entry),
            };
            car.report(entry, physical, now)?;
        }
        Ok(car)
    }

    /// A frame from the bus: requests are answered later, everything else is nothing to us.
    pub fn receive(&mut self, frame: &CanFrame, now: Instant) {
        let mut reactions = Vec::new();
        for (entry, value) in self.description.requested(frame) {
            let Ok(physical) = entry.physical(&value) else {
                continue;
            };
            let signal = entry
                .actuator
                .as_ref()
                .map_or("", |actuator| actuator.request.signal.name());
            let refused =
                self.faults.refused.contains(&entry.path) || self.faults.refused.contains(signal);
            let action = if refused {
                match self.description.refuse(entry, NOT_NOW) {
                    Some(frame) => Action::Send(frame),
                    None => continue,
                }
            } else if self.moves.contains_key(&entry.path) {
                Action::Move {
                    path: entry.path.clone(),
                    target: physical,
                }
            } else {
                Action::Become {
                    path: entry.path.clone(),
                    physical,
                }
            };
            reactions.push(action);
        }
        for action in reactions {
            if let Action::Move { path, .. } = &action {
                self.stop(path);
            }
            self.reacted += 1;
            let spread = Duration::from_millis(self.reacted * 17 % REACTION_SPREAD_MS);
            let due = now + REACTION + spread + self.faults.delay;
            self.reactions.push(Reaction { due, action });
        }
    }

    /// Does what is due by `now` and returns the frames that leave.
    pub fn advance(&mut self, now: Instant) -> Vec<CanFrame> {
        let mut frames = Vec::new();
        let (due, later) = std::mem::take(&mut self.reactions)
            .into_iter()
            .partition(|reaction| reaction.due <= now);
        self.reactions = later;
        for Reaction { action, .. } in due {
            match action {
                Action::Become { path, physical } => self.become_value(&path, physical, now),
                Action::Move { path, target } => self.step(path, target, now),
                Action::Send(frame) => frames.push(frame),
            }
        }
        for status in self
            .statuses
            .values_mut()
            .filter(|status| status.due <= now)
        {
            status.due = now + status.message.cycle_time().unwrap_or(DEFAULT_CYCLE);
            if self.faults.silent.contains(status.message.name()) {
                continue;
            }
            frames.extend(status.message.frame(&status.payload));
        }
        frames
    }

    /// When [`Car::advance`] has something to do next.
    pub fn next_due(&self) -> Option<Instant> {
        let reactions = self.reactions.iter().map(|reaction| reaction.due);
        let statuses = self.statuses.values().map(|status| status.due);
        reactions.chain(statuses).min()
    }

    /// Carries out an order from outside.
    ///
    /// # Errors
    /// A sentence that says what the order got wrong.
    pub fn obey(&mut self, order: Order, now: Instant) -> Result<(), String> {
        match order {
            Order::Set(path, value) => {
                let entry = self
                    .description
                    .entry(&path)
                    .ok_or_else(|| format!("this car has no {path}"))?
                    .clone();
                let physical = entry
                    .physical(&value)
                    .map_err(|error| format!("{path} cannot be {value}: {error:?}"))?;
                self.stop(&path);
                self.report(&entry, physical, now)
                    .map_err(|error| error.to_string())?;
            }
            Order::Refuse(what) => {
                if !self.can_be_requested(&what) {
                    return Err(format!("nothing named {what} can be requested"));
                }
                self.faults.refused.insert(what);
            }
            Order::Accept(what) => {
                self.faults.refused.remove(&what);
            }
            Order::Silent(message) => {
                if !self
                    .statuses
                    .values()
                    .any(|status| status.message.name() == message)
                {
                    return Err(format!("{message} is no status message of this car"));
                }
                self.faults.silent.insert(message);
            }
            Order::Resume(message) => {
                self.faults.silent.remove(&message);
            }
            Order::Delay(delay) => self.faults.delay = delay,
        }
        Ok(())
    }

    fn can_be_requested(&self, what: &str) -> bool {
        self.description.entries().any(|entry| {
            entry.actuator.as_ref().is_some_and(|actuator| {
                entry.path == what || actuator.request.signal.name() == what
            })
        })
    }

    /// A newer request ends the motion under way.
    fn stop(&mut self, path: &str) {
        self.reactions.retain(
            |reaction| !matches!(&reaction.action, Action::Move { path: moving, .. } if moving == path),
        );
    }

    /// One step towards `target`; further steps are reactions of their own.
    fn step(&mut self, path: String, target: f64, now: Instant) {
        let speed = self.moves.get(&path).copied().unwrap_or(f64::INFINITY);
        let position = self.values.get(&path).copied().unwrap_or(target);
        let reach = speed * MOTION_STEP.as_secs_f64();
        let next = position + (target - position).clamp(-reach, reach);
        self.become_value(&path, next, now);
        if next != target {
            let due = now + MOTION_STEP;
            self.reactions.push(Reaction {
                due,
                action: Action::Move { path, target },
            });
        }
    }

    fn become_value(&mut self, path: &str, physical: f64, now: Instant) {
        if let Some(entry) = self.description.entry(path).cloned() {
            // A value that came out of a request of the same DBC fits its status signal; one
            // that does not is an ECU that does not react, and the gateway says so.
            let _ = self.report(&entry, physical, now);
            self.let_go(&entry, physical, now);
        }
    }

    /// What is only momentary goes back by itself.
    fn let_go(&mut self, entry: &Entry, physical: f64, now: Instant) {
        let rest = resting(entry);
        if let Some(seconds) = self.momentary.get(&entry.path)
            && physical != rest
        {
            self.reactions.push(Reaction {
                due: now + Duration::from_secs_f64(*seconds),
                action: Action::Become {
                    path: entry.path.clone(),
                    physical: rest,
                },
            });
        }
    }

    /// Notes a value and sends its status message at once.
    fn report(&mut self, entry: &Entry, physical: f64, now: Instant) -> Result<(), Error> {
        let message = &entry.status.message;
        let status = self.statuses.entry(message.id()).or_insert_with(|| Status {
            payload: message.start_payload(),
            message: Arc::clone(message),
            due: now,
        });
        // A flag that a motor moves is true only when the motion has ended.
        let shown = match entry.kind {
            Kind::Boolean
                if self
                    .values
                    .get(&entry.path)
                    .is_some_and(|now| physical > *now) =>
            {
                physical.floor()
            }
            Kind::Boolean => physical.ceil(),
            _ => physical,
        };
        entry.write_status(&mut status.payload, shown)?;
        status.due = now;
        self.values.insert(entry.path.clone(), physical);
        Ok(())
    }
}

fn value_of(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::Boolean(flag) => Some(Value::Flag(*flag)),
        toml::Value::Integer(number) => Some(Value::Number(*number as f64)),
        toml::Value::Float(number) => Some(Value::Number(*number)),
        toml::Value::String(text) => Some(Value::Text(text.clone())),
        _ => None,
    }
}

/// 0 where that is possible, else the lowest value.
fn resting(entry: &Entry) -> f64 {
    let (min, max) = match &entry.kind {
        Kind::Number { min, max, .. } if entry.actuator.is_some() => (*min, *max),
        _ => entry.status.signal.range().unwrap_or((0.0, 0.0)),
    };
    if min <= max {
        0.0_f64.clamp(min, max)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests;
