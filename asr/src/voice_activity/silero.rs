//! Silero VAD on ONNX Runtime.

use codriver_models::{
    ExecutionProviders, LoadedModel, ModelPack, ProviderReport, Runtime, SessionOptions,
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
    session: Session,
    report: ProviderReport,
    window_samples: usize,
    context_samples: usize,
    /// Context and window, as the graph takes them.
    input: Vec<f32>,
    state: Vec<f32>,
}

/// Two layers of 128 numbers, for a batch of one.
const STATE_SHAPE: [usize; 3] = [2, 1, 128];

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
        let LoadedModel {
            session, report, ..
        } = runtime.session(
            pack.name(),
            &model.graph,
            providers,
            &SessionOptions::default(),
        )?;
        Ok(Self {
            session,
            report,
            window_samples: model.window_samples.get(),
            context_samples: model.context_samples,
            input: vec![0.0; model.context_samples + model.window_samples.get()],
            state: vec![0.0; STATE_SHAPE.iter().product()],
        })
    }

    /// Which execution provider runs the model, and why no better one does.
    pub fn provider(&self) -> &ProviderReport {
        &self.report
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

        let rate = [i64::from(SAMPLE_RATE_HZ)];
        let scalar: [usize; 0] = [];
        let outputs = self
            .session
            .run(ort::inputs![
                "input" => TensorRef::from_array_view(([1, self.input.len()], &*self.input))
                    .map_err(failed)?,
                "state" => TensorRef::from_array_view((STATE_SHAPE, &*self.state))
                    .map_err(failed)?,
                "sr" => TensorRef::from_array_view((scalar, &rate[..])).map_err(failed)?,
            ])
            .map_err(failed)?;
        let answer = |name: &str| {
            outputs
                .get(name)
                .ok_or_else(|| failed(format!("the graph has no output \"{name}\"")))?
                .try_extract_tensor::<f32>()
                .map(|(_, numbers)| numbers)
                .map_err(failed)
        };
        let state = answer("stateN")?;
        if state.len() != self.state.len() {
            return Err(failed(format!("its state has {} numbers", state.len())));
        }
        self.state.copy_from_slice(state);
        match answer("output")? {
            [probability] if probability.is_finite() => Ok(probability.clamp(0.0, 1.0)),
            other => Err(failed(format!(
                "it answered {other:?} instead of one probability"
            ))),
        }
    }

    fn reset(&mut self) {
        self.input.clear();
        self.input
            .resize(self.context_samples + self.window_samples, 0.0);
        self.state.fill(0.0);
    }
}

fn failed(reason: impl ToString) -> Error {
    Error::VoiceActivity {
        reason: reason.to_string(),
    }
}
