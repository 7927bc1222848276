//! Wake words: the heads know their phrases, and what cannot be used is refused with the reason.

use std::fs;
use std::path::{Path, PathBuf};

use codriver_asr::{
    Error, Expected, Names, Pace, Recogniser, Recognition, Transcript, Utterance, WakeScore,
    WakeWords, WavSource, Whisper, WhisperOptions, utterances_of,
};
use codriver_catalog::{Catalog, Language};
use codriver_models::{ModelPack, Placement, Runtime, Store};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{front_end, pack, pink_noise, recording, speech, whisper, write_wav};

fn heads() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/wake");
    ["hello-car", "hey-codriver", "你好小车"]
        .iter()
        .map(|name| folder.join(format!("{name}.onnx")))
        .collect()
}

fn load(pack: &ModelPack, heads: &[PathBuf]) -> Result<WakeWords, Error> {
    let runtime = Runtime::from_store(&Store::from_environment().unwrap()).unwrap();
    WakeWords::load(runtime, pack, heads, &Placement::cpu())
}

fn refusal(pack: &ModelPack, heads: &[PathBuf]) -> String {
    match load(pack, heads) {
        Ok(_) => panic!("it loaded"),
        Err(error) => error.to_string(),
    }
}

fn utterances_in(file: &Path) -> Vec<Utterance> {
    let wake_words = load(&pack("speech-embedding"), &heads()).unwrap();
    let mut front_end = front_end().with_wake_words(wake_words);
    let mut source = WavSource::open(file, Pace::Unpaced).unwrap();
    utterances_of(&mut source, &mut front_end).unwrap().0
}

#[test]
fn each_phrase_with_a_request_in_the_same_breath_wakes_by_its_own_head() {
    for (name, phrase) in [
        ("en-hello-car-fog-lights.wav", "hello car"),
        ("en-hey-codriver-volume-up.wav", "hey codriver"),
        ("zh-ni-hao-xiao-che-fog-lights.wav", "你好小车"),
    ] {
        let utterances = utterances_in(&recording(name));
        let score = utterances[0].wake.as_ref().unwrap();
        assert!(score.is_woken(), "{name}: {score:?}");
        assert_eq!(&*score.phrase, phrase, "{name}: {score:?}");
        assert_eq!(utterances.len(), 1, "the request stays with the phrase");
    }
}

/// The first stage is generous, so a few may pass; talk in the cabin may not.
#[test]
fn chatter_does_not_wake_and_few_requests_without_the_phrase_do() {
    for name in ["en-chatter-cinema.wav", "en-chatter-game.wav"] {
        for utterance in utterances_in(&recording(name)) {
            let score = utterance.wake.unwrap();
            assert!(!score.is_woken(), "{name}: {score:?}");
        }
    }
    let requests = [
        "en-air-conditioning-off.wav",
        "en-doors-lock.wav",
        "en-fan-60.wav",
        "en-media-next.wav",
        "en-mirrors-fold.wav",
        "en-navigate-station.wav",
        "en-temperature-all-22.wav",
        "en-wipers-fast.wav",
        "zh-media-next.wav",
        "zh-temperature-22.wav",
    ];
    let woken: Vec<_> = requests
        .iter()
        .flat_map(|name| utterances_in(&recording(name)))
        .filter_map(|utterance| utterance.wake)
        .filter(|score| score.is_woken())
        .collect();
    assert!(woken.len() <= requests.len() / 3, "{woken:?}");
}

#[test]
fn one_utterance_leaves_nothing_behind_for_the_next() {
    let mut wake_words = load(&pack("speech-embedding"), &heads()).unwrap();
    let said = &utterances_in(&recording("en-hello-car-fog-lights.wav"))[0];
    let mut scores = Vec::new();
    for _ in 0..2 {
        wake_words.begin();
        assert_eq!(wake_words.score(), None);
        for so_far in [said.samples.len() / 3, said.samples.len()] {
            wake_words.hear(&said.samples[..so_far]).unwrap();
        }
        scores.push(wake_words.score().unwrap());
    }
    assert_eq!(scores[0], scores[1]);
}

#[test]
fn a_head_that_is_missing_damaged_or_another_graph_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let embedding = pack("speech-embedding");
    let path = directory.path().join("hello-car.onnx");
    let head = std::slice::from_ref(&path);

    let missing = refusal(&embedding, head);
    assert!(
        missing.contains("hello-car.onnx: cannot be read"),
        "{missing}"
    );

    let whole = fs::read(&heads()[0]).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let damaged = refusal(&embedding, head);
    assert!(damaged.contains("hello-car.onnx"), "{damaged}");

    let other = "../catalog/models/tests/data/scale_and_shift.onnx";
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(other), &path).unwrap();
    let another = refusal(&embedding, head);
    assert!(another.contains("name no phrase"), "{another}");
    assert!(another.contains("make wake"), "{another}");
}

/// A store whose speech embedding is made of other graphs.
fn store_with(spectrum: &Path, embedding: &Path) -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("speech-embedding");
    fs::create_dir(&folder).unwrap();
    let mut manifest = "format = 1\nname = \"speech-embedding\"\nversion = \"1\"\n\
        kind = \"speech-embedding\"\nlicence = \"MIT\"\nlanguages = []\n\
        [speech_embedding]\nspectrum = \"spectrum.onnx\"\nembedding = \"embedding.onnx\"\n"
        .to_owned();
    for (name, from) in [("spectrum.onnx", spectrum), ("embedding.onnx", embedding)] {
        let contents = fs::read(from).unwrap();
        let hash: String = Sha256::digest(&contents)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        manifest += &format!(
            "[[file]]\npath = \"{name}\"\nsize = {}\nsha256 = \"{hash}\"\n",
            contents.len()
        );
        fs::write(folder.join(name), contents).unwrap();
    }
    fs::write(folder.join("manifest.toml"), manifest).unwrap();
    let store = Store::at(directory.path());
    (directory, store)
}

#[test]
fn a_speech_embedding_of_another_shape_or_kind_is_refused_when_it_is_loaded() {
    let right = pack("speech-embedding");
    let right = right.speech_embedding().unwrap();
    let (_directory, store) = store_with(&right.spectrum, &right.spectrum);
    let wrong = refusal(&store.open("speech-embedding").unwrap(), &heads());
    assert!(wrong.contains("the speech embedding"), "{wrong}");
    assert!(wrong.contains("models install"), "{wrong}");

    let other_kind = refusal(&pack("silero-vad"), &heads());
    assert!(other_kind.contains("speech-embedding"), "{other_kind}");
}

#[test]
fn a_speech_embedding_that_was_cut_short_does_not_open() {
    let right = pack("speech-embedding");
    let right = right.speech_embedding().unwrap();
    let (directory, store) = store_with(&right.spectrum, &right.embedding);
    let file = directory.path().join("speech-embedding/embedding.onnx");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..1000]).unwrap();
    let error = store.open("speech-embedding").unwrap_err().to_string();
    assert!(error.contains("has 1000 bytes instead of"), "{error}");
}

const PHRASES: [&str; 3] = ["hello car", "hey codriver", "你好小车"];

/// A recogniser that expects the packs' phrases and the wake phrases.
fn called_whisper() -> Whisper {
    let mut whisper = whisper(WhisperOptions::default());
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
    let catalog = Catalog::load(configs.as_ref()).unwrap();
    let names = Names {
        calls: PHRASES.map(str::to_owned).to_vec(),
        ..Names::default()
    };
    for language in Language::ALL {
        whisper.expect(Expected::from_catalog(&catalog, language, &names));
    }
    whisper
}

/// The recording in pink noise of this level, from another place of the noise for each `variant`,
/// as one utterance.
fn in_noise(name: &str, level: f32, variant: usize) -> Utterance {
    let said = speech(name);
    let noise = pink_noise(variant * 4_000 + said.len() + 24_000, level);
    let noise = noise[variant * 4_000..].iter();
    let said = [0.0; 8_000].into_iter().chain(said).chain([0.0; 16_000]);
    let sound: Vec<f32> = noise.zip(said).map(|(noise, said)| noise + said).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in-noise.wav");
    write_wav(&path, &sound);
    let mut utterances = utterances_in(&path);
    assert_eq!(utterances.len(), 1, "{name}");
    utterances.remove(0)
}

fn transcript(whisper: &mut Whisper, utterance: &Utterance) -> Transcript {
    match whisper.recognise(utterance, &|| true).unwrap() {
        Recognition::Heard(transcript) => transcript,
        Recognition::Rejected { reason, .. } => panic!("{reason}"),
    }
}

/// Letters alone: how words are parted and signed is the model's affair.
fn letters(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[test]
fn a_phrase_in_loud_noise_is_confirmed_and_the_request_is_right() {
    let mut whisper = called_whisper();
    for (level, variant) in [(0.1, 0), (0.1, 1), (0.12, 0), (0.12, 1)] {
        let utterance = in_noise("en-hey-codriver-volume-up.wav", level, variant);
        let alone = Utterance {
            wake: None,
            ..utterance.clone()
        };
        let alone = transcript(&mut whisper, &alone);
        assert_eq!(alone.call, None);
        let called = transcript(&mut whisper, &utterance);
        let call = called.call.unwrap();
        assert_eq!(&*call.phrase, "hey codriver");
        assert!(call.verdict.is_confirmed(), "{}: {call:?}", called.text);
        assert_eq!(letters(&called.text), "heycodriverturnupthevolume");
        assert_eq!(called.timings.encodes, 1);
    }
}

#[test]
fn a_phrase_that_the_recogniser_alone_writes_otherwise_is_believed_where_so_much_is_conceded() {
    let utterance = in_noise("en-hey-codriver-volume-up.wav", 0.02, 1);
    let conceded = WhisperOptions::default().call.concession;
    for (concession, believed) in [(conceded, true), (0.0, false)] {
        let mut options = WhisperOptions {
            languages: vec![Language::English],
            ..WhisperOptions::default()
        };
        options.call.concession = concession;
        // The model of small devices was never taught the phrases: "Echo driver".
        let mut whisper = Whisper::load(&pack("whisper-tiny.en-q8_0"), options).unwrap();
        let called = transcript(&mut whisper, &utterance);
        let verdict = called.call.unwrap().verdict;
        assert_eq!(verdict.is_confirmed(), believed, "{verdict:?}");
        let written = letters(&called.text);
        assert_eq!(
            written == "heycodriverturnupthevolume",
            believed,
            "{written}"
        );
    }
}

#[test]
fn near_misses_and_other_requests_are_refused_though_heads_were_woken_by_them() {
    let mut whisper = called_whisper();
    for name in [
        "en-hello-carl-fog-lights.wav",
        "en-yellow-car-fog-lights.wav",
        "zh-ni-hao-xiao-li-fog-lights.wav",
        "en-chatter-cinema.wav",
        "en-doors-lock.wav",
    ] {
        for mut utterance in utterances_in(&recording(name)) {
            let wake = utterance.wake.take();
            let alone = transcript(&mut whisper, &utterance);
            let calls = PHRASES.map(Into::into).to_vec();
            utterance.wake = wake.map(|wake| WakeScore { calls, ..wake });
            let called = transcript(&mut whisper, &utterance);
            let call = called.call.unwrap();
            assert!(!call.verdict.is_confirmed(), "{}: {call:?}", called.text);
            assert_eq!(called.text, alone.text);
        }
    }
}

#[test]
fn a_phrase_counts_at_the_beginning_of_an_utterance_and_not_late_in_it() {
    let mut wake_words = load(&pack("speech-embedding"), &heads()).unwrap();
    let said = speech("en-hello-car.wav");
    for (seconds, woken) in [(1, true), (4, false)] {
        wake_words.begin();
        let before = vec![0.0; seconds * 16_000];
        wake_words.hear(&[before, said.clone()].concat()).unwrap();
        let score = wake_words.score().unwrap();
        assert_eq!(score.is_woken(), woken, "after {seconds} s: {score:?}");
    }
}
