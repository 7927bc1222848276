//! A decoder on a thread of its own, so that one that hangs keeps nobody waiting.

use std::time::Duration;

use codriver_models::Watched;

use super::decoder::{Decoder, DecoderShape};
use crate::Error;

/// Another decoder, watched.
///
/// It is given one chunk after the other, and given up when one of them takes
/// longer than `patience`: so a hang costs that time once, however much is to
/// be read.
pub struct WatchedDecoder {
    watched: Watched<Job, Result<Vec<f32>, Error>>,
    logits: Vec<f32>,
    shape: DecoderShape,
    position: usize,
    chunk: usize,
    patience: Duration,
}

/// Tokens, and how many must be in the cache before them.
struct Job {
    position: usize,
    tokens: Vec<u32>,
}

impl WatchedDecoder {
    /// Moves `decoder`, which computes `chunk` tokens in one go, to its thread.
    ///
    /// # Errors
    /// [`Error::Inference`] when the system gives no thread.
    pub fn new(
        decoder: impl Decoder + 'static,
        chunk: usize,
        patience: Duration,
    ) -> Result<Self, Error> {
        let (shape, position) = (decoder.shape().clone(), decoder.position());
        let mut decoder = decoder;
        let watched = Watched::start(move |job| work(&mut decoder, &job))
            .map_err(|error| failed(format!("no thread for it: {error}")))?;
        Ok(Self {
            watched,
            logits: Vec::new(),
            shape,
            position,
            chunk: chunk.max(1),
            patience,
        })
    }
}

fn work(decoder: &mut dyn Decoder, job: &Job) -> Result<Vec<f32>, Error> {
    decoder.rewind(job.position);
    if decoder.position() != job.position {
        return Err(failed(format!(
            "{} tokens were to be in its cache, but {} are",
            job.position,
            decoder.position()
        )));
    }
    decoder.advance(&job.tokens).map(<[f32]>::to_vec)
}

impl Decoder for WatchedDecoder {
    fn shape(&self) -> &DecoderShape {
        &self.shape
    }

    fn position(&self) -> usize {
        self.position
    }

    fn rewind(&mut self, position: usize) {
        self.position = self.position.min(position);
    }

    fn advance(&mut self, tokens: &[u32]) -> Result<&[f32], Error> {
        self.shape.check(self.position, tokens)?;
        let mut position = self.position;
        for chunk in tokens.chunks(self.chunk) {
            let job = Job {
                position,
                tokens: chunk.to_vec(),
            };
            let reply = self.watched.run(job, self.patience);
            self.logits = reply.map_err(|given_up| failed(given_up.to_string()))??;
            position += chunk.len();
        }
        self.position = position;
        Ok(&self.logits)
    }
}

fn failed(problem: String) -> Error {
    Error::Inference {
        doing: "running on the accelerator",
        problem,
    }
}
