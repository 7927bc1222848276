//! The head of one wake phrase: an ONNX graph that `make wake` wrote.

use std::path::Path;
use std::sync::Arc;

use codriver_models::{Health, PlacedSession, SmallModel};
use ort::session::Session;
use ort::value::TensorRef;

use super::embedding::WIDTH;
use crate::Error;

/// Vectors that a head looks at: the sound of the last two seconds.
pub const STEPS: usize = 16;

/// One phrase.
///
/// The graph takes "embeddings" [1, 16, 96] to one probability; its metadata hold the phrase and
/// the threshold.
pub struct Head {
    session: PlacedSession<[f32], f32>,
    place: String,
    phrase: Arc<str>,
    threshold: f32,
}

impl Head {
    /// Loads the graph at `path` as one of `model`, and tries it.
    pub fn load(model: &SmallModel<'_>, path: &Path) -> Result<Self, Error> {
        let place = path.display().to_string();
        let session = model.load(&place, path, run, |ask| {
            let window: Vec<f32> = (0..STEPS * WIDTH).map(|n| (n as f32).sin()).collect();
            ask(&window).map(|probability| vec![probability])
        })?;
        let (phrase, threshold) = {
            let metadata = session
                .on_cpu()
                .metadata()
                .map_err(|reason| failed(&place, reason))?;
            let phrase = metadata.custom("phrase").unwrap_or_default();
            let threshold: Option<f32> = metadata
                .custom("threshold")
                .and_then(|text| text.parse().ok())
                .filter(|threshold| (0.0..=1.0).contains(threshold));
            match threshold {
                Some(threshold) if !phrase.is_empty() => (phrase, threshold),
                _ => {
                    let reason = "its metadata name no phrase, or no threshold from 0 to 1";
                    return Err(failed(&place, reason));
                }
            }
        };
        let mut head = Self {
            session,
            place,
            phrase: phrase.into(),
            threshold,
        };
        // A graph of another shape is found out now, not when somebody speaks.
        head.probability(&[0.0; STEPS * WIDTH])?;
        Ok(head)
    }

    /// The phrase, in lower case.
    pub fn phrase(&self) -> &str {
        &self.phrase
    }

    /// The phrase, without a copy of its letters.
    pub fn phrase_shared(&self) -> Arc<str> {
        Arc::clone(&self.phrase)
    }

    /// The probability from which the recogniser is asked.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// How the provider fares that runs it, where it is not the CPU.
    pub fn health(&self) -> Option<&Arc<Health>> {
        self.session.health()
    }

    /// Whether the phrase has just been said, by the last [`STEPS`] vectors.
    pub fn probability(&mut self, window: &[f32]) -> Result<f32, Error> {
        let answer = self.session.run(window);
        answer.map_err(|reason| failed(&self.place, reason))
    }
}

fn run(session: &mut Session, window: &[f32]) -> Result<f32, String> {
    let failed = |error: ort::Error| error.to_string();
    let input = TensorRef::from_array_view(([1, STEPS, WIDTH], window)).map_err(failed)?;
    let outputs = session
        .run(ort::inputs!["embeddings" => input])
        .map_err(failed)?;
    let (_, answer) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
    match answer {
        [probability] if probability.is_finite() => Ok(probability.clamp(0.0, 1.0)),
        other => Err(format!(
            "it answered {} numbers instead of one probability",
            other.len()
        )),
    }
}

fn failed(place: &str, reason: impl ToString) -> Error {
    Error::WakeWord {
        what: place.to_owned(),
        reason: reason.to_string(),
        remedy: "train it again with `make wake PHRASE=\"...\"`",
    }
}
