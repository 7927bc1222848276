//! What recognition takes on this machine, whatever is said.

use std::time::{Duration, Instant};

use super::whisper::Whisper;
use crate::Error;
use crate::audio::SAMPLE_RATE_HZ;

/// What one rehearsal took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rehearsal {
    /// The encoder: listening.
    pub encode: Duration,
    /// The decoder: the language, and a text of so many tokens.
    pub write: Duration,
}

impl Whisper {
    /// Does the work of recognising `speech` with a text of `tokens`, for its time only. Blocking.
    ///
    /// # Errors
    /// [`Error::Recognition`] when the model cannot be run.
    pub fn rehearse(&mut self, speech: Duration, tokens: usize) -> Result<Rehearsal, Error> {
        let samples = speech.as_secs_f64() * f64::from(SAMPLE_RATE_HZ);
        // A hum: the work is the same for any sound.
        let audio: Vec<f32> = (0..samples as u32)
            .map(|sample| (sample as f32 * 0.05).sin() * 0.1)
            .collect();
        let begun = Instant::now();
        self.encode_only(&audio)?;
        let encode = begun.elapsed();
        self.write_only(tokens)?;
        Ok(Rehearsal {
            encode,
            write: begun.elapsed().saturating_sub(encode),
        })
    }
}
