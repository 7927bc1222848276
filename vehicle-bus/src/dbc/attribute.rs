//! The DBC attributes that say how a message is sent: GenMsgCycleTime, GenMsgSendType and
//! VFrameFormat, with the meanings that CANdb++ and its users gave them.

use std::time::Duration;

use can_dbc::{AttributeDefinition, AttributeValue, AttributeValueType, Dbc, MessageId};

use crate::frame::CanId;

/// When a message is sent beside the moments at which one of its signals changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendType {
    /// Never: it is sent on change only.
    OnChange,
    /// Every cycle time.
    Cyclic(Duration),
    /// Every cycle time while one of its signals is not at its start value.
    WhileActive(Duration),
}

impl SendType {
    /// The cycle time, where it has one.
    pub fn cycle_time(self) -> Option<Duration> {
        match self {
            Self::OnChange => None,
            Self::Cyclic(cycle) | Self::WhileActive(cycle) => Some(cycle),
        }
    }
}

/// Reads cycle time and send type. Without a cycle time a message is sent on change only,
/// whatever its send type says; with one, the send types with "IfActive" in their name are active
/// ones and all others cyclic ones.
pub(super) fn send_type(dbc: &Dbc, message: MessageId) -> SendType {
    let cycle = dbc
        .resolved_message_attribute(message, "GenMsgCycleTime")
        .and_then(number)
        .filter(|milliseconds| *milliseconds > 0.0 && *milliseconds < 1e9)
        .map(|milliseconds| Duration::from_micros((milliseconds * 1000.0) as u64));
    let active = word(dbc, message, "GenMsgSendType")
        .is_some_and(|word| word.to_ascii_lowercase().contains("ifactive"));
    match cycle {
        None => SendType::OnChange,
        Some(cycle) if active => SendType::WhileActive(cycle),
        Some(cycle) => SendType::Cyclic(cycle),
    }
}

/// Whether VFrameFormat says CAN FD. Without the attribute a message of more than 8 bytes is one.
pub(super) fn is_fd(dbc: &Dbc, message: MessageId, size: usize) -> bool {
    size > 8 || word(dbc, message, "VFrameFormat").is_some_and(|word| word.ends_with("_FD"))
}

/// Where J1939 and others keep other things in the identifier, it still is one of 11 or 29 bits.
pub(super) fn id(message: MessageId) -> Option<CanId> {
    match message {
        MessageId::Standard(id) => CanId::standard(id),
        MessageId::Extended(id) => CanId::extended(id),
    }
}

/// A numeric attribute value.
pub(super) fn number(value: &AttributeValue) -> Option<f64> {
    match value {
        AttributeValue::Uint(value) => Some(*value as f64),
        AttributeValue::Int(value) => Some(*value as f64),
        AttributeValue::Double(value) => Some(*value),
        AttributeValue::String(_) => None,
    }
}

/// The word of an enumeration attribute, which a DBC gives by number or by name.
fn word(dbc: &Dbc, message: MessageId, name: &str) -> Option<String> {
    let value = dbc.resolved_message_attribute(message, name)?;
    if let AttributeValue::String(word) = value {
        return Some(word.clone());
    }
    let words = dbc
        .attribute_definitions
        .iter()
        .find_map(|definition| match definition {
            AttributeDefinition::Message(defined, AttributeValueType::Enum(words))
                if defined == name =>
            {
                Some(words)
            }
            _ => None,
        })?;
    words.get(number(value)? as usize).cloned()
}
