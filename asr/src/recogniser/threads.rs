//! How many threads write.
//!
//! One token's arithmetic takes some milliseconds in a hundred steps, at each of which the threads
//! wait for each other. Where waking a thread takes long, as on a virtual machine, one is done
//! sooner alone; elsewhere more are. So it is tried out.

use std::time::{Duration, Instant};

use whisper_rs::{WhisperError, WhisperState, WhisperTokenId};

use super::decoding::Model;

/// Tokens written with either number of threads, after one that makes everything ready.
const TOKENS: usize = 4;

impl Model {
    /// Has single tokens decoded by as many threads as do it fastest: one, or all.
    pub(super) fn choose_threads(&mut self, audio_context: i32) -> Result<(), WhisperError> {
        let all = self.threads.listening;
        if all == 1 {
            return Ok(());
        }
        self.set_audio_context(&[0.0; 1_600], audio_context)?;
        let mut took = [Duration::MAX; 2];
        for round in 0..=TOKENS {
            for (took, threads) in took.iter_mut().zip([1, all]) {
                let begun = Instant::now();
                self.threads.writing = threads;
                self.begin(&[])?;
                if round > 0 {
                    *took = begun.elapsed().min(*took);
                }
            }
        }
        let [alone, together] = took;
        self.threads.writing = if alone < together { 1 } else { all };
        tracing::debug!(
            alone_us = alone.as_micros(),
            together_us = together.as_micros(),
            threads = self.threads.writing,
            "threads of the recogniser's decoder"
        );
        Ok(())
    }
}

/// How many threads a model runs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threads {
    /// Of the encoder, and of several tokens at once.
    pub(super) listening: usize,
    /// Of one token.
    pub(super) writing: usize,
}

impl Threads {
    pub(super) fn all(threads: u16) -> Self {
        let threads = usize::from(threads.max(1));
        Self {
            listening: threads,
            writing: threads,
        }
    }

    /// Has the model read tokens behind `past` others.
    pub(super) fn decode(
        self,
        state: &mut WhisperState,
        tokens: &[WhisperTokenId],
        past: usize,
    ) -> Result<(), WhisperError> {
        let threads = match tokens.len() {
            1 => self.writing,
            _ => self.listening,
        };
        state.decode(tokens, past, threads)
    }
}
