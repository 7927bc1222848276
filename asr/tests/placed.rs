//! Voice activity and wake words on another execution provider than the CPU: OpenVINO, which
//! fails when it is told to.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codriver_asr::{
    EndpointOptions, Format, FrontEnd, Pace, Read, SileroVad, Source, ToSpeech, Utterance,
    VoiceActivity, WakeWords, WavSource, utterances_of,
};
use codriver_models::{
    ExecutionProviders, Health, ModelPack, Placement, RejectionKind, Runtime, Store,
};
use sha2::{Digest, Sha256};
use stage::accelerators::{Fault, FaultyRuntime, OPENVINO, openvino_library, skipped};

/// Of a probability: other kernels add up in another order.
const ROUNDING: f32 = 0.01;
/// What a run may take on the accelerator: it needs a millisecond, but not on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of the recordings, where somebody is speaking.
const MID_SENTENCE: usize = 20;

/// An order to fail is for whoever runs next.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn faulty_runtime() -> &'static FaultyRuntime {
    static BUILT: LazyLock<(FaultyRuntime, tempfile::TempDir)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let real = openvino_library().unwrap();
        let built = FaultyRuntime::build(folder.path(), &real).unwrap();
        (built, folder)
    });
    &BUILT.0
}

fn runtime() -> &'static Runtime {
    Runtime::load(faulty_runtime().library()).unwrap()
}

fn pack(name: &str) -> ModelPack {
    Store::from_environment().unwrap().open(name).unwrap()
}

/// A voice activity model that OpenVINO takes, in a pack as Silero's is.
fn made_up_voice() -> ModelPack {
    static STORE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let store = tempfile::tempdir().unwrap();
        let graph = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/made_up_voice.onnx");
        let bytes = fs::read(graph).unwrap();
        let folder = store.path().join("made-up-voice");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("voice.onnx"), &bytes).unwrap();
        let digest = Sha256::digest(&bytes);
        let manifest = format!(
            "format = 1\nname = \"made-up-voice\"\nversion = \"1.0.0\"\nkind = \"voice-activity\"\n\
             licence = \"none\"\nlanguages = []\n\
             [voice_activity]\ngraph = \"voice.onnx\"\nsample_rate_hz = 16000\n\
             window_samples = 512\ncontext_samples = 64\n\
             [[file]]\npath = \"voice.onnx\"\nsize = {}\nsha256 = \"{}\"\n",
            bytes.len(),
            digest
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        );
        fs::write(folder.join("manifest.toml"), manifest).unwrap();
        store
    });
    Store::at(STORE.path()).open("made-up-voice").unwrap()
}

fn openvino() -> Placement {
    let entry = toml::from_str(OPENVINO).unwrap();
    let all = ExecutionProviders::parse(&[entry], true).unwrap();
    Placement {
        providers: all.named("test", "openvino:CPU").unwrap(),
        patience: PATIENCE,
    }
}

fn wake_words(placement: &Placement) -> WakeWords {
    let head = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/wake/hello-car.onnx");
    WakeWords::load(runtime(), &pack("speech-embedding"), &[head], placement).unwrap()
}

fn silero() -> SileroVad {
    SileroVad::load(runtime(), &pack("silero-vad"), &Placement::cpu()).unwrap()
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

fn probabilities(voice_activity: &mut SileroVad, name: &str) -> Vec<f32> {
    let mut source = WavSource::open(&recording(name), Pace::Unpaced).unwrap();
    let mut resampler = ToSpeech::new(source.format()).unwrap();
    let (mut block, mut samples) = (Vec::new(), Vec::new());
    while source.read(&mut block, Duration::ZERO).unwrap() == Read::Audio {
        resampler.push(&block, &mut samples).unwrap();
        block.clear();
    }
    let windows = samples.chunks_exact(voice_activity.window_samples());
    windows
        .map(|window| voice_activity.probability(window).unwrap())
        .collect()
}

/// That it was put aside for this reason, and rests.
fn put_aside(health: &Health, reason: &str) {
    let failed = health.report();
    assert_eq!((failed.failures, failed.retries), (1, 0), "{failed:?}");
    let last = failed.last_failure.unwrap();
    assert!(last.contains(reason), "{last}");
    let rests = failed.rests_for_ms;
    assert!((1..=5_000).contains(&rests), "{rests}");
}

const FAULTS: [(Fault, &str); 3] = [
    (Fault::Error, "the device was lost"),
    (Fault::Hang, "no result within 2000 ms"),
    (Fault::NotANumber, "NaN"),
];

#[test]
fn wake_words_are_heard_by_another_provider_as_by_the_cpu() {
    if skipped().unwrap() {
        return;
    }
    let _turn = alone();
    for name in ["en-hello-car-fog-lights.wav", "en-chatter-cinema.wav"] {
        let placed = wake_words(&openvino());
        assert_eq!(placed.provider().chosen, "openvino:CPU");
        let health = placed.health().unwrap();
        heard_alike(placed, name);
        let report = health.report();
        assert!(report.answers > 0 && report.failures == 0, "{report:?}");
    }
}

/// That these wake words find in a recording what those on the CPU do.
fn heard_alike(placed: WakeWords, name: &str) {
    let theirs = heard(silero(), placed, name);
    let ours = heard(silero(), wake_words(&Placement::cpu()), name);
    assert_eq!(theirs.len(), ours.len());
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(theirs.samples, ours.samples);
        let (theirs, ours) = (theirs.wake.as_ref().unwrap(), ours.wake.as_ref().unwrap());
        assert_eq!(theirs.calls, ours.calls);
        let apart = (theirs.probability - ours.probability).abs();
        assert!(apart < ROUNDING, "{name}: {theirs:?} {ours:?}");
    }
}

#[test]
fn a_provider_that_fails_while_the_wake_phrase_is_said_leaves_it_to_the_cpu() {
    if skipped().unwrap() {
        return;
    }
    let _turn = alone();
    for (fault, reason) in FAULTS {
        let placed = wake_words(&openvino());
        let health = placed.health().unwrap();
        faulty_runtime().fail_at(MID_SENTENCE, fault).unwrap();
        // It was tried at load.
        let before = health.report().answers;
        heard_alike(placed, "en-hello-car-fog-lights.wav");
        let after = health.report();
        let answered = after.answers - before;
        assert_eq!(answered, MID_SENTENCE as u64 - 1, "{fault:?}: {after:?}");
        let reason = reason.replace("NaN", "no numbers");
        put_aside(&health, &reason);
    }
}

#[test]
fn a_provider_that_fails_while_somebody_speaks_leaves_voice_activity_to_the_cpu_in_its_state() {
    if skipped().unwrap() {
        return;
    }
    let _turn = alone();
    let name = "en-fog-lights.wav";
    let load =
        |placement: Placement| SileroVad::load(runtime(), &made_up_voice(), &placement).unwrap();
    let by_the_cpu = probabilities(&mut load(Placement::cpu()), name);
    let voiced = by_the_cpu.iter().filter(|p| **p > 0.5).count();
    assert!((10..by_the_cpu.len()).contains(&voiced), "{by_the_cpu:?}");
    for (fault, reason) in FAULTS {
        let mut placed = load(openvino());
        assert_eq!(placed.provider().chosen, "openvino:CPU");
        let health = placed.health().unwrap();
        faulty_runtime().fail_at(MID_SENTENCE, fault).unwrap();
        let theirs = probabilities(&mut placed, name);
        assert_eq!(theirs.len(), by_the_cpu.len());
        for (window, (theirs, ours)) in theirs.iter().zip(&by_the_cpu).enumerate() {
            assert!(
                (theirs - ours).abs() < ROUNDING,
                "{fault:?} {window}: {theirs} {ours}"
            );
        }
        let after = health.report();
        assert_eq!(
            after.answers,
            MID_SENTENCE as u64 - 1,
            "{fault:?}: {after:?}"
        );
        put_aside(&health, reason);
    }
}

#[test]
fn where_a_provider_cannot_run_voice_activity_the_cpu_does_and_the_reason_is_kept() {
    if skipped().unwrap() {
        return;
    }
    let _turn = alone();
    let silero = SileroVad::load(runtime(), &pack("silero-vad"), &openvino()).unwrap();
    assert!(silero.health().is_none());
    let report = silero.provider();
    assert_eq!(report.chosen, "cpu");
    assert_eq!(report.rejected[0].kind, RejectionKind::NotWhole);
    assert_eq!(report.rejected[0].candidate, "openvino:CPU");
    let cpu = wake_words(&Placement::cpu());
    let utterances = heard(silero, cpu, "en-fog-lights.wav");
    assert_eq!(utterances.len(), 1);
}
