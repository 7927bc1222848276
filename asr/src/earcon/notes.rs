//! Takes the earcons' notes out of sound.

use super::{HIGH_HZ, LOW_HZ};
use crate::Format;

/// How narrow: the hole is a sixth of a note's frequency wide. Narrower ones ring longer than an
/// earcon swells, and leave more of it.
const QUALITY: f64 = 6.0;

/// Two notches for each note, one after the other, for each channel.
#[derive(Debug, Clone)]
pub struct NoteFilter {
    channels: Vec<[Notch; 4]>,
}

impl NoteFilter {
    /// A filter for sound of this format, at rest.
    pub fn new(format: Format) -> Self {
        let notch = |hz: f32| Notch::new(f64::from(hz) / f64::from(format.rate_hz()));
        let notches = [LOW_HZ, LOW_HZ, HIGH_HZ, HIGH_HZ].map(notch);
        Self {
            channels: vec![notches; usize::from(format.channels())],
        }
    }

    /// Takes the notes out of whole frames of interleaved samples. What comes next goes on where
    /// these end.
    pub fn take_out(&mut self, samples: &mut [f32]) {
        let channels = self.channels.len().max(1);
        for frame in samples.chunks_mut(channels) {
            for (sample, notches) in frame.iter_mut().zip(&mut self.channels) {
                let sound = f64::from(*sample);
                *sample = notches
                    .iter_mut()
                    .fold(sound, |sound, notch| notch.pass(sound)) as f32;
            }
        }
    }
}

/// A notch of second order, from Robert Bristow-Johnson's "Cookbook formulae for audio equalizer
/// biquad filter coefficients", in transposed direct form II.
#[derive(Debug, Clone, Copy)]
struct Notch {
    /// Both outer coefficients of the numerator.
    outer: f64,
    /// The middle coefficient of numerator and denominator.
    middle: f64,
    /// The last coefficient of the denominator.
    last: f64,
    state: [f64; 2],
}

impl Notch {
    /// A notch at this frequency, in cycles a sample.
    fn new(frequency: f64) -> Self {
        let angle = std::f64::consts::TAU * frequency;
        let alpha = angle.sin() / (2.0 * QUALITY);
        let scale = 1.0 / (1.0 + alpha);
        Self {
            outer: scale,
            middle: -2.0 * angle.cos() * scale,
            last: (1.0 - alpha) * scale,
            state: [0.0; 2],
        }
    }

    fn pass(&mut self, sound: f64) -> f64 {
        let [first, second] = self.state;
        let out = self.outer * sound + first;
        self.state = [
            self.middle * (sound - out) + second,
            self.outer * sound - self.last * out,
        ];
        out
    }
}
