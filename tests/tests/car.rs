//! Typed sentences through the whole system, with a car that does not always do what it should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, time::Duration};

use stage::{Assistant, Observer, Performance, Scene, SceneOptions, ThirdParty};

const REPLY_WITHIN: Duration = Duration::from_secs(30);

struct Cast {
    assistant: Assistant,
    observer: Observer,
    scene: Scene,
}

impl Cast {
    async fn assemble() -> Self {
        Self::with(SceneOptions::default()).await
    }

    async fn with(options: SceneOptions) -> Self {
        let scene = Scene::start(options).await.unwrap();
        Self {
            assistant: scene.assistant().await.unwrap(),
            observer: scene.observer().await.unwrap(),
            scene,
        }
    }

    async fn hears(&mut self, text: &str, language: &str) -> Performance {
        Performance::typed(
            &self.scene,
            &mut self.assistant,
            &mut self.observer,
            (text, language),
            REPLY_WITHIN,
        )
        .await
        .unwrap()
    }
}

fn only_outcome(performance: &Performance) -> (&str, &str) {
    let outcomes = performance.outcomes();
    assert_eq!(outcomes.len(), 1, "{performance:#?}");
    let word = |key: &str| outcomes[0][key].as_str().unwrap();
    (word("outcome"), word("reason"))
}

#[tokio::test]
async fn a_typed_mandarin_sentence_is_read_off_the_bus_by_cantools() {
    let mut cast = Cast::assemble().await;
    let third_party = ThirdParty::attach(&cast.scene.car.address, cast.scene.directory()).unwrap();
    let performance = cast.hears("把温度调到二十二度", "zh").await;
    assert_eq!(
        only_outcome(&performance),
        ("done", ""),
        "{}",
        cast.scene.logs()
    );
    let signals = BTreeMap::from([("Row1DriverTemperature".to_owned(), 22.0)]);
    third_party
        .wait_for(
            "ClimateTemperatureRequest",
            &signals,
            Duration::from_secs(5),
        )
        .unwrap();
}

#[tokio::test]
async fn at_speed_the_mirrors_are_not_folded_and_no_frame_leaves() {
    let mut cast = Cast::assemble().await;
    cast.scene.car.order("set Vehicle.Speed 80").unwrap();
    let performance = cast.hears("please fold the mirrors", "en").await;
    assert_eq!(only_outcome(&performance), ("refused", "speed_interlock"));
    assert_eq!(performance.requests().count(), 0, "{performance:#?}");
}

#[tokio::test]
async fn with_an_open_window_the_car_asks_before_the_air_conditioning_and_a_yes_turns_it_on() {
    let mut cast = Cast::assemble().await;
    let window = "Vehicle.Cabin.Door.Row1.PassengerSide.Window.Position";
    cast.scene.car.order(&format!("set {window} 30")).unwrap();
    let asked = cast.hears("turn on the air conditioning", "en").await;
    assert_eq!(only_outcome(&asked), ("refused", "confirmation_needed"));
    assert_eq!(
        asked.reply(),
        Some("A window or the sunroof is open. Shall I turn on the air conditioning anyway?")
    );
    assert_eq!(asked.requests().count(), 0, "{asked:#?}");
    let yes = cast.hears("yes", "en").await;
    assert_eq!(only_outcome(&yes), ("done", ""), "{}", cast.scene.logs());
    cast.hears("turn off the air conditioning", "en").await;
    cast.hears("打开空调", "zh").await;
    let no = cast.hears("不要", "zh").await;
    assert_eq!(no.requests().count(), 0, "{no:#?}");
}

#[tokio::test]
async fn undo_puts_the_old_temperature_back() {
    let mut cast = Cast::assemble().await;
    cast.hears("set the driver temperature to twenty five degrees", "en")
        .await;
    let performance = cast.hears("undo that", "en").await;
    let requests: Vec<_> = performance.requests().collect();
    assert!(
        requests
            .iter()
            .any(|frame| frame.message == "ClimateTemperatureRequest"
                && frame.signals == [("Row1DriverTemperature".to_owned(), 21.0)]),
        "{performance:#?}"
    );
}

#[tokio::test]
async fn what_an_ecu_refuses_is_reported_with_the_ecus_own_reason() {
    let mut cast = Cast::assemble().await;
    cast.scene.car.order("refuse AirConditioning").unwrap();
    let performance = cast.hears("turn on the air conditioning", "en").await;
    assert_eq!(only_outcome(&performance).0, "failed", "{performance:#?}");
    let message = performance.outcomes()[0]["message"].to_string();
    assert!(message.contains("Not now"), "{message}");
}

#[tokio::test]
async fn what_the_car_does_not_confirm_is_never_reported_as_done() {
    let mut cast = Cast::assemble().await;
    cast.scene.car.order("silent ClimateModeStatus").unwrap();
    let performance = cast.hears("turn on the air conditioning", "en").await;
    assert_ne!(only_outcome(&performance).0, "done", "{performance:#?}");
}

#[tokio::test]
async fn when_the_can_peer_dies_the_command_fails_and_does_not_hang() {
    let mut cast = Cast::assemble().await;
    cast.scene.car.process.kill().unwrap();
    let performance = cast.hears("turn on the air conditioning", "en").await;
    assert_ne!(only_outcome(&performance).0, "done", "{performance:#?}");
    cast.scene.gateway.check().unwrap();
}

#[tokio::test]
async fn when_the_gateway_dies_the_command_fails_and_the_voice_daemon_lives() {
    let mut cast = Cast::assemble().await;
    cast.scene.gateway.kill().unwrap();
    let performance = cast.hears("turn on the air conditioning", "en").await;
    assert_eq!(only_outcome(&performance).0, "failed", "{performance:#?}");
    cast.scene.voice.check().unwrap();
}

#[tokio::test]
async fn a_client_that_vanishes_after_asking_harms_nobody() {
    let mut cast = Cast::assemble().await;
    let connection = cast.scene.bus.connect().await.unwrap();
    let client = Assistant::attach(&connection).await.unwrap();
    client
        .submit("turn on the rear defroster", "en")
        .await
        .unwrap();
    drop(client);
    drop(connection);
    cast.assistant.until_said(REPLY_WITHIN).await.unwrap();
    let performance = cast.hears("turn on the air conditioning", "en").await;
    assert_eq!(
        only_outcome(&performance),
        ("done", ""),
        "{}",
        cast.scene.logs()
    );
}

#[tokio::test]
async fn the_can_fd_car_does_what_it_has_and_says_what_it_lacks() {
    let options = SceneOptions {
        vehicle: "demo-fd".to_owned(),
        ..SceneOptions::default()
    };
    let mut cast = Cast::with(options).await;
    for sentence in [
        "open my window",
        "set the driver temperature to twenty three degrees",
        "lock the doors",
    ] {
        let performance = cast.hears(sentence, "en").await;
        for outcome in performance.outcomes() {
            assert_eq!(
                outcome["outcome"],
                "done",
                "{sentence}: {}",
                cast.scene.logs()
            );
        }
        assert!(!performance.outcomes().is_empty(), "{sentence}");
    }
    // A status that fails its check confirms nothing.
    cast.scene.car.order("damage ClimateStatus").unwrap();
    let performance = cast.hears("turn on the rear defroster", "en").await;
    assert_eq!(
        only_outcome(&performance).0,
        "unconfirmed",
        "{performance:#?}"
    );
    let performance = cast.hears("open the sunroof", "en").await;
    assert_eq!(only_outcome(&performance), ("refused", "not_fitted"));
    assert_eq!(performance.reply(), Some("This car has no sunroof."));
    let performance = cast.hears("打开天窗", "zh").await;
    assert_eq!(performance.reply(), Some("这辆车没有天窗。"));
    assert_eq!(performance.requests().count(), 0, "{performance:#?}");
}
