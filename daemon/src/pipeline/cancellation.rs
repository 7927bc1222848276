//! Cancelling: everything begun before it is dropped before it acts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Shared by all stages.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    last: Arc<Mutex<Option<Instant>>>,
}

impl Cancellation {
    /// Voids everything that was said or typed until now.
    pub fn cancel(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether what was said or typed at `ended` was cancelled since.
    pub fn voids(&self, ended: Instant) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|cancelled| ended <= cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn cancelling_voids_what_was_said_before_and_nothing_after() {
        let cancellation = Cancellation::default();
        let before = Instant::now();
        assert!(!cancellation.voids(before));
        cancellation.clone().cancel();
        assert!(cancellation.voids(before));
        assert!(!cancellation.voids(Instant::now() + Duration::from_millis(1)));
    }
}
