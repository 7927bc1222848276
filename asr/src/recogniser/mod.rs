//! From an utterance to words: the trait, and what a recogniser answers.

mod guard;
mod processor;
mod repetition;
mod transcript;
mod vocabulary;
mod whisper;

pub use guard::{GuardOptions, Rejected};
pub use transcript::{Timings, Token, Transcript};
pub use whisper::{Whisper, WhisperOptions};

use codriver_catalog::Language;

use crate::{Error, Utterance};

/// Turns utterances into text. Blocking: give it a thread of its own.
pub trait Recogniser: Send {
    /// Listens for exactly these languages from now on. With more than one, each utterance's
    /// language is detected among them; an empty list is refused.
    fn set_languages(&mut self, languages: &[Language]) -> Result<(), Error>;

    /// Words to expect in `language`, most important first; replaces earlier ones. Words beyond
    /// what the model can hold are left out.
    fn set_vocabulary(&mut self, language: Language, words: &[String]);

    /// A first look at one utterance, faster and less sure than [`recognise`](Self::recognise):
    /// enough where its words turn out to be a whole request.
    fn glance(&mut self, utterance: &Utterance) -> Result<Recognition, Error>;

    /// The words of one utterance, or why it holds none that can be trusted.
    fn recognise(&mut self, utterance: &Utterance) -> Result<Recognition, Error>;
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
