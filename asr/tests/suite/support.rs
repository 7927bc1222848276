//! Models, recordings and sounds that several tests use.

use std::path::{Path, PathBuf};

use codriver_asr::{
    EndpointOptions, Expected, Format, FrontEnd, Names, SAMPLE_RATE_HZ, SileroVad, Whisper,
    WhisperOptions,
};
use codriver_catalog::{Catalog, Language};
use codriver_models::{ModelPack, Placement, Runtime, Store};

/// Opens a pack of the developer's store; `make` installs them before tests run.
pub fn pack(name: &str) -> ModelPack {
    store().open(name).unwrap_or_else(|error| panic!("{error}"))
}

pub fn silero() -> SileroVad {
    let runtime = Runtime::from_store(&store()).unwrap_or_else(|error| panic!("{error}"));
    SileroVad::load(runtime, &pack("silero-vad"), &Placement::cpu()).unwrap()
}

pub fn front_end() -> FrontEnd {
    FrontEnd::new(
        Format::SPEECH,
        Box::new(silero()),
        EndpointOptions::default(),
    )
    .unwrap()
}

pub fn whisper(options: WhisperOptions) -> Whisper {
    Whisper::load(&pack("whisper-base-q8_0"), options).unwrap()
}

/// The phrases of the shipped packs.
pub fn expected(language: Language) -> Expected {
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
    let catalog = Catalog::load(configs.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    let names = Names {
        calls: vec!["hello car".to_owned()],
        ..Names::default()
    };
    Expected::from_catalog(&catalog, language, &names)
}

/// A committed recording.
pub fn recording(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/speech")
        .join(name);
    assert!(
        path.is_file(),
        "{} is part of the repository",
        path.display()
    );
    path
}

/// A file of the larger test data, which not every machine has.
pub fn test_data(path: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("CODRIVER_TEST_DATA") else {
        eprintln!("SKIPPED: CODRIVER_TEST_DATA is not set, so {path} is not tested");
        return None;
    };
    let path = Path::new(&root).join(path);
    assert!(
        path.exists(),
        "CODRIVER_TEST_DATA is set, but {} is missing",
        path.display()
    );
    Some(path)
}

/// Writes 16-bit mono samples at 16 kHz.
pub fn write_wav(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// The samples of a recording at 16 kHz mono.
pub fn speech(name: &str) -> Vec<f32> {
    use codriver_asr::{Pace, Read, Source, ToSpeech, WavSource};
    let mut source = WavSource::open(&recording(name), Pace::Unpaced).unwrap();
    let mut resampler = ToSpeech::new(source.format()).unwrap();
    let (mut block, mut samples) = (Vec::new(), Vec::new());
    while source.read(&mut block, std::time::Duration::ZERO).unwrap() == Read::Audio {
        resampler.push(&block, &mut samples).unwrap();
        block.clear();
    }
    resampler.flush(&mut samples).unwrap();
    samples
}

/// White noise from a fixed seed, between plus and minus `level`.
pub fn white_noise(samples: usize, level: f32) -> Vec<f32> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..samples).map(|_| random() * level).collect()
}

/// Pink noise (3 dB less an octave), peaking near `level`.
pub fn pink_noise(samples: usize, level: f32) -> Vec<f32> {
    // Paul Kellet's filter.
    let (mut a, mut b, mut c) = (0.0f32, 0.0f32, 0.0f32);
    white_noise(samples, 1.0)
        .into_iter()
        .map(|white| {
            a = 0.99765 * a + white * 0.099_046;
            b = 0.963 * b + white * 0.296_516_4;
            c = 0.57 * c + white * 1.052_691_3;
            (a + b + c + white * 0.1848) * 0.2 * level
        })
        .collect()
}

fn store() -> Store {
    Store::from_environment().unwrap()
}
