//! Was the wake phrase said? The first of two stages, on every utterance: cheap enough to run all
//! day, and generous, because the recogniser's words have to begin with the phrase as well.
//!
//! ```text
//! utterance so far -> Embedding: a vector every 80 ms -> the last 16 -> a Head for each phrase
//! ```
//! A head is trained from synthesised speech by `make wake`. What no head knows as its phrase never
//! reaches the recogniser.

mod embedding;
mod head;

use std::path::PathBuf;
use std::sync::Arc;

use codriver_models::{ExecutionProviders, ModelPack, ProviderReport, Runtime};

use crate::Error;
use embedding::Embedding;
use head::Head;

/// How much an utterance resembles the wake phrase that it resembles most.
#[derive(Debug, Clone, PartialEq)]
pub struct WakeScore {
    /// The phrase as it was trained, in lower case.
    pub phrase: Arc<str>,
    /// How sure the phrase's head is at its surest moment, 0 to 1.
    pub probability: f32,
    /// Whether that is enough to ask the recogniser.
    pub woken: bool,
}

/// Listens for the phrases of its heads.
pub struct WakeWords {
    embedding: Embedding,
    heads: Vec<Head>,
    /// The last vectors of the utterance, the newest last.
    window: Vec<f32>,
    /// Samples of the utterance that were heard already.
    heard: usize,
    best: Option<WakeScore>,
}

impl WakeWords {
    /// Loads the backbone of `pack` and the `heads`, each on the first of `providers` that takes
    /// it whole.
    ///
    /// # Errors
    /// [`Error::Models`] for what is missing or does not load; [`Error::WakeWord`] for a graph of
    /// another shape.
    pub fn load(
        runtime: &Runtime,
        pack: &ModelPack,
        heads: &[PathBuf],
        providers: &ExecutionProviders,
    ) -> Result<Self, Error> {
        let embedding = Embedding::load(runtime, pack, providers)?;
        let heads = heads
            .iter()
            .map(|path| Head::load(runtime, path, providers))
            .collect::<Result<_, Error>>()?;
        let mut wake_words = Self {
            embedding,
            heads,
            window: Vec::new(),
            heard: 0,
            best: None,
        };
        wake_words.begin();
        Ok(wake_words)
    }

    /// The phrases it listens for.
    pub fn phrases(&self) -> impl Iterator<Item = &str> {
        self.heads.iter().map(Head::phrase)
    }

    /// Which execution provider runs the backbone, and why no better one does.
    pub fn provider(&self) -> &ProviderReport {
        self.embedding.provider()
    }

    /// Another utterance begins.
    pub fn begin(&mut self) {
        self.embedding.begin();
        self.heard = 0;
        self.best = None;
        self.window = self.embedding.of_silence().repeat(head::STEPS);
    }

    /// Hears what is new in an utterance of which `so_far` (16 kHz mono, -1.0 to 1.0) is known.
    ///
    /// # Errors
    /// [`Error::WakeWord`] when a graph fails.
    pub fn hear(&mut self, so_far: &[f32]) -> Result<(), Error> {
        while let Some(hop) = so_far.get(self.heard..self.heard + embedding::HOP) {
            self.heard += hop.len();
            let vector = self.embedding.next(hop)?;
            self.window.drain(..vector.len());
            self.window.extend_from_slice(&vector);
            for head in &mut self.heads {
                let probability = head.probability(&self.window)?;
                let best = self.best.as_ref();
                let woken = probability >= head.threshold();
                // A head that is woken counts more than one that is surer but wants more.
                if best.is_none_or(|best| (woken, probability) > (best.woken, best.probability)) {
                    self.best = Some(WakeScore {
                        phrase: head.phrase_shared(),
                        probability,
                        woken,
                    });
                }
            }
        }
        Ok(())
    }

    /// How the utterance fares so far; `None` when there was too little of it.
    pub fn score(&self) -> Option<&WakeScore> {
        self.best.as_ref()
    }
}
