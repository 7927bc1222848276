//! The correction log: nothing without the owner's word, and all of it in the owner's hands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use stage::{Assistant, Scene, SceneOptions, Sound, program, recordings};

const REPLY_WITHIN: Duration = Duration::from_secs(60);
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);
/// Somebody who is neither root nor the daemon's user.
const NOBODY: u32 = 65_534;

async fn scene(log: &Path, enabled: bool, sound: Sound) -> Scene {
    let settings = [
        ("ENABLED", enabled.to_string()),
        ("DIRECTORY", log.display().to_string()),
    ];
    let options = SceneOptions {
        sound,
        recogniser_threads: Some(1),
        settings: settings
            .map(|(key, value)| (format!("CODRIVER__CORRECTION_LOG__{key}"), value))
            .into(),
        ..SceneOptions::default()
    };
    Scene::start(options).await.unwrap()
}

async fn say(assistant: &mut Assistant, text: &str) {
    assistant.submit(text, "en").await.unwrap();
    assistant.until_said(REPLY_WITHIN).await.unwrap();
}

fn codriverctl(scene: &Scene, arguments: &[&str]) -> Output {
    Command::new(program("codriverctl").unwrap())
        .arg("--config")
        .arg(scene.directory().join("codriver.toml"))
        .arg("--bus")
        .arg(scene.bus.address())
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(scene: &Scene, arguments: &[&str]) -> String {
    let output = codriverctl(scene, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn entries(scene: &Scene, arguments: &[&str]) -> Vec<Json> {
    let arguments = [&["log", "show", "--json"], arguments].concat();
    let text = printed(scene, &arguments);
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// The entries, once there are so many: they are written behind the reply.
fn written(scene: &Scene, count: usize) -> Vec<Json> {
    let deadline = Instant::now() + WRITTEN_WITHIN;
    loop {
        let entries = entries(scene, &[]);
        if entries.len() == count {
            return entries;
        }
        assert!(Instant::now() < deadline, "{entries:#?}\n{}", scene.logs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[tokio::test]
async fn switched_off_no_request_leaves_a_file_or_a_word_anywhere() {
    let state = tempfile::tempdir().unwrap();
    let scene = scene(&state.path().join("log"), false, Sound::None).await;
    let mut assistant = scene.assistant().await.unwrap();
    say(&mut assistant, "turn on the front fog lights quickly").await;
    say(&mut assistant, "no the rear fog lights quickly").await;
    assert_eq!(entries(&scene, &[]), Vec::<Json>::new());
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    let status = printed(&scene, &["status"]);
    assert!(
        status.lines().any(|line| line == "log         off"),
        "{status}"
    );
    for file in files(scene.directory()) {
        let content = fs::read(&file).unwrap_or_default();
        let words = b"fog lights quickly";
        let told = content.windows(words.len()).any(|part| part == words);
        assert!(!told, "{}", file.display());
    }
}

#[tokio::test]
async fn switched_on_a_request_is_kept_with_its_correction_shown_exported_and_erased() {
    let state = tempfile::tempdir().unwrap();
    let log = state.path().join("log");
    let scene = scene(&log, true, Sound::None).await;
    let mut assistant = scene.assistant().await.unwrap();
    say(&mut assistant, "turn on the front fog lights").await;
    say(&mut assistant, "no, the rear ones").await;
    say(&mut assistant, "undo").await;

    let all = written(&scene, 3);
    let did = &all[0]["did"][0];
    assert_eq!(did["outcome"], "done", "{all:#?}\n{}", scene.logs());
    assert_eq!(all[0]["heard"]["text"], "turn on the front fog lights");
    assert_eq!(all[0]["by"], "text");
    assert_eq!(
        all[0]["understood"]["commands"][0]["name"], did["name"],
        "{all:#?}"
    );
    assert_eq!(all[1]["corrects"]["how"], "objected");
    assert_eq!(all[2]["corrects"]["how"], "undone");
    let corrected = entries(&scene, &["--corrected"]);
    assert_eq!(corrected.len(), 1, "{corrected:#?}");
    assert_eq!(corrected[0]["corrected"]["by"], 3);
    assert!(printed(&scene, &["log", "show"]).contains("corrected by 3: undone"));
    assert!(printed(&scene, &["status"]).contains("log         on: 3 entries"));

    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&log), 0o700);
    for file in files(&log) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }

    // With the microphone closed nothing is kept, not even what is typed.
    assistant.mute(true).await.unwrap();
    say(&mut assistant, "turn on the front fog lights").await;
    assistant.mute(false).await.unwrap();
    say(&mut assistant, "turn off the front fog lights").await;
    let heard = &written(&scene, 4)[3]["heard"]["text"];
    assert_eq!(heard, "turn off the front fog lights");

    let export = state.path().join("export.jsonl");
    let name = export.display().to_string();
    printed(&scene, &["log", "export", &name]);
    assert_eq!(fs::read_to_string(&export).unwrap().lines().count(), 4);
    assert_eq!(mode(&export), 0o600);
    let again = codriverctl(&scene, &["log", "export", &name]);
    assert!(!again.status.success(), "{again:?}");

    printed(&scene, &["log", "erase", "--before", "2026-01-01"]);
    written(&scene, 4);
    let wrong = codriverctl(&scene, &["log", "erase", "--before", "yesterday"]);
    assert!(!wrong.status.success(), "{wrong:?}");
    assert!(printed(&scene, &["log", "erase"]).starts_with("4 entries"));
    assert_eq!(files(&log), Vec::<PathBuf>::new());
    written(&scene, 0);
}

#[tokio::test]
async fn switched_off_again_what_is_there_stays_until_it_is_erased_and_the_status_says_so() {
    let state = tempfile::tempdir().unwrap();
    let on = scene(state.path(), true, Sound::None).await;
    let mut assistant = on.assistant().await.unwrap();
    say(&mut assistant, "turn on the front fog lights").await;
    written(&on, 1);
    drop(on);
    let off = scene(state.path(), false, Sound::None).await;
    let mut assistant = off.assistant().await.unwrap();
    say(&mut assistant, "turn off the front fog lights").await;
    let status = printed(&off, &["status"]);
    assert!(status.contains("off; 1 entries from before"), "{status}");
    assert_eq!(written(&off, 1).len(), 1);
    printed(&off, &["log", "erase"]);
    assert_eq!(files(state.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_spoken_request_is_kept_with_how_surely_it_was_heard_and_without_its_sound() {
    let state = tempfile::tempdir().unwrap();
    let scene = scene(state.path(), true, Sound::Virtual).await;
    let mut assistant = scene.assistant().await.unwrap();
    let recording = recordings::named("en-fog-lights.wav").unwrap();
    let microphone = scene.microphone.as_ref().unwrap();
    let (played, said) = tokio::join!(
        microphone.say(&recording.file),
        assistant.until_said(REPLY_WITHIN)
    );
    played.unwrap();
    said.unwrap();
    let kept = &written(&scene, 1)[0];
    assert_eq!(kept["by"], "voice", "{kept:#?}");
    let heard = &kept["heard"];
    assert!(
        heard["text"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("fog")
    );
    let confidence = heard["confidence"].as_f64().unwrap();
    assert!(0.0 < confidence && confidence < 1.0, "{kept:#?}");
    for file in files(state.path()) {
        assert!(fs::metadata(&file).unwrap().len() < 16_384, "{file:?}");
    }
}

#[tokio::test]
async fn another_user_on_the_bus_neither_reads_nor_erases_the_log() {
    let state = tempfile::tempdir().unwrap();
    let scene = scene(state.path(), true, Sound::None).await;
    let mut assistant = scene.assistant().await.unwrap();
    say(&mut assistant, "turn on the front fog lights").await;
    written(&scene, 1);
    let open = fs::Permissions::from_mode(0o711);
    fs::set_permissions(scene.directory(), open).unwrap();
    let call = |method: &[&str]| {
        Command::new("setpriv")
            .args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")])
            .args(["--clear-groups", "busctl"])
            .arg(format!("--address={}", scene.bus.address()))
            .args(["call", "org.codriver.Assistant", "/org/codriver/Assistant"])
            .args(method)
            .output()
            .unwrap()
    };
    let allowed = call(&["org.codriver.Diagnostics1", "Status"]);
    if !allowed.status.success() {
        // Past the test harness, which shows nothing of a test that passes.
        let why = String::from_utf8_lossy(&allowed.stderr);
        let _ = writeln!(io::stderr(), "SKIPPED: becoming another user: {why}");
        return;
    }
    let log = "org.codriver.CorrectionLog1";
    for method in [
        &[log, "Read", "t", "0"][..],
        &[log, "Erase", "s", ""],
        &[log, "Status"],
    ] {
        let denied = call(method);
        let said = String::from_utf8_lossy(&denied.stderr);
        assert!(!denied.status.success(), "{method:?}: {denied:?}");
        assert!(said.to_lowercase().contains("access denied"), "{said}");
    }
    written(&scene, 1);
}
