//! The wake phrases' heads: which of them there are, and what it means when one is missing.

use std::path::{Path, PathBuf};

use codriver_asr::WakeWords;
use codriver_models::{Runtime, Store};

use crate::Error;
use crate::settings::{Activation, Settings};

/// The folder of the heads, beside commands/ and languages/.
const FOLDER: &str = "wake";

/// How the wake phrases are listened for.
pub struct Wake {
    /// The first stage, before the recogniser; `None` where the recogniser hears everything.
    pub words: Option<WakeWords>,
    /// The same for a person, with the reason.
    pub report: String,
}

impl Wake {
    /// Loads a head for every configured phrase, where waiting for a wake phrase is wanted.
    ///
    /// When one is missing or damaged, the recogniser has to hear everything: to wake for some of
    /// the phrases only would be worse than to spend more of the processor.
    pub fn load(settings: &Settings, configs: &Path, runtime: &Runtime, store: &Store) -> Self {
        let listening = &settings.listening;
        if listening.activation != Activation::Wake {
            return Self::recogniser_alone("no wake phrase is waited for");
        }
        if listening.wake_pack.is_empty() {
            return Self::recogniser_alone("listening.wake_pack is empty");
        }
        match words(settings, configs, runtime, store) {
            Ok(words) => {
                let phrases: Vec<_> = words.phrases().collect();
                let report = format!("heads, then the recogniser: {}", phrases.join(", "));
                tracing::info!(report, "wake phrases");
                Self {
                    words: Some(words),
                    report,
                }
            }
            Err(error) => {
                tracing::warn!("every utterance is recognised, to look for a wake phrase: {error}");
                Self::recogniser_alone(&error.to_string())
            }
        }
    }

    fn recogniser_alone(reason: &str) -> Self {
        Self {
            words: None,
            report: format!("the recogniser alone: {reason}"),
        }
    }
}

fn words(
    settings: &Settings,
    configs: &Path,
    runtime: &Runtime,
    store: &Store,
) -> Result<WakeWords, Error> {
    let folder = configs.join(FOLDER);
    let heads = settings
        .listening
        .wake_phrases
        .iter()
        .map(|phrase| head(&folder, phrase))
        .collect::<Result<Vec<_>, _>>()?;
    let pack = store.open(&settings.listening.wake_pack)?;
    let placement = settings.wake_placement()?;
    Ok(WakeWords::load(runtime, &pack, &heads, &placement)?)
}

/// The file of a phrase's head, as `make wake` names it.
fn head(folder: &Path, phrase: &str) -> Result<PathBuf, Error> {
    let words: Vec<_> = phrase.split_whitespace().map(str::to_lowercase).collect();
    let path = folder.join(format!("{}.onnx", words.join("-")));
    match path.is_file() {
        true => Ok(path),
        false => Err(Error::NoWakeHead {
            phrase: phrase.to_owned(),
            path,
        }),
    }
}
