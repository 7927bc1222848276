//! Getting the assistant's attention: wake phrase, button, mute.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use stage::{Assistant, Event, Happening, Performance, Scene, SceneOptions, Sound, recordings};
use tokio::sync::Mutex;

/// Recognition takes both processors of a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
const WITHIN: Duration = Duration::from_secs(30);
const REPLY_WITHIN: Duration = Duration::from_secs(60);
/// Captures that are not the daemon's: the virtual microphone itself, and the stage's own ear.
const OTHERS: usize = 2;
/// A signal of the demo car that a test may press.
const BUTTON: &str = "Vehicle.Powertrain.TractionBattery.Charging.IsCharging";

async fn scene(settings: &[(&str, &str)]) -> Scene {
    scene_that(false, settings).await
}

async fn scene_that(speaks: bool, settings: &[(&str, &str)]) -> Scene {
    let settings = settings
        .iter()
        .map(|(key, value)| (format!("CODRIVER__LISTENING__{key}"), (*value).to_owned()));
    let options = SceneOptions {
        sound: Sound::Virtual,
        recogniser_threads: Some(1),
        settings: settings.collect(),
        spoken: speaks,
        ..SceneOptions::default()
    };
    Scene::start(options).await.unwrap()
}

async fn wait_for_state(assistant: &Assistant, wanted: &str, scene: &Scene) {
    let until = Instant::now() + WITHIN;
    while assistant.state().await.unwrap() != wanted {
        assert!(Instant::now() < until, "never {wanted}\n{}", scene.logs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn wait_for_captures(scene: &Scene, wanted: usize) {
    let until = Instant::now() + WITHIN;
    let microphone = scene.microphone.as_ref().unwrap();
    loop {
        let captures = microphone.captures().unwrap();
        if captures == wanted {
            return;
        }
        assert!(Instant::now() < until, "{captures} captures, not {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_button_on_the_steering_wheel_opens_a_window_that_closes_by_itself() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut scene = scene(&[
        ("ACTIVATION", "push_to_talk"),
        ("BUTTON_PATH", BUTTON),
        ("WINDOW_MS", "1000"),
    ])
    .await;
    let assistant = scene.assistant().await.unwrap();
    wait_for_captures(&scene, OTHERS + 1).await;
    assert_eq!(assistant.state().await.unwrap(), "idle");
    scene.car.order(&format!("set {BUTTON} true")).unwrap();
    wait_for_state(&assistant, "listening", &scene).await;
    wait_for_state(&assistant, "idle", &scene).await;
    // Let go and pressed again, it opens again.
    scene.car.order(&format!("set {BUTTON} false")).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene.car.order(&format!("set {BUTTON} true")).unwrap();
    wait_for_state(&assistant, "listening", &scene).await;
}

#[tokio::test]
async fn without_wake_phrase_or_button_a_request_is_neither_told_nor_done() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene(&[("ACTIVATION", "wake")]).await;
    let mut assistant = scene.assistant().await.unwrap();
    wait_for_captures(&scene, OTHERS + 1).await;
    let microphone = scene.microphone.as_ref().unwrap();
    let unmeant = recordings::named("en-headlights-off.wav").unwrap();
    microphone.say(&unmeant.file).await.unwrap();
    // What the driver asks for next is the first thing anybody learns of.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assistant.listen().await.unwrap();
    let meant = recordings::named("en-air-conditioning-on.wav").unwrap();
    microphone.say(&meant.file).await.unwrap();
    let happenings = assistant.until_said(REPLY_WITHIN).await.unwrap();
    let heard: Vec<_> = happenings
        .iter()
        .filter_map(|happening| match &happening.event {
            Event::Heard { text, .. } => Some(text.to_lowercase()),
            _ => None,
        })
        .collect();
    assert_eq!(heard.len(), 1, "{happenings:#?}");
    assert!(heard[0].contains("air"), "{heard:?}");
}

#[tokio::test]
async fn muted_the_sound_server_knows_of_no_capture_and_a_button_is_refused() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene(&[]).await;
    let assistant = scene.assistant().await.unwrap();
    wait_for_captures(&scene, OTHERS + 1).await;
    assistant.mute(true).await.unwrap();
    wait_for_captures(&scene, OTHERS).await;
    assert!(assistant.listen().await.is_err());
    assistant.mute(false).await.unwrap();
    wait_for_captures(&scene, OTHERS + 1).await;
}

/// Recognitions so far, and utterances that the recogniser never heard.
async fn utterances(assistant: &Assistant) -> (u64, u64) {
    let status = assistant.status().await.unwrap();
    let count = |name: &str| status["utterances"][name].as_u64().unwrap();
    (count("recognitions"), count("passed_over"))
}

#[tokio::test]
async fn what_no_head_takes_for_its_phrase_never_reaches_the_recogniser() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene(&[("ACTIVATION", "wake")]).await;
    let assistant = scene.assistant().await.unwrap();
    let status = assistant.status().await.unwrap();
    let wake = status["wake"].as_str().unwrap();
    assert!(wake.starts_with("heads, then the recogniser"), "{wake}");
    wait_for_captures(&scene, OTHERS + 1).await;
    let microphone = scene.microphone.as_ref().unwrap();
    let talk = recordings::named("en-chatter-cinema.wav").unwrap();
    microphone.say(&talk.file).await.unwrap();
    let until = Instant::now() + WITHIN;
    while utterances(&assistant).await.1 == 0 {
        assert!(Instant::now() < until, "never heard\n{}", scene.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(utterances(&assistant).await.0, 0, "{}", scene.logs());
}

#[tokio::test]
async fn the_wake_phrase_and_a_request_in_one_breath_move_the_car() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene(&[("ACTIVATION", "wake")]).await;
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    wait_for_captures(&scene, OTHERS + 1).await;
    let recording = recordings::named("en-hello-car-fog-lights.wav").unwrap();
    let spoken = Performance::spoken(
        &scene,
        &mut assistant,
        &mut observer,
        &recording.file,
        REPLY_WITHIN,
    );
    let performance = spoken.await.unwrap();
    assert_eq!(
        performance.command_names(),
        ["lights.front_fog_on"],
        "{performance:#?}"
    );
    assert_eq!(
        performance.outcomes()[0]["outcome"],
        "done",
        "{performance:#?}"
    );
}

#[tokio::test]
async fn a_phrase_without_a_head_is_known_by_the_recogniser_alone_and_the_status_says_so() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene(&[
        ("ACTIVATION", "wake"),
        ("WAKE_PHRASES", "hello car,good morning car"),
    ])
    .await;
    let assistant = scene.assistant().await.unwrap();
    let status = assistant.status().await.unwrap();
    let wake = status["wake"].as_str().unwrap();
    assert!(wake.starts_with("the recogniser alone"), "{wake}");
    assert!(
        wake.contains("make wake PHRASE=\"good morning car\""),
        "{wake}"
    );
}

/// Everything that the assistant tells until it has told nothing for so long.
async fn until_quiet(assistant: &mut Assistant, quiet: Duration) -> Vec<Happening> {
    let mut happenings = Vec::new();
    while let Some(happening) = assistant.next(quiet).await {
        happenings.push(happening);
    }
    happenings
}

fn told_of(happenings: &[Happening], wanted: impl Fn(&Event) -> bool) -> usize {
    happenings.iter().filter(|h| wanted(&h.event)).count()
}

#[tokio::test]
async fn what_only_resembles_the_wake_phrase_is_neither_told_nor_done() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene(&[("ACTIVATION", "wake")]).await;
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    wait_for_captures(&scene, OTHERS + 1).await;
    let microphone = scene.microphone.as_ref().unwrap();
    let near_misses = [
        "en-hello-carl-fog-lights.wav",
        "en-yellow-car-fog-lights.wav",
        "zh-ni-hao-xiao-li-fog-lights.wav",
    ];
    for name in near_misses {
        microphone
            .say(&recordings::named(name).unwrap().file)
            .await
            .unwrap();
        // Each an utterance of its own.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let happenings = until_quiet(&mut assistant, Duration::from_secs(8)).await;
    let told = told_of(&happenings, |event| {
        matches!(event, Event::Heard { .. } | Event::Acted(_))
    });
    assert_eq!(told, 0, "{happenings:#?}\n{}", scene.logs());
    let performance = Performance::seen(happenings, &mut observer, None).await;
    assert_eq!(performance.requests().count(), 0, "{performance:#?}");
    let status = assistant.status().await.unwrap();
    let heard = status["captured"]["utterances"].as_u64().unwrap();
    assert!(heard >= near_misses.len() as u64, "{status:#}");
}

/// One sound of the wake phrase over and over, then of it with a request.
fn storm(directory: &std::path::Path, calls: usize) -> std::path::PathBuf {
    let read = |name: &str| -> Vec<i16> {
        let file = recordings::named(name).unwrap().file;
        let mut reader = hound::WavReader::open(file).unwrap();
        reader.samples().map(Result::unwrap).collect()
    };
    let (call, request) = (
        read("en-hello-car.wav"),
        read("en-hello-car-fog-lights.wav"),
    );
    let path = directory.join(format!("storm-{calls}.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    // Sometimes with a pause that ends an utterance, sometimes with hardly any.
    for pause in (0..calls).map(|number| 16 * [900, 60, 300][number % 3]) {
        for sample in call.iter().chain(&vec![0; pause]) {
            writer.write_sample(*sample).unwrap();
        }
    }
    for sample in request.iter().chain(&vec![0; 16_000]) {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    path
}

#[tokio::test]
async fn a_storm_of_wake_phrases_is_bounded_moves_nothing_and_ends_in_one_answer() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene_that(true, &[("ACTIVATION", "wake")]).await;
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    wait_for_captures(&scene, OTHERS + 1).await;
    let microphone = scene.microphone.as_ref().unwrap();
    let (many, few) = (storm(scene.directory(), 9), storm(scene.directory(), 1));

    let played = Performance::spoken(&scene, &mut assistant, &mut observer, &many, REPLY_WITHIN);
    let mut performance = played.await.unwrap();
    assert_eq!(performance.command_names(), ["lights.front_fog_on"]);

    // The phrase again, over the reply: half duplex does not hear it, and nobody answers it.
    let alone = recordings::named("en-hello-car.wav").unwrap().file;
    for _ in 0..3 {
        microphone.say(&alone).await.unwrap();
    }
    let rest = until_quiet(&mut assistant, Duration::from_secs(6)).await;
    performance.happenings.extend(rest);
    let happenings = &performance.happenings;
    let answers = told_of(
        happenings,
        |event| matches!(event, Event::Said { text, .. } if !text.is_empty()),
    );
    assert_eq!(answers, 1, "{happenings:#?}\n{}", scene.logs());
    let acted = told_of(happenings, |event| matches!(event, Event::Acted(_)));
    assert_eq!(acted, 1, "{happenings:#?}");

    let status = assistant.status().await.unwrap();
    let count = |pointer: &str| status.pointer(pointer).unwrap().as_u64().unwrap();
    // An utterance has a few pauses, and is looked at once more at its end.
    assert!(
        count("/utterances/recognitions") <= 4 * count("/captured/utterances"),
        "{status:#}"
    );
    let calls: u64 = ["written", "believed"]
        .iter()
        .map(|verdict| count(&format!("/utterances/calls/{verdict}")))
        .sum();
    assert!(calls >= 3, "{status:#}");

    // And it is well: the next request is done like any other.
    wait_for_state(&assistant, "idle", &scene).await;
    let again = Performance::spoken(&scene, &mut assistant, &mut observer, &few, REPLY_WITHIN);
    let again = again.await.unwrap();
    assert_eq!(again.command_names(), ["lights.front_fog_on"], "{again:#?}");
}
