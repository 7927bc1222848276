//! Where an utterance begins and ends: a pure state machine over voice probabilities.
//!
//! ```text
//!            onset windows voiced            hangover without voice, or hard cap
//!  waiting ------------------------> speaking ----------------------------------> waiting
//!     |  keeps the pre-roll             |  keeps everything, at most the hard cap
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use crate::Error;
use crate::audio::{SAMPLE_RATE_HZ, samples_in};

/// When speech counts as begun and as over.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointOptions {
    /// A window at or above this probability (0 to 1) is voiced.
    pub voiced_at: f32,
    /// Once speaking, a window stays voiced down to this probability.
    pub unvoiced_below: f32,
    /// Audio kept from before the first voiced window.
    pub pre_roll: Duration,
    /// This much must be voiced in a row for an utterance to begin.
    pub onset: Duration,
    /// This much must be unvoiced in a row for it to end.
    pub hangover: Duration,
    /// Utterances with less voiced audio in all are dropped: coughs and door slams.
    pub min_speech: Duration,
    /// An utterance is cut here, whether or not the speaker has finished.
    pub hard_cap: Duration,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            voiced_at: 0.5,
            unvoiced_below: 0.35,
            pre_roll: Duration::from_millis(300),
            onset: Duration::from_millis(64),
            hangover: Duration::from_millis(500),
            min_speech: Duration::from_millis(160),
            hard_cap: Duration::from_secs(15),
        }
    }
}

impl EndpointOptions {
    fn check(&self) -> Result<(), Error> {
        let refuse = |option, reason: &str| {
            Err(Error::OptionUnusable {
                option,
                reason: reason.to_owned(),
            })
        };
        if !(self.voiced_at > 0.0 && self.voiced_at <= 1.0) {
            return refuse("audio.voiced_at", "must be above 0 and at most 1");
        }
        if !(self.unvoiced_below > 0.0 && self.unvoiced_below <= self.voiced_at) {
            return refuse(
                "audio.unvoiced_below",
                "must be above 0 and at most audio.voiced_at",
            );
        }
        if self.hangover < Duration::from_millis(50) {
            return refuse("audio.hangover_ms", "must be at least 50");
        }
        // Beyond 29 s a recogniser window of 30 s no longer holds the utterance.
        if !(Duration::from_secs(1)..=Duration::from_secs(29)).contains(&self.hard_cap) {
            return refuse("audio.hard_cap_s", "must be 1 to 29");
        }
        if self.pre_roll + self.onset + self.hangover > self.hard_cap {
            return refuse(
                "audio.hard_cap_s",
                "must be longer than pre-roll, onset and hangover together",
            );
        }
        Ok(())
    }
}

/// What the endpointer found in the stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Boundary {
    /// Somebody has begun to speak; the position is that of the pre-roll's first sample.
    Started {
        /// Stream position in samples.
        at_sample: u64,
    },
    /// An utterance is complete.
    Ended(Segment),
    /// What began was too short to be speech, and is forgotten.
    TooShort,
}

/// A complete utterance as the endpointer knows it: audio and positions, no clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// 16 kHz mono.
    pub samples: Vec<f32>,
    /// Stream position of the first sample.
    pub started_at_sample: u64,
    /// Stream position just behind the last voiced window.
    pub last_voiced_sample: u64,
    /// Samples in voiced windows.
    pub voiced_samples: u64,
    /// The hard cap cut it.
    pub truncated: bool,
}

impl Segment {
    /// Stream position just behind the last sample.
    pub fn ended_at_sample(&self) -> u64 {
        self.started_at_sample + self.samples.len() as u64
    }
}

/// Cuts a stream of windows, each with its voice probability, into utterances.
///
/// It holds at most the hard cap plus one window of audio. Utterances never overlap; after a
/// hard cap the next one begins exactly where the last ended, so that no word is lost.
pub struct Endpointer {
    options: EndpointOptions,
    state: State,
    /// Stream position of the next window.
    position: u64,
    /// Nothing before this position is handed out again.
    taken_until: u64,
    /// A button says when the utterance is over: no pause does.
    held: bool,
}

enum State {
    Waiting {
        recent: VecDeque<f32>,
        voiced_in_a_row: usize,
    },
    Speaking(Speech),
}

struct Speech {
    segment: Segment,
    unvoiced_in_a_row: usize,
}

impl State {
    fn waiting() -> Self {
        Self::Waiting {
            recent: VecDeque::new(),
            voiced_in_a_row: 0,
        }
    }
}

impl Endpointer {
    /// An endpointer at stream position 0; refuses options that cannot work.
    pub fn new(options: EndpointOptions) -> Result<Self, Error> {
        options.check()?;
        Ok(Self {
            options,
            state: State::waiting(),
            position: 0,
            taken_until: 0,
            held: false,
        })
    }

    /// Stream position behind the last window, in samples at 16 kHz.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether an utterance is open.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking(_))
    }

    /// Takes the next window (16 kHz mono, any length) and the probability that it is speech.
    pub fn push(&mut self, window: &[f32], voice_probability: f32) -> Option<Boundary> {
        self.position += window.len() as u64;
        match std::mem::replace(&mut self.state, State::waiting()) {
            State::Waiting {
                recent,
                voiced_in_a_row,
            } => self.wait(recent, voiced_in_a_row, window, voice_probability),
            State::Speaking(speech) => self.speak(speech, window, voice_probability),
        }
    }

    /// While held, no pause ends an utterance; [`finish`](Self::finish) and the hard cap do.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Takes a window that nobody wants understood: it only feeds the pre-roll.
    pub fn pass(&mut self, window: &[f32]) {
        self.push(window, 0.0);
    }

    /// Closes an open utterance at the end of the stream.
    pub fn finish(&mut self) -> Option<Boundary> {
        match std::mem::replace(&mut self.state, State::waiting()) {
            State::Waiting { .. } => None,
            State::Speaking(speech) => Some(self.close(speech.segment)),
        }
    }

    /// Forgets an open utterance and all kept audio; the stream goes on.
    pub fn forget(&mut self) {
        self.state = State::waiting();
        self.taken_until = self.position;
    }

    fn wait(
        &mut self,
        mut recent: VecDeque<f32>,
        voiced_in_a_row: usize,
        window: &[f32],
        probability: f32,
    ) -> Option<Boundary> {
        recent.extend(window);
        let voiced_in_a_row = if probability >= self.options.voiced_at {
            voiced_in_a_row + window.len()
        } else {
            0
        };
        // The pre-roll ends where the voiced run begins.
        let kept = samples_in(self.options.pre_roll) + voiced_in_a_row;
        let unused = usize::try_from(self.position - self.taken_until).unwrap_or(usize::MAX);
        let excess = recent.len().saturating_sub(kept.min(unused));
        recent.drain(..excess);

        if voiced_in_a_row == 0 || voiced_in_a_row < samples_in(self.options.onset) {
            self.state = State::Waiting {
                recent,
                voiced_in_a_row,
            };
            return None;
        }
        let started_at_sample = self.position - recent.len() as u64;
        self.state = State::Speaking(Speech {
            segment: Segment {
                samples: recent.into(),
                started_at_sample,
                last_voiced_sample: self.position,
                voiced_samples: voiced_in_a_row as u64,
                truncated: false,
            },
            unvoiced_in_a_row: 0,
        });
        Some(Boundary::Started {
            at_sample: started_at_sample,
        })
    }

    fn speak(&mut self, mut speech: Speech, window: &[f32], probability: f32) -> Option<Boundary> {
        speech.segment.samples.extend_from_slice(window);
        if probability >= self.options.unvoiced_below {
            speech.unvoiced_in_a_row = 0;
            speech.segment.voiced_samples += window.len() as u64;
            speech.segment.last_voiced_sample = self.position;
        } else {
            speech.unvoiced_in_a_row += window.len();
        }
        if !self.held && speech.unvoiced_in_a_row >= samples_in(self.options.hangover) {
            return Some(self.close(speech.segment));
        }
        if speech.segment.samples.len() >= samples_in(self.options.hard_cap) {
            return Some(self.cut(speech));
        }
        self.state = State::Speaking(speech);
        None
    }

    fn close(&mut self, segment: Segment) -> Boundary {
        self.taken_until = self.position;
        if segment.voiced_samples < samples_in(self.options.min_speech) as u64 {
            Boundary::TooShort
        } else {
            Boundary::Ended(segment)
        }
    }

    /// Ends the utterance at the hard cap and opens the next one right behind it.
    fn cut(&mut self, speech: Speech) -> Boundary {
        self.taken_until = self.position;
        self.state = State::Speaking(Speech {
            segment: Segment {
                samples: Vec::with_capacity(SAMPLE_RATE_HZ as usize),
                started_at_sample: self.position,
                last_voiced_sample: self.position,
                voiced_samples: 0,
                truncated: false,
            },
            unvoiced_in_a_row: speech.unvoiced_in_a_row,
        });
        let segment = Segment {
            truncated: true,
            ..speech.segment
        };
        if segment.voiced_samples < samples_in(self.options.min_speech) as u64 {
            Boundary::TooShort
        } else {
            Boundary::Ended(segment)
        }
    }
}
