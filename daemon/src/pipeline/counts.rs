//! What became of utterances, for `codriverctl status`.

use std::sync::atomic::{AtomicU64, Ordering};

use codriver_asr::Verdict;
use serde::Serialize;

/// Counted since the daemon was started.
#[derive(Debug, Default)]
pub struct Counts {
    recognised: AtomicU64,
    passed_over: AtomicU64,
    calls_written: AtomicU64,
    calls_believed: AtomicU64,
    calls_refused: AtomicU64,
}

/// How often the recogniser gave which verdict on a wake phrase ([`Verdict`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// It wrote the phrase of itself.
    pub written: u64,
    /// It wrote something else that is not much more probable.
    pub believed: u64,
    /// Something else was said.
    pub refused: u64,
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

    /// A head has heard its wake phrase, and the recogniser has said whether it was said.
    pub fn call(&self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Written => &self.calls_written,
            Verdict::Believed { .. } => &self.calls_believed,
            Verdict::Refused { .. } => &self.calls_refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What became of wake phrases that a head has heard.
    pub fn calls(&self) -> Calls {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Calls {
            written: read(&self.calls_written),
            believed: read(&self.calls_believed),
            refused: read(&self.calls_refused),
        }
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
