//! Commands of the shipped packs to real peers on a private bus: mpv with
//! mpv-mpris for media, python-dbusmock doubles for the others.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod private_bus;
mod shipped_packs;

use std::process::Command as Process;
use std::time::Duration;

use codriver_catalog::{UtteranceId, Value};
use codriver_vehicle_bus::Outcome;
use codriver_vehicle_bus::route::{Performed, Router};
use private_bus::{DEADLINE, PrivateBus, wait_for_name};
use shipped_packs::{perform, perform_in, reason, timed, undo};
use tokio::time::{Instant, sleep};
use zbus::Connection;
use zbus::wire::OwnedVariant;

/// A double with methods: name, input, output, Python code.
async fn double(
    stage: &mut PrivateBus,
    name: &str,
    path: &str,
    interface: &str,
    methods: &[[&str; 4]],
) {
    let arguments = ["-m", "dbusmock", "--session", name, path, interface];
    stage.run("/usr/bin/python3", &arguments);
    let bus = stage.connect().await;
    wait_for_name(&bus, name).await;
    for [method, input, output, code] in methods {
        let body = (interface, method, input, output, code);
        let mock = Some("org.freedesktop.DBus.Mock");
        bus.call_method(Some(name), path, mock, "AddMethod", &body)
            .await
            .unwrap();
    }
}

async fn player(bus: &Connection, property: &str) -> OwnedVariant {
    let body = ("org.mpris.MediaPlayer2.Player", property);
    let properties = Some("org.freedesktop.DBus.Properties");
    let mpv = Some("org.mpris.MediaPlayer2.mpv");
    let reply = bus
        .call_method(mpv, "/org/mpris/MediaPlayer2", properties, "Get", &body)
        .await;
    reply.unwrap().body().deserialize().unwrap()
}

async fn volume(bus: &Connection) -> f64 {
    player(bus, "Volume").await.try_into().unwrap()
}

async fn wait_for_status(bus: &Connection, status: &str) {
    let until = Instant::now() + DEADLINE;
    while String::try_from(player(bus, "PlaybackStatus").await).unwrap() != status {
        assert!(Instant::now() < until, "mpv is not {status}");
        sleep(Duration::from_millis(30)).await;
    }
}

/// mpv playing a long tone, and a router on its bus.
async fn with_mpv() -> (PrivateBus, Connection, Router) {
    let mut stage = PrivateBus::start();
    let made = Process::new("sox")
        .args([
            "-n", "-r", "8000", "-c", "1", "tone.wav", "synth", "60", "sine", "300",
        ])
        .current_dir(stage.folder())
        .status();
    assert!(made.unwrap().success());
    stage.run(
        "mpv",
        &[
            "--no-video",
            "--ao=null",
            "--idle=yes",
            "--really-quiet",
            "tone.wav",
        ],
    );
    let bus = stage.connect().await;
    wait_for_name(&bus, "org.mpris.MediaPlayer2.").await;
    wait_for_status(&bus, "Playing").await;
    let router = Router::new(None, Some(stage.connect().await), None);
    (stage, bus, router)
}

#[tokio::test]
async fn mpv_obeys_pause_and_play() {
    let (_stage, bus, router) = with_mpv().await;
    for (command, status) in [("media.pause", "Paused"), ("media.play", "Playing")] {
        assert_eq!(perform(&router, command, &[]).await.outcome, Outcome::Done);
        wait_for_status(&bus, status).await;
    }
}

#[tokio::test]
async fn mpv_shows_the_volume_a_step_adds_to_it_and_undo_puts_it_back() {
    let (_stage, bus, router) = with_mpv().await;
    let set = perform(
        &router,
        "media.set_volume",
        &[("volume", Value::Number(40.0))],
    )
    .await;
    assert_eq!(set.outcome, Outcome::Done);
    assert!((volume(&bus).await - 0.4).abs() < 0.005);
    let up = perform(
        &router,
        "media.volume_up",
        &[("amount", Value::Number(20.0))],
    )
    .await;
    assert_eq!(up.outcome, Outcome::Done);
    assert!((volume(&bus).await - 0.6).abs() < 0.005);
    let undone = undo(&router).await.unwrap();
    assert_eq!(undone.outcome, Outcome::Done);
    assert!((volume(&bus).await - 0.4).abs() < 0.005);
    // The last utterance was the undoing.
    let again = undo(&router).await.unwrap();
    assert_eq!(again.outcome, Outcome::Done);
    assert!((volume(&bus).await - 0.6).abs() < 0.005);
}

#[tokio::test]
async fn two_steps_of_one_utterance_go_back_to_before_the_first() {
    let (_stage, bus, router) = with_mpv().await;
    let before = volume(&bus).await;
    let utterance = UtteranceId::next();
    for _ in 0..2 {
        let down = [("amount", Value::Number(20.0))];
        let down = perform_in(&router, utterance, "media.volume_down", &down).await;
        assert_eq!(down.outcome, Outcome::Done);
    }
    assert!((volume(&bus).await - (before - 0.4)).abs() < 0.01);
    assert_eq!(undo(&router).await.unwrap().outcome, Outcome::Done);
    assert!((volume(&bus).await - before).abs() < 0.005);
}

#[tokio::test]
async fn undo_never_reaches_past_something_that_cannot_be_taken_back() {
    let (_stage, bus, router) = with_mpv().await;
    let quiet = [("volume", Value::Number(40.0))];
    perform(&router, "media.set_volume", &quiet).await;
    let paused = perform(&router, "media.pause", &[]).await;
    assert_eq!(paused.outcome, Outcome::Done);
    assert_eq!(reason(&undo(&router).await.unwrap()), "cannot_undo");
    assert!((volume(&bus).await - 0.4).abs() < 0.005, "left alone");
}

#[tokio::test]
async fn without_a_player_the_reason_is_no_service() {
    let stage = PrivateBus::start();
    let router = Router::new(None, Some(stage.connect().await), None);
    assert_eq!(
        reason(&perform(&router, "media.next", &[]).await),
        "no_service"
    );
}

async fn destination_set_by(code: &str) -> (Performed, Duration) {
    let mut stage = PrivateBus::start();
    let (name, path) = ("org.codriver.Navigation", "/org/codriver/Navigation");
    let methods = [["SetDestination", "s", "", code]];
    double(&mut stage, name, path, "org.codriver.Navigation1", &methods).await;
    let router = Router::new(None, Some(stage.connect().await), None);
    let home = [("destination", Value::Text("home".into()))];
    timed(&router, "navigation.set_destination", &home).await
}

#[tokio::test]
async fn a_destination_reaches_the_navigation_as_text() {
    let (performed, _) = destination_set_by("assert args[0] == 'home', args").await;
    assert_eq!(performed.outcome, Outcome::Done);
}

#[tokio::test]
async fn a_peer_that_errs_hangs_or_crashes_gives_its_own_reason() {
    for (code, expected) in [
        ("raise ValueError('no map')", "peer_error"),
        ("import time; time.sleep(30)", "peer_timeout"),
        ("import os; os._exit(1)", "peer_gone"),
    ] {
        let (performed, took) = destination_set_by(code).await;
        assert_eq!(reason(&performed), expected);
        assert!(took < Duration::from_secs(2), "{code}: {took:?}");
    }
}

#[tokio::test]
async fn a_number_is_dialled_on_the_first_modem_and_no_call_cannot_be_answered() {
    let mut stage = PrivateBus::start();
    let dial = [["Dial", "ss", "", "assert args[0] == '10086', args"]];
    double(
        &mut stage,
        "org.ofono",
        "/phonesim",
        "org.ofono.VoiceCallManager",
        &dial,
    )
    .await;
    let router = Router::new(None, None, Some(stage.connect().await));
    let number = [("number", Value::Text("10086".into()))];
    assert_eq!(
        perform(&router, "phone.dial", &number).await.outcome,
        Outcome::Done
    );
    assert_eq!(
        reason(&perform(&router, "phone.answer", &[]).await),
        "no_object"
    );
}
