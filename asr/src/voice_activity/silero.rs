//! Silero VAD on ONNX Runtime.

use std::sync::Arc;
use std::time::Duration;

use codriver_models::{
    Health, ModelPack, PlacedSession, Placement, ProviderReport, Runtime, SmallModel,
};
use ort::session::Session;
use ort::value::TensorRef;

use super::VoiceActivity;
use crate::audio::duration_of_samples;
use crate::{Error, SAMPLE_RATE_HZ};

/// Silero VAD, version 5 and later.
///
/// Each window goes in behind the last samples of the one before (the context); the graph's
/// recurrent state is carried from call to call, so that whoever runs the next one has it.
pub struct SileroVad {
    session: PlacedSession<Heard, Speech>,
    window_samples: usize,
    heard: Heard,
}

/// What the graph is asked.
#[derive(Clone)]
struct Heard {
    /// Context and window.
    input: Vec<f32>,
    state: Vec<f32>,
}

/// What it answers.
struct Speech {
    probability: f32,
    state: Vec<f32>,
}

/// Two layers of 128 numbers, for a batch of one.
const STATE_SHAPE: [usize; 3] = [2, 1, 128];
/// Windows that a provider is compared with the CPU on: a second, for its state to follow.
const WINDOWS_TRIED: usize = 32;

impl SileroVad {
    /// Builds the model of `pack` on the first provider of `placement` that takes it whole.
    pub fn load(runtime: &Runtime, pack: &ModelPack, placement: &Placement) -> Result<Self, Error> {
        let model = pack.voice_activity()?;
        if model.sample_rate_hz.get() != SAMPLE_RATE_HZ {
            return Err(failed(format!(
                "pack \"{}\" wants {} Hz, but this program gives {SAMPLE_RATE_HZ} Hz",
                pack.name(),
                model.sample_rate_hz
            )));
        }
        let taken = model.context_samples + model.window_samples.get();
        let pace: Duration = duration_of_samples(model.window_samples.get() as u64);
        let session = SmallModel::new(runtime, pack.name(), placement, pace).load(
            pack.name(),
            &model.graph,
            run,
            |ask| try_out(ask, taken),
        )?;
        Ok(Self {
            session,
            window_samples: model.window_samples.get(),
            heard: Heard {
                input: vec![0.0; taken],
                state: silent_state(),
            },
        })
    }

    /// Which execution provider runs the model, and why no better one does.
    pub fn provider(&self) -> &ProviderReport {
        self.session.report()
    }

    /// How that provider fares, where it is not the CPU.
    pub fn health(&self) -> Option<Arc<Health>> {
        self.session.health().map(Arc::clone)
    }
}

impl VoiceActivity for SileroVad {
    fn window_samples(&self) -> usize {
        self.window_samples
    }

    fn probability(&mut self, window: &[f32]) -> Result<f32, Error> {
        if window.len() != self.window_samples {
            return Err(failed(format!(
                "was given {} samples instead of {}",
                window.len(),
                self.window_samples
            )));
        }
        // The end of the window before becomes the context of this one.
        let input = &mut self.heard.input;
        input.drain(..self.window_samples.min(input.len()));
        input.extend_from_slice(window);
        let speech = self.session.run(&self.heard).map_err(failed)?;
        self.heard.state = speech.state;
        Ok(speech.probability)
    }

    fn reset(&mut self) {
        self.heard.input.fill(0.0);
        self.heard.state.fill(0.0);
    }
}

fn silent_state() -> Vec<f32> {
    vec![0.0; STATE_SHAPE.iter().product()]
}

/// One window with its context.
fn run(session: &mut Session, heard: &Heard) -> Result<Speech, String> {
    let Heard { input, state } = heard;
    let failed = |error: ort::Error| error.to_string();
    let rate = [i64::from(SAMPLE_RATE_HZ)];
    let scalar: [usize; 0] = [];
    let outputs = session
        .run(ort::inputs![
            "input" => TensorRef::from_array_view(([1, input.len()], &**input)).map_err(failed)?,
            "state" => TensorRef::from_array_view((STATE_SHAPE, &**state)).map_err(failed)?,
            "sr" => TensorRef::from_array_view((scalar, &rate[..])).map_err(failed)?,
        ])
        .map_err(failed)?;
    let answer = |name: &str| {
        outputs
            .get(name)
            .ok_or_else(|| format!("the graph has no output \"{name}\""))?
            .try_extract_tensor::<f32>()
            .map(|(_, numbers)| numbers)
            .map_err(failed)
    };
    let next = answer("stateN")?;
    if next.len() != state.len() || !next.iter().all(|number| number.is_finite()) {
        return Err(format!(
            "its state has {} numbers, or no numbers",
            next.len()
        ));
    }
    let probability = match answer("output")? {
        [probability] if probability.is_finite() => probability.clamp(0.0, 1.0),
        other => return Err(format!("it answered {other:?} instead of one probability")),
    };
    Ok(Speech {
        probability,
        state: next.to_vec(),
    })
}

/// What it makes of a hum that comes and goes, four times a second as syllables do.
fn try_out(
    ask: &mut dyn FnMut(&Heard) -> Result<Speech, String>,
    taken: usize,
) -> Result<Vec<f32>, String> {
    let seconds = |sample: usize| sample as f32 / SAMPLE_RATE_HZ as f32;
    let wave = |hertz: f32, sample: usize| (std::f32::consts::TAU * hertz * seconds(sample)).sin();
    let hum = |sample| {
        (1..12)
            .map(|n| wave(120.0 * n as f32, sample) / n as f32)
            .sum::<f32>()
    };
    let mut state = silent_state();
    let mut numbers = Vec::new();
    for window in 0..WINDOWS_TRIED {
        let samples = window * taken..(window + 1) * taken;
        let input = samples
            .map(|sample| 0.2 * wave(4.0, sample) * hum(sample))
            .collect();
        let speech = ask(&Heard { input, state })?;
        numbers.push(speech.probability);
        state = speech.state;
    }
    numbers.append(&mut state);
    Ok(numbers)
}

fn failed(reason: impl ToString) -> Error {
    Error::VoiceActivity {
        reason: reason.to_string(),
    }
}
