//! A vehicle value as D-Bus carries it: boolean, number or text.

use std::fmt;

/// Value of a VSS path. On D-Bus: b, d, s.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// On or off, open or closed, locked or not.
    Flag(bool),
    /// A number in the path's unit.
    Number(f64),
    /// One of the path's allowed words, or a color "#RRGGBB".
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<codriver_catalog::Value> for Value {
    fn from(value: codriver_catalog::Value) -> Self {
        use codriver_catalog::Value as Spoken;
        match value {
            Spoken::Flag(flag) => Self::Flag(flag),
            Spoken::Number(number) => Self::Number(number),
            word @ (Spoken::Choice(_) | Spoken::Zone(_) | Spoken::Text(_)) => {
                Self::Text(word.to_string())
            }
        }
    }
}

impl From<Value> for codriver_catalog::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Flag(flag) => Self::Flag(flag),
            Value::Number(number) => Self::Number(number),
            Value::Text(text) => Self::Text(text),
        }
    }
}
