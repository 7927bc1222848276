//! Silero VAD on ONNX Runtime.

use codriver_models::{
    ExecutionProviders, ModelPack, PlacedSession, ProviderReport, Runtime, SessionOptions,
};
use ort::session::Session;
use ort::value::TensorRef;

use super::VoiceActivity;
use crate::{Error, SAMPLE_RATE_HZ};

/// Silero VAD, version 5 and later.
///
/// Each window goes in behind the last samples of the one before (the context); the graph's
/// recurrent state is carried from call to call.
pub struct SileroVad {
    session: PlacedSession,
    window_samples: usize,
    context_samples: usize,
    /// Context and window, as the graph takes them.
    input: Vec<f32>,
    state: Vec<f32>,
}

/// Two layers of 128 numbers, for a batch of one.
const STATE_SHAPE: [usize; 3] = [2, 1, 128];
/// Windows that a provider is compared with the CPU on: a second, for its state to follow.
const WINDOWS_TRIED: usize = 32;

impl SileroVad {
    /// Builds the model of `pack` on the first of `providers` that takes it whole.
    pub fn load(
        runtime: &Runtime,
        pack: &ModelPack,
        providers: &ExecutionProviders,
    ) -> Result<Self, Error> {
        let model = pack.voice_activity()?;
        if model.sample_rate_hz.get() != SAMPLE_RATE_HZ {
            return Err(failed(format!(
                "pack \"{}\" wants {} Hz, but this program gives {SAMPLE_RATE_HZ} Hz",
                pack.name(),
                model.sample_rate_hz
            )));
        }
        let taken = model.context_samples + model.window_samples.get();
        let session = runtime.placed_session(
            pack.name(),
            &model.graph,
            providers,
            &SessionOptions::default(),
            |session| try_out(session, taken),
        )?;
        Ok(Self {
            session,
            window_samples: model.window_samples.get(),
            context_samples: model.context_samples,
            input: vec![0.0; taken],
            state: silent_state(),
        })
    }

    /// Which execution provider runs the model, and why no better one does.
    pub fn provider(&self) -> &ProviderReport {
        self.session.report()
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
        self.input
            .drain(..self.window_samples.min(self.input.len()));
        self.input.extend_from_slice(window);

        let Self {
            session,
            input,
            state,
            ..
        } = self;
        session
            .run(|session| run(session, input, state))
            .map_err(failed)
    }

    fn reset(&mut self) {
        self.input.clear();
        self.input
            .resize(self.context_samples + self.window_samples, 0.0);
        self.state.fill(0.0);
    }
}

fn silent_state() -> Vec<f32> {
    vec![0.0; STATE_SHAPE.iter().product()]
}

/// The probability of one window with its context; `state` becomes that after it.
fn run(session: &mut Session, input: &[f32], state: &mut [f32]) -> Result<f32, String> {
    let failed = |error: ort::Error| error.to_string();
    let rate = [i64::from(SAMPLE_RATE_HZ)];
    let scalar: [usize; 0] = [];
    let outputs = session
        .run(ort::inputs![
            "input" => TensorRef::from_array_view(([1, input.len()], input)).map_err(failed)?,
            "state" => TensorRef::from_array_view((STATE_SHAPE, &*state)).map_err(failed)?,
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
    state.copy_from_slice(next);
    Ok(probability)
}

/// What it makes of a hum that comes and goes, four times a second as syllables do.
fn try_out(session: &mut Session, taken: usize) -> Result<Vec<f32>, String> {
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
        let input: Vec<f32> = samples
            .map(|sample| 0.2 * wave(4.0, sample) * hum(sample))
            .collect();
        numbers.push(run(session, &input, &mut state)?);
    }
    numbers.append(&mut state);
    Ok(numbers)
}

fn failed(reason: impl ToString) -> Error {
    Error::VoiceActivity {
        reason: reason.to_string(),
    }
}
