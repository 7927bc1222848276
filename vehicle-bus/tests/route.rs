//! Commands of the shipped packs to real peers on a private bus: mpv with
//! mpv-mpris for media, python-dbusmock doubles for the others.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use codriver_catalog::{Catalog, UtteranceId, Value};
use codriver_vehicle_bus::route::{Outcome, Performed, RequestId, Router};
use tokio::time::{Instant, sleep};
use zbus::Connection;
use zbus::wire::OwnedVariant;

const DEADLINE: Duration = Duration::from_secs(10);

/// A private message bus; everything it started ends with it.
struct Stage {
    address: String,
    processes: Vec<Child>,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = format!(
            "--address=unix:path={}",
            folder.path().join("bus").display()
        );
        let mut bus = Process::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1", &listen])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let mut lines = BufReader::new(bus.stdout.take().unwrap());
        lines.read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        Self {
            address,
            processes: vec![bus],
            folder,
        }
    }

    fn start(&mut self, program: &str, arguments: &[&str]) {
        let child = Process::new(program)
            .args(arguments)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.processes.push(child);
    }

    async fn connect(&self) -> Connection {
        let bus = zbus::conn::Builder::address(self.address.as_str());
        bus.build().await.unwrap()
    }

    /// A double with methods: name, input, output, Python code.
    async fn double(&mut self, name: &str, path: &str, interface: &str, methods: &[[&str; 4]]) {
        let arguments = ["-m", "dbusmock", "--session", name, path, interface];
        self.start("/usr/bin/python3", &arguments);
        let bus = self.connect().await;
        wait_for_name(&bus, name).await;
        for [method, input, output, code] in methods {
            let body = (interface, method, input, output, code);
            let mock = Some("org.freedesktop.DBus.Mock");
            bus.call_method(Some(name), path, mock, "AddMethod", &body)
                .await
                .unwrap();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.processes.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn wait_for_name(bus: &Connection, prefix: &str) {
    let proxy = zbus::fdo::DBusProxy::new(bus).await.unwrap();
    let until = Instant::now() + DEADLINE;
    while !proxy
        .list_names()
        .await
        .unwrap()
        .iter()
        .any(|name| name.as_str().starts_with(prefix))
    {
        assert!(Instant::now() < until, "{prefix} did not come up");
        sleep(Duration::from_millis(30)).await;
    }
}

fn request() -> RequestId {
    RequestId {
        utterance: UtteranceId::next(),
        index: 0,
    }
}

async fn perform(router: &Router, name: &str, arguments: &[(&str, Value)]) -> Performed {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let catalog = Catalog::load(&configs).unwrap();
    let given = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let given: BTreeMap<_, _> = given.collect();
    let command = catalog.command(name).unwrap().complete(given).unwrap();
    router
        .perform(&catalog, &command, request(), Instant::now() + DEADLINE)
        .await
}

fn reason(performed: &Performed) -> &str {
    performed.outcome.reason().unwrap().as_str()
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
async fn with_mpv() -> (Stage, Connection, Router) {
    let mut stage = Stage::new();
    let made = Process::new("sox")
        .args([
            "-n", "-r", "8000", "-c", "1", "tone.wav", "synth", "60", "sine", "300",
        ])
        .current_dir(stage.folder.path())
        .status();
    assert!(made.unwrap().success());
    stage.start(
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
    let undone = router
        .undo(request(), Instant::now() + DEADLINE)
        .await
        .unwrap();
    assert_eq!(undone.outcome, Outcome::Done);
    assert!((volume(&bus).await - 0.4).abs() < 0.005);
    assert_eq!(
        router.undo(request(), Instant::now() + DEADLINE).await,
        None
    );
}

#[tokio::test]
async fn without_a_player_the_reason_is_no_service() {
    let stage = Stage::new();
    let router = Router::new(None, Some(stage.connect().await), None);
    assert_eq!(
        reason(&perform(&router, "media.next", &[]).await),
        "no_service"
    );
}

async fn destination_set_by(code: &str) -> Performed {
    let mut stage = Stage::new();
    let (name, path) = ("org.codriver.Navigation", "/org/codriver/Navigation");
    let methods = [["SetDestination", "s", "", code]];
    stage
        .double(name, path, "org.codriver.Navigation1", &methods)
        .await;
    let router = Router::new(None, Some(stage.connect().await), None);
    let home = [("destination", Value::Text("home".into()))];
    perform(&router, "navigation.set_destination", &home).await
}

#[tokio::test]
async fn a_destination_reaches_the_navigation_as_text() {
    let performed = destination_set_by("assert args[0] == 'home', args").await;
    assert_eq!(performed.outcome, Outcome::Done);
}

#[tokio::test]
async fn a_peer_that_errs_hangs_or_crashes_gives_its_own_reason() {
    assert_eq!(
        reason(&destination_set_by("raise ValueError('no map')").await),
        "peer_error"
    );
    let hangs = "import time; time.sleep(30)";
    assert_eq!(reason(&destination_set_by(hangs).await), "peer_timeout");
    assert_eq!(
        reason(&destination_set_by("import os; os._exit(1)").await),
        "peer_gone"
    );
}

#[tokio::test]
async fn a_number_is_dialled_on_the_first_modem_and_no_call_cannot_be_answered() {
    let mut stage = Stage::new();
    let dial = [["Dial", "ss", "", "assert args[0] == '10086', args"]];
    stage
        .double(
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

/// A gateway that answers every Set with `answer` and every Get with 29.5.
async fn with_gateway(answer: &str) -> (Stage, Router) {
    let mut stage = Stage::new();
    let set = format!("ret = {answer}");
    let methods = [
        ["Set", "svus", "sss", &set],
        ["Get", "s", "vu", "ret = (29.5, dbus.UInt32(3))"],
    ];
    let (name, path) = ("org.codriver.Vehicle", "/org/codriver/Vehicle");
    stage
        .double(name, path, "org.codriver.Vehicle1", &methods)
        .await;
    let router = Router::new(Some(stage.connect().await), None, None);
    (stage, router)
}

#[tokio::test]
async fn a_zone_of_two_seats_is_one_outcome_and_can_be_undone() {
    let (_stage, router) = with_gateway("('done', '', '')").await;
    let front = [
        ("zone", Value::Text("front".into())),
        ("temperature", Value::Number(21.0)),
    ];
    let performed = perform(&router, "climate.set_temperature", &front).await;
    assert_eq!(performed.outcome, Outcome::Done);
    let writes = performed
        .calls
        .iter()
        .filter(|call| call.member.ends_with(".Set"));
    assert_eq!(writes.count(), 2);
    let undone = router
        .undo(request(), Instant::now() + DEADLINE)
        .await
        .unwrap();
    assert!(
        undone
            .calls
            .iter()
            .any(|call| call.arguments.last().unwrap() == "29.5")
    );
}

#[tokio::test]
async fn a_step_beyond_the_range_is_refused_at_the_limit_and_names_the_path() {
    let (_stage, router) = with_gateway("('refused', 'out_of_range', '30.5 is above 30')").await;
    let performed = perform(&router, "climate.warmer", &[]).await;
    assert_eq!(reason(&performed), "already_at_limit");
    assert!(
        performed
            .outcome
            .message()
            .starts_with("0 of 4 done; Vehicle.Cabin.HVAC")
    );
}

#[tokio::test]
async fn without_a_gateway_the_reason_is_gateway_down() {
    let stage = Stage::new();
    let router = Router::new(Some(stage.connect().await), None, None);
    let performed = perform(&router, "climate.air_conditioning_on", &[]).await;
    assert_eq!(reason(&performed), "gateway_down");
}
