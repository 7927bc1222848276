//! Earcons: short tones that tell the speaker how the assistant is, and that nobody hears in what
//! is recorded.
//!
//! They are made of two notes that swell and fade, and of nothing else. While one sounds, and a
//! little longer, the listener takes just these two notes out of the microphone's sound
//! ([`NoteFilter`]) and leaves the rest as it is. So the assistant never hears itself, and who
//! begins to speak into the tone loses no syllable, as would be lost if the microphone were not
//! listened to meanwhile.

mod notes;
mod player;

pub use notes::NoteFilter;
pub use player::Earcons;

use std::f32::consts::TAU;
use std::time::Duration;

/// A tone that tells something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earcon {
    /// A request is listened for: upwards.
    Listening,
    /// Nothing was understood: downwards.
    NotUnderstood,
    /// The microphone is closed: twice low.
    Muted,
    /// The microphone is open again: twice high.
    Unmuted,
}

/// A5 and E6: apart enough to be told from each other, and where a car's small loudspeakers are good.
const LOW_HZ: f32 = 880.0;
const HIGH_HZ: f32 = 1318.5;
/// Each note swells over its first half and fades over its second: what begins or ends abruptly
/// is more than a note, and could not be taken out again.
const NOTE: Duration = Duration::from_millis(80);
/// Of full scale.
const LEVEL: f32 = 0.2;

impl Earcon {
    /// How long it sounds.
    pub const DURATION: Duration = Duration::from_millis(160);

    fn notes_hz(self) -> [f32; 2] {
        match self {
            Self::Listening => [LOW_HZ, HIGH_HZ],
            Self::NotUnderstood => [HIGH_HZ, LOW_HZ],
            Self::Muted => [LOW_HZ, LOW_HZ],
            Self::Unmuted => [HIGH_HZ, HIGH_HZ],
        }
    }

    /// Its sound, one channel of samples between -1 and 1.
    pub fn samples(self, rate_hz: u32) -> Vec<f32> {
        let rate = rate_hz as f32;
        let length = (NOTE.as_secs_f32() * rate) as u16;
        let note = |hz: f32| {
            (0..length).map(move |sample| {
                let swell = 0.5 - 0.5 * (TAU * f32::from(sample) / f32::from(length)).cos();
                LEVEL * swell * (TAU * hz * f32::from(sample) / rate).sin()
            })
        };
        self.notes_hz().into_iter().flat_map(note).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    const ALL: [Earcon; 4] = [
        Earcon::Listening,
        Earcon::NotUnderstood,
        Earcon::Muted,
        Earcon::Unmuted,
    ];

    fn energy(samples: &[f32]) -> f64 {
        samples
            .iter()
            .map(|sample| f64::from(*sample).powi(2))
            .sum()
    }

    fn filtered(samples: &[f32], rate_hz: u32, channels: u16) -> Vec<f32> {
        let format = Format::new(rate_hz, channels, "test").unwrap();
        let mut samples = samples.to_vec();
        NoteFilter::new(format).take_out(&mut samples);
        samples
    }

    #[test]
    fn of_every_earcon_less_than_a_thousandth_is_left_at_any_rate() {
        for rate_hz in [8_000, 16_000, 44_100, 48_000, 96_000] {
            for earcon in ALL {
                let mut samples = earcon.samples(rate_hz);
                let length = samples.len() as f64 / f64::from(rate_hz);
                assert!((length - Earcon::DURATION.as_secs_f64()).abs() < 0.001);
                // What rings on counts too.
                samples.extend(vec![0.0; rate_hz as usize / 5]);
                let left = energy(&filtered(&samples, rate_hz, 1)) / energy(&samples);
                assert!(left < 1e-3, "{earcon:?} at {rate_hz}: {left}");
            }
        }
    }

    #[test]
    fn each_channel_is_filtered_by_itself() {
        let tone = Earcon::Listening.samples(16_000);
        let other = |index: usize| if index % 64 < 32 { 0.1 } else { -0.1 };
        let both: Vec<f32> = tone
            .iter()
            .enumerate()
            .flat_map(|(index, sample)| [*sample, other(index)])
            .collect();
        let left = filtered(&both, 16_000, 2);
        let channel =
            |first: usize| -> Vec<f32> { left.iter().skip(first).step_by(2).copied().collect() };
        assert!(energy(&channel(0)) < 1e-3 * energy(&tone));
        let alone: Vec<f32> = (0..tone.len()).map(other).collect();
        assert_eq!(channel(1), filtered(&alone, 16_000, 1));
    }

    #[test]
    fn what_is_no_note_of_an_earcon_stays() {
        for hz in [200.0, 500.0, 2_000.0, 3_500.0] {
            let samples: Vec<f32> = (0..16_000_u16)
                .map(|sample| (TAU * hz * f32::from(sample) / 16_000.0).sin())
                .collect();
            let kept = energy(&filtered(&samples, 16_000, 1)) / energy(&samples);
            assert!((0.85..=1.0).contains(&kept), "{hz} Hz: {kept}");
        }
    }

    #[test]
    fn earcons_are_soft_and_differ() {
        let sounds = ALL.map(|earcon| earcon.samples(16_000));
        for (index, sound) in sounds.iter().enumerate() {
            assert!(sound.iter().all(|sample| sample.abs() <= LEVEL));
            assert!(!sounds[..index].contains(sound));
        }
    }
}
