//! Wake words: the heads know their phrases, and what cannot be used is refused with the reason.

use std::fs;
use std::path::{Path, PathBuf};

use codriver_asr::{Error, Pace, Utterance, WakeWords, WavSource, utterances_of};
use codriver_models::{ExecutionProviders, ModelPack, Runtime, Store};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{front_end, pack, recording};

fn heads() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/wake");
    ["hello-car", "hey-codriver", "你好小车"]
        .iter()
        .map(|name| folder.join(format!("{name}.onnx")))
        .collect()
}

fn load(pack: &ModelPack, heads: &[PathBuf]) -> Result<WakeWords, Error> {
    let runtime = Runtime::from_store(&Store::from_environment().unwrap()).unwrap();
    WakeWords::load(runtime, pack, heads, &ExecutionProviders::cpu())
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
        assert!(score.woken, "{name}: {score:?}");
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
            assert!(!score.woken, "{name}: {score:?}");
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
        .filter(|score| score.woken)
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
        scores.push(wake_words.score().cloned().unwrap());
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
