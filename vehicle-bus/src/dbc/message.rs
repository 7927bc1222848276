//! One message: its identifier, its signals, and the way in and out of a payload.

use std::{path::PathBuf, sync::Arc, time::Duration};

use can_dbc::MultiplexIndicator;

use super::{
    attribute::{self, SendType},
    signal::{self, Misfit, Multiplexed, Raw, Signal},
};
use crate::{
    Error,
    frame::{self, CanFrame, CanId},
};

/// One DBC message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    file: Arc<PathBuf>,
    id: CanId,
    name: String,
    size: usize,
    sender: Option<String>,
    send_type: SendType,
    is_fd: bool,
    comment: Option<String>,
    signals: Vec<Signal>,
}

/// One signal read from a payload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecodedSignal<'a> {
    /// The signal.
    pub signal: &'a Signal,
    /// Value in the frame.
    pub raw: Raw,
    /// raw * factor + offset, in the signal's unit.
    pub physical: f64,
}

impl DecodedSignal<'_> {
    /// The value table's label of this value.
    pub fn label(&self) -> Option<&str> {
        self.signal.label(self.raw)
    }
}

impl Message {
    /// Identifier on the bus.
    pub fn id(&self) -> CanId {
        self.id
    }

    /// Name as in the DBC.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Payload length in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The node that sends it.
    pub fn sender(&self) -> Option<&str> {
        self.sender.as_deref()
    }

    /// DBC attribute GenMsgCycleTime; None for a message sent on change only.
    pub fn cycle_time(&self) -> Option<Duration> {
        self.send_type.cycle_time()
    }

    /// When it is sent (DBC attributes GenMsgSendType and GenMsgCycleTime).
    pub fn send_type(&self) -> SendType {
        self.send_type
    }

    /// Whether it travels in CAN FD frames.
    pub fn is_fd(&self) -> bool {
        self.is_fd
    }

    /// Comment of the DBC.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Signals in the DBC's order.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// A signal by name.
    ///
    /// # Errors
    /// [`Error::UnknownSignal`], naming file and message.
    pub fn signal(&self, name: &str) -> Result<&Signal, Error> {
        self.signals
            .iter()
            .find(|signal| signal.name == name)
            .ok_or_else(|| Error::UnknownSignal {
                file: self.file.to_path_buf(),
                message: self.name.clone(),
                signal: name.to_owned(),
            })
    }

    /// Every signal that `payload` carries: multiplexed ones only where their selector says so.
    ///
    /// # Errors
    /// [`Error::ShortFrame`] when the payload is shorter than the message.
    pub fn decode(&self, payload: &[u8]) -> Result<Vec<DecodedSignal<'_>>, Error> {
        if payload.len() < self.size {
            return Err(Error::ShortFrame {
                file: self.file.to_path_buf(),
                message: self.name.clone(),
                expected: self.size,
                got: payload.len(),
            });
        }
        Ok(self
            .signals
            .iter()
            .filter(|signal| self.is_present(signal, payload))
            .map(|signal| {
                let raw = signal.read(payload);
                DecodedSignal {
                    signal,
                    raw,
                    physical: signal.physical(raw),
                }
            })
            .collect())
    }

    /// `Name{Signal=value unit, ...}`: what a log or a monitor shows. Signals at their idle
    /// (start) value are left out.
    pub fn describe(&self, payload: &[u8]) -> String {
        self.describe_where(payload, |_| true)
    }

    /// [`Message::describe`] of those signals whose name is `shown`.
    pub fn describe_where(&self, payload: &[u8], shown: impl Fn(&str) -> bool) -> String {
        let Ok(decoded) = self.decode(payload) else {
            return format!("{}{{short frame}}", self.name);
        };
        let parts: Vec<String> = decoded
            .iter()
            .filter(|value| value.signal.start_value() != Some(value.raw))
            .filter(|value| shown(&value.signal.name))
            .map(|value| match value.label() {
                Some(label) => format!("{}={label}", value.signal.name),
                None if value.signal.unit.is_empty() => {
                    format!("{}={}", value.signal.name, value.physical)
                }
                None => format!(
                    "{}={} {}",
                    value.signal.name, value.physical, value.signal.unit
                ),
            })
            .collect();
        format!("{}{{{}}}", self.name, parts.join(", "))
    }

    /// The payload a sender starts with: plain signals at their start value, the rest zero.
    pub fn start_payload(&self) -> Vec<u8> {
        let mut payload = vec![0; self.size];
        for signal in self.signals.iter().filter(|s| s.multiplexed.is_none()) {
            if let Some(raw) = signal.start_value() {
                signal.write(&mut payload, raw);
            }
        }
        payload
    }

    /// A payload that asks for exactly one thing: `signal` at `physical`, everything else at its
    /// start (idle) value. Selectors of a multiplexed signal are set as it needs.
    ///
    /// # Errors
    /// As [`Message::set`].
    pub fn request(&self, signal: &str, physical: f64) -> Result<Vec<u8>, Error> {
        let signal = self.signal(signal)?;
        Ok(self.request_raw(signal, self.raw(signal, physical)?))
    }

    /// Encodes a whole message. Signals that are not named stay at their start value, or zero;
    /// selectors follow the multiplexed signals that are named, unless named themselves.
    ///
    /// # Errors
    /// As [`Message::set`].
    pub fn encode(&self, values: &[(&str, f64)]) -> Result<Vec<u8>, Error> {
        let mut payload = self.start_payload();
        for (name, _) in values {
            self.select(self.signal(name)?, &mut payload);
        }
        // Named selectors first: they decide which of the others may be written.
        let (selectors, plain): (Vec<&(&str, f64)>, Vec<_>) =
            values.iter().partition(|(name, _)| {
                self.signals
                    .iter()
                    .any(|signal| signal.name == *name && signal.is_selector)
            });
        for &(name, physical) in selectors.into_iter().chain(plain) {
            self.set(&mut payload, name, physical)?;
        }
        Ok(payload)
    }

    /// Writes one signal into a payload and leaves every other bit as it is. The physical value
    /// is rounded to the nearest raw one. A double is exact up to 2^53 only: for larger raw
    /// values there is [`Message::set_raw`].
    ///
    /// # Errors
    /// [`Error::UnknownSignal`]; [`Error::OutOfRange`] outside the stated range or what the bits
    /// hold (nothing is ever clamped); [`Error::NotSelected`] for a multiplexed signal which this
    /// payload's selector leaves out; [`Error::ShortFrame`].
    pub fn set(&self, payload: &mut [u8], signal: &str, physical: f64) -> Result<(), Error> {
        let raw = self.raw(self.signal(signal)?, physical)?;
        self.set_raw(payload, signal, raw)
    }

    /// Writes a raw value, also one outside the stated range, such as "not available".
    ///
    /// # Errors
    /// As [`Message::set`], [`Error::OutOfRange`] only beyond what the bits hold.
    pub fn set_raw(&self, payload: &mut [u8], signal: &str, raw: Raw) -> Result<(), Error> {
        let signal = self.signal(signal)?;
        if payload.len() < self.size {
            return Err(Error::ShortFrame {
                file: self.file.to_path_buf(),
                message: self.name.clone(),
                expected: self.size,
                got: payload.len(),
            });
        }
        if !self.is_present(signal, payload) {
            return Err(Error::NotSelected {
                file: self.file.to_path_buf(),
                message: self.name.clone(),
                signal: signal.name.clone(),
            });
        }
        if signal.write(payload, raw) {
            Ok(())
        } else {
            Err(self.misfit(signal, signal.physical(raw), Misfit::Bits))
        }
    }

    /// Wraps a payload into a frame with this message's identifier; zeros fill it up to the next
    /// length that CAN FD has.
    ///
    /// # Errors
    /// [`Error::PayloadLength`] above 64 bytes.
    pub fn frame(&self, payload: &[u8]) -> Result<CanFrame, Error> {
        let mut padded = payload.to_vec();
        padded.resize(
            frame::padded_length(payload.len()).unwrap_or(payload.len()),
            0,
        );
        if self.is_fd {
            CanFrame::fd(self.id, &padded)
        } else {
            CanFrame::new(self.id, &padded)
        }
    }

    /// [`Message::request`] for a raw value already proven to fit.
    pub(crate) fn request_raw(&self, signal: &Signal, raw: Raw) -> Vec<u8> {
        let mut payload = self.page_payload(signal);
        signal.write(&mut payload, raw);
        payload
    }

    /// The raw value of a physical one, or why there is none.
    pub(crate) fn raw(&self, signal: &Signal, physical: f64) -> Result<Raw, Error> {
        signal
            .raw(physical)
            .map_err(|misfit| self.misfit(signal, physical, misfit))
    }

    /// The selector value that lets a multiplexed signal in; None for a plain signal.
    pub fn page(&self, signal: &Signal) -> Option<u64> {
        let rule = signal.multiplexed.as_ref()?;
        rule.ranges.first().map(|(low, _)| *low)
    }

    /// How many pages a multiplexed message has, counted by the selector values that begin one; 1
    /// for a plain message.
    pub fn pages(&self) -> usize {
        let pages: std::collections::BTreeSet<_> = self
            .signals
            .iter()
            .filter_map(|signal| signal.multiplexed.as_ref())
            .filter_map(|rule| rule.ranges.first().map(|(low, _)| (rule.selector, *low)))
            .collect();
        pages.len().max(1)
    }

    /// Writes a raw value proven to fit, whatever the selectors say.
    pub(crate) fn put(&self, payload: &mut [u8], signal: &Signal, raw: Raw) {
        signal.write(payload, raw);
    }

    /// The start payload with the selectors set as `signal` needs them, and the signals beside it
    /// at their start values.
    pub fn page_payload(&self, signal: &Signal) -> Vec<u8> {
        let mut payload = self.start_payload();
        self.select(signal, &mut payload);
        for other in self.signals.iter().filter(|s| s.multiplexed.is_some()) {
            if !other.is_selector
                && self.is_present(other, &payload)
                && let Some(idle) = other.start_value()
            {
                other.write(&mut payload, idle);
            }
        }
        payload
    }

    pub(crate) fn is_present(&self, signal: &Signal, payload: &[u8]) -> bool {
        let mut signal = signal;
        // Selectors nest; a chain longer than the message has signals would be a loop.
        for _ in 0..=self.signals.len() {
            let Some(rule) = &signal.multiplexed else {
                return true;
            };
            let Some(selector) = self.signals.get(rule.selector) else {
                return false;
            };
            let value = selector.field.read(payload);
            if !rule
                .ranges
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&value))
            {
                return false;
            }
            signal = selector;
        }
        false
    }

    /// Sets the selectors on the way to `signal`, where they do not already let it in.
    fn select(&self, signal: &Signal, payload: &mut [u8]) {
        let mut signal = signal;
        for _ in 0..=self.signals.len() {
            let Some(rule) = &signal.multiplexed else {
                return;
            };
            let Some(selector) = self.signals.get(rule.selector) else {
                return;
            };
            let value = selector.field.read(payload);
            let inside = |(low, high): &(u64, u64)| (*low..=*high).contains(&value);
            if !rule.ranges.iter().any(inside)
                && let Some((low, _)) = rule.ranges.first()
            {
                selector.field.write(payload, *low);
            }
            signal = selector;
        }
    }

    fn misfit(&self, signal: &Signal, value: f64, misfit: Misfit) -> Error {
        let (min, max) = match misfit {
            Misfit::Range => signal.limits(),
            Misfit::Bits => signal.carried(),
        };
        Error::OutOfRange {
            file: self.file.to_path_buf(),
            message: self.name.clone(),
            signal: signal.name.clone(),
            value,
            min,
            max,
            unit: signal.unit.clone(),
        }
    }
}

/// Reads one parsed message with its signals and multiplexing.
pub(super) fn message(
    dbc: &can_dbc::Dbc,
    parsed: &can_dbc::Message,
    file: &Arc<PathBuf>,
) -> Result<Message, Error> {
    let bad_signal = |signal: &str, problem: String| Error::BadSignal {
        file: file.to_path_buf(),
        message: parsed.name.clone(),
        signal: signal.to_owned(),
        problem,
    };
    let bad_message = |problem: String| Error::BadMessage {
        file: file.to_path_buf(),
        message: parsed.name.clone(),
        problem,
    };
    let id = attribute::id(parsed.id)
        .ok_or_else(|| bad_message(format!("identifier {} does not exist", parsed.id.raw())))?;
    let size = usize::try_from(parsed.size)
        .ok()
        .filter(|size| *size <= 64)
        .ok_or_else(|| bad_message(format!("a frame cannot carry {} bytes", parsed.size)))?;

    let mut signals = Vec::with_capacity(parsed.signals.len());
    for each in &parsed.signals {
        if signals
            .iter()
            .any(|signal: &Signal| signal.name == each.name)
        {
            return Err(bad_signal(&each.name, "it is there twice".into()));
        }
        let signal =
            signal::signal(dbc, parsed, each).map_err(|problem| bad_signal(&each.name, problem))?;
        signals.push(signal);
    }
    for (index, each) in parsed.signals.iter().enumerate() {
        let (is_selector, value) = match each.multiplexer_indicator {
            MultiplexIndicator::Plain => (false, None),
            MultiplexIndicator::Multiplexor => (true, None),
            MultiplexIndicator::MultiplexedSignal(value) => (false, Some(value)),
            MultiplexIndicator::MultiplexorAndMultiplexedSignal(value) => (true, Some(value)),
        };
        let multiplexed = value
            .map(|value| selector(dbc, parsed, each, value))
            .transpose()
            .map_err(|problem| bad_signal(&each.name, problem))?;
        if let Some(signal) = signals.get_mut(index) {
            signal.is_selector = is_selector;
            signal.multiplexed = multiplexed;
        }
    }
    Ok(Message {
        file: Arc::clone(file),
        id,
        name: parsed.name.clone(),
        size,
        sender: parsed.transmitter.clone(),
        send_type: attribute::send_type(dbc, parsed.id),
        is_fd: attribute::is_fd(dbc, parsed.id, size),
        comment: dbc.message_comment(parsed.id).map(str::to_owned),
        signals,
    })
}

/// Which selector lets a multiplexed signal in: SG_MUL_VAL_ where there is one, else the
/// message's only plain selector and the number behind the `m`.
fn selector(
    dbc: &can_dbc::Dbc,
    message: &can_dbc::Message,
    signal: &can_dbc::Signal,
    value: u64,
) -> Result<Multiplexed, String> {
    let extended = dbc
        .extended_multiplex
        .iter()
        .find(|entry| entry.message_id == message.id && entry.signal_name == signal.name);
    let index_of =
        |wanted: &dyn Fn(&can_dbc::Signal) -> bool| message.signals.iter().position(wanted);
    match extended {
        Some(entry) => Ok(Multiplexed {
            selector: index_of(&|signal| signal.name == entry.multiplexor_signal_name).ok_or_else(
                || format!("its selector {} is missing", entry.multiplexor_signal_name),
            )?,
            ranges: entry
                .mappings
                .iter()
                .map(|range| (range.min_value, range.max_value))
                .collect(),
        }),
        None => Ok(Multiplexed {
            selector: index_of(&|signal| {
                signal.multiplexer_indicator == MultiplexIndicator::Multiplexor
            })
            .ok_or("it is multiplexed, but the message has no selector")?,
            ranges: vec![(value, value)],
        }),
    }
}
