//! Was the wake phrase said? The first of two stages, on the beginning of every utterance: cheap
//! enough to run all day, and generous, because the recogniser has to find the phrase likely as
//! well.
//!
//! ```text
//! utterance so far -> Embedding: a vector every 80 ms -> the last 16 -> a Head for each phrase
//! ```
//! A head is trained from synthesised speech by `make wake`. What no head knows as its phrase never
//! reaches the recogniser.

mod embedding;
mod head;

use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::Arc;

use codriver_models::{Health, ModelPack, Placement, ProviderReport, Runtime, SmallModel};

use crate::Error;
use crate::audio::{SAMPLE_RATE_HZ, duration_of_samples};
use embedding::Embedding;
use head::Head;

/// A wake phrase ends within so many samples of an utterance's beginning, the pre-roll among them.
const CALLED_WITHIN: usize = 4 * SAMPLE_RATE_HZ as usize;

/// How much an utterance resembles wake phrases.
#[derive(Debug, Clone, PartialEq)]
pub struct WakeScore {
    /// The phrase that it resembles most, as it was trained, in lower case.
    pub phrase: Arc<str>,
    /// How sure this phrase's head is at its surest moment, 0 to 1.
    pub probability: f32,
    /// The phrases that it resembles enough to ask the recogniser, the likeliest first: heads of
    /// phrases that sound alike are woken together.
    pub calls: Vec<Arc<str>>,
}

impl WakeScore {
    /// Whether any phrase is likely enough to ask the recogniser.
    pub fn is_woken(&self) -> bool {
        !self.calls.is_empty()
    }
}

/// Listens for the phrases of its heads.
pub struct WakeWords {
    embedding: Embedding,
    heads: Vec<Head>,
    /// The last vectors of the utterance, the newest last.
    window: Vec<f32>,
    /// Samples of the utterance that were heard already.
    heard: usize,
    /// How sure each head was at its surest moment.
    surest: Vec<f32>,
}

impl WakeWords {
    /// Loads the backbone of `pack` and the `heads`, each on the first provider of `placement` that
    /// takes it whole. When one of them fails there, all of them rest.
    ///
    /// # Errors
    /// [`Error::Models`] for what is missing or does not load; [`Error::WakeWord`] for a graph of
    /// another shape.
    pub fn load(
        runtime: &Runtime,
        pack: &ModelPack,
        heads: &[PathBuf],
        placement: &Placement,
    ) -> Result<Self, Error> {
        let pace = duration_of_samples(embedding::HOP as u64);
        let model = SmallModel::new(runtime, pack.name(), placement, pace);
        let embedding = Embedding::load(&model, pack)?;
        let heads = heads
            .iter()
            .map(|path| Head::load(&model, path))
            .collect::<Result<_, Error>>()?;
        let mut wake_words = Self {
            embedding,
            heads,
            window: Vec::new(),
            heard: 0,
            surest: Vec::new(),
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

    /// How that provider fares, where it is not the CPU.
    pub fn health(&self) -> Option<Arc<Health>> {
        let of_a_head = || self.heads.iter().find_map(Head::health);
        self.embedding.health().or_else(of_a_head).map(Arc::clone)
    }

    /// Another utterance begins.
    pub fn begin(&mut self) {
        self.embedding.begin();
        self.heard = 0;
        self.surest = vec![0.0; self.heads.len()];
        self.window = self.embedding.of_silence().repeat(head::STEPS);
    }

    /// Hears what is new in an utterance of which `so_far` (16 kHz mono, -1.0 to 1.0) is known.
    /// Who calls does so at the beginning; what is said later only sounds like it.
    ///
    /// # Errors
    /// [`Error::WakeWord`] when a graph fails.
    pub fn hear(&mut self, so_far: &[f32]) -> Result<(), Error> {
        while self.heard < CALLED_WITHIN
            && let Some(hop) = so_far.get(self.heard..self.heard + embedding::HOP)
        {
            self.heard += hop.len();
            let vector = self.embedding.next(hop)?;
            self.window.drain(..vector.len());
            self.window.extend_from_slice(&vector);
            for (head, surest) in self.heads.iter_mut().zip(&mut self.surest) {
                *surest = surest.max(head.probability(&self.window)?);
            }
        }
        Ok(())
    }

    /// How the utterance fares so far; `None` when there was too little of it.
    pub fn score(&self) -> Option<WakeScore> {
        let mut heads: Vec<_> = self.heads.iter().zip(&self.surest).collect();
        let woken = |(head, surest): &(&Head, &f32)| **surest >= head.threshold();
        // A head that is woken counts more than one that is surer but wants more.
        heads.sort_by(|a, b| {
            (woken(b), b.1)
                .partial_cmp(&(woken(a), a.1))
                .unwrap_or(Ordering::Equal)
        });
        let (head, probability) = heads.first().filter(|_| self.heard > 0)?;
        let calls = heads.iter().take_while(|head| woken(head));
        Some(WakeScore {
            phrase: head.phrase_shared(),
            probability: **probability,
            calls: calls.map(|(head, _)| head.phrase_shared()).collect(),
        })
    }
}
