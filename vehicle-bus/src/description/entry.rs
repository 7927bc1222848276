//! One VSS path of the vehicle: its type and limits, its signals, and values to and from them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::Transmission;
use crate::{
    Error,
    dbc::{Message, Raw, Signal},
    frame::CanFrame,
    value::Value,
};

/// A VSS path that the gateway offers.
#[derive(Debug, Clone)]
pub struct Entry {
    /// VSS path.
    pub path: String,
    /// Type and limits.
    pub kind: Kind,
    /// Unit, "" for none.
    pub unit: String,
    /// The signal that reports the present value.
    pub status: SignalRef,
    /// How long a reported value is believed.
    pub stale_after: Duration,
    /// How it is written; None for a sensor.
    pub actuator: Option<Actuator>,
}

/// How a path is written.
#[derive(Debug, Clone)]
pub struct Actuator {
    /// The signal that asks for a value.
    pub request: SignalRef,
    /// What the signal shows before, during and after a request.
    pub transmission: Transmission,
    /// Within this time the status must show the value asked for.
    pub confirm_within: Duration,
}

/// A signal with its message.
#[derive(Debug, Clone)]
pub struct SignalRef {
    /// The message.
    pub message: Arc<Message>,
    /// The signal, one of the message's.
    pub signal: Signal,
}

/// Type and limits of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// true or false.
    Boolean,
    /// A number; limits and step are given for actuators.
    Number {
        /// Lowest value.
        min: f64,
        /// Highest value.
        max: f64,
        /// Distance between allowed values, counted from `min`; 0 for a sensor.
        step: f64,
    },
    /// One of these words, each with the signal's raw value.
    Choice(BTreeMap<String, i64>),
    /// A text "#RRGGBB", red in the highest byte of the signal.
    Color,
}

/// Why a value cannot be asked of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueError {
    /// Another type: what is expected.
    Type(&'static str),
    /// Outside the limits, off the step, or not among the words: a sentence.
    Range(String),
}

impl Kind {
    /// "boolean", "number", "choice" or "color".
    pub fn name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Number { .. } => "number",
            Self::Choice(_) => "choice",
            Self::Color => "color",
        }
    }
}

impl Entry {
    /// The value of a status raw value; None when it stands for "not available" (outside the
    /// DBC's range, or a word the description does not know).
    pub fn value(&self, raw: Raw) -> Option<Value> {
        let physical = self.status.signal.physical(raw);
        let slack = self.status.signal.factor().abs() * 1e-6;
        if let Some((min, max)) = self.status.signal.range()
            && !(min - slack..=max + slack).contains(&physical)
        {
            return None;
        }
        match &self.kind {
            Kind::Boolean => Some(Value::Flag(physical != 0.0)),
            Kind::Number { .. } => physical.is_finite().then_some(Value::Number(physical)),
            Kind::Choice(words) => {
                let Raw::Integer(raw) = raw else { return None };
                words
                    .iter()
                    .find(|(_, value)| i128::from(**value) == raw)
                    .map(|(word, _)| Value::Text(word.clone()))
            }
            Kind::Color => Some(Value::Text(format!("#{:06X}", physical as u32))),
        }
    }

    /// The physical value that carries `value`: in range, on the step, of the right type.
    ///
    /// # Errors
    /// [`ValueError`]; nothing is clamped or rounded to another value.
    pub fn physical(&self, value: &Value) -> Result<f64, ValueError> {
        match (&self.kind, value) {
            (Kind::Boolean, Value::Flag(flag)) => Ok(f64::from(u8::from(*flag))),
            (Kind::Number { min, max, step }, Value::Number(number)) => {
                // Written so that NaN falls through to the refusal.
                if !(*min..=*max).contains(number) {
                    return Err(ValueError::Range(format!(
                        "{number} is outside {min} to {max} {}",
                        self.unit
                    )));
                }
                let steps = (number - min) / step;
                if *step > 0.0 && (steps - steps.round()).abs() > 1e-6 {
                    return Err(ValueError::Range(format!(
                        "{number} is not on a step of {step} {} from {min}",
                        self.unit
                    )));
                }
                Ok(*number)
            }
            (Kind::Choice(words), Value::Text(word)) => match words.get(word) {
                Some(raw) => Ok(self.status.signal.physical(Raw::Integer(i128::from(*raw)))),
                None => {
                    let known: Vec<_> = words.keys().map(String::as_str).collect();
                    Err(ValueError::Range(format!(
                        "\"{word}\" is none of {}",
                        known.join(", ")
                    )))
                }
            },
            (Kind::Color, Value::Text(text)) => text
                .strip_prefix('#')
                .filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .map(f64::from)
                .ok_or_else(|| ValueError::Range(format!("\"{text}\" is no color \"#RRGGBB\""))),
            (Kind::Boolean, _) => Err(ValueError::Type("a boolean")),
            (Kind::Number { .. }, _) => Err(ValueError::Type("a number")),
            (Kind::Choice(_) | Kind::Color, _) => Err(ValueError::Type("a text")),
        }
    }

    /// The physical value of a reported one, which need not be on a step or within the limits of
    /// what may be asked for; None for a word that the description does not know.
    pub fn carried(&self, value: &Value) -> Option<f64> {
        match (&self.kind, value) {
            (Kind::Number { .. }, Value::Number(number)) => Some(*number),
            _ => self.physical(value).ok(),
        }
    }

    /// Whether a reported value is the one asked for, within half a raw step of the status.
    pub fn shows(&self, reported: &Value, wanted: &Value) -> bool {
        match (reported, wanted) {
            (Value::Number(reported), Value::Number(wanted)) => {
                (reported - wanted).abs() <= self.status.signal.factor().abs() / 2.0 + 1e-9
            }
            (Value::Text(reported), Value::Text(wanted)) => reported.eq_ignore_ascii_case(wanted),
            _ => reported == wanted,
        }
    }

    /// The status frame in which this path has `value` and the rest keeps `payload`'s bits.
    /// For simulated ECUs.
    ///
    /// # Errors
    /// As [`Message::set`].
    pub fn write_status(&self, payload: &mut [u8], physical: f64) -> Result<(), Error> {
        self.status
            .message
            .set(payload, self.status.signal.name(), physical)
    }
}

impl Actuator {
    /// The raw value of the request signal that asks for a physical value.
    ///
    /// # Errors
    /// [`Error::OutOfRange`].
    pub fn raw(&self, physical: f64) -> Result<Raw, Error> {
        self.request.message.raw(&self.request.signal, physical)
    }

    /// The frame that asks for a physical value and for nothing else, without end-to-end
    /// protection: for simulated ECUs and tests. The gateway composes what it sends from all that
    /// is open.
    ///
    /// # Errors
    /// As [`Message::request`].
    pub fn frame(&self, physical: f64) -> Result<CanFrame, Error> {
        let raw = self.raw(physical)?;
        let payload = self.request.message.request_raw(&self.request.signal, raw);
        self.request.message.frame(&payload)
    }
}
