//! What became of utterances, for `codriverctl status`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted since the daemon was started.
#[derive(Debug, Default)]
pub struct Counts {
    recognised: AtomicU64,
    passed_over: AtomicU64,
}

impl Counts {
    /// The recogniser is asked, at a pause or at the end.
    pub fn recognise(&self) {
        self.recognised.fetch_add(1, Ordering::Relaxed);
    }

    /// An utterance was not meant for the assistant, and nobody learns its words.
    pub fn pass_over(&self) {
        self.passed_over.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the recogniser was asked.
    pub fn recognised(&self) -> u64 {
        self.recognised.load(Ordering::Relaxed)
    }

    /// Utterances that it never heard.
    pub fn passed_over(&self) -> u64 {
        self.passed_over.load(Ordering::Relaxed)
    }
}
