//! What an argument of a command holds.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use crate::Zone;

/// One argument's value. In JSON and TOML it is a plain boolean, number or
/// string; read back without its definition, a zone or choice is a `Text`
/// (see [`crate::Argument::parse`], which knows better).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// On or off.
    Flag(bool),
    /// A finite number in the argument's unit.
    Number(f64),
    /// The name of one of the argument's choices.
    Choice(String),
    /// A seat or group of seats.
    Zone(Zone),
    /// Free words: a place, a person, a song.
    Text(String),
}

impl Value {
    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The zone, if it is one.
    pub fn as_zone(&self) -> Option<Zone> {
        match self {
            Self::Zone(zone) => Some(*zone),
            _ => None,
        }
    }
}

/// As it is written in a call, a reply or a log: `true`, `21.5`, `rear_left`, `home`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            // Rust prints the shortest decimal that reads back the same: 22, 21.5.
            Self::Number(number) => write!(f, "{number}"),
            Self::Choice(text) | Self::Text(text) => f.write_str(text),
            Self::Zone(zone) => write!(f, "{zone}"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => match whole(*number) {
                Some(integer) => serializer.serialize_i64(integer),
                None => serializer.serialize_f64(*number),
            },
            other => serializer.collect_str(other),
        }
    }
}

/// `22`, not `22.0`, where a number is whole and small enough to be exact.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 2f64.powi(53)).then_some(number as i64)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Plain;
        impl Visitor<'_> for Plain {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean, a number or a string")
            }
            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
                Ok(Value::Flag(flag))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Number(number as f64))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Number(number as f64))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
                if number.is_finite() {
                    Ok(Value::Number(number))
                } else {
                    Err(E::custom("a number must be finite"))
                }
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Plain)
    }
}
