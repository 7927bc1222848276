//! Speech through the whole system: virtual microphone to CAN frame.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, process::Command, time::Duration};

use stage::{
    Performance, Scene, SceneOptions, Sockets, Sound, ThirdParty, configs_directory, program,
    recordings,
};
use tokio::sync::Mutex;

/// Recognition takes both processors of a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
const REPLY_WITHIN: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 3;
const FRAME_WITHIN: Duration = Duration::from_secs(10);

/// Everything with the virtual microphone; one recogniser thread, for machines that do more.
async fn scene_with_microphone() -> Scene {
    let options = SceneOptions {
        sound: Sound::Virtual,
        recogniser_threads: Some(1),
        ..SceneOptions::default()
    };
    Scene::start(options).await.unwrap()
}

/// Speaks the recording and requires its frames at a reader that shares no code with us.
async fn assert_moves_the_car(recording: &str) {
    let recording = recordings::named(recording).unwrap();
    let scene = scene_with_microphone().await;
    let third_party = ThirdParty::attach(&scene.car.address, scene.directory()).unwrap();
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    let mut attempts = 0;
    let performance = loop {
        let performance = Performance::spoken(
            &scene,
            &mut assistant,
            &mut observer,
            &recording.file,
            REPLY_WITHIN,
        )
        .await
        .unwrap();
        attempts += 1;
        // A machine that recognises for longer than a command may live is right to refuse it.
        let late = performance
            .outcomes()
            .iter()
            .any(|outcome| outcome["reason"] == "expired");
        if !late || attempts == ATTEMPTS {
            break performance;
        }
    };
    let expected: Vec<_> = recording
        .commands
        .iter()
        .map(|command| command.name.as_str())
        .collect();
    assert_eq!(performance.command_names(), expected, "{performance:#?}");
    for outcome in performance.outcomes() {
        assert_eq!(
            outcome["outcome"],
            "done",
            "{performance:#?}\n{}",
            scene.logs()
        );
    }
    assert!(!recording.frames.is_empty());
    for (message, signals) in &recording.frames {
        third_party
            .wait_for(message, signals, FRAME_WITHIN)
            .unwrap();
    }
}

#[tokio::test]
async fn an_english_sentence_becomes_a_can_frame_that_python_can_and_cantools_read() {
    let _turn = ONE_AT_A_TIME.lock().await;
    assert_moves_the_car("en-temperature-all-22.wav").await;
}

#[tokio::test]
async fn a_mandarin_sentence_becomes_a_can_frame_that_python_can_and_cantools_read() {
    let _turn = ONE_AT_A_TIME.lock().await;
    assert_moves_the_car("zh-air-conditioning-on.wav").await;
}

#[tokio::test]
async fn chatter_in_the_cabin_moves_nothing() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let recording = recordings::named("en-chatter-cinema.wav").unwrap();
    let scene = scene_with_microphone().await;
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    let performance = Performance::spoken(
        &scene,
        &mut assistant,
        &mut observer,
        &recording.file,
        REPLY_WITHIN,
    )
    .await
    .unwrap();
    assert_eq!(
        performance.understood()["decision"],
        "reject",
        "{performance:#?}"
    );
    assert_eq!(performance.requests().count(), 0, "{performance:#?}");
}

#[tokio::test]
async fn noise_alone_moves_nothing_and_a_sentence_after_it_is_still_heard() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene_with_microphone().await;
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    let noise = scene.directory().join("noise.wav");
    write_noise(&noise, 6);
    observer.drain();
    scene
        .microphone
        .as_ref()
        .unwrap()
        .say(&noise)
        .await
        .unwrap();
    let sentence = recordings::named("en-air-conditioning-on.wav").unwrap();
    scene
        .microphone
        .as_ref()
        .unwrap()
        .say(&sentence.file)
        .await
        .unwrap();
    // Whatever the noise did, it came before the sentence's reply.
    let mut happenings = Vec::new();
    loop {
        happenings.extend(assistant.until_said(REPLY_WITHIN).await.unwrap());
        let performance = Performance::seen(happenings.clone(), &mut observer, None).await;
        let requests: Vec<_> = performance.requests().collect();
        if let Some(first) = requests.first() {
            assert_eq!(requests.len(), 1, "{requests:#?}");
            assert_eq!(first.message, "ClimateModeRequest");
            return;
        }
    }
}

#[tokio::test]
async fn with_every_model_loaded_and_after_a_spoken_sentence_there_is_no_inet_socket() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let options = SceneOptions {
        sound: Sound::Virtual,
        tier: "both".to_owned(),
        recogniser_threads: Some(1),
        ..SceneOptions::default()
    };
    let scene = Scene::start(options).await.unwrap();
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    let recording = recordings::named("en-dome-light.wav").unwrap();
    Performance::spoken(
        &scene,
        &mut assistant,
        &mut observer,
        &recording.file,
        REPLY_WITHIN,
    )
    .await
    .unwrap();
    let sockets = Sockets::of(scene.voice.id()).unwrap();
    assert_eq!(sockets.internet, Vec::<String>::new());
    assert!(sockets.all > 0, "it holds its D-Bus socket at least");
}

#[tokio::test]
async fn the_daemon_lets_its_recogniser_threads_sleep_while_they_wait() {
    let scene = Scene::start(SceneOptions::default()).await.unwrap();
    let environment = std::fs::read(format!("/proc/{}/environ", scene.voice.id())).unwrap();
    let mut variables = environment.split(|byte| *byte == 0);
    assert!(variables.any(|variable| variable == b"OMP_WAIT_POLICY=passive"));
}

#[test]
fn a_human_recording_runs_through_hear() {
    let Some(data) = std::env::var_os("CODRIVER_TEST_DATA") else {
        eprintln!("SKIPPED: set CODRIVER_TEST_DATA to a folder with speech/jfk.wav");
        return;
    };
    let recording = Path::new(&data).join("speech/jfk.wav");
    let output = Command::new(program("codriverctl").unwrap())
        .args(["hear", "--json", "--catalog"])
        .arg(configs_directory())
        .arg(&recording)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let heard = String::from_utf8(output.stdout).unwrap().to_lowercase();
    assert!(heard.contains("country"), "{heard}");
}

#[test]
fn every_recording_heard_live_says_where_in_it_the_utterance_lies() {
    let recording = recordings::named("en-dome-light.wav").unwrap().file;
    let output = Command::new(program("codriverctl").unwrap())
        .args([
            "hear",
            "--live",
            "--json",
            "--tier",
            "patterns",
            "--catalog",
        ])
        .arg(configs_directory())
        .args([&recording, &recording])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let reports: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(reports.len(), 2, "{text}");
    for report in &reports {
        let [utterance] = &report["utterances"].as_array().unwrap()[..] else {
            panic!("{text}")
        };
        let ms = |of: &serde_json::Value, key: &str| of[key].as_f64().unwrap();
        let places = ["from_ms", "last_voice_ms", "complete_ms"].map(|key| ms(utterance, key));
        assert!(places.is_sorted(), "{text}");
        assert!(places[2] <= ms(report, "audio_ms") + 1.0, "{text}");
        assert_eq!(utterance["transcript"], report["transcript"], "{text}");
    }
}

/// White noise at about -26 dBFS from a fixed linear congruential generator.
fn write_noise(path: &Path, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    let mut state = 1_u32;
    for _ in 0..seconds * spec.sample_rate {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        writer.write_sample((state >> 16) as i16 / 12).unwrap();
    }
    writer.finalize().unwrap();
}
