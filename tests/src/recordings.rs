//! The bundled recordings: what is said in each, and what must come of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::Error;

/// One recorded sentence.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Recording {
    /// Its WAV file; absolute after [`load`].
    pub file: PathBuf,
    /// "en" or "zh".
    pub language: String,
    /// What is said.
    pub text: String,
    /// What must be understood; empty where nothing may be done.
    #[serde(default)]
    pub commands: Vec<ExpectedCommand>,
    /// Whether the assistant asks "really?" before it acts.
    #[serde(default)]
    pub asks_back: bool,
    /// What must be on the bus: request message -> signal -> physical value.
    #[serde(default)]
    pub frames: BTreeMap<String, BTreeMap<String, f64>>,
}

/// One command that must be understood.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ExpectedCommand {
    /// Its name.
    pub name: String,
    /// Its arguments, those that matter.
    #[serde(default)]
    pub arguments: BTreeMap<String, toml::Value>,
}

/// The lists of `tests/speech/sentences.toml`.
#[derive(Deserialize)]
struct Listing {
    sentence: Vec<Recording>,
    wake: Vec<Recording>,
}

/// All requests of `tests/speech/sentences.toml`.
///
/// # Errors
/// The list is missing or malformed.
pub fn load() -> Result<Vec<Recording>, Error> {
    Ok(listing()?.sentence)
}

fn listing() -> Result<Listing, Error> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("speech");
    let path = directory.join("sentences.toml");
    let text = fs::read_to_string(&path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    let mut listing: Listing = toml::from_str(&text).map_err(|error| Error::Listing {
        path: path.clone(),
        problem: error.to_string(),
    })?;
    for recording in listing.sentence.iter_mut().chain(&mut listing.wake) {
        recording.file = directory.join(&recording.file);
    }
    Ok(listing)
}

/// The recording in the file named `name`: a request, or one that begins with a wake phrase.
///
/// # Errors
/// As [`load`], or there is none.
pub fn named(name: &str) -> Result<Recording, Error> {
    let Listing { sentence, wake } = listing()?;
    sentence
        .into_iter()
        .chain(wake)
        .find(|recording| recording.file.file_name().is_some_and(|file| file == name))
        .ok_or_else(|| Error::Listing {
            path: "tests/speech/sentences.toml".into(),
            problem: format!("no recording is called {name}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_recording_is_there_at_16_khz_mono_and_short() {
        let Listing { sentence, wake } = listing().unwrap();
        assert!(sentence.len() >= 32);
        for recording in sentence.into_iter().chain(wake) {
            let reader = hound::WavReader::open(&recording.file).unwrap();
            let spec = reader.spec();
            assert_eq!(
                (spec.channels, spec.sample_rate, spec.bits_per_sample),
                (1, 16_000, 16)
            );
            let seconds = f64::from(reader.duration()) / 16_000.0;
            assert!(
                (1.5..=3.0).contains(&seconds),
                "{}: {seconds}",
                recording.file.display()
            );
        }
    }
}
