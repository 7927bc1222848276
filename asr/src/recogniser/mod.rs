//! From an utterance to words: the trait, and what a recogniser answers.

mod bias;
mod calling;
mod decoded;
mod decoding;
mod guard;
mod processor;
mod rehearsal;
mod repetition;
mod search;
mod spelling;
mod threads;
mod tokens;
mod transcript;
mod whisper;

pub use bias::BiasWeights;
pub use calling::CallOptions;
pub use guard::{GuardOptions, Rejected};
pub use rehearsal::Rehearsal;
pub use transcript::{Call, Timings, Token, Transcript, Verdict};
pub use whisper::{SearchOptions, Whisper, WhisperOptions};

use codriver_catalog::Language;

use crate::{Error, Expected, Utterance};

/// Turns utterances into text. Blocking: give it a thread of its own.
pub trait Recogniser: Send {
    /// Listens for exactly these languages from now on. With more than one, each utterance's
    /// language is detected among them; an empty list is refused.
    fn set_languages(&mut self, languages: &[Language]) -> Result<(), Error>;

    /// What to expect in its language; replaces what was expected there before.
    fn expect(&mut self, expected: Expected);

    /// A first look at one utterance, faster and less sure than [`recognise`](Self::recognise):
    /// enough where its words turn out to be a whole request. `wanted` is asked now and then;
    /// when it says no, the recogniser stops with [`Rejected::Unwanted`].
    fn glance(
        &mut self,
        utterance: &Utterance,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Recognition, Error>;

    /// The words of one utterance, or why it holds none that can be trusted; `wanted` as in
    /// [`glance`](Self::glance). Right after a glance at the same utterance it goes on from there.
    fn recognise(
        &mut self,
        utterance: &Utterance,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Recognition, Error>;
}

/// What a recogniser makes of an utterance.
#[must_use]
#[derive(Debug, Clone, PartialEq)]
pub enum Recognition {
    /// Words.
    Heard(Transcript),
    /// Nothing that may be acted on.
    Rejected {
        /// Why.
        reason: Rejected,
        /// What finding out took.
        timings: Timings,
    },
}

impl Recognition {
    /// What recognition took.
    pub fn timings(&self) -> Timings {
        match self {
            Self::Heard(transcript) => transcript.timings,
            Self::Rejected { timings, .. } => *timings,
        }
    }
}
