//! How complete a sentence is at a pause: the packs' phrases tell.

use std::sync::{Arc, Mutex, PoisonError};

use codriver_asr::{Completeness, Sense, Transcript};
use codriver_catalog::Catalog;
use codriver_nlu::{Progress, Understanding};

use crate::Error;
use crate::attention::Attention;

/// The phrases, shared with whoever reloads them. They are apart from the understanding stage's,
/// which may be in the middle of a sentence while the next one is being spoken.
#[derive(Clone)]
pub struct Phrases(Arc<Mutex<Understanding>>);

impl Phrases {
    /// The phrases of these packs.
    ///
    /// # Errors
    /// Phrases that cannot be compiled.
    pub fn of(catalog: &Arc<Catalog>) -> Result<Self, Error> {
        let phrases = Understanding::new(Arc::clone(catalog))?;
        Ok(Self(Arc::new(Mutex::new(phrases))))
    }

    /// Uses the phrases of other packs from now on.
    ///
    /// # Errors
    /// Phrases that cannot be compiled; the old ones stay.
    pub fn replace(&self, catalog: &Arc<Catalog>) -> Result<(), Error> {
        let phrases = Understanding::new(Arc::clone(catalog))?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = phrases;
        Ok(())
    }
}

/// The phrases, and what may be said before them.
pub struct Judge {
    /// What is asked for.
    pub phrases: Phrases,
    /// It knows the wake phrases.
    pub attention: Arc<Attention>,
}

impl Sense for Judge {
    fn completeness(&mut self, transcript: &Transcript) -> Completeness {
        let request = self.attention.request_in(&transcript.text);
        let phrases = self.phrases.0.lock();
        let phrases = phrases.unwrap_or_else(PoisonError::into_inner);
        match phrases.progress(request, Some(transcript.language)) {
            Progress::Complete => Completeness::Complete,
            Progress::Extensible => Completeness::Extensible,
            Progress::Unfinished => Completeness::Unfinished,
            Progress::Unknown => Completeness::Unknown,
        }
    }
}
