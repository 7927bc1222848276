//! `codriverctl probe` about the recognisers that `make test` installs.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

const BASE: &str = "whisper-base-q8_0";
const BASE_FIVE_BITS: &str = "whisper-base-q5_1";
const TINY: &str = "whisper-tiny.en-q8_0";

/// Runs `codriverctl probe` with this configuration and the developer's models.
fn probe(config: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("codriver.toml");
    fs::write(&file, config).unwrap();
    Command::new("timeout")
        .arg("300")
        .arg(env!("CARGO_BIN_EXE_codriverctl"))
        .arg("--config")
        .arg(&file)
        .arg("probe")
        .args(arguments)
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn named<'a>(report: &'a Value, pack: &str) -> &'a Value {
    let all = report["ears"]["recognisers"].as_array().unwrap();
    let found = all.iter().find(|one| one["pack"] == pack);
    found.unwrap_or_else(|| panic!("no {pack}: {report}"))
}

#[test]
fn every_installed_recogniser_is_timed_and_one_that_hears_both_languages_is_advised() {
    let output = probe("[recogniser]\nthreads = 1\n", &["--json"]);
    assert!(output.status.success(), "{output:?}");
    let report = report(&output);
    for pack in [BASE, BASE_FIVE_BITS, TINY] {
        let one = named(&report, pack);
        let number = |key: &str| one[key].as_f64().unwrap();
        for key in ["load_ms", "encode_ms", "write_ms", "processor_share"] {
            assert!(number(key) > 0.0, "{key}: {one}");
        }
        let recognition = number("encode_ms") + number("write_ms");
        assert!(number("speech_to_frame_ms") > recognition, "{one}");
        assert_eq!(one["knows_configured_languages"], pack != TINY);
    }
    assert!(named(&report, BASE)["memory_mb"].as_f64().unwrap() > 50.0);
    let advised = report["ears"]["advice"]["recogniser"].as_str().unwrap();
    assert!([BASE, BASE_FIVE_BITS].contains(&advised), "{report}");
    assert!(report["answer_ms"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(report["chosen"], "cpu");
}

#[test]
fn without_a_language_model_the_recognisers_are_timed_and_patterns_alone_advised() {
    let config = "[understanding]\npack = \"not-installed\"\n[recogniser]\nlanguages = [\"en\"]\n";
    let output = probe(config, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = report(&output);
    assert_eq!(named(&report, TINY)["knows_configured_languages"], true);
    assert_eq!(report["ears"]["advice"]["tier"], "patterns", "{report}");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("not-installed"), "{words}");
    // The same for people.
    let output = probe(config, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("ears        whisper-"), "{text}");
    assert!(text.contains("understanding.tier = \"patterns\""), "{text}");
}

#[test]
fn without_any_recogniser_it_is_said_what_to_install() {
    let store = tempfile::tempdir().unwrap();
    let config = format!("[models]\ndirectory = {:?}\n", store.path());
    let output = probe(&config, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&format!("models install {BASE}")), "{text}");
}
