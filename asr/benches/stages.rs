//! What each stage costs: resampling and voice detection per audio second, one recognition.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use codriver_asr::{
    EndpointOptions, Format, FrontEnd, Pace, Recogniser, SileroVad, ToSpeech, Utterance,
    VoiceActivity, WavSource, Whisper, WhisperOptions, utterances_of,
};
use codriver_catalog::Language;
use codriver_models::{Placement, Runtime, Store};
use criterion::{Criterion, criterion_group, criterion_main};

criterion_group!(stages, resampling, voice_activity, recognition);
criterion_main!(stages);

fn resampling(criterion: &mut Criterion) {
    let format = Format::new(48_000, 2, "bench").unwrap();
    let second: Vec<f32> = (0..96_000).map(|n| (n as f32 * 0.1).sin()).collect();
    let mut resampler = ToSpeech::new(format).unwrap();
    let mut out = Vec::new();
    criterion.bench_function("resample 1 s of 48 kHz stereo to 16 kHz mono", |bench| {
        bench.iter(|| {
            out.clear();
            for block in second.chunks(1024) {
                resampler.push(black_box(block), &mut out).unwrap();
            }
        });
    });
}

fn voice_activity(criterion: &mut Criterion) {
    let mut vad = silero();
    let second: Vec<f32> = (0..16_000).map(|n| (n as f32 * 0.1).sin() * 0.3).collect();
    criterion.bench_function("voice activity over 1 s of audio (Silero, CPU)", |bench| {
        bench.iter(|| {
            for window in second.chunks_exact(512) {
                black_box(vad.probability(black_box(window)).unwrap());
            }
        });
    });
}

fn recognition(criterion: &mut Criterion) {
    let utterance = two_seconds_of_speech();
    let pack = store().open("whisper-base-q8_0").unwrap();
    let mut group = criterion.benchmark_group("recognise a 2 s utterance (base q8_0, 2 threads)");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10));
    for (name, languages) in [
        ("English", vec![Language::English]),
        ("language detected", Language::ALL.to_vec()),
    ] {
        let options = WhisperOptions {
            languages,
            ..WhisperOptions::default()
        };
        let mut whisper = Whisper::load(&pack, options).unwrap();
        group.bench_function(name, |bench| {
            bench.iter(|| whisper.recognise(black_box(&utterance), &|| true).unwrap());
        });
    }
    group.finish();
}

/// The first recording whose utterance, silences included, is about two seconds long.
fn two_seconds_of_speech() -> Utterance {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/speech");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("en-") && name.ends_with(".wav")
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .find_map(|path| {
            let mut front_end = FrontEnd::new(
                Format::SPEECH,
                Box::new(silero()),
                EndpointOptions::default(),
            )
            .unwrap();
            let mut source = WavSource::open(path, Pace::Unpaced).unwrap();
            let (mut utterances, _) = utterances_of(&mut source, &mut front_end).unwrap();
            let utterance = utterances.pop()?;
            (1.8..2.2)
                .contains(&utterance.duration().as_secs_f32())
                .then_some(utterance)
        })
        .expect("a recording of about two seconds in tests/speech")
}

fn silero() -> SileroVad {
    let store = store();
    let runtime = Runtime::from_store(&store).unwrap();
    let pack = store.open("silero-vad").unwrap();
    SileroVad::load(runtime, &pack, &Placement::cpu()).unwrap()
}

fn store() -> Store {
    Store::from_environment().unwrap()
}
