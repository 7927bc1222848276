//! Silero tells speech from everything else.

use codriver_asr::VoiceActivity;

use crate::support::{silero, speech, white_noise};

fn voiced_share(samples: &[f32]) -> f32 {
    let mut vad = silero();
    let windows: Vec<f32> = samples
        .chunks_exact(512)
        .map(|window| vad.probability(window).unwrap())
        .collect();
    windows
        .iter()
        .filter(|&&probability| probability >= 0.5)
        .count() as f32
        / windows.len() as f32
}

#[test]
fn speech_is_voiced_and_silence_and_noise_are_not() {
    let voiced = voiced_share(&speech("en-temperature-driver-19.wav"));
    assert!(voiced > 0.5, "{voiced}");
    assert!(voiced_share(&vec![0.0; 48_000]) < 0.01);
    assert!(voiced_share(&white_noise(48_000, 0.3)) < 0.05);
}

#[test]
fn after_a_reset_the_same_sound_gets_the_same_answers() {
    let samples = speech("en-undo.wav");
    let mut vad = silero();
    let mut answers = || -> Vec<f32> {
        let windows = samples.chunks_exact(512);
        let answers = windows
            .map(|window| vad.probability(window).unwrap())
            .collect();
        vad.reset();
        answers
    };
    assert_eq!(answers(), answers());
}

#[test]
fn a_window_of_the_wrong_length_is_refused() {
    let error = silero().probability(&[0.0; 100]).unwrap_err();
    assert!(
        error.to_string().contains("100 samples instead of 512"),
        "{error}"
    );
}

#[test]
fn the_provider_that_runs_the_model_is_told() {
    assert_eq!(silero().provider().model, "silero-vad");
}
