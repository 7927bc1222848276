//! The frozen backbone: sound as one vector of 96 numbers every 80 ms.
//!
//! The same steps in the same order as `nlu/training/trainer/wake/embedding.py`: heads are only
//! worth something where both agree.

use std::sync::Arc;

use codriver_models::{Compute, Health, ModelPack, PlacedSession, ProviderReport, SmallModel};
use ort::session::Session;
use ort::value::TensorRef;

use crate::Error;

/// Samples between two vectors: 80 ms at 16 kHz.
pub const HOP: usize = 1280;
/// Numbers of a vector.
pub const WIDTH: usize = 96;
/// Samples before a hop that its spectrum needs too.
const OVERLAP: usize = 480;
/// Spectrum frames of a hop.
const HOP_FRAMES: usize = 8;
/// Spectrum frames a vector is made of: 760 ms.
const FRAMES: usize = 76;
/// Bands of a frame.
const BANDS: usize = 32;
/// A band of digital silence, scaled as below.
const SILENT: f32 = -8.0;
/// The graphs were made for samples of 16 bits.
const FULL_SCALE: f32 = 32_767.0;

/// The two graphs and what they remember of the sound.
pub struct Embedding {
    spectrum: PlacedSession<[f32], Vec<f32>>,
    embedding: PlacedSession<[f32], Vec<f32>>,
    /// The end of the hop before, and the hop.
    sound: Vec<f32>,
    /// The last frames, the newest last.
    frames: Vec<f32>,
    of_silence: Vec<f32>,
}

impl Embedding {
    /// Loads the graphs of `pack` as those of `model`, and tries them.
    pub fn load(model: &SmallModel<'_>, pack: &ModelPack) -> Result<Self, Error> {
        let graphs = pack.speech_embedding()?;
        let load = |graph, run: Compute<[f32], Vec<f32>>, taken| {
            model.load(pack.name(), graph, run, |ask| {
                // Loud and soft, low and high.
                let number = |n: usize| (n as f32).sqrt().sin() * (n % 97) as f32 / 97.0;
                let input: Vec<f32> = (0..taken).map(number).collect();
                ask(&input)
            })
        };
        let mut loaded = Self {
            spectrum: load(&graphs.spectrum, spectrum, OVERLAP + HOP)?,
            embedding: load(&graphs.embedding, embedding, FRAMES * BANDS)?,
            sound: Vec::new(),
            frames: Vec::new(),
            of_silence: vec![0.0; WIDTH],
        };
        loaded.begin();
        loaded.of_silence = loaded.vector()?;
        // A graph of another shape is found out now, not when somebody speaks.
        loaded.next(&[0.0; HOP])?;
        loaded.begin();
        Ok(loaded)
    }

    /// Which execution provider runs the larger graph.
    pub fn provider(&self) -> &ProviderReport {
        self.embedding.report()
    }

    /// How that provider fares, where it is not the CPU.
    pub fn health(&self) -> Option<&Arc<Health>> {
        self.embedding.health().or(self.spectrum.health())
    }

    /// What stands in for vectors from before the sound began.
    pub fn of_silence(&self) -> &[f32] {
        &self.of_silence
    }

    /// Forgets what came before: sound begins out of digital silence.
    pub fn begin(&mut self) {
        self.sound.clear();
        self.sound.resize(OVERLAP, 0.0);
        self.frames.clear();
        self.frames.resize(FRAMES * BANDS, SILENT);
    }

    /// The vector at the end of this hop (exactly [`HOP`] samples, -1.0 to 1.0).
    pub fn next(&mut self, hop: &[f32]) -> Result<Vec<f32>, Error> {
        self.sound
            .extend(hop.iter().map(|sample| sample * FULL_SCALE));
        let spectrum = self.spectrum.run(&self.sound).map_err(failed)?;
        self.frames.drain(..spectrum.len());
        self.frames
            .extend(spectrum.iter().map(|decibels| decibels / 10.0 + 2.0));
        self.sound.drain(..self.sound.len() - OVERLAP);
        self.vector()
    }

    fn vector(&mut self) -> Result<Vec<f32>, Error> {
        self.embedding.run(&self.frames).map_err(failed)
    }
}

/// The frames of a hop and what overlaps with it, in decibels.
fn spectrum(session: &mut Session, sound: &[f32]) -> Result<Vec<f32>, String> {
    let input = TensorRef::from_array_view(([1, sound.len()], sound));
    numbers(session, "input", input, HOP_FRAMES * BANDS)
}

/// The vector of the last frames.
fn embedding(session: &mut Session, frames: &[f32]) -> Result<Vec<f32>, String> {
    let input = TensorRef::from_array_view(([1, FRAMES, BANDS, 1], frames));
    numbers(session, "input_1", input, WIDTH)
}

/// What a graph of one input answers, which has to be so many numbers.
fn numbers(
    session: &mut Session,
    name: &str,
    input: ort::Result<TensorRef<'_, f32>>,
    wanted: usize,
) -> Result<Vec<f32>, String> {
    let failed = |error: ort::Error| error.to_string();
    let outputs = session
        .run(ort::inputs![name => input.map_err(failed)?])
        .map_err(failed)?;
    let (_, answer) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
    if answer.len() != wanted || answer.iter().any(|number| !number.is_finite()) {
        return Err(format!(
            "it answered {} numbers, or no numbers, instead of {wanted}",
            answer.len()
        ));
    }
    Ok(answer.to_vec())
}

fn failed(reason: impl ToString) -> Error {
    Error::WakeWord {
        what: "the speech embedding".into(),
        reason: reason.to_string(),
        remedy: "run `codriverctl models verify`, and `codriverctl models install` if it complains",
    }
}
