//! The sound server goes away, comes back, and falls silent; the daemon lives and hears again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use stage::{
    Assistant, Cabin, Event, Scene, SceneOptions, Sound, SoundServer, program, recordings,
};
use tokio::sync::Mutex;

/// Recognition takes both processors of a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
const WITHIN: Duration = Duration::from_secs(30);
const REPLY_WITHIN: Duration = Duration::from_secs(60);
/// Captures that are not the daemon's: the virtual microphone itself, and the stage's own ear.
const OTHERS: usize = 2;
/// Longer than the daemon takes a silent device for a live one.
const STALL: Duration = Duration::from_secs(10);

async fn scene() -> Scene {
    scene_with(SoundServer::PulseAudio, Vec::new()).await
}

async fn scene_with(server: SoundServer, settings: Vec<(String, String)>) -> Scene {
    let cabin = Cabin {
        server,
        ..Cabin::default()
    };
    let options = SceneOptions {
        sound: Sound::In(cabin),
        recogniser_threads: Some(1),
        settings,
        ..SceneOptions::default()
    };
    Scene::start(options).await.unwrap()
}

async fn captured(scene: &Scene) {
    let until = Instant::now() + WITHIN;
    let microphone = scene.microphone.as_ref().unwrap();
    while microphone.captures().unwrap() != OTHERS + 1 {
        assert!(Instant::now() < until, "not captured\n{}", scene.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn hears(scene: &Scene, assistant: &mut Assistant, recording: &str, word: &str) {
    let recording = recordings::named(recording).unwrap();
    let microphone = scene.microphone.as_ref().unwrap();
    microphone.say(&recording.file).await.unwrap();
    let happenings = assistant.until_said(REPLY_WITHIN).await;
    let happenings = happenings.unwrap_or_else(|error| panic!("{error}\n{}", scene.logs()));
    let heard = happenings.iter().any(|happening| {
        matches!(&happening.event, Event::Heard { text, .. } if text.to_lowercase().contains(word))
    });
    assert!(heard, "{happenings:#?}");
}

/// What `codriverctl status` shows of the capture.
fn status(scene: &Scene) -> Json {
    let output = Command::new(program("codriverctl").unwrap())
        .args(["--bus", &scene.bus.address(), "status", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Waits until the microphone is not only being opened.
async fn open(scene: &Scene) {
    until_open_is(scene, true).await;
}

/// Waits until the loss of the microphone is noticed.
async fn lost(scene: &Scene) {
    until_open_is(scene, false).await;
}

async fn until_open_is(scene: &Scene, wanted: bool) {
    let until = Instant::now() + WITHIN;
    while status(scene)["microphone"]
        .as_str()
        .unwrap()
        .starts_with("open:")
        != wanted
    {
        assert!(Instant::now() < until, "not {wanted}\n{}", scene.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_sound_server_that_is_killed_and_started_again_is_heard_again_by_the_same_daemon() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut scene = scene().await;
    let mut assistant = scene.assistant().await.unwrap();
    captured(&scene).await;
    hears(&scene, &mut assistant, "en-air-conditioning-on.wav", "air").await;

    scene.microphone.as_mut().unwrap().kill().unwrap();
    lost(&scene).await;
    scene.microphone.as_mut().unwrap().start_again().unwrap();
    captured(&scene).await;
    hears(&scene, &mut assistant, "en-headlights-off.wav", "light").await;

    scene.voice.check().unwrap();
    let status = status(&scene);
    assert!(
        status["captured"]["opened"].as_u64().unwrap() >= 2,
        "{status:#}"
    );
    assert_eq!(status["captured"]["overrun_samples"], 0, "{status:#}");
}

#[tokio::test]
async fn pipewire_that_is_killed_and_started_again_is_heard_again_by_the_same_daemon() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut scene = scene_with(SoundServer::PipeWire, Vec::new()).await;
    let mut assistant = scene.assistant().await.unwrap();
    open(&scene).await;
    hears(&scene, &mut assistant, "en-air-conditioning-on.wav", "air").await;

    scene.microphone.as_mut().unwrap().kill().unwrap();
    lost(&scene).await;
    scene.microphone.as_mut().unwrap().start_again().unwrap();
    open(&scene).await;
    hears(&scene, &mut assistant, "en-headlights-off.wav", "light").await;
    scene.voice.check().unwrap();
}

#[tokio::test]
async fn a_microphone_named_in_the_configuration_is_missed_when_unplugged_and_heard_when_back() {
    unplugged(SoundServer::PulseAudio).await;
}

#[tokio::test]
async fn a_microphone_of_pipewire_is_missed_when_unplugged_and_heard_when_back() {
    unplugged(SoundServer::PipeWire).await;
}

async fn unplugged(server: SoundServer) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let device = ("CODRIVER__AUDIO__DEVICE".to_owned(), "car_mic".to_owned());
    let mut scene = scene_with(server, vec![device]).await;
    let mut assistant = scene.assistant().await.unwrap();
    open(&scene).await;

    scene.microphone.as_ref().unwrap().unplug().unwrap();
    lost(&scene).await;
    // The server has another source still, the loudspeaker's monitor, and it is not taken instead.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let missed = status(&scene);
    let microphone = missed["microphone"].as_str().unwrap();
    assert!(microphone.contains("car_mic"), "{microphone}");
    assert!(!microphone.starts_with("open:"), "{microphone}");

    scene.microphone.as_mut().unwrap().plug_in().unwrap();
    open(&scene).await;
    hears(&scene, &mut assistant, "en-headlights-off.wav", "light").await;
    scene.voice.check().unwrap();
}

#[tokio::test]
async fn a_device_that_stalls_for_ten_seconds_is_heard_again() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut scene = scene().await;
    let mut assistant = scene.assistant().await.unwrap();
    open(&scene).await;
    scene.microphone.as_ref().unwrap().suspend(true).unwrap();
    tokio::time::sleep(STALL).await;
    let stalled = status(&scene);
    let microphone = stalled["microphone"].as_str().unwrap();
    assert!(microphone.contains("delivered no audio"), "{microphone}");
    scene.microphone.as_ref().unwrap().suspend(false).unwrap();
    open(&scene).await;
    hears(&scene, &mut assistant, "en-air-conditioning-on.wav", "air").await;
    scene.voice.check().unwrap();
}
