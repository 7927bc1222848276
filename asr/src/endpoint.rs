//! Where an utterance begins and ends: a pure state machine over voice probabilities.
//!
//! ```text
//!            onset windows voiced            silence as long as wanted, or hard cap
//!  waiting ------------------------> speaking -------------------------------------> waiting
//!     |  keeps the pre-roll             |  keeps everything, at most the hard cap
//!                                       |  a short silence is a pause: how complete the words so
//!                                       |  far are judged to be says how much silence is wanted
//! ```

mod options;

use std::collections::VecDeque;

use crate::Error;
use crate::audio::{SAMPLE_RATE_HZ, samples_in};

pub use options::EndpointOptions;

/// How far a sentence has come, judged by the words until a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completeness {
    /// A whole request: little more silence is needed.
    Complete,
    /// A whole request to which a value may be added: "open the window" (halfway).
    Extensible,
    /// The beginning of a request: "navigate to".
    Unfinished,
    /// Nobody knows.
    #[default]
    Unknown,
}

impl Completeness {
    /// Whether nothing is missing.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Complete | Self::Extensible)
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
    /// The speaker has paused: what was said so far. [`Endpointer::judge`] may say what it is.
    Paused(Segment),
    /// The speaker goes on after a pause.
    Resumed,
    /// An utterance is complete.
    Ended(Segment),
    /// What began was too short to be speech, and is forgotten.
    TooShort,
}

/// An utterance, or one until its pause, as the endpointer knows it: audio and positions, no clock.
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
    /// A reply sounds, of which some may be heard.
    over_reply: bool,
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
    /// What the pause that was reported last was judged to be; `None` while somebody speaks.
    pause: Option<Completeness>,
}

impl Speech {
    fn new(segment: Segment) -> Self {
        Self {
            segment,
            unvoiced_in_a_row: 0,
            pause: None,
        }
    }
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
            over_reply: false,
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

    /// What was said so far of the utterance that is open.
    pub fn open(&self) -> Option<&[f32]> {
        match &self.state {
            State::Waiting { .. } => None,
            State::Speaking(speech) => Some(&speech.segment.samples),
        }
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

    /// Says what the pause is, whose last voiced sample stood at `last_voiced_sample`. Another one
    /// than the present is over, and nothing comes of it.
    pub fn judge(
        &mut self,
        last_voiced_sample: u64,
        completeness: Completeness,
    ) -> Option<Boundary> {
        let State::Speaking(speech) = &mut self.state else {
            return None;
        };
        if speech.pause.is_none() || speech.segment.last_voiced_sample != last_voiced_sample {
            return None;
        }
        speech.pause = Some(completeness);
        if !self.options.is_over(speech.unvoiced_in_a_row, completeness) {
            return None;
        }
        self.finish()
    }

    /// While held, no pause ends an utterance; [`finish`](Self::finish) and the hard cap do.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// While a reply sounds whose echo is cancelled, only what is clearly a voice begins an
    /// utterance.
    pub fn over_reply(&mut self, over_reply: bool) {
        self.over_reply = over_reply;
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
        let (voiced_at, onset) = self.options.onset(self.over_reply);
        let voiced_in_a_row = if probability >= voiced_at {
            voiced_in_a_row + window.len()
        } else {
            0
        };
        // The pre-roll ends where the voiced run begins.
        let kept = samples_in(self.options.pre_roll) + voiced_in_a_row;
        let unused = usize::try_from(self.position - self.taken_until).unwrap_or(usize::MAX);
        let excess = recent.len().saturating_sub(kept.min(unused));
        recent.drain(..excess);

        if voiced_in_a_row == 0 || voiced_in_a_row < onset {
            self.state = State::Waiting {
                recent,
                voiced_in_a_row,
            };
            return None;
        }
        let started_at_sample = self.position - recent.len() as u64;
        self.state = State::Speaking(Speech::new(Segment {
            samples: recent.into(),
            started_at_sample,
            last_voiced_sample: self.position,
            voiced_samples: voiced_in_a_row as u64,
            truncated: false,
        }));
        Some(Boundary::Started {
            at_sample: started_at_sample,
        })
    }

    fn speak(&mut self, mut speech: Speech, window: &[f32], probability: f32) -> Option<Boundary> {
        speech.segment.samples.extend_from_slice(window);
        let mut found = None;
        if probability >= self.options.unvoiced_below {
            speech.unvoiced_in_a_row = 0;
            speech.segment.voiced_samples += window.len() as u64;
            speech.segment.last_voiced_sample = self.position;
            found = speech.pause.take().map(|_| Boundary::Resumed);
        } else {
            speech.unvoiced_in_a_row += window.len();
        }
        let completeness = speech.pause.unwrap_or_default();
        if !self.held && self.options.is_over(speech.unvoiced_in_a_row, completeness) {
            return Some(self.close(speech.segment));
        }
        if speech.segment.samples.len() >= samples_in(self.options.hard_cap) {
            return Some(self.cut(speech));
        }
        if speech.pause.is_none()
            && speech.unvoiced_in_a_row >= samples_in(self.options.pause)
            && speech.unvoiced_in_a_row > 0
            && self.is_speech(&speech.segment)
        {
            speech.pause = Some(Completeness::Unknown);
            found = Some(Boundary::Paused(speech.segment.clone()));
        }
        self.state = State::Speaking(speech);
        found
    }

    fn is_speech(&self, segment: &Segment) -> bool {
        segment.voiced_samples >= samples_in(self.options.min_speech) as u64
    }

    fn close(&mut self, segment: Segment) -> Boundary {
        self.taken_until = self.position;
        if self.is_speech(&segment) {
            Boundary::Ended(segment)
        } else {
            Boundary::TooShort
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
            pause: None,
        });
        let segment = Segment {
            truncated: true,
            ..speech.segment
        };
        if self.is_speech(&segment) {
            Boundary::Ended(segment)
        } else {
            Boundary::TooShort
        }
    }
}
