//! What is known about the car and the talk when a sentence is understood.

use codriver_catalog::Command;

/// The situation a sentence was said in. The default knows nothing, and what
/// is not known is treated as the dangerous case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// Whether the car moves; `None` when nobody knows.
    pub moving: Option<bool>,
    /// What was done last, newest first, for follow-ups such as "a bit more".
    pub recent: Vec<Command>,
}
