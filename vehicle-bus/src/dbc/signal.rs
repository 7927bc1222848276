//! One signal of a message: its place, its scale, its range and its named values.

use std::collections::BTreeMap;

use can_dbc::{NumericValue, SignalExtendedValueType, ValueType};

use super::bits::{BitField, ByteOrder};

/// A raw value as it stands in the frame, before factor and offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Raw {
    /// Signed or unsigned integer; every 64-bit signal fits.
    Integer(i128),
    /// IEEE 754 signal of 32 or 64 bits.
    Float(f64),
}

/// Why a physical value has no place in a signal. The caller adds file, message and signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Misfit {
    /// Outside the DBC's [min|max], or no number.
    Range,
    /// Outside what the bits can hold.
    Bits,
}

/// When a multiplexed signal is present: its selector reads one of the ranges.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Multiplexed {
    /// Index of the selector in the message's signals.
    pub(super) selector: usize,
    /// Inclusive raw ranges of the selector.
    pub(super) ranges: Vec<(u64, u64)>,
}

/// One signal of a DBC message.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    pub(super) name: String,
    pub(super) field: BitField,
    pub(super) number: Number,
    pub(super) factor: f64,
    pub(super) offset: f64,
    pub(super) range: Option<(f64, f64)>,
    pub(super) unit: String,
    pub(super) labels: BTreeMap<i64, String>,
    pub(super) start_value: Option<f64>,
    pub(super) comment: Option<String>,
    pub(super) receivers: Vec<String>,
    pub(super) is_selector: bool,
    pub(super) multiplexed: Option<Multiplexed>,
}

/// How a signal's bits are read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Unsigned,
    Signed,
    Float32,
    Float64,
}

impl Signal {
    /// Name as in the DBC.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Start bit as written in the DBC; unique in a message that has no multiplexed signals.
    pub fn start_bit(&self) -> usize {
        self.field.start()
    }

    /// Width in bits, 1 to 64.
    pub fn bits(&self) -> u32 {
        self.field.length()
    }

    /// Physical value of one raw step.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Physical value of raw zero.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// Physical limits the DBC states; None where it states [0|0].
    pub fn range(&self) -> Option<(f64, f64)> {
        self.range
    }

    /// Physical limits that hold: the stated ones within what the bits can carry.
    pub fn limits(&self) -> (f64, f64) {
        let (low, high) = self.carried();
        match self.range {
            Some((min, max)) => (min.max(low), max.min(high)),
            None => (low, high),
        }
    }

    /// Unit text, "" for none.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Comment of the DBC.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Nodes that receive the signal.
    pub fn receivers(&self) -> &[String] {
        &self.receivers
    }

    /// Value table: raw value -> label.
    pub fn labels(&self) -> &BTreeMap<i64, String> {
        &self.labels
    }

    /// The label of a raw value, where the value table has one.
    pub fn label(&self, raw: Raw) -> Option<&str> {
        match raw {
            Raw::Integer(value) => i64::try_from(value)
                .ok()
                .and_then(|value| self.labels.get(&value))
                .map(String::as_str),
            Raw::Float(_) => None,
        }
    }

    /// The raw value of a label, where the value table has it.
    pub fn raw_of_label(&self, label: &str) -> Option<Raw> {
        self.labels
            .iter()
            .find(|(_, text)| *text == label)
            .map(|(raw, _)| Raw::Integer(i128::from(*raw)))
    }

    /// The raw value a sender starts with (DBC attribute GenSigStartValue). In a request message
    /// it is the idle value: "nothing is asked of this signal".
    pub fn start_value(&self) -> Option<Raw> {
        let value = self.start_value?;
        match self.number {
            Number::Float32 | Number::Float64 => Some(Raw::Float(value)),
            Number::Signed | Number::Unsigned => integer(value).map(Raw::Integer),
        }
    }

    /// raw * factor + offset.
    pub fn physical(&self, raw: Raw) -> f64 {
        match raw {
            // Above 2^53 a double rounds; the raw value stays exact.
            Raw::Integer(value) => value as f64 * self.factor + self.offset,
            Raw::Float(value) => value * self.factor + self.offset,
        }
    }

    /// The first byte that the signal has a bit in, for a signal of whole bytes.
    pub(crate) fn first_byte(&self) -> usize {
        self.field.start() / 8
    }

    /// Whether it is a plain unsigned number of `bits` bits that begins with byte `byte`: in its
    /// low bits, where it is less than a byte.
    pub(crate) fn lies_at(&self, byte: usize, bits: u64, order: ByteOrder) -> bool {
        self.number == Number::Unsigned
            && self.factor == 1.0
            && self.offset == 0.0
            && self.multiplexed.is_none()
            && self.field.lies_at(byte, bits, order)
    }

    /// Its value in a payload, whatever a selector says; bits beyond the payload are zero.
    pub(crate) fn value(&self, payload: &[u8]) -> Raw {
        self.read(payload)
    }

    pub(super) fn read(&self, payload: &[u8]) -> Raw {
        let bits = self.field.read(payload);
        match self.number {
            Number::Unsigned => Raw::Integer(i128::from(bits)),
            Number::Signed => {
                let spare = 64 - self.field.length();
                Raw::Integer(i128::from((bits << spare) as i64 >> spare))
            }
            Number::Float32 => Raw::Float(f64::from(f32::from_bits(bits as u32))),
            Number::Float64 => Raw::Float(f64::from_bits(bits)),
        }
    }

    /// Writes a raw value; false when the bits cannot hold it (nothing is written then).
    pub(super) fn write(&self, payload: &mut [u8], raw: Raw) -> bool {
        let bits = match (self.number, raw) {
            (Number::Float32, Raw::Float(value)) => u64::from((value as f32).to_bits()),
            (Number::Float64, Raw::Float(value)) => value.to_bits(),
            (Number::Unsigned | Number::Signed, Raw::Integer(value)) => {
                let (min, max) = self.raw_limits();
                if value < min || value > max {
                    return false;
                }
                value as u64
            }
            _ => return false,
        };
        self.field.write(payload, bits);
        true
    }

    /// The nearest raw value of a physical one; never a clamped one.
    pub(super) fn raw(&self, physical: f64) -> Result<Raw, Misfit> {
        if !physical.is_finite() {
            return Err(Misfit::Range);
        }
        // A millionth of a step absorbs what decimal factors lose in binary (0.1 * 3 > 0.3).
        let slack = self.factor.abs() * 1e-6;
        if let Some((min, max)) = self.range
            && (physical < min - slack || physical > max + slack)
        {
            return Err(Misfit::Range);
        }
        let value = (physical - self.offset) / self.factor;
        let outside = Misfit::Bits;
        match self.number {
            Number::Float32 if !(value as f32).is_finite() => Err(outside),
            Number::Float32 | Number::Float64 if value.is_finite() => Ok(Raw::Float(value)),
            Number::Float32 | Number::Float64 => Err(outside),
            Number::Unsigned | Number::Signed => {
                let nearest = integer(value.round_ties_even()).ok_or(outside)?;
                let (min, max) = self.raw_limits();
                if nearest < min || nearest > max {
                    return Err(outside);
                }
                Ok(Raw::Integer(nearest))
            }
        }
    }

    fn raw_limits(&self) -> (i128, i128) {
        let bits = self.field.length();
        match self.number {
            Number::Signed => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
            _ => (0, (1i128 << bits) - 1),
        }
    }

    /// Physical values the bits can carry, smaller one first.
    pub(super) fn carried(&self) -> (f64, f64) {
        let (low, high) = match self.number {
            Number::Float32 => (f64::from(f32::MIN), f64::from(f32::MAX)),
            Number::Float64 => (f64::MIN, f64::MAX),
            Number::Unsigned | Number::Signed => {
                let (min, max) = self.raw_limits();
                (min as f64, max as f64)
            }
        };
        let ends = (
            low * self.factor + self.offset,
            high * self.factor + self.offset,
        );
        (ends.0.min(ends.1), ends.0.max(ends.1))
    }
}

/// Reads one parsed signal; Err says what is wrong with it.
pub(super) fn signal(
    dbc: &can_dbc::Dbc,
    message: &can_dbc::Message,
    parsed: &can_dbc::Signal,
) -> Result<Signal, String> {
    let order = match parsed.byte_order {
        can_dbc::ByteOrder::LittleEndian => ByteOrder::Intel,
        can_dbc::ByteOrder::BigEndian => ByteOrder::Motorola,
    };
    let payload = usize::try_from(message.size).unwrap_or(usize::MAX);
    let field = BitField::new(parsed.start_bit, parsed.size, order, payload).ok_or_else(|| {
        format!(
            "{} bits from bit {} do not fit its {} byte message",
            parsed.size, parsed.start_bit, message.size
        )
    })?;
    let number = match dbc.extended_value_type_for_signal(message.id, &parsed.name) {
        Some(SignalExtendedValueType::IEEEfloat32Bit) if parsed.size == 32 => Number::Float32,
        Some(SignalExtendedValueType::IEEEdouble64bit) if parsed.size == 64 => Number::Float64,
        Some(SignalExtendedValueType::SignedOrUnsignedInteger) | None => match parsed.value_type {
            ValueType::Signed => Number::Signed,
            ValueType::Unsigned => Number::Unsigned,
        },
        Some(_) => return Err(format!("a float cannot have {} bits", parsed.size)),
    };
    if parsed.factor == 0.0 || !parsed.factor.is_finite() || !parsed.offset.is_finite() {
        return Err("its factor must be a number other than 0".into());
    }
    let (min, max) = (as_f64(parsed.min), as_f64(parsed.max));
    if min > max {
        return Err(format!("its range [{min}|{max}] is upside down"));
    }
    let labels = dbc
        .value_descriptions_for_signal(message.id, &parsed.name)
        .unwrap_or_default()
        .iter()
        .map(|entry| (entry.id, entry.description.clone()))
        .collect();
    Ok(Signal {
        name: parsed.name.clone(),
        field,
        number,
        factor: parsed.factor,
        offset: parsed.offset,
        range: (min != 0.0 || max != 0.0).then_some((min, max)),
        unit: parsed.unit.clone(),
        labels,
        start_value: dbc
            .signal_attribute(message.id, &parsed.name, "GenSigStartValue")
            .and_then(super::attribute::number),
        comment: dbc
            .signal_comment(message.id, &parsed.name)
            .map(str::to_owned),
        receivers: parsed.receivers.clone(),
        is_selector: false,
        multiplexed: None,
    })
}

fn as_f64(value: NumericValue) -> f64 {
    match value {
        NumericValue::Uint(value) => value as f64,
        NumericValue::Int(value) => value as f64,
        NumericValue::Double(value) => value,
    }
}

/// A whole double as an integer; None beyond what 64 bits could ever hold.
fn integer(value: f64) -> Option<i128> {
    (value.is_finite() && value.abs() < 4e19).then_some(value as i128)
}
