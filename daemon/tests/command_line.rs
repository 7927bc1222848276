//! The command line forms that people and scripts rely on, run as processes.

// clippy.toml allows these in #[test] functions; the helpers here are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const CONFIGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `codriverctl` with no models, no bus and no configuration but the defaults.
fn codriverctl(arguments: &[&str], input: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_codriverctl"))
        .args(arguments)
        .env("CODRIVER_MODELS", folder.path())
        .env("CODRIVER__DBUS__BUS", "unix:path=/nonexistent/bus")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // On a thread, so that a program which reads nothing does not block the test.
    std::thread::spawn(move || stdin.write_all(&input));
    let pid = child.id();
    let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
    let deadline = Instant::now() + PATIENCE;
    while !waiting.is_finished() {
        if Instant::now() > deadline {
            let _ended = Command::new("kill").args(["-9", &pid.to_string()]).status();
            panic!("codriverctl {arguments:?} did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    waiting.join().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_subcommand_explains_itself() {
    for arguments in [
        vec!["--help"],
        vec!["explain", "--help"],
        vec!["hear", "--help"],
        vec!["say", "--help"],
        vec!["status", "--help"],
        vec!["monitor", "--help"],
        vec!["mute", "--help"],
        vec!["log", "show", "--help"],
        vec!["log", "export", "--help"],
        vec!["log", "erase", "--help"],
        vec!["log", "status", "--help"],
        vec!["models", "install", "--help"],
        vec!["models", "list", "--help"],
        vec!["models", "verify", "--help"],
        vec!["validate", "--help"],
        vec!["vehicle", "get", "--help"],
        vec!["vehicle", "set", "--help"],
        vec!["vehicle", "list", "--help"],
        vec!["vehicle", "watch", "--help"],
    ] {
        let output = codriverctl(&arguments, b"");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stdout.len() > 50, "{arguments:?}");
    }
}

#[test]
fn a_command_line_that_cannot_be_understood_exits_with_two() {
    for arguments in [
        vec!["mute", "perhaps"],
        vec!["explain"],
        vec!["explain", "--tier", "magic", "hello"],
        vec!["nonsense"],
    ] {
        let output = codriverctl(&arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn explaining_by_patterns_needs_no_model_and_writes_whole_numbers_whole() {
    let text = "set the driver temperature to twenty two degrees";
    let arguments = [
        "explain",
        "--json",
        "--catalog",
        CONFIGS,
        "--tier",
        "patterns",
        text,
    ];
    let output = codriverctl(&arguments, b"");
    assert_eq!(output.status.code(), Some(0));
    let answer = &lines(&output)[0];
    assert_eq!(answer["decision"], "execute");
    // Numbers of serde_json are equal only when both are whole or both are not.
    assert_eq!(
        answer["commands"],
        serde_json::json!([
            {"name": "climate.set_temperature", "args": {"temperature": 22, "zone": "driver"}}
        ])
    );
}

#[test]
fn every_line_gets_one_answer_in_order_whatever_is_in_it() {
    let mut input = b"open the window\n\n\xff\xfe\n".to_vec();
    input.extend([b'a'; 10_240]);
    input.extend(b"\r\nopen the window");
    let arguments = [
        "explain",
        "--lines",
        "--catalog",
        CONFIGS,
        "--tier",
        "patterns",
    ];
    let output = codriverctl(&arguments, &input);
    assert_eq!(output.status.code(), Some(0));
    let answers = lines(&output);
    let decisions: Vec<_> = answers
        .iter()
        .map(|answer| answer["decision"].clone())
        .collect();
    assert_eq!(
        decisions,
        ["execute", "reject", "reject", "reject", "execute"]
    );
    assert_eq!(answers[2]["reason"]["code"], "invalid_utf8");
    assert_eq!(answers[3]["reason"]["code"], "too_long");
}

#[test]
fn the_shipped_configuration_is_valid() {
    let output = codriverctl(&["validate", "--catalog", CONFIGS], b"");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
}

#[test]
fn a_broken_pack_is_reported_with_file_and_line_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let packs = folder.path().join("commands");
    std::fs::create_dir_all(&packs).unwrap();
    std::fs::create_dir_all(folder.path().join("languages")).unwrap();
    std::fs::write(packs.join("bad.toml"), "[pack]\nname = \n").unwrap();
    let output = codriverctl(
        &["validate", "--catalog", folder.path().to_str().unwrap()],
        b"",
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("bad.toml:2"), "{text}");
}

#[test]
fn without_a_bus_a_model_or_a_recording_it_fails_with_a_sentence_that_names_it() {
    for (arguments, named) in [
        (vec!["status"], "/nonexistent/bus"),
        (vec!["say", "hello"], "/nonexistent/bus"),
        (vec!["vehicle", "list"], "/nonexistent/bus"),
        (vec!["models", "verify"], "models install"),
        (vec!["models", "verify", "nothing"], "nothing"),
        (
            vec!["hear", "--catalog", CONFIGS, "missing.wav"],
            "models install",
        ),
    ] {
        let output = codriverctl(&arguments, b"");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
        assert!(message.contains(named), "{arguments:?}: {message}");
        assert!(!message.contains("panicked"), "{arguments:?}: {message}");
    }
}
