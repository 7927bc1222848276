//! Model packs: only whole and valid ones open, and every refusal says why.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

use codriver_models::{Error, GraphKind, PackKind, Store};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const LANGUAGE_MODEL: &str = r#"
[language_model]
graph = "model.onnx"
graph_kind = "cpu-dynamic"
tokenizer = "tokenizer.json"
prompt = "said: {utterance}\ncall: "
end_of_call = "<end>"
max_tokens = 48

[language_model.thresholds]
execute = 0.8
confirm = 0.5
"#;

/// A manifest of a language model pack with the two files that it needs.
fn manifest(name: &str, files: &[(&str, &[u8])]) -> String {
    let mut text = format!(
        "format = 1\nname = \"{name}\"\nversion = \"1.0\"\nkind = \"language-model\"\n\
         licence = \"MIT\"\nlanguages = [\"en\", \"zh\"]\n{LANGUAGE_MODEL}"
    );
    for (path, contents) in files {
        let hash: String = Sha256::digest(contents)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        text += &format!(
            "\n[[file]]\npath = \"{path}\"\nsize = {}\nsha256 = \"{hash}\"\n",
            contents.len()
        );
    }
    text
}

const FILES: [(&str, &[u8]); 2] = [("model.onnx", b"graph bytes"), ("tokenizer.json", b"{}")];

/// A store with one good language model pack, `tuned`.
fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    write_pack(directory.path(), "tuned", &manifest("tuned", &FILES));
    let store = Store::at(directory.path());
    (directory, store)
}

fn write_pack(store: &Path, name: &str, manifest: &str) {
    let pack = store.join(name);
    fs::create_dir(&pack).unwrap();
    for (path, contents) in FILES {
        fs::write(pack.join(path), contents).unwrap();
    }
    fs::write(pack.join("manifest.toml"), manifest).unwrap();
}

#[test]
fn a_language_model_pack_opens_with_all_that_its_user_needs() {
    let (_directory, store) = store();
    let pack = store.open("tuned").unwrap();
    pack.verify().unwrap();
    assert_eq!(pack.languages(), ["en", "zh"]);
    let model = pack.language_model().unwrap();
    assert_eq!(fs::read(&model.graph).unwrap(), b"graph bytes");
    assert_eq!(fs::read(&model.tokenizer).unwrap(), b"{}");
    assert_eq!(model.graph_kind, GraphKind::CpuDynamic);
    assert_eq!(model.prompt.prefix(), "said: ");
    assert_eq!(model.max_tokens.get(), 48);
    assert_eq!(
        (model.thresholds.execute(), model.thresholds.confirm()),
        (0.8, 0.5)
    );
    assert_eq!(model.cache_shape, None);
}

#[test]
fn a_calibration_makes_of_a_probability_the_share_that_is_right() {
    let (directory, store) = store();
    let open = |name: &str, line: &str| {
        let text =
            manifest(name, &FILES).replace("max_tokens = 48", &format!("max_tokens = 48\n{line}"));
        write_pack(directory.path(), name, &text);
        store.open(name)
    };
    let plain = open("plain", "")
        .unwrap()
        .language_model()
        .unwrap()
        .calibration;
    assert!((plain.confidence(0.7) - 0.7).abs() < 1e-12);
    // 1 / (1 + exp(0.5 * ln(doubt) - 1)), the doubt being 0.01: 1 / (1 + 0.1 / e).
    let fitted = open("fitted", "calibration = { bias = 1.0, slope = 0.5 }").unwrap();
    let fitted = fitted.language_model().unwrap().calibration;
    assert!((fitted.confidence(0.99) - 0.96452).abs() < 1e-4);
    assert!(fitted.confidence(0.999) > fitted.confidence(0.99) && fitted.confidence(1.0) < 1.0);
    assert!(fitted.confidence(f64::NAN).is_nan());
    let said = open("turned", "calibration = { bias = 1.0, slope = -0.5 }")
        .unwrap_err()
        .to_string();
    assert!(said.contains("slope above 0"), "{said}");
}

#[test]
fn a_command_prior_is_a_listed_file_with_a_weight_that_makes_sense() {
    let (directory, store) = store();
    let open = |name: &str, prior: &str| {
        let text = manifest(name, &FILES).replace(
            "max_tokens = 48",
            &format!("max_tokens = 48\nprior = {prior}"),
        );
        write_pack(directory.path(), name, &text);
        store.open(name)
    };
    let pack = open("helped", r#"{ file = "tokenizer.json", weight = 0.7 }"#).unwrap();
    let prior = pack.language_model().unwrap().prior.as_ref().unwrap();
    assert_eq!(prior.file, pack.directory().join("tokenizer.json"));
    assert!((prior.weight - 0.7).abs() < f64::EPSILON);
    for (name, prior, expected) in [
        ("foreign", r#"{ file = "other", weight = 0.7 }"#, "[[file]]"),
        (
            "mute",
            r#"{ file = "tokenizer.json", weight = 0.0 }"#,
            "above 0",
        ),
        (
            "loud",
            r#"{ file = "tokenizer.json", weight = 11.0 }"#,
            "at most 10",
        ),
        (
            "undefined",
            r#"{ file = "tokenizer.json", weight = nan }"#,
            "above 0",
        ),
    ] {
        let said = open(name, prior).unwrap_err().to_string();
        assert!(
            said.contains(expected) && said.contains("manifest.toml:"),
            "{said}"
        );
    }
}

#[test]
fn a_pack_that_is_not_there_is_an_error_that_says_how_to_install_it() {
    let (_directory, store) = store();
    let said = store.open("other").unwrap_err().to_string();
    assert!(said.contains("codriverctl models install other"), "{said}");
}

#[test]
fn a_name_never_leads_out_of_the_store() {
    let (directory, store) = store();
    let inner = Store::at(directory.path().join("tuned"));
    for name in ["../tuned", "", ".", "..", "/tmp"] {
        assert!(
            matches!(inner.open(name), Err(Error::PackMissing { .. })),
            "{name}"
        );
    }
    assert!(matches!(
        store.open("./tuned"),
        Err(Error::PackMissing { .. })
    ));
}

#[test]
fn a_file_cut_short_keeps_the_pack_from_opening() {
    let (directory, store) = store();
    fs::write(directory.path().join("tuned/model.onnx"), b"graph").unwrap();
    let error = store.open("tuned").unwrap_err();
    assert!(
        matches!(
            error,
            Error::FileSize {
                expected: 11,
                found: 5,
                ..
            }
        ),
        "{error}"
    );
    let said = error.to_string();
    assert!(
        said.contains("tuned/model.onnx") && said.contains("models install"),
        "{said}"
    );
}

#[test]
fn a_missing_file_keeps_the_pack_from_opening() {
    let (directory, store) = store();
    fs::remove_file(directory.path().join("tuned/tokenizer.json")).unwrap();
    let error = store.open("tuned").unwrap_err();
    assert!(
        error.to_string().contains("tuned/tokenizer.json"),
        "{error}"
    );
}

#[test]
fn a_changed_byte_is_found_by_verify() {
    let (directory, store) = store();
    fs::write(directory.path().join("tuned/model.onnx"), b"graph bytEs").unwrap();
    let error = store.open("tuned").unwrap().verify().unwrap_err();
    assert!(matches!(error, Error::FileHash { .. }), "{error}");
    assert!(error.to_string().contains("tuned/model.onnx"), "{error}");
}

#[test]
fn a_wrong_manifest_is_an_error_that_names_file_line_and_field() {
    let good = manifest("tuned", &FILES);
    for (from, to, line, complaint) in [
        ("format = 1", "format = 2", 1, "format is 2"),
        ("format = 1", "format = ", 1, ""),
        ("name = \"tuned\"", "name = \"\"", 2, "name is empty"),
        ("version = \"1.0\"", "versoin = \"1.0\"", 3, "versoin"),
        (
            "kind = \"language-model\"",
            "kind = \"llm\"",
            4,
            "use runtime",
        ),
        (
            "kind = \"language-model\"",
            "kind = \"runtime\"",
            4,
            "needs a section [runtime]",
        ),
        (
            "graph = \"model.onnx\"",
            "graph = \"other.onnx\"",
            9,
            "not among the [[file]]",
        ),
        ("cpu-dynamic", "cpu", 10, "cpu-dynamic"),
        ("{utterance}", "{words}", 12, "unknown placeholder {words}"),
        ("<end>", "", 13, "end_of_call is empty"),
        ("max_tokens = 48", "max_tokens = 0", 14, "nonzero"),
        (
            "max_tokens = 48",
            "max_tokens = 48\nlayers = 2",
            8,
            "layers, kv_heads and head_dim",
        ),
        ("execute = 0.8", "execute = 0.4", 16, "confirm <= execute"),
        ("execute = 0.8", "execute = nan", 16, "confirm <= execute"),
        (
            "path = \"tokenizer.json\"",
            "path = \"../tokenizer.json\"",
            26,
            "leads out of the pack",
        ),
        (
            "path = \"tokenizer.json\"",
            "path = \"/etc/passwd\"",
            26,
            "leads out of the pack",
        ),
    ] {
        let broken = good.replacen(from, to, 1);
        assert_ne!(broken, good, "{from} is not in the manifest");
        let directory = tempfile::tempdir().unwrap();
        write_pack(directory.path(), "tuned", &broken);
        let said = Store::at(directory.path())
            .open("tuned")
            .unwrap_err()
            .to_string();
        let place = format!("tuned/manifest.toml:{line}: ");
        assert!(
            said.contains(&place) && said.contains(complaint),
            "{to}: {said}"
        );
    }
}

#[test]
fn a_hash_that_is_no_hash_is_an_error_that_names_the_file() {
    let good = manifest("tuned", &FILES);
    let hash = good.rsplit('"').nth(1).unwrap();
    let directory = tempfile::tempdir().unwrap();
    write_pack(directory.path(), "tuned", &good.replace(hash, "ABC"));
    let said = Store::at(directory.path())
        .open("tuned")
        .unwrap_err()
        .to_string();
    assert!(said.contains("sha256 of tokenizer.json"), "{said}");
}

#[test]
fn a_pack_copied_under_another_name_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    write_pack(directory.path(), "copy", &manifest("tuned", &FILES));
    let said = Store::at(directory.path())
        .open("copy")
        .unwrap_err()
        .to_string();
    assert!(said.contains("differs from the directory's name"), "{said}");
}

#[test]
fn asking_a_pack_for_what_it_is_not_is_an_error_that_names_both_kinds() {
    let (_directory, store) = store();
    let said = store
        .open("tuned")
        .unwrap()
        .voice_activity()
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("is a language-model pack, but a voice-activity pack"),
        "{said}"
    );
}

#[test]
fn the_list_holds_good_and_broken_packs_but_none_in_the_making() {
    let (directory, store) = store();
    write_pack(directory.path(), ".tuned.new", "half");
    write_pack(directory.path(), "broken", "not toml");
    let list = store.list().unwrap();
    let names: Vec<_> = list
        .iter()
        .map(|pack| pack.as_ref().map(|pack| pack.name()).ok())
        .collect();
    assert_eq!(names, [None, Some("tuned")]);
}

#[test]
fn a_store_that_does_not_exist_yet_is_empty() {
    assert!(Store::at("/nonexistent/models").list().unwrap().is_empty());
}

#[test]
fn every_pack_that_the_builder_installed_opens_and_is_whole() {
    let store = Store::from_environment().unwrap();
    for name in [
        "onnxruntime",
        "whisper-base-q8_0",
        "silero-vad",
        "codriver-intent-smollm2-135m-q8",
        "codriver-intent-gemma3-270m-q8",
    ] {
        let pack = store.open(name).unwrap();
        pack.verify().unwrap();
        let paths = match pack.kind() {
            PackKind::Runtime { library } => vec![library],
            PackKind::SpeechRecognition(model) => vec![&model.model],
            PackKind::VoiceActivity(model) => vec![&model.graph],
            PackKind::LanguageModel(model) => vec![&model.graph, &model.tokenizer],
            other => panic!("{name} has the unexpected kind {}", other.name()),
        };
        assert!(paths.iter().all(|path| path.is_file()), "{name}: {paths:?}");
    }
}
