//! The accelerator beside the CPU: used while it works, put aside when it does not, tried again later.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::decoder::{Decoder, DecoderShape};
use crate::Error;

/// How long a failed accelerator rests at first; twice as long after each further failure.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(600);

/// A decoder that may fail, and whether it may be asked now.
pub struct Accelerator {
    decoder: Box<dyn Decoder>,
    health: Arc<Health>,
    rest: Duration,
    rests_until: Option<Instant>,
}

/// What became of the answers since start, readable from other threads.
#[derive(Debug, Default)]
pub struct Health {
    answers: AtomicU64,
    failures: AtomicU64,
    retries: AtomicU64,
    last_failure: Mutex<Option<String>>,
    resting: Mutex<Option<Instant>>,
}

/// [`Health`] at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// Answers of the accelerator.
    pub answers: u64,
    /// Times it failed; each of these answers came from the CPU.
    pub failures: u64,
    /// Times it was asked again after a failure.
    pub retries: u64,
    /// Why it failed last.
    pub last_failure: Option<String>,
    /// Milliseconds until it is asked again; 0 when it is in use.
    pub rests_for_ms: u64,
}

impl Health {
    /// The numbers now.
    pub fn report(&self) -> HealthReport {
        let resting = *self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let rests_for = resting.map(|until| until.saturating_duration_since(Instant::now()));
        let last = self.last_failure.lock();
        HealthReport {
            answers: self.answers.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            last_failure: last.unwrap_or_else(PoisonError::into_inner).clone(),
            rests_for_ms: u64::try_from(rests_for.unwrap_or_default().as_millis())
                .unwrap_or(u64::MAX),
        }
    }
}

impl Accelerator {
    /// One that works, as far as is known.
    pub fn new(decoder: Box<dyn Decoder>) -> Self {
        Self {
            decoder,
            health: Arc::default(),
            rest: FIRST_REST,
            rests_until: None,
        }
    }

    /// What becomes of its answers.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Lets `ask` use it, unless it rests. `ask` gives `Ok(None)` when it took
    /// too long. `None` means that the CPU has to answer: it rests, it has just
    /// failed, or something else did, the grammar for example, which is not
    /// held against it.
    pub fn ask<T>(
        &mut self,
        now: Instant,
        ask: impl FnOnce(&mut dyn Decoder) -> Result<Option<T>, Error>,
    ) -> Option<T> {
        if let Some(until) = self.rests_until {
            if now < until {
                return None;
            }
            self.health.retries.fetch_add(1, Ordering::Relaxed);
        }
        let mut observed = Observed {
            decoder: self.decoder.as_mut(),
            failed: false,
        };
        let asked = ask(&mut observed);
        let failed = observed.failed;
        match asked {
            Ok(Some(answer)) => {
                self.health.answers.fetch_add(1, Ordering::Relaxed);
                self.rest = FIRST_REST;
                self.rest_until(None);
                Some(answer)
            }
            Ok(None) => {
                self.put_aside(now, "it took too long for an answer".into());
                None
            }
            Err(error) if failed => {
                self.put_aside(now, error.to_string());
                None
            }
            Err(error) => {
                tracing::warn!(%error, "no answer, though the accelerator works; the CPU answers");
                None
            }
        }
    }

    fn put_aside(&mut self, now: Instant, reason: String) {
        let rest = self.rest;
        tracing::warn!(
            reason,
            rest_s = rest.as_secs(),
            "accelerator put aside; the CPU answers"
        );
        self.health.failures.fetch_add(1, Ordering::Relaxed);
        let last = self.health.last_failure.lock();
        *last.unwrap_or_else(PoisonError::into_inner) = Some(reason);
        self.rest_until(Some(now + rest));
        self.rest = rest.saturating_mul(2).min(LONGEST_REST);
    }

    fn rest_until(&mut self, until: Option<Instant>) {
        self.rests_until = until;
        *self
            .health
            .resting
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// Sees whether it was the decoder that failed.
struct Observed<'a> {
    decoder: &'a mut dyn Decoder,
    failed: bool,
}

impl Decoder for Observed<'_> {
    fn shape(&self) -> &DecoderShape {
        self.decoder.shape()
    }

    fn position(&self) -> usize {
        self.decoder.position()
    }

    fn rewind(&mut self, position: usize) {
        self.decoder.rewind(position);
    }

    fn advance(&mut self, tokens: &[u32]) -> Result<&[f32], Error> {
        let result = self.decoder.advance(tokens);
        self.failed |= result.is_err();
        result
    }
}
