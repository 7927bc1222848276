//! The words of one utterance, and how sure the recogniser is of each.

use std::time::Duration;

use codriver_catalog::Language;

/// The words of one utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The words as the model wrote them, trimmed.
    pub text: String,
    /// The language they were taken for.
    pub language: Language,
    /// Geometric mean of the token probabilities, 0 to 1.
    pub confidence: f32,
    /// The text in the model's pieces, in order.
    pub tokens: Vec<Token>,
    /// The model's own probability, 0 to 1, that nobody spoke.
    pub no_speech_probability: f32,
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
