//! Where in the cabin.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A seat or a group of seats. Driver and passenger are the front seats, so
/// that a pack reads the same in a left-hand and a right-hand drive car.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// The driver's seat.
    Driver,
    /// The front passenger's seat.
    Passenger,
    /// The second row, behind the left front seat.
    RearLeft,
    /// The second row, behind the right front seat.
    RearRight,
    /// Both front seats.
    Front,
    /// The whole second row.
    Rear,
    /// The whole cabin.
    All,
}

impl Zone {
    /// Every zone, single seats first.
    pub const ALL: [Self; 7] = [
        Self::Driver,
        Self::Passenger,
        Self::RearLeft,
        Self::RearRight,
        Self::Front,
        Self::Rear,
        Self::All,
    ];

    /// The name used in configuration files and on D-Bus.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Passenger => "passenger",
            Self::RearLeft => "rear_left",
            Self::RearRight => "rear_right",
            Self::Front => "front",
            Self::Rear => "rear",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|zone| zone.as_str() == name)
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|zone| zone.as_str()).collect();
                format!("unknown zone \"{name}\"; use one of {}", known.join(", "))
            })
    }
}
