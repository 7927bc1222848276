//! Replies that are being spoken stop at once: at a button, and at a voice where the echo is
//! cancelled. What stops is looked at where the loudspeaker plays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use stage::{Assistant, Cabin, Ear, Event, Scene, SceneOptions, Sound, recordings};
use tokio::sync::Mutex;

/// Recognition takes both processors of a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
const REPLY_WITHIN: Duration = Duration::from_secs(30);
/// From the button to the loudspeaker's silence, the sound server's own buffers included.
const SILENT_WITHIN: Duration = Duration::from_millis(600);
/// The reply's first words.
const A_MOMENT: Duration = Duration::from_millis(1_500);
/// Pauses between its words are shorter.
const SILENCE: Duration = Duration::from_millis(1_200);
/// The same between a voice that stops the reply and the answer to it.
const GAP: Duration = Duration::from_millis(700);
/// From the start of the player, so its own start and the sound before the first word included.
const VOICE_SILENCES_WITHIN: Duration = Duration::from_millis(1_300);
/// One of so many must be spoken to its end where the echo is cancelled.
const REPLIES: usize = 4;
/// Is answered with four sentences.
const LONG_REPLY: &str = "what can I say";

async fn scene(cabin: Cabin, settings: &[(&str, &str)]) -> Scene {
    let settings = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let options = SceneOptions {
        sound: Sound::In(cabin),
        recogniser_threads: Some(1),
        spoken: true,
        settings: settings.collect(),
        ..SceneOptions::default()
    };
    Scene::start(options).await.unwrap()
}

/// Has the assistant speak, and returns when the first words have sounded.
async fn speaks(assistant: &mut Assistant, loudspeaker: &Ear, scene: &Scene) -> Instant {
    let asked = Instant::now();
    assistant.submit(LONG_REPLY, "en").await.unwrap();
    let happenings = assistant.until_said(REPLY_WITHIN).await.unwrap();
    let Some(Event::Said { text, .. }) = happenings.last().map(|last| last.event.clone()) else {
        panic!("{happenings:#?}")
    };
    assert!(text.len() > 80, "too short a reply: {text}");
    let until = Instant::now() + REPLY_WITHIN;
    while loudspeaker.last_sound().is_none_or(|last| last <= asked) {
        assert!(Instant::now() < until, "silent\n{}", scene.logs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(A_MOMENT).await;
    Instant::now()
}

/// When the loudspeaker's last sound was, once it has been silent for this long.
async fn silence(loudspeaker: &Ear, long: Duration) -> Instant {
    let until = Instant::now() + REPLY_WITHIN;
    loop {
        let last = loudspeaker.last_sound().unwrap();
        if last.elapsed() > long {
            return last;
        }
        assert!(Instant::now() < until, "it speaks on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn lateness(last_sound: Instant, reason: Instant) -> Duration {
    last_sound.saturating_duration_since(reason)
}

#[tokio::test]
async fn a_button_stops_the_reply_at_the_loudspeaker_at_once() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene(Cabin::default(), &[]).await;
    let mut assistant = scene.assistant().await.unwrap();
    let loudspeaker = scene
        .microphone
        .as_ref()
        .unwrap()
        .at_the_loudspeaker()
        .unwrap();
    speaks(&mut assistant, &loudspeaker, &scene).await;
    // Left alone it speaks on for much longer.
    let undisturbed = Instant::now();
    assert!(lateness(silence(&loudspeaker, SILENCE).await, undisturbed) > SILENT_WITHIN * 3);

    let pressed = speaks(&mut assistant, &loudspeaker, &scene).await;
    assistant.listen().await.unwrap();
    let late = lateness(silence(&loudspeaker, SILENCE).await, pressed);
    println!("silent {} ms after the button", late.as_millis());
    assert!(late < SILENT_WITHIN, "{late:?}");
}

#[tokio::test]
async fn where_the_echo_is_cancelled_the_assistant_does_not_hear_itself_and_a_voice_stops_it() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let cabin = Cabin {
        echo: true,
        ..Cabin::default()
    };
    let settings = [("CODRIVER__SPEECH__BARGE_IN", "voice")];
    let scene = scene(cabin, &settings).await;
    let mut assistant = scene.assistant().await.unwrap();
    let microphone = scene.microphone.as_ref().unwrap();
    let loudspeaker = microphone.at_the_loudspeaker().unwrap();
    // The canceller learns the cabin by what sounds: some of the echo gets past it at first.
    let mut undisturbed = false;
    for _ in 0..REPLIES {
        speaks(&mut assistant, &loudspeaker, &scene).await;
        let spoken = Instant::now();
        let spoke_on = lateness(silence(&loudspeaker, SILENCE).await, spoken) > SILENT_WITHIN * 3;
        let mut heard_itself = false;
        while assistant.next(Duration::from_secs(3)).await.is_some() {
            heard_itself = true;
        }
        if spoke_on && !heard_itself {
            undisturbed = true;
            break;
        }
    }
    assert!(undisturbed, "it heard itself every time");

    speaks(&mut assistant, &loudspeaker, &scene).await;
    let sentence = recordings::named("en-air-conditioning-on.wav").unwrap();
    let spoken = Instant::now();
    let mut player = microphone.begin(&sentence.file).unwrap();
    // The answer to it comes later than this.
    let late = lateness(silence(&loudspeaker, GAP).await, spoken);
    println!("silent {} ms after the voice was begun", late.as_millis());
    assert!(late < VOICE_SILENCES_WITHIN, "{late:?}");
    player.wait(Duration::from_secs(5)).unwrap();
    let happenings = assistant.until_said(REPLY_WITHIN).await.unwrap();
    let heard = happenings.iter().any(|happening| {
        matches!(&happening.event, Event::Heard { text, .. } if text.to_lowercase().contains("air"))
    });
    assert!(heard, "{happenings:#?}");
}
