//! Recognises ahead of the endpoint, so that the recogniser's time passes while the speaker's
//! silence is waited out.
//!
//! ```text
//! speech ... pause ------- silence as long as wanted -> utterance -> its words are there already
//!               '-> glance -> judge how complete: says how long that is
//!                     '-> recognise with care, where it is no whole request
//! ```
//! When the speaker goes on after the pause, what was recognised is thrown away.

use std::time::{Duration, Instant};

use codriver_catalog::Language;

use crate::{Completeness, Error, Expected, Recogniser, Recognition, Transcript, Utterance};

/// Tells how complete a sentence is; who knows the commands implements it.
pub trait Sense: Send {
    /// How far the sentence has come. It is asked once a pause, and must be quick.
    fn completeness(&mut self, transcript: &Transcript) -> Completeness;
}

/// A stream that goes on while the words before a pause are recognised: a [`Listener`](crate::Listener).
pub trait Pauses {
    /// Whether the pause in which `utterance` was taken still goes on.
    fn is_pausing(&self, utterance: &Utterance) -> bool;

    /// Whether the speaker has gone on after the pause in which `utterance` was taken. When the
    /// utterance has ended with it, nobody has.
    fn has_resumed(&self, utterance: &Utterance) -> bool;

    /// Says what the words of `utterance` are, which was taken at a pause. It comes to nothing
    /// when the speaker has gone on since.
    fn judge(&self, utterance: &Utterance, completeness: Completeness);
}

/// A recogniser that begins at the first pause.
pub struct Ahead {
    recogniser: Box<dyn Recogniser>,
    sense: Box<dyn Sense>,
    held: Option<Held>,
}

/// What was recognised at a pause.
struct Held {
    utterance: Utterance,
    recognition: Recognition,
    took: Duration,
}

/// The words of an utterance and where they come from.
#[derive(Debug)]
#[must_use]
pub struct Recognised {
    /// The words, or why there are none.
    pub recognition: Recognition,
    /// How long the recogniser took while the end of the utterance was still awaited; `None`
    /// when it began only then.
    pub ahead: Option<Duration>,
}

impl Ahead {
    /// A recogniser whose words `sense` understands.
    pub fn new(recogniser: Box<dyn Recogniser>, sense: Box<dyn Sense>) -> Self {
        Self {
            recogniser,
            sense,
            held: None,
        }
    }

    /// As [`Recogniser::set_languages`]; what was recognised ahead is forgotten.
    pub fn set_languages(&mut self, languages: &[Language]) -> Result<(), Error> {
        self.held = None;
        self.recogniser.set_languages(languages)
    }

    /// As [`Recogniser::expect`]; what was recognised ahead is forgotten.
    pub fn expect(&mut self, expected: Expected) {
        self.held = None;
        self.recogniser.expect(expected);
    }

    /// Recognises what was said until a pause and tells the stream how complete it is. Nothing
    /// happens when the pause is over already. Blocking.
    pub fn pause(&mut self, utterance: Utterance, stream: &dyn Pauses) -> Result<(), Error> {
        if !stream.is_pausing(&utterance) {
            return Ok(());
        }
        self.held = None;
        let begun = Instant::now();
        let wanted = || !stream.has_resumed(&utterance);
        let mut recognition = self.recogniser.glance(&utterance, &wanted)?;
        let mut completeness = self.judge(&recognition);
        stream.judge(&utterance, completeness);
        if !wanted() {
            return Ok(());
        }
        if !completeness.is_whole() {
            recognition = self.recogniser.recognise(&utterance, &wanted)?;
            completeness = self.judge(&recognition);
            stream.judge(&utterance, completeness);
        }
        if !wanted() {
            return Ok(());
        }
        tracing::debug!(utterance = %utterance.id, ?completeness, "pause");
        self.held = Some(Held {
            utterance,
            recognition,
            took: begun.elapsed(),
        });
        Ok(())
    }

    fn judge(&mut self, recognition: &Recognition) -> Completeness {
        match recognition {
            Recognition::Heard(transcript) => self.sense.completeness(transcript),
            Recognition::Rejected { .. } => Completeness::Unknown,
        }
    }

    /// The words of a whole utterance: those recognised at its last pause, or recognised now.
    /// Blocking.
    pub fn recognise(&mut self, utterance: &Utterance) -> Result<Recognised, Error> {
        match self.held.take() {
            Some(held) if utterance.has_speech_of(&held.utterance) => Ok(Recognised {
                recognition: held.recognition,
                ahead: Some(held.took),
            }),
            _ => {
                let mut recognition = self.recogniser.glance(utterance, &|| true)?;
                if !self.judge(&recognition).is_whole() {
                    recognition = self.recogniser.recognise(utterance, &|| true)?;
                }
                Ok(Recognised {
                    recognition,
                    ahead: None,
                })
            }
        }
    }
}
