//! Vehicle1 on a private D-Bus: the daemon's binary, the typed client, callers that vanish.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ecu;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use codriver_vehicle_bus::{Outcome, Reason, Value, client::VehicleClient};
use ecu::{Ecu, Manner, demo};
use futures_util::StreamExt;
use tokio::time::timeout;

const TEMPERATURE: &str = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature";
const PATIENCE: Duration = Duration::from_secs(20);

/// Ended when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Stage {
    ecu: Ecu,
    bus: String,
    gatewayd: Process,
    _dbus: Process,
}

impl Stage {
    async fn start() -> Self {
        let ecu = Ecu::start(Manner::Obey).await;
        let mut dbus = Command::new("dbus-daemon")
            .args([
                "--session",
                "--nofork",
                "--print-address=1",
                "--address=unix:tmpdir=/tmp",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon must be installed (apt package dbus)");
        let mut bus = String::new();
        let mut lines = BufReader::new(dbus.stdout.take().unwrap());
        lines.read_line(&mut bus).unwrap();
        let bus = bus.trim().to_owned();
        let gatewayd = gatewayd(&bus, &ecu).spawn().unwrap();
        let stage = Self {
            ecu,
            bus,
            gatewayd: Process(gatewayd),
            _dbus: Process(dbus),
        };
        let client = stage.client().await;
        let wait = async {
            while client.get("Vehicle.Speed").await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("the gateway starts");
        stage
    }

    async fn client(&self) -> VehicleClient {
        VehicleClient::connect(&self.bus).await.unwrap()
    }
}

fn gatewayd(bus: &str, ecu: &Ecu) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codriver-gatewayd"));
    command
        .arg("--vehicle")
        .arg(demo())
        .args(["--bus", bus, "--can", &ecu.address().to_string()]);
    command
}

async fn set(client: &VehicleClient, value: f64, id: &str) -> Outcome {
    let call = client.set(
        TEMPERATURE,
        Value::Number(value),
        Duration::from_secs(5),
        id,
    );
    timeout(PATIENCE, call).await.unwrap()
}

#[tokio::test]
async fn set_get_list_and_the_signals_work_over_dbus() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let mut frames = client.proxy().receive_frame_sent().await.unwrap();
    client.proxy().subscribe().await.unwrap();
    assert_eq!(set(&client, 21.5, "a").await, Outcome::Done);
    let (value, _) = client.get(TEMPERATURE).await.unwrap();
    assert_eq!(value, Value::Number(21.5));
    let frame = timeout(PATIENCE, frames.next()).await.unwrap().unwrap();
    let frame = frame.args().unwrap();
    assert_eq!(frame.message, "ClimateTemperatureRequest");
    assert_eq!(
        frame.decoded,
        "ClimateTemperatureRequest{Row1DriverTemperature=21.5 degC}"
    );
    let paths = client.list().await.unwrap();
    let temperature = paths.iter().find(|info| info.path == TEMPERATURE).unwrap();
    assert_eq!((temperature.min, temperature.max), (Some(16.0), Some(30.0)));
    assert!(temperature.writable);
    assert_eq!(client.bus().await.unwrap(), "up");
    assert_eq!(client.vehicle().await.unwrap(), "demo");
    assert!(client.get("Vehicle.Nothing").await.is_err());
    let refused = set(&client, 99.0, "b").await;
    assert_eq!(refused.reason(), Some(&Reason::OutOfRange));
}

#[tokio::test]
async fn a_get_does_not_wait_behind_a_slow_set() {
    let stage = Stage::start().await;
    stage.ecu.behave(Manner::Ignore);
    let client = stage.client().await;
    let slow = set(&client, 25.0, "a");
    tokio::pin!(slow);
    let get = client.get("Vehicle.Speed");
    tokio::select! {
        biased;
        outcome = &mut slow => panic!("the set came first: {outcome}"),
        value = get => assert_eq!(value.unwrap().0, Value::Number(0.0)),
    }
    assert_eq!(slow.await.as_str(), "unconfirmed");
}

#[tokio::test]
async fn a_caller_that_vanishes_in_the_middle_leaves_a_gateway_that_works() {
    let stage = Stage::start().await;
    stage.ecu.behave(Manner::Ignore);
    let connection = stage.client().await;
    let raw = connection.proxy().inner().connection().clone();
    let task = tokio::spawn(async move { set(&connection, 25.0, "a").await });
    let sent = async {
        while stage.ecu.requests() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, sent).await.unwrap();
    task.abort();
    raw.close().await.unwrap();
    stage.ecu.behave(Manner::Obey);
    assert_eq!(set(&stage.client().await, 20.0, "b").await, Outcome::Done);
}

#[tokio::test]
async fn without_a_gateway_a_set_has_failed_with_no_gateway() {
    let mut stage = Stage::start().await;
    let client = stage.client().await;
    stage.gatewayd.0.kill().unwrap();
    stage.gatewayd.0.wait().unwrap();
    let outcome = set(&client, 20.0, "a").await;
    assert_eq!(outcome.as_str(), "failed");
    assert_eq!(outcome.reason(), Some(&Reason::NoGateway));
}

#[tokio::test]
async fn a_second_gateway_does_not_take_the_name_from_the_first() {
    let stage = Stage::start().await;
    let mut second = Process(gatewayd(&stage.bus, &stage.ecu).spawn().unwrap());
    let ended = tokio::task::spawn_blocking(move || second.0.wait().unwrap());
    let status = timeout(PATIENCE, ended).await.unwrap().unwrap();
    assert!(!status.success(), "{status}");
    assert_eq!(set(&stage.client().await, 20.0, "a").await, Outcome::Done);
}

#[tokio::test]
async fn sigterm_stops_the_daemon_cleanly() {
    let mut stage = Stage::start().await;
    let id = i32::try_from(stage.gatewayd.0.id()).unwrap();
    // SAFETY: our own child, not yet waited for.
    unsafe { libc::kill(id, libc::SIGTERM) };
    let status = tokio::task::spawn_blocking(move || stage.gatewayd.0.wait().unwrap());
    let status = timeout(PATIENCE, status).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}
