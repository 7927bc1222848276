//! How an actuator's request signal behaves: what it shows while nothing is asked of it, whether a
//! request is momentary, and how often it is made again.

use std::time::Duration;

use super::{Kind, SignalRef};
use crate::dbc::Raw;

/// The longest a momentary request may be shown.
const MAX_MOMENTARY_MS: u64 = 10_000;
/// The most a request is made again; more than a few only load a bus that does not answer.
const MAX_RETRIES: u32 = 5;
/// A set-point is asked for once more when the car shows no reaction: a frame may be lost.
const RETRIES: u32 = 1;

/// How a request is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Transmission {
    /// What the signal shows while nothing is asked of it: its start value, where that is no value
    /// one could ask for. None: it has no such value and keeps the last one.
    pub idle: Option<Raw>,
    /// The signal returns to [`Self::idle`] after this (a washer, a flash). None: it stays as long
    /// as the request is open.
    pub momentary: Option<Duration>,
    /// How often it is asked again when the car shows no reaction.
    pub retries: u32,
}

/// What `vehicle.toml` says about it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Given {
    pub(super) momentary_ms: Option<u64>,
    pub(super) retries: Option<u32>,
}

impl Transmission {
    /// Err is a sentence.
    pub(super) fn of(given: Given, kind: &Kind, request: &SignalRef) -> Result<Self, String> {
        let start = request.signal.start_value();
        let momentary = match given.momentary_ms {
            None => None,
            Some(milliseconds) if (1..=MAX_MOMENTARY_MS).contains(&milliseconds) => {
                Some(Duration::from_millis(milliseconds))
            }
            Some(_) => return Err(format!("momentary_ms must be 1 to {MAX_MOMENTARY_MS}")),
        };
        if momentary.is_some() && start.is_none() {
            return Err(format!(
                "momentary_ms needs a start value of {} (GenSigStartValue) to return to",
                request.name()
            ));
        }
        let retries = match (momentary, given.retries) {
            (Some(_), None) => 0,
            (Some(_), Some(more)) if more > 0 => {
                return Err("a momentary request is never made twice: retries must be 0".into());
            }
            (_, Some(retries)) if retries > MAX_RETRIES => {
                return Err(format!("retries must be 0 to {MAX_RETRIES}"));
            }
            (_, retries) => retries.unwrap_or(RETRIES),
        };
        Ok(Self {
            idle: start.filter(|start| momentary.is_some() || !asks(kind, request, *start)),
            momentary,
            retries,
        })
    }
}

/// Whether a raw value of the request signal asks for something.
fn asks(kind: &Kind, request: &SignalRef, raw: Raw) -> bool {
    let physical = request.signal.physical(raw);
    match kind {
        Kind::Boolean => physical == 0.0 || physical == 1.0,
        Kind::Number { min, max, .. } => (*min..=*max).contains(&physical),
        Kind::Choice(words) => words
            .values()
            .any(|word| raw == Raw::Integer(i128::from(*word))),
        Kind::Color => (0.0..=f64::from(0xFF_FFFF)).contains(&physical),
    }
}
