//! What the car last reported, and how long ago.

use std::{collections::BTreeMap, time::Duration};

use tokio::{sync::watch, time::Instant};

use crate::{
    Value,
    description::{Description, Entry},
};

/// A fresh value with its age.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The value.
    pub value: Value,
    /// Since its status frame arrived.
    pub age: Duration,
}

/// One report of a status frame; None: the car says the value is not available.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) value: Option<Value>,
    pub(super) at: Instant,
}

#[derive(Debug)]
struct Slot {
    stale_after: Duration,
    last: watch::Sender<Option<Report>>,
}

#[derive(Debug)]
pub(super) struct State {
    slots: BTreeMap<String, Slot>,
    speed: String,
}

impl State {
    pub(super) fn new(description: &Description) -> Self {
        let slot = |entry: &Entry| Slot {
            stale_after: entry.stale_after,
            last: watch::channel(None).0,
        };
        Self {
            slots: description
                .entries()
                .map(|entry| (entry.path.clone(), slot(entry)))
                .collect(),
            speed: description.speed_path().to_owned(),
        }
    }

    /// Takes a report; true when the value differs from the last one.
    pub(super) fn report(&self, path: &str, value: Option<Value>, at: Instant) -> bool {
        let Some(slot) = self.slots.get(path) else {
            return false;
        };
        let report = Report { value, at };
        let last = slot.last.send_replace(Some(report.clone()));
        last.and_then(|last| last.value) != report.value
    }

    /// None: no such path. Some(None): unknown, stale or unavailable.
    pub(super) fn get(&self, path: &str) -> Option<Option<Reading>> {
        let slot = self.slots.get(path)?;
        let report = slot.last.borrow().clone();
        Some(report.and_then(|report| {
            let age = report.at.elapsed();
            (age <= slot.stale_after).then_some(Reading {
                value: report.value?,
                age,
            })
        }))
    }

    /// Wakes at every report of a path, also of an unchanged value.
    pub(super) fn reports(&self, path: &str) -> Option<watch::Receiver<Option<Report>>> {
        self.slots.get(path).map(|slot| slot.last.subscribe())
    }

    /// Speed over ground in km/h, without its sign: rolling backwards is moving. None: unknown.
    pub(super) fn speed(&self) -> Option<f64> {
        match self.get(&self.speed)??.value {
            Value::Number(speed) => Some(speed.abs()),
            _ => None,
        }
    }
}
