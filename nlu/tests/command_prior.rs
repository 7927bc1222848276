//! The classifier's word counts where commands are named, and nowhere else.

// Helpers of tests are not inside a #[test] function, where these are allowed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod model_support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use codriver_models::SessionOptions;
use codriver_nlu::model::{
    CallGrammar, CommandPrior, InPlaceDecoder, Limits, ModelSettings, Steering, Vocabulary,
    features, generate,
};
use safetensors::{Dtype, tensor::TensorView};

use model_support::{catalog, pack, runtime, vocabulary};

const LABELS: [&str; 4] = ["none", "cabin.arrange", "cabin.go", "cabin.stop"];
const BUCKETS: usize = 64;
/// A row in a bucket makes a label e^20 times as likely as the others.
const CERTAIN: f32 = 20.0;

/// A classifier for which a sentence's features all speak for `label`, those of others for none.
fn written(sentence: &str, label: usize, labels: &[&str], path: &Path) {
    let width = labels.len();
    let mut rows = vec![0_u8; BUCKETS * width];
    for feature in features(sentence, BUCKETS as u32) {
        rows[feature as usize * width + label] = 1;
    }
    let identity = (0..width * width).map(|i| if i % (width + 1) == 0 { CERTAIN } else { 0.0 });
    let steps = vec![1.0; BUCKETS];
    let steps = bytes(steps);
    let (output, bias) = (bytes(identity.collect()), bytes(vec![0.0; width]));
    let view = |kind, shape: &[usize], data| TensorView::new(kind, shape.to_vec(), data).unwrap();
    let tensors = [
        ("rows", view(Dtype::I8, &[BUCKETS, width], &rows)),
        ("steps", view(Dtype::F32, &[BUCKETS], &steps)),
        ("output", view(Dtype::F32, &[width, width], &output)),
        ("bias", view(Dtype::F32, &[width], &bias)),
    ];
    let metadata = HashMap::from([("labels".to_owned(), labels.join("\n"))]);
    let file = safetensors::serialize(tensors, Some(metadata.into_iter().collect())).unwrap();
    std::fs::write(path, file).unwrap();
}

fn bytes(numbers: Vec<f32>) -> Vec<u8> {
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}

fn load(path: &Path) -> Result<CommandPrior, codriver_nlu::Error> {
    CommandPrior::load(&codriver_models::CommandPrior {
        file: path.to_owned(),
        weight: 10.0,
    })
}

fn prior(sentence: &str, label: usize) -> CommandPrior {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prior.safetensors");
    written(sentence, label, &LABELS, &path);
    load(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// What the base model, which was never taught these commands, answers with such help.
fn answer(said: &str, prior: &CommandPrior) -> String {
    static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(vocabulary);
    let pack = pack();
    let loaded = runtime().session(
        "test",
        &pack.language_model().unwrap().graph,
        &ModelSettings::default().providers,
        &SessionOptions::default(),
    );
    let loaded = loaded.unwrap();
    let sizes = InPlaceDecoder::sizes(&loaded.session).unwrap();
    let mut decoder = InPlaceDecoder::new(loaded.session, sizes, 128).unwrap();
    let grammar = CallGrammar::new(&catalog(), None).for_utterance(said);
    let prompt = VOCABULARY.encode_trusted(&format!("Said: {said}\nCall:"));
    let answer = generate(
        &mut decoder,
        &mut VOCABULARY.matcher(grammar).unwrap(),
        VOCABULARY.end_token(),
        &prompt.unwrap(),
        Some(Steering::new(prior, said, &VOCABULARY)),
        Limits {
            tokens: 96,
            deadline: Instant::now() + Duration::from_secs(60),
        },
    );
    VOCABULARY.decode(&answer.unwrap().tokens)
}

#[test]
fn the_command_that_the_words_speak_for_is_named() {
    let said = "the cabin please";
    for (label, name) in LABELS.iter().enumerate() {
        let answer = answer(said, &prior(said, label));
        assert!(answer.trim_start().starts_with(name), "{name}: {answer}");
    }
}

#[test]
fn every_call_of_an_answer_is_steered_and_its_arguments_are_not() {
    let said = "halt";
    let (vocabulary, prior) = (vocabulary(), prior(said, 3));
    let logits = |written: &str, next: [&str; 2]| {
        let mut steering = Steering::new(&prior, said, &vocabulary);
        for token in vocabulary.encode_trusted(written).unwrap() {
            steering.take(token);
        }
        next.map(|text| steering.logit(vocabulary.encode_trusted(text).unwrap()[0]))
    };
    for begun in [
        " cabin.",
        " cabin.stop();cabin.",
        " cabin.go(place=\"a;b\");cabin.",
    ] {
        let [stop, go] = logits(begun, ["stop", "go"]);
        assert!(stop > go + 10.0, "{begun}: {stop} and {go}");
    }
    for inside in [" cabin.go(", " cabin.go(place=\"a;"] {
        assert_eq!(logits(inside, ["stop", "go"]), [0.0, 0.0], "{inside}");
    }
}

#[test]
fn however_sure_the_classifier_is_of_a_command_nothing_stays_possible() {
    let said = "halt";
    let (vocabulary, prior) = (vocabulary(), prior(said, 3));
    let none = vocabulary.encode_trusted(" none").unwrap();
    let logit = Steering::new(&prior, said, &vocabulary).logit(none[0]);
    // Five in a hundred, to the power of the weight.
    assert!(logit > 10.0 * 0.05_f32.ln(), "{logit}");
}

/// Whoever changes what a feature is has to train anew.
#[test]
fn the_committed_prior_reads_sentences_as_it_was_taught_to() {
    let adapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/adapters");
    let prior = load(&adapters.join("codriver-intent.prior.safetensors"));
    let prior = prior.unwrap_or_else(|error| panic!("{error}"));
    for (said, command) in [
        ("Could you open the sunroof, please?", "sunroof.open"),
        ("it's freezing in here", "climate.warmer"),
        ("Fold the mirrors.", "mirrors.fold"),
        ("who won the game last night", "none"),
        ("把后备箱打开", "doors.open_trunk"),
        ("我有点冷", "climate.warmer"),
        ("今天晚上吃什么", "none"),
        ("后视镜者起来", "mirrors.fold"), // 折, misheard
    ] {
        let likeliest = prior
            .probabilities(said)
            .max_by(|(_, one), (_, other)| one.total_cmp(other));
        assert_eq!(likeliest.unwrap().0, command, "{said}");
    }
}

#[test]
fn a_file_that_is_no_prior_is_refused_with_what_is_wrong_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prior.safetensors");
    let refusal = |path: &Path| load(path).err().unwrap().to_string();
    assert!(
        refusal(&path).contains("prior.safetensors"),
        "{}",
        refusal(&path)
    );

    written("x", 0, &LABELS, &path);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(
        refusal(&path).contains("is no command prior"),
        "{}",
        refusal(&path)
    );

    // The labels stand in a JSON string, one a line.
    let place = whole
        .windows(12)
        .position(|w| w == b"\\ncabin.stop")
        .unwrap();
    let mut damaged = whole.clone();
    damaged[place..place + 2].copy_from_slice(b"__"); // one label fewer
    std::fs::write(&path, damaged).unwrap();
    assert!(refusal(&path).contains("do not fit"), "{}", refusal(&path));
}
