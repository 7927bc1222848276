//! A microphone at each seat, from the sound server to the car.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use stage::{Cabin, Performance, Scene, SceneOptions, Sound, recordings};
use tokio::sync::Mutex;

/// Recognition takes both processors of a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
const REPLY_WITHIN: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 3;
const CHILD_LOCK: &str = "Vehicle.Cabin.IsWindowChildLockEngaged";

async fn scene(zones: &[&str]) -> Scene {
    let options = SceneOptions {
        sound: Sound::In(Cabin {
            seats: zones.len(),
            ..Cabin::default()
        }),
        recogniser_threads: Some(1),
        settings: vec![("CODRIVER__AUDIO__ZONES".to_owned(), zones.join(","))],
        ..SceneOptions::default()
    };
    Scene::start(options).await.unwrap()
}

/// The recording as the microphones hear it when it is spoken at `seat`: there as it is, at the
/// others 8 dB weaker and 2 ms later.
fn spoken_at(seat: usize, seats: usize, recording: &str, folder: &Path) -> PathBuf {
    let mut reader = hound::WavReader::open(recordings::named(recording).unwrap().file).unwrap();
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let spec = hound::WavSpec {
        channels: u16::try_from(seats).unwrap(),
        ..reader.spec()
    };
    let file = folder.join(format!("{seat}-of-{seats}-{recording}"));
    let mut writer = hound::WavWriter::create(&file, spec).unwrap();
    let elsewhere = |at: usize| {
        at.checked_sub(32)
            .map_or(0, |before| samples[before] / 5 * 2)
    };
    for (at, sample) in samples.iter().enumerate() {
        for heard in 0..seats {
            let sample = if heard == seat {
                *sample
            } else {
                elsewhere(at)
            };
            writer.write_sample(sample).unwrap();
        }
    }
    writer.finalize().unwrap();
    file
}

/// Speaks until it is not too late for the command on a busy machine.
async fn perform(scene: &Scene, seat: usize, seats: usize, recording: &str) -> Performance {
    let recording = spoken_at(seat, seats, recording, scene.directory());
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let performance = Performance::spoken(
            scene,
            &mut assistant,
            &mut observer,
            &recording,
            REPLY_WITHIN,
        )
        .await
        .unwrap();
        let late = {
            let outcomes = performance.outcomes();
            outcomes
                .iter()
                .any(|outcome| outcome["reason"] == "expired")
        };
        if !late || attempts == ATTEMPTS {
            return performance;
        }
    }
}

/// The zone, outcome and reason of the one command.
fn outcome(performance: &Performance) -> [String; 3] {
    let outcomes = performance.outcomes();
    let [outcome] = outcomes[..] else {
        panic!("{performance:#?}")
    };
    [
        &outcome["command"]["args"]["zone"],
        &outcome["outcome"],
        &outcome["reason"],
    ]
    .map(|word| word.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn with_two_microphones_my_window_is_the_window_of_the_seat_that_spoke() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let scene = scene(&["driver", "passenger"]).await;
    for (seat, zone) in ["driver", "passenger"].into_iter().enumerate() {
        let performance = perform(&scene, seat, 2, "en-window-mine-open.wav").await;
        assert_eq!(
            outcome(&performance),
            [zone, "done", ""],
            "{performance:#?}"
        );
    }
}

#[tokio::test]
async fn with_four_microphones_and_the_child_lock_on_a_front_seat_moves_the_rear_window_and_a_rear_seat_does_not()
 {
    let _turn = ONE_AT_A_TIME.lock().await;
    let zones = ["driver", "passenger", "rear_left", "rear_right"];
    let mut scene = scene(&zones).await;
    let child = perform(&scene, 3, 4, "en-window-mine-open.wav").await;
    assert_eq!(outcome(&child), ["rear_right", "done", ""], "{child:#?}");

    scene.car.order(&format!("set {CHILD_LOCK} true")).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let child = perform(&scene, 2, 4, "en-window-rear-left-open.wav").await;
    assert_eq!(outcome(&child), ["rear_left", "refused", "child_lock"]);
    assert_eq!(child.requests().count(), 0, "{child:#?}");
    let parent = perform(&scene, 1, 4, "en-window-rear-left-open.wav").await;
    assert_eq!(outcome(&parent), ["rear_left", "done", ""], "{parent:#?}");
}
