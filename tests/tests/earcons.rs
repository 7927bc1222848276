//! Earcons are heard in the cabin, and not by the assistant.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use stage::{Cabin, Ear, Event, Scene, SceneOptions, Sound, recordings};

const SOUNDS_WITHIN: Duration = Duration::from_secs(5);
const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// When the loudspeaker sounded after `before`.
async fn sound(loudspeaker: &Ear, before: Instant, scene: &Scene) -> Instant {
    loop {
        match loudspeaker.last_sound() {
            Some(last) if last > before => return last,
            _ if before.elapsed() > SOUNDS_WITHIN => panic!("silent\n{}", scene.logs()),
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

#[tokio::test]
async fn the_tone_after_a_button_is_heard_by_the_speaker_alone_and_costs_no_syllable() {
    let settings = [
        ("CODRIVER__SPEECH__EARCONS", "true"),
        ("CODRIVER__LISTENING__ACTIVATION", "push_to_talk"),
        // The loudspeaker is in it: the echo canceller's own source would be free of it anyway.
        ("CODRIVER__AUDIO__DEVICE", "raw_mic"),
    ];
    let options = SceneOptions {
        sound: Sound::In(Cabin {
            echo: true,
            ..Cabin::default()
        }),
        recogniser_threads: Some(1),
        settings: settings
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..SceneOptions::default()
    };
    let scene = Scene::start(options).await.unwrap();
    let mut assistant = scene.assistant().await.unwrap();
    let microphone = scene.microphone.as_ref().unwrap();
    let loudspeaker = microphone.at_the_loudspeaker().unwrap();
    let until = Instant::now() + SOUNDS_WITHIN;
    while assistant.listen().await.is_err() {
        assert!(Instant::now() < until, "{}", scene.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let pressed = Instant::now();
    assistant.listen().await.unwrap();
    sound(&loudspeaker, pressed, &scene).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let status = assistant.status().await.unwrap();
    assert_eq!(status["captured"]["utterances"], 0, "it heard its own tone");

    // Who speaks at once, into the tone, is understood from the first word on.
    assistant.listen().await.unwrap();
    let recording = recordings::named("en-air-conditioning-on.wav").unwrap();
    let (played, happenings) = tokio::join!(
        microphone.say(&recording.file),
        assistant.until_said(REPLY_WITHIN)
    );
    played.unwrap();
    let happenings = happenings.unwrap();
    let heard = happenings
        .iter()
        .find_map(|happening| match &happening.event {
            Event::Heard { text, .. } => Some(text.to_lowercase()),
            _ => None,
        });
    let heard = heard.unwrap();
    assert!(heard.starts_with("turn on the air conditioning"), "{heard}");

    let muted = Instant::now();
    assistant.mute(true).await.unwrap();
    sound(&loudspeaker, muted, &scene).await;
}
