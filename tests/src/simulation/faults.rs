//! What the simulated car does wrong on purpose.

use std::{collections::BTreeSet, time::Duration};

/// Faults in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// VSS paths, or names of request signals, whose requests are refused.
    pub refused: BTreeSet<String>,
    /// Status messages that are not sent any more.
    pub silent: BTreeSet<String>,
    /// Status messages of which a bit flips on the way.
    pub damaged: BTreeSet<String>,
    /// Added to every reaction.
    pub delay: Duration,
}
