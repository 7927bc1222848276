//! Voice activity and wake words on another execution provider than the CPU: OpenVINO.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use codriver_asr::{
    EndpointOptions, Format, FrontEnd, Pace, SileroVad, Utterance, WakeWords, WavSource,
    utterances_of,
};
use codriver_models::{ExecutionProviders, ModelPack, RejectionKind, Runtime, Store};
use stage::accelerators::{OPENVINO, openvino_library, skipped};

/// Of a wake word's probability: other kernels add up in another order.
const ROUNDING: f32 = 0.01;

fn runtime() -> &'static Runtime {
    Runtime::load(&openvino_library().unwrap()).unwrap()
}

fn pack(name: &str) -> ModelPack {
    Store::from_environment().unwrap().open(name).unwrap()
}

fn openvino() -> ExecutionProviders {
    let entry = toml::from_str(OPENVINO).unwrap();
    let all = ExecutionProviders::parse(&[entry], true).unwrap();
    all.named("test", "openvino:CPU").unwrap()
}

fn wake_words(providers: &ExecutionProviders) -> WakeWords {
    let head = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/wake/hello-car.onnx");
    WakeWords::load(runtime(), &pack("speech-embedding"), &[head], providers).unwrap()
}

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/speech")
        .join(name)
}

fn heard(voice_activity: SileroVad, wake_words: WakeWords, name: &str) -> Vec<Utterance> {
    let options = EndpointOptions::default();
    let front_end = FrontEnd::new(Format::SPEECH, Box::new(voice_activity), options).unwrap();
    let mut front_end = front_end.with_wake_words(wake_words);
    let mut source = WavSource::open(&recording(name), Pace::Unpaced).unwrap();
    utterances_of(&mut source, &mut front_end).unwrap().0
}

#[test]
fn wake_words_are_heard_by_another_provider_as_by_the_cpu() {
    if skipped().unwrap() {
        return;
    }
    let cpu = ExecutionProviders::cpu();
    let silero = || SileroVad::load(runtime(), &pack("silero-vad"), &cpu).unwrap();
    for name in ["en-hello-car-fog-lights.wav", "en-chatter-cinema.wav"] {
        let placed = wake_words(&openvino());
        assert_eq!(placed.provider().chosen, "openvino:CPU");
        let theirs = heard(silero(), placed, name);
        let ours = heard(silero(), wake_words(&cpu), name);
        assert_eq!(theirs.len(), ours.len());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let (theirs, ours) = (theirs.wake.as_ref().unwrap(), ours.wake.as_ref().unwrap());
            assert_eq!(theirs.calls, ours.calls);
            let apart = (theirs.probability - ours.probability).abs();
            assert!(apart < ROUNDING, "{name}: {theirs:?} {ours:?}");
        }
    }
}

#[test]
fn where_a_provider_cannot_run_voice_activity_the_cpu_does_and_the_reason_is_kept() {
    if skipped().unwrap() {
        return;
    }
    let silero = SileroVad::load(runtime(), &pack("silero-vad"), &openvino()).unwrap();
    let report = silero.provider();
    assert_eq!(report.chosen, "cpu");
    assert_eq!(report.rejected[0].kind, RejectionKind::NotWhole);
    assert_eq!(report.rejected[0].candidate, "openvino:CPU");
    let cpu = wake_words(&ExecutionProviders::cpu());
    let utterances = heard(silero, cpu, "en-fog-lights.wav");
    assert_eq!(utterances.len(), 1);
}
