//! Everything becomes 16 kHz mono.

use std::f32::consts::TAU;

use codriver_asr::{Format, ToSpeech};
use proptest::prelude::*;

fn convert(rate_hz: u32, channels: u16, samples: &[f32], block_frames: usize) -> Vec<f32> {
    let mut resampler = ToSpeech::new(Format::new(rate_hz, channels, "test").unwrap()).unwrap();
    let mut out = Vec::new();
    for block in samples.chunks(block_frames * usize::from(channels)) {
        resampler.push(block, &mut out).unwrap();
    }
    resampler.flush(&mut out).unwrap();
    out
}

fn tone(rate_hz: u32, frequency: f32, seconds: f32) -> Vec<f32> {
    (0..(rate_hz as f32 * seconds) as usize)
        .map(|n| (TAU * frequency * n as f32 / rate_hz as f32).sin() * 0.5)
        .collect()
}

fn loudness(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn sixteen_kilohertz_mono_passes_untouched() {
    let tone = tone(16_000, 440.0, 0.5);
    assert_eq!(convert(16_000, 1, &tone, 512), tone);
}

#[test]
fn a_tone_keeps_its_place_in_time_at_every_usual_rate() {
    let expected = tone(16_000, 440.0, 1.0);
    for rate_hz in [8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000] {
        let out = convert(rate_hz, 1, &tone(rate_hz, 440.0, 1.0), 480);
        assert!(
            (15_999..=16_000).contains(&out.len()),
            "{rate_hz}: {}",
            out.len()
        );
        let middle = 1000..15_000;
        let worst = out[middle.clone()]
            .iter()
            .zip(&expected[middle])
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        // One sample's shift of a 440 Hz tone of this loudness is 0.087.
        assert!(worst < 0.09, "{rate_hz} Hz: off by {worst}");
        let louder = loudness(&out[1000..15_000]) / loudness(&expected[1000..15_000]);
        assert!(
            (louder - 1.0).abs() < 0.01,
            "{rate_hz} Hz: {louder} times as loud"
        );
    }
}

#[test]
fn sound_above_the_band_does_not_fold_into_it() {
    let out = convert(48_000, 1, &tone(48_000, 12_000.0, 1.0), 480);
    let leak = loudness(&out[1000..15_000]);
    assert!(leak < 0.5 * 0.001, "12 kHz leaks at {leak}");
}

#[test]
fn channels_are_averaged() {
    let stereo: Vec<f32> = (0..1000).flat_map(|_| [0.75, 0.25]).collect();
    assert!(
        convert(16_000, 2, &stereo, 100)
            .iter()
            .all(|s| (s - 0.5).abs() < 1e-6)
    );
}

#[test]
fn impossible_samples_become_silence_and_loud_ones_are_cut() {
    let out = convert(16_000, 1, &[f32::NAN, f32::INFINITY, 7.0, -7.0, 0.5], 5);
    assert_eq!(out, [0.0, 0.0, 1.0, -1.0, 0.5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_length_is_right_and_blocks_do_not_matter(
        rate_hz in 4_000u32..100_000,
        frames in 1usize..4_000,
        block in 1usize..700,
    ) {
        let sound: Vec<f32> = (0..frames).map(|n| (n as f32 * 0.05).sin()).collect();
        let out = convert(rate_hz, 1, &sound, block);
        prop_assert_eq!(out.len() as u64, frames as u64 * 16_000 / u64::from(rate_hz));
        prop_assert_eq!(&out, &convert(rate_hz, 1, &sound, frames));
    }
}
