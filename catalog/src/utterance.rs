//! The name that one utterance carries through all stages.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies one utterance (spoken or typed) within one run of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UtteranceId(u64);

impl UtteranceId {
    /// A number not given out before in this process.
    // `next` is what it does; an iterator of identifiers would say less.
    #[allow(clippy::should_implement_trait)]
    pub fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }
}

impl fmt::Display for UtteranceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "u-{:06}", self.0)
    }
}
