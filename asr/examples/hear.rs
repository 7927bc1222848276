//! What is heard in WAV files, with every figure the guard goes by:
//! `cargo run --release -p codriver-asr --example hear -- FILE.wav...`
//! (a folder of packs whose phrases are expected in `CONFIGS`; recogniser threads in `THREADS`).

use std::path::Path;

use codriver_asr::{
    EndpointOptions, Expected, Format, FrontEnd, Names, Recogniser, Recognition, SileroVad,
    Whisper, WhisperOptions, hear_file,
};
use codriver_catalog::{Catalog, Language};
use codriver_models::{Placement, Runtime, Store};

fn main() -> Result<(), codriver_asr::Error> {
    let store = Store::from_environment()?;
    let runtime = Runtime::from_store(&store)?;
    let vad = SileroVad::load(runtime, &store.open("silero-vad")?, &Placement::cpu())?;
    let mut front_end = FrontEnd::new(Format::SPEECH, Box::new(vad), EndpointOptions::default())?;
    let threads = std::env::var("THREADS")
        .ok()
        .and_then(|threads| threads.parse().ok());
    let options = WhisperOptions {
        threads: threads.unwrap_or(2),
        ..WhisperOptions::default()
    };
    let mut whisper = Whisper::load(&store.open("whisper-base-q8_0")?, options)?;
    if let Some(configs) = std::env::var_os("CONFIGS") {
        match Catalog::load(Path::new(&configs)) {
            Ok(catalog) => {
                for language in Language::ALL {
                    whisper.expect(Expected::from_catalog(
                        &catalog,
                        language,
                        &Names::default(),
                    ));
                }
            }
            Err(error) => eprintln!("nothing is expected: {error}"),
        }
    }
    for file in std::env::args().skip(1) {
        let hearing = hear_file(Path::new(&file), &mut front_end, &mut whisper)?;
        let file = Path::new(&file)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        println!(
            "{file}: {:.2} s, front end {:?}",
            hearing.duration.as_secs_f32(),
            hearing.front_end
        );
        for (utterance, recognition) in hearing.heard {
            let voiced = utterance.voiced.as_secs_f32();
            match recognition {
                Recognition::Heard(t) => println!(
                    "  {:?} [{}] confidence {:.2} weakest {:.2} no-speech {:.2} voiced {voiced:.2} s, encoded {} times, {:?}",
                    t.text,
                    t.language,
                    t.confidence,
                    t.weakest_token(),
                    t.no_speech_probability,
                    t.timings.encodes,
                    t.timings.total
                ),
                Recognition::Rejected { reason, timings } => {
                    println!("  rejected: {reason}, {:?}", timings.total);
                }
            }
        }
    }
    Ok(())
}
