//! What is known about the car and the talk when a sentence is understood.

use codriver_catalog::{Command, Zone};

/// The situation a sentence was said in. The default knows nothing, and what
/// is not known is treated as the dangerous case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// Whether the car moves; `None` when nobody knows.
    pub moving: Option<bool>,
    /// Where the one sits who speaks; `None` when nobody knows, and then "mine" is the driver's.
    pub speaker: Option<Zone>,
    /// What was done last, newest first, for follow-ups such as "a bit more".
    pub recent: Vec<Command>,
}
