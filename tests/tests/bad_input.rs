//! Broken files and broken text: one clear sentence each, never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use stage::{configs_directory, program};

fn codriverctl(arguments: &[&str]) -> Output {
    let mut command = Command::new(program("codriverctl").unwrap());
    command
        .args(arguments)
        .env_remove("CODRIVER__CONFIGS__DIRECTORY")
        .output()
        .unwrap()
}

/// It failed by itself, with words and without a panic; returns the words.
fn assert_fails_with_words(output: &Output) -> String {
    let words = [&output.stdout[..], &output.stderr[..]].concat();
    let words = String::from_utf8_lossy(&words).into_owned();
    assert!(
        matches!(output.status.code(), Some(1..=2)),
        "{:?}: {words}",
        output.status
    );
    assert!(!words.contains("panicked"), "{words}");
    assert!(!words.trim().is_empty());
    words
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn files_with(extension: &str, directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_with(extension, &path, found);
        } else if path.extension().is_some_and(|each| each == extension) {
            found.push(path);
        }
    }
}

#[test]
fn every_configuration_file_that_is_no_toml_is_named_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    copy_tree(&configs_directory(), directory.path());
    let mut files = Vec::new();
    files_with("toml", directory.path(), &mut files);
    // These two are read by the model builder and by the gateway, not by the voice side.
    files.retain(|file| !file.ends_with("models.toml") && !file.ends_with("gateway.toml"));
    assert!(files.len() > 15, "{files:?}");
    let root = directory.path().to_str().unwrap();
    let demo = directory.path().join("vehicles/demo");
    let config = directory.path().join("codriver.toml");
    for file in files {
        // A vehicle's own description is read when that vehicle is the one to validate.
        let vehicle = match file.parent() {
            Some(parent) if file.ends_with("vehicle.toml") => parent,
            _ => demo.as_path(),
        };
        let good = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{good}\n[broken = \n")).unwrap();
        let output = codriverctl(&[
            "--config",
            config.to_str().unwrap(),
            "validate",
            "--catalog",
            root,
            "--vehicle",
            vehicle.to_str().unwrap(),
        ]);
        let words = assert_fails_with_words(&output);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(words.contains(name), "{name}: {words}");
        fs::write(&file, good).unwrap();
    }
}

#[test]
fn a_gateway_configuration_that_is_no_toml_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gateway.toml");
    fs::write(&file, "[dbus\nbus = 3").unwrap();
    let output = Command::new(program("codriver-gatewayd").unwrap())
        .arg("--config")
        .arg(&file)
        .env_remove("JOURNAL_STREAM")
        .output()
        .unwrap();
    let words = assert_fails_with_words(&output);
    assert!(words.contains("gateway.toml"), "{words}");
}

#[test]
fn recordings_that_are_none_are_errors_that_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("speech/en-dome-light.wav");
    let good = fs::read(good).unwrap();
    let cases: [(&str, &[u8]); 4] = [
        ("empty.wav", b""),
        ("text.wav", b"this is no sound at all, only words"),
        ("header-only-half.wav", &good[..20]),
        ("truncated.wav", &good[..good.len() / 2 + 1]),
    ];
    for (name, bytes) in cases {
        let file = directory.path().join(name);
        fs::write(&file, bytes).unwrap();
        let catalog = configs_directory();
        let output = codriverctl(&[
            "hear",
            "--json",
            "--catalog",
            catalog.to_str().unwrap(),
            file.to_str().unwrap(),
        ]);
        let words = assert_fails_with_words(&output);
        assert!(words.contains(name), "{name}: {words}");
    }
}

#[test]
fn sentences_of_10_kilobytes_and_bytes_that_are_no_utf_8_get_one_answer_a_line() {
    let catalog = configs_directory();
    let mut child = Command::new(program("codriverctl").unwrap())
        .args(["explain", "--lines", "--tier", "patterns", "--catalog"])
        .arg(catalog)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = "open the window ".repeat(640).into_bytes();
    input.extend(b"\n\xff\xfe\x80 window\nturn on the air conditioning\n");
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 3, "{text}");
    assert_eq!(answers[0]["decision"], "reject");
    assert_ne!(answers[1]["decision"], "execute");
    assert_eq!(
        answers[2]["commands"][0]["name"],
        "climate.air_conditioning_on"
    );
}
