//! What to do with what was understood.

use serde::{Deserialize, Serialize};

/// The four ways an utterance can end its understanding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Understood and allowed to go to the car.
    Execute,
    /// Understood; the speaker is asked to confirm before anything leaves.
    Confirm,
    /// Partly understood; the speaker is asked for what is missing.
    Clarify,
    /// Not a command, or not understood well enough. Nothing happens.
    Reject,
}
