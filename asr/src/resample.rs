//! Any rate and channel count in, 16 kHz mono out, as a stream.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

use crate::{Error, Format, SAMPLE_RATE_HZ};

/// A streaming converter to 16 kHz mono.
///
/// Channels are averaged first, so that only one is resampled. The filter's delay is taken off
/// the front and given back by [`flush`](Self::flush): sample `n` of the output is, to
/// within one sample, the sound at `n / 16000` seconds of the input. Samples that are not finite become silence and samples
/// beyond full scale are cut to it, so that no later stage meets either.
pub struct ToSpeech {
    format: Format,
    filter: Option<Filter>,
    mono: Vec<f32>,
}

impl ToSpeech {
    /// A converter from `format`; audio that is already at 16 kHz passes through untouched.
    pub fn new(format: Format) -> Result<Self, Error> {
        let filter = match format.rate_hz() {
            SAMPLE_RATE_HZ => None,
            rate_hz => Some(Filter::new(rate_hz)?),
        };
        Ok(Self {
            format,
            filter,
            mono: Vec::new(),
        })
    }

    /// The format this converter takes.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Appends to `out` what `interleaved` (whole frames) completes.
    pub fn push(&mut self, interleaved: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        self.mono.clear();
        mix_down(
            interleaved,
            usize::from(self.format.channels()),
            &mut self.mono,
        );
        match &mut self.filter {
            None => {
                out.extend_from_slice(&self.mono);
                Ok(())
            }
            Some(filter) => filter.push(&self.mono, out),
        }
    }

    /// Appends what the filter still holds, at the end of the stream.
    pub fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        match &mut self.filter {
            None => Ok(()),
            Some(filter) => filter.flush(out),
        }
    }
}

/// The average of each frame's channels, made finite and within full scale.
fn mix_down(interleaved: &[f32], channels: usize, mono: &mut Vec<f32>) {
    let sane = |sample: f32| {
        if sample.is_finite() {
            sample.clamp(-1.0, 1.0)
        } else {
            0.0
        }
    };
    if channels == 1 {
        mono.extend(interleaved.iter().copied().map(sane));
    } else {
        mono.extend(
            interleaved
                .chunks_exact(channels)
                .map(|frame| frame.iter().copied().map(sane).sum::<f32>() / channels as f32),
        );
    }
}

/// Input frames handed to the resampler at a time.
const CHUNK_FRAMES: usize = 256;

/// rubato's sinc resampler: one filter for every ratio, also for rates without a common divisor.
struct Filter {
    rate_hz: u32,
    resampler: Async<f32>,
    waiting: Vec<f32>,
    produced: Vec<f32>,
    /// Output frames of the filter's start-up delay still to be dropped.
    delay_left: usize,
    taken: u64,
    given: u64,
}

impl Filter {
    fn new(rate_hz: u32) -> Result<Self, Error> {
        let mut parameters = SincInterpolationParameters::new(128, WindowFunction::BlackmanHarris2);
        parameters.oversampling_factor = 256;
        parameters.interpolation = SincInterpolationType::Linear;
        let ratio = f64::from(SAMPLE_RATE_HZ) / f64::from(rate_hz);
        let resampler =
            Async::new_sinc(ratio, 1.0, &parameters, CHUNK_FRAMES, 1, FixedAsync::Input).map_err(
                |error| Error::Resampler {
                    rate_hz,
                    reason: error.to_string(),
                },
            )?;
        Ok(Self {
            rate_hz,
            waiting: Vec::new(),
            produced: vec![0.0; resampler.output_frames_max()],
            delay_left: resampler.output_delay(),
            resampler,
            taken: 0,
            given: 0,
        })
    }

    fn push(&mut self, mono: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        self.taken += mono.len() as u64;
        self.waiting.extend_from_slice(mono);
        while self.waiting.len() >= CHUNK_FRAMES {
            self.step(CHUNK_FRAMES, out)?;
            self.waiting.drain(..CHUNK_FRAMES);
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        let owed = self.taken * u64::from(SAMPLE_RATE_HZ) / u64::from(self.rate_hz);
        let mut real = self.waiting.len();
        self.waiting.resize(CHUNK_FRAMES, 0.0);
        while self.given < owed {
            let before = out.len();
            self.step(real, out)?;
            let excess = usize::try_from(self.given.saturating_sub(owed)).unwrap_or(0);
            out.truncate((out.len() - excess).max(before));
            self.given = self.given.min(owed);
            real = 0;
        }
        self.waiting.clear();
        Ok(())
    }

    /// Resamples the first `real` of the waiting frames; the filter takes silence for the rest.
    fn step(&mut self, real: usize, out: &mut Vec<f32>) -> Result<(), Error> {
        let rate_hz = self.rate_hz;
        let failed = |reason: String| Error::Resampler { rate_hz, reason };
        let frames = self.produced.len();
        let input = InterleavedSlice::new(&self.waiting, 1, self.waiting.len())
            .map_err(|error| failed(error.to_string()))?;
        let mut output = InterleavedSlice::new_mut(&mut self.produced, 1, frames)
            .map_err(|error| failed(error.to_string()))?;
        let indexing = Indexing::new().partial_len(real);
        let (_, made) = self
            .resampler
            .process_into_buffer(&input, &mut output, Some(&indexing))
            .map_err(|error| failed(error.to_string()))?;
        let dropped = made.min(self.delay_left);
        self.delay_left -= dropped;
        let fresh = self.produced.get(dropped..made).unwrap_or_default();
        out.extend_from_slice(fresh);
        self.given += fresh.len() as u64;
        Ok(())
    }
}
