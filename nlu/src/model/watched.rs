//! A decoder on a thread of its own, so that one that hangs keeps nobody waiting.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::decoder::{Decoder, DecoderShape};
use crate::Error;

/// Another decoder, watched.
///
/// It is given one chunk after the other, and given up when one of them takes
/// longer than `patience`: so a hang costs that time once, however much is to
/// be read. The thread cannot be stopped where it hangs; until it comes back,
/// all runs fail at once.
pub struct WatchedDecoder {
    /// Closed to end the thread.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    replies: Receiver<Result<Vec<f32>, Error>>,
    /// Whether a reply that nobody waits for any more is still to come.
    late: bool,
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
        // One job at a time, and one reply that may come late.
        let (jobs, to_do) = sync_channel::<Job>(1);
        let (done, replies) = sync_channel(1);
        let (shape, position) = (decoder.shape().clone(), decoder.position());
        let thread = thread::Builder::new()
            .name("accelerator".into())
            .spawn(move || {
                let mut decoder = decoder;
                for job in to_do {
                    if done.send(work(&mut decoder, &job)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| failed(format!("no thread for it: {error}")))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            replies,
            late: false,
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

impl WatchedDecoder {
    /// Lets the thread do one job, and waits no longer than patience lasts.
    fn run(&mut self, job: Job) -> Result<Vec<f32>, Error> {
        let ended = || failed("its thread has ended".into());
        if self.late {
            match self.replies.try_recv() {
                Ok(_) => self.late = false,
                Err(TryRecvError::Empty) => return Err(failed("it still hangs".into())),
                Err(TryRecvError::Disconnected) => return Err(ended()),
            }
        }
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).map_err(|_| ended())?;
        match self.replies.recv_timeout(self.patience) {
            Ok(reply) => reply,
            Err(RecvTimeoutError::Timeout) => {
                self.late = true;
                Err(failed(format!(
                    "no result within {} ms",
                    self.patience.as_millis()
                )))
            }
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }
}

impl Drop for WatchedDecoder {
    /// Waits until the thread has given its session back: a vendor's library
    /// that is still at it while the process ends crashes that. One that hangs
    /// is not waited for.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take().filter(|_| !self.late) {
            // A panic there has been reported, and there is nothing left to save.
            let _ = thread.join();
        }
    }
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
            self.logits = self.run(Job {
                position,
                tokens: chunk.to_vec(),
            })?;
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
