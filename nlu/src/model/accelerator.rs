//! The accelerator beside the CPU: used while it works, put aside when it does not, tried again later.

use std::sync::Arc;
use std::time::Instant;

use codriver_models::Health;

use super::decoder::{Decoder, DecoderShape};
use crate::Error;

/// A decoder that may fail, and whether it may be asked now.
pub struct Accelerator {
    decoder: Box<dyn Decoder>,
    health: Arc<Health>,
}

impl Accelerator {
    /// One that runs `model`, and works as far as is known.
    pub fn new(model: &str, decoder: Box<dyn Decoder>) -> Self {
        Self {
            decoder,
            health: Arc::new(Health::of(model)),
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
        if !self.health.may_be_asked(now) {
            return None;
        }
        let mut observed = Observed {
            decoder: self.decoder.as_mut(),
            failed: false,
        };
        let asked = ask(&mut observed);
        let failed = observed.failed;
        match asked {
            Ok(Some(answer)) => {
                self.health.answered(now);
                Some(answer)
            }
            Ok(None) => {
                let reason = "it took too long for an answer";
                self.health.failed(now, reason.into());
                None
            }
            Err(error) if failed => {
                self.health.failed(now, error.to_string());
                None
            }
            Err(error) => {
                tracing::warn!(%error, "no answer, though the accelerator works; the CPU answers");
                None
            }
        }
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
    use std::time::Duration;

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

    fn accelerator(does: fn() -> Result<(), Error>) -> Accelerator {
        Accelerator::new("test", Box::new(scripted(does)))
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
    fn one_that_fails_is_left_alone_while_it_rests_and_the_reason_is_kept() {
        let mut accelerator = accelerator(broken);
        let start = Instant::now();
        assert!(accelerator.ask(start, run).is_none());
        let early = start + Duration::from_millis(4_999);
        assert!(
            accelerator
                .ask(early, |_| -> Result<Option<()>, _> {
                    panic!("asked while it rests")
                })
                .is_none()
        );
        let again = start + Duration::from_secs(5);
        assert!(accelerator.ask(again, run).is_none());
        let health = accelerator.health().report();
        assert_eq!((health.failures, health.retries), (2, 1));
        assert!(health.last_failure.unwrap().contains("the chip is gone"));
    }

    #[test]
    fn what_fails_beside_it_is_not_held_against_it() {
        let mut accelerator = accelerator(|| Ok(()));
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
        let mut accelerator = accelerator(|| Ok(()));
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
