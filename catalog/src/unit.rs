//! What a number counts.

use serde::{Deserialize, Serialize};

/// The unit of a number argument. Inside Codriver a temperature is always
/// Celsius and a speed always kilometres per hour; conversion happens where
/// words become numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Degrees Celsius, absolute.
    Celsius,
    /// A difference of temperatures, in kelvin (the same size as a degree Celsius).
    Kelvin,
    /// Per cent, 0 to 100 unless the argument says otherwise.
    Percent,
    /// A numbered step of a control: heating level 2.
    Level,
    /// A count without a unit.
    Count,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Kilometres.
    Kilometres,
    /// Kilometres per hour.
    KilometresPerHour,
}
