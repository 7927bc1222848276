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
        let result = self.decoder.advance(tokens).and_then(|logits| {
            // The likeliest of such would be anything.
            if logits.iter().all(|logit| logit.is_finite()) {
                return Ok(logits);
            }
            Err(Error::Inference {
                doing: "running on the accelerator",
                problem: "it computed values that are not numbers".into(),
            })
        });
        self.failed |= result.is_err();
        result
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::super::watched::WatchedDecoder;
    use super::*;

    struct Scripted {
        shape: DecoderShape,
        does: fn() -> Result<(), Error>,
        logits: Vec<f32>,
    }

    impl Decoder for Scripted {
        fn shape(&self) -> &DecoderShape {
            &self.shape
        }

        fn position(&self) -> usize {
            0
        }

        fn rewind(&mut self, _: usize) {}

        fn advance(&mut self, _: &[u32]) -> Result<&[f32], Error> {
            (self.does)()?;
            Ok(&self.logits)
        }
    }

    fn scripted(does: fn() -> Result<(), Error>) -> Scripted {
        Scripted {
            shape: DecoderShape {
                vocabulary: 2,
                places: 8,
            },
            does,
            logits: vec![0.0, 1.0],
        }
    }

    fn broken() -> Result<(), Error> {
        Err(Error::Inference {
            doing: "computing",
            problem: "the chip is gone".into(),
        })
    }

    fn run(decoder: &mut dyn Decoder) -> Result<Option<()>, Error> {
        decoder.advance(&[1]).map(|_| Some(()))
    }

    #[test]
    fn one_that_fails_rests_twice_as_long_each_time_and_the_reason_is_kept() {
        let mut accelerator = Accelerator::new(Box::new(scripted(broken)));
        let start = Instant::now();
        assert!(accelerator.ask(start, run).is_none());
        let early = start + FIRST_REST - Duration::from_millis(1);
        assert!(
            accelerator
                .ask(early, |_| -> Result<Option<()>, _> {
                    panic!("asked while it rests")
                })
                .is_none()
        );
        let again = start + FIRST_REST;
        assert!(accelerator.ask(again, run).is_none());
        let health = accelerator.health().report();
        assert_eq!((health.failures, health.retries), (2, 1));
        assert!(health.last_failure.unwrap().contains("the chip is gone"));
        assert_eq!(accelerator.rests_until, Some(again + FIRST_REST * 2));
    }

    #[test]
    fn what_fails_beside_it_is_not_held_against_it() {
        let mut accelerator = Accelerator::new(Box::new(scripted(|| Ok(()))));
        let now = Instant::now();
        let asked = accelerator.ask(now, |decoder| -> Result<Option<()>, Error> {
            decoder.advance(&[1])?;
            broken().map(Some)
        });
        assert!(asked.is_none());
        assert_eq!(accelerator.health().report().failures, 0);
        assert_eq!(accelerator.ask(now, run), Some(()));
    }

    #[test]
    fn one_that_takes_too_long_for_an_answer_rests() {
        let mut accelerator = Accelerator::new(Box::new(scripted(|| Ok(()))));
        let now = Instant::now();
        assert!(accelerator.ask(now, |_| Ok(None::<()>)).is_none());
        assert_eq!(accelerator.health().report().failures, 1);
    }

    #[test]
    fn one_that_hangs_keeps_nobody_waiting_and_fails_at_once_until_it_comes_back() {
        let hangs = scripted(|| {
            std::thread::sleep(Duration::from_secs(5));
            Ok(())
        });
        let patience = Duration::from_millis(20);
        let mut watched = WatchedDecoder::new(hangs, 1, patience).unwrap();
        let first = watched.advance(&[1]).unwrap_err().to_string();
        assert!(first.contains("no result within 20 ms"), "{first}");
        let second = watched.advance(&[1]).unwrap_err().to_string();
        assert!(second.contains("it still hangs"), "{second}");
    }
}
