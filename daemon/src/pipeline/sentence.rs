//! What is handed from stage to stage about one utterance.

use std::time::Instant;

use codriver_asr::Transcript;
use codriver_catalog::{Language, UtteranceId, Zone};
use codriver_nlu::Interpretation;
use serde::Serialize;

use super::Timings;
use crate::attention::Origin;

/// From this probability on, a piece of a sentence is taken for what was said.
const SURE: f32 = 0.5;

/// A piece of a sentence that the recogniser was not sure of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doubt {
    /// The piece.
    pub text: String,
    /// How probable it was found, 0 to 1.
    pub probability: f64,
}

impl Doubt {
    /// The pieces of a transcript that are less probable than not.
    pub fn of(transcript: &Transcript) -> Vec<Self> {
        let doubtful = transcript.tokens.iter().filter(|t| t.probability < SURE);
        doubtful
            .map(|token| Self {
                text: token.text.trim().to_owned(),
                probability: (f64::from(token.probability) * 1e3).round() / 1e3,
            })
            .collect()
    }
}

/// Words on their way to being understood.
#[derive(Debug, Clone)]
pub struct Sentence {
    /// The utterance.
    pub id: UtteranceId,
    /// The words.
    pub text: String,
    /// Their language; found out from the words where it is unknown.
    pub language: Option<Language>,
    /// The seat it was spoken at, where that is known.
    pub speaker: Option<Zone>,
    /// How sure the recogniser is of them, 0 to 1; 1 for typed ones.
    pub confidence: f64,
    /// Where the recogniser was least sure of them; none for typed ones.
    pub doubts: Vec<Doubt>,
    /// When the speaker fell silent or the text came in: times to live count from here.
    pub ended: Instant,
    /// What the stages took so far.
    pub timings: Timings,
    /// The log's context of this utterance.
    pub span: tracing::Span,
    /// Whether somebody waits for the answer.
    pub origin: Origin,
    /// The words were joined with those of an open question already.
    pub joined: bool,
}

impl Sentence {
    /// A typed sentence that came in now.
    pub fn typed(text: String, language: Option<Language>) -> Self {
        let id = UtteranceId::next();
        Self {
            id,
            text,
            language,
            speaker: None,
            confidence: 1.0,
            doubts: Vec::new(),
            ended: Instant::now(),
            timings: Timings::default(),
            span: span(id),
            origin: Origin::Typed,
            joined: false,
        }
    }
}

/// The log's context of one utterance, through all stages.
pub fn span(id: UtteranceId) -> tracing::Span {
    tracing::info_span!("utterance", %id)
}

/// A sentence and what it means.
#[derive(Debug, Clone)]
pub struct Understood {
    /// The words.
    pub sentence: Sentence,
    /// Their meaning.
    pub interpretation: Interpretation,
}
