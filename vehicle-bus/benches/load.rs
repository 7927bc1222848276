//! The gateway under load: how long a Set takes on a calm bus and in a flood of 5,000 frames a
//! second, how many requests it takes, and what 1,000 status frames a second cost. The gateway is
//! a process of its own on a private D-Bus; the car is socketcand on loopback and answers at once.
//!
//! `cargo bench --bench load`
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/ecu/mod.rs"]
mod ecu;

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    Outcome, Value, client::VehicleClient, description::Description, transport::socketcand,
};
use ecu::{Ecu, Manner, demo_fd};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

const SETS: usize = 1000;
/// An event message: one frame, answered by one frame.
const SEAT: &str = "Vehicle.Cabin.Seat.Row1.DriverSide.HeatingCooling";
const TICK: Duration = Duration::from_millis(10);

struct Stage {
    ecu: Arc<Ecu>,
    client: VehicleClient,
    gateway: Child,
    dbus: Child,
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in [&mut self.gateway, &mut self.dbus] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Stage {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("gateway.toml");
        fs::write(
            &config,
            "[limits]\nrequests_per_second = 1e6\nburst = 1000000\n",
        )
        .unwrap();
        let ecu = Arc::new(Ecu::of(&demo_fd(), 0, Manner::Obey).await);
        let mut dbus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .arg("--address=unix:tmpdir=/tmp")
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon must be installed (apt package dbus)");
        let mut bus = String::new();
        let mut lines = BufReader::new(dbus.stdout.take().unwrap());
        lines.read_line(&mut bus).unwrap();
        let gateway = Command::new(env!("CARGO_BIN_EXE_codriver-gatewayd"))
            .arg("--config")
            .arg(&config)
            .arg("--vehicle")
            .arg(demo_fd())
            .args(["--bus", bus.trim(), "--can", &ecu.address().to_string()])
            .env("RUST_LOG", "warn")
            .spawn()
            .unwrap();
        let client = VehicleClient::connect(bus.trim()).await.unwrap();
        let known = async {
            while client.get(SEAT).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), known).await.unwrap();
        Self {
            ecu,
            client,
            gateway,
            dbus,
        }
    }

    /// Processor time of the gateway so far.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.gateway.id())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// One Set after the other: until the frame is on the bus, and until the outcome.
    async fn sets(&self, name: &str) -> (Vec<Duration>, Vec<Duration>) {
        let (mut to_frame, mut to_outcome) = (Vec::new(), Vec::new());
        for number in 0..SETS {
            let value = Value::Number((number % 100) as f64);
            let id = format!("{name}{number}");
            let begin = Instant::now();
            let outcome = self
                .client
                .set(SEAT, value, Duration::from_secs(5), &id)
                .await;
            to_outcome.push(begin.elapsed());
            assert_eq!(outcome, Outcome::Done);
            to_frame.push(self.ecu.arrived().duration_since(begin));
        }
        (to_frame, to_outcome)
    }
}

/// Frames of the demo car's own messages, whose values change all the time, mixed with those of
/// other messages: `per_second` in all, until dropped.
async fn traffic(ecu: Arc<Ecu>, per_second: usize) {
    let vehicle = Description::load(&demo_fd()).unwrap();
    let seat = vehicle
        .entry("Vehicle.Body.Windshield.Front.Wiping.Mode")
        .unwrap();
    let message = &seat.status.message;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let each_tick = per_second / 100;
    let mut number = 0usize;
    loop {
        ticks.tick().await;
        let mut text = String::new();
        for _ in 0..each_tick / 2 {
            number += 1;
            let mut payload = message.start_payload();
            let mode = (number % 6) as f64;
            message.set(&mut payload, "FrontWiperMode", mode).unwrap();
            let frame = message.frame(&payload).unwrap();
            text.push_str(&socketcand::frame_text(&frame, 1.0));
            text.push_str("< frame 7A1 1.0 0102030405060708 >");
        }
        ecu.inject(text);
    }
}

fn row(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() - 1) as f64 * share).round() as usize;
        times[index].as_secs_f64() * 1e3
    };
    println!(
        "{name:52} p50 {:7.3} ms   p99 {:7.3} ms   max {:7.3} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Requests a second with one caller a path, all at once.
async fn throughput(stage: &Stage) {
    let vehicle = Description::load(&demo_fd()).unwrap();
    // Event messages without rules or neighbours that must be known: answered at once.
    let rules = vehicle.policy().rules();
    let paths: Vec<String> = vehicle
        .entries()
        .filter(|entry| {
            entry.actuator.as_ref().is_some_and(|actuator| {
                actuator.request.message.cycle_time().is_none()
                    && actuator.transmission.momentary.is_none()
                    && !rules.iter().any(|rule| rule.paths.contains(&entry.path))
                    && matches!(entry.kind, codriver_vehicle_bus::description::Kind::Boolean)
            })
        })
        .map(|entry| entry.path.clone())
        .collect();
    let span = Duration::from_secs(5);
    let begin = Instant::now();
    let callers: Vec<_> = paths
        .iter()
        .cloned()
        .map(|path| {
            let client = stage.client.clone();
            tokio::spawn(async move {
                let mut done = 0u64;
                while begin.elapsed() < span {
                    let id = format!("{path}{done}");
                    let value = Value::Flag(done.is_multiple_of(2));
                    let outcome = client.set(&path, value, span, &id).await;
                    assert_eq!(outcome, Outcome::Done, "{path}");
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for caller in callers {
        done += caller.await.unwrap();
    }
    println!(
        "{:52} {:.0} a second ({} paths at once)",
        "requests, each to its outcome",
        done as f64 / begin.elapsed().as_secs_f64(),
        paths.len()
    );
}

/// Processor time of the gateway while a car with so many frames a second is on the bus.
async fn cost(stage: &Stage, name: &str, per_second: usize) {
    let flood = tokio::spawn(traffic(Arc::clone(&stage.ecu), per_second));
    sleep(Duration::from_millis(500)).await;
    let (before, begin) = (stage.cpu(), Instant::now());
    sleep(Duration::from_secs(5)).await;
    let share = (stage.cpu() - before).as_secs_f64() / begin.elapsed().as_secs_f64();
    flood.abort();
    println!("{name:52} {:.1} % of one core", share * 100.0);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stage = Stage::start().await;
        let (to_frame, to_outcome) = stage.sets("calm").await;
        row("Set over D-Bus to its frame on the bus", to_frame);
        row("Set over D-Bus to its outcome", to_outcome);
        let flood = tokio::spawn(traffic(Arc::clone(&stage.ecu), 5000));
        let (to_frame, to_outcome) = stage.sets("flood").await;
        flood.abort();
        row("the same, 5,000 frames a second: to its frame", to_frame);
        let mut sorted = to_outcome.clone();
        sorted.sort_unstable();
        row(
            "the same, 5,000 frames a second: to its outcome",
            to_outcome,
        );
        let p99 = sorted[sorted.len() * 99 / 100];
        assert!(
            p99 < Duration::from_millis(20),
            "p99 of a Set in a flood is {p99:?}, not below 20 ms"
        );
        throughput(&stage).await;
        // The ECU itself sends its status messages every 20 ms, some 650 frames a second.
        cost(
            &stage,
            "processor time, the car's own 650 frames a second",
            0,
        )
        .await;
        cost(&stage, "processor time, 1,000 frames a second more", 1000).await;
        cost(&stage, "processor time, 5,000 frames a second more", 5000).await;
    });
}
