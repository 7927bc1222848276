//! The words of one utterance, and how sure the recogniser is of each.

use std::sync::Arc;
use std::time::Duration;

use codriver_catalog::Language;

/// The words of one utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The words as the model wrote them, trimmed.
    pub text: String,
    /// The language they were taken for.
    pub language: Language,
    /// Geometric mean of the token probabilities, 0 to 1, behind a wake phrase that was made sure
    /// of; 1 where nothing follows it.
    pub confidence: f32,
    /// The text in the model's pieces, in order.
    pub tokens: Vec<Token>,
    /// The model's own probability, 0 to 1, that nobody spoke.
    pub no_speech_probability: f32,
    /// What became of the wake phrase, where a head has heard one.
    pub call: Option<Call>,
    /// Length of the audio, pre-roll and hangover included.
    pub duration: Duration,
    /// What recognition took.
    pub timings: Timings,
}

impl Transcript {
    /// The smallest token probability: below about 0.25 some word is probably wrong.
    pub fn weakest_token(&self) -> f32 {
        self.tokens
            .iter()
            .map(|token| token.probability)
            .fold(1.0, f32::min)
    }
}

/// A wake phrase that a head has heard ([`crate::WakeScore`]), and what the recogniser makes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The phrase as it was trained, in lower case.
    pub phrase: Arc<str>,
    /// Whether it was said.
    pub verdict: Verdict,
}

/// Whether a wake phrase was said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// The model wrote it of itself, letter by letter.
    Written,
    /// The model wrote something else, but finds a text that begins with the phrase not much less
    /// probable: that text is the transcript.
    Believed {
        /// By how much, as a natural logarithm; below 0 it is more probable.
        less_probable_by: f32,
    },
    /// The phrase is too improbable, and the transcript what the model wrote.
    Refused {
        /// By how much, as a natural logarithm; `None` where no text with the phrase instead of
        /// other words is likely enough to be compared.
        less_probable_by: Option<f32>,
    },
}

impl Verdict {
    /// Whether the transcript begins with the phrase.
    pub fn is_confirmed(self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

/// A piece of the text, never less than a whole character.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// The text, with the space before it where there is one.
    pub text: String,
    /// How probable the model itself found it, 0 to 1, whatever it was leaned towards; the least
    /// of its parts.
    pub probability: f32,
}

/// What a recognition took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// All of it.
    pub total: Duration,
    /// How often the sound was encoded, the costly part: more than once after a loop.
    pub encodes: u32,
    /// Encoder positions (50 a second) of the last run.
    pub audio_context: u32,
}
