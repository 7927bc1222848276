//! What sound looks like inside: a format outside, 16 kHz mono `f32` within.

use std::time::Duration;

use crate::Error;

/// The sample rate of everything after the resampler, in hertz.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// How a source lays out its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    rate_hz: u32,
    channels: u16,
}

impl Format {
    /// The format every later stage works in: 16 kHz mono.
    pub const SPEECH: Self = Self {
        rate_hz: SAMPLE_RATE_HZ,
        channels: 1,
    };

    /// Accepts 4 to 768 kHz and 1 to 64 channels; `place` names the file or device in the error.
    pub fn new(rate_hz: u32, channels: u16, place: &str) -> Result<Self, Error> {
        if (4_000..=768_000).contains(&rate_hz) && (1..=64).contains(&channels) {
            Ok(Self { rate_hz, channels })
        } else {
            Err(Error::FormatUnusable {
                place: place.to_owned(),
                channels,
                rate_hz,
            })
        }
    }

    /// Frames a second, in hertz.
    pub fn rate_hz(self) -> u32 {
        self.rate_hz
    }

    /// Samples in each frame.
    pub fn channels(self) -> u16 {
        self.channels
    }

    /// How long `samples` interleaved samples (of all channels) sound.
    pub fn duration_of(self, samples: usize) -> Duration {
        let frames = samples / usize::from(self.channels);
        Duration::from_secs_f64(frames as f64 / f64::from(self.rate_hz))
    }
}

/// How long `samples` of 16 kHz mono audio sound.
pub fn duration_of_samples(samples: u64) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(SAMPLE_RATE_HZ))
}

/// How many samples of 16 kHz mono audio sound for `duration`, rounded down.
pub fn samples_in(duration: Duration) -> usize {
    usize::try_from(duration.as_micros() * u128::from(SAMPLE_RATE_HZ) / 1_000_000)
        .unwrap_or(usize::MAX)
}
