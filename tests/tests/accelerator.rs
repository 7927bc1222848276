//! The voice daemon with an accelerator that fails in the middle of a sentence: of its language model,
//! or of its ears.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use serde_json::Value;
use stage::accelerators::{
    Fault, FaultyRuntime, MADE_UP_PACK, OPENVINO, make_up_model, openvino_library, skipped,
};
use stage::{Assistant, Event, Performance, Scene, SceneOptions, Sound, recordings};

const REPLY_WITHIN: Duration = Duration::from_secs(30);

/// A car whose assistant is told to run a made-up model on OpenVINO.
async fn scene() -> (Scene, FaultyRuntime, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("models");
    make_up_model(&store).unwrap();
    let runtime = FaultyRuntime::build(folder.path(), &openvino_library().unwrap()).unwrap();
    let config = format!(
        "[understanding]\npack = \"{MADE_UP_PACK}\"\n\
         [models]\ndirectory = {store:?}\nlibrary = {:?}\nprefer = \"listed\"\n\
         [[execution_provider]]\n{OPENVINO}\n[[execution_provider]]\nname = \"cpu\"\n",
        runtime.library()
    );
    let scene = Scene::start(SceneOptions {
        tier: "model".to_owned(),
        config,
        ..SceneOptions::default()
    })
    .await
    .unwrap();
    (scene, runtime, folder)
}

/// How the accelerator fares that runs a model.
async fn health(assistant: &Assistant, model: &str) -> Value {
    let status = assistant.status().await.unwrap();
    let mut models = status["models"].as_array().unwrap().iter();
    let model = models.find(|report| report["model"] == model);
    model.expect("it is in the status")["health"].clone()
}

async fn understood(assistant: &mut Assistant, text: &str) -> Value {
    assistant.submit(text, "en").await.unwrap();
    let happenings = assistant.until_said(REPLY_WITHIN).await.unwrap();
    let mut understood = happenings.into_iter().filter_map(|h| match h.event {
        Event::Understood(interpretation) => Some(interpretation),
        _ => None,
    });
    understood.next().expect("it was understood somehow")
}

#[tokio::test]
async fn a_failure_in_mid_sentence_is_counted_and_the_sentence_is_understood_all_the_same() {
    if skipped().unwrap() {
        return;
    }
    let (scene, runtime, _folder) = scene().await;
    let mut assistant = scene.assistant().await.unwrap();

    let before = understood(&mut assistant, "arrange the cabin").await;
    let healthy = health(&assistant, MADE_UP_PACK).await;
    assert_eq!(healthy["failures"], 0, "{healthy}\n{}", scene.logs());
    assert_eq!(healthy["last_failure"], Value::Null);
    let answers = healthy["answers"].as_u64().unwrap();
    assert!(answers >= 1, "{healthy}");

    runtime.fail_at(2, Fault::NotANumber).unwrap();
    let after = understood(&mut assistant, "arrange the cabin").await;
    assert_eq!(after["commands"], before["commands"]);
    assert_eq!(after["decision"], before["decision"]);
    let failed = health(&assistant, MADE_UP_PACK).await;
    assert_eq!(failed["failures"], 1, "{failed}\n{}", scene.logs());
    assert_eq!(failed["answers"], answers);
    assert!(failed["rests_for_ms"].as_u64().unwrap() > 0, "{failed}");
    let reason = failed["last_failure"].as_str().unwrap();
    assert!(reason.contains("not numbers"), "{reason}");
}

#[tokio::test]
async fn after_the_packs_were_read_again_the_status_counts_for_the_model_in_use() {
    if skipped().unwrap() {
        return;
    }
    let (scene, _runtime, _folder) = scene().await;
    let mut assistant = scene.assistant().await.unwrap();
    understood(&mut assistant, "arrange the cabin").await;
    let before = health(&assistant, MADE_UP_PACK).await["answers"].clone();
    assert!(before.as_u64().unwrap() >= 1, "{before}");
    let voice = i32::try_from(scene.voice.id()).unwrap();
    // SAFETY: no memory is involved; the process is a child that was not waited for.
    assert_eq!(unsafe { libc::kill(voice, libc::SIGHUP) }, 0);
    let until = Instant::now() + REPLY_WITHIN;
    while health(&assistant, MADE_UP_PACK).await["answers"] != 0 {
        assert!(Instant::now() < until, "never reloaded\n{}", scene.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    understood(&mut assistant, "arrange the cabin").await;
    let after = assistant.status().await.unwrap();
    assert_eq!(after["models"][0]["health"]["answers"], before);
    assert_eq!(after["models"][0]["chosen"], "openvino:CPU");
}

#[tokio::test]
async fn a_wake_phrase_in_which_the_accelerator_hangs_wakes_all_the_same_and_the_status_says_so() {
    if skipped().unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = FaultyRuntime::build(folder.path(), &openvino_library().unwrap()).unwrap();
    // What listens is less patient than the language model may be.
    let config = format!(
        "[models]\nlibrary = {:?}\npatience_ms = 60000\n\
         [listening]\nwake_provider = \"openvino:CPU\"\n\
         [[execution_provider]]\n{OPENVINO}\n[[execution_provider]]\nname = \"cpu\"\n",
        runtime.library()
    );
    let scene = Scene::start(SceneOptions {
        sound: Sound::Virtual,
        recogniser_threads: Some(1),
        settings: vec![("CODRIVER__LISTENING__ACTIVATION".into(), "wake".into())],
        config,
        ..SceneOptions::default()
    })
    .await
    .unwrap();
    let mut assistant = scene.assistant().await.unwrap();
    let mut observer = scene.observer().await.unwrap();
    let healthy = health(&assistant, "speech-embedding").await;
    assert_eq!(healthy["failures"], 0, "{healthy}\n{}", scene.logs());
    assert_eq!(health(&assistant, "silero-vad").await, Value::Null);

    // In the middle of the phrase: five graphs run every 80 ms.
    runtime.fail_at(30, Fault::Hang).unwrap();
    let recording = recordings::named("en-hello-car-fog-lights.wav").unwrap();
    let spoken = Performance::spoken(
        &scene,
        &mut assistant,
        &mut observer,
        &recording.file,
        2 * REPLY_WITHIN,
    );
    let performance = spoken.await.unwrap();
    assert_eq!(
        performance.command_names(),
        ["lights.front_fog_on"],
        "{performance:#?}"
    );
    let failed = health(&assistant, "speech-embedding").await;
    assert_eq!(failed["failures"], 1, "{failed}\n{}", scene.logs());
    // The thirty, and what it ran before they were counted; three seconds would be nearly 200 more.
    assert!(failed["answers"].as_u64().unwrap() < 100, "{failed}");
    let reason = failed["last_failure"].as_str().unwrap();
    assert!(reason.contains("no result within 500 ms"), "{reason}");
    let status = assistant.status().await.unwrap();
    assert_eq!(status["captured"]["overrun_samples"], 0, "{status}");
}
