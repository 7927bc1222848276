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
