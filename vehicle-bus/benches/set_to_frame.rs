//! How long a Set over D-Bus takes until its frame has arrived on the bus (socketcand on
//! loopback), without the car's answer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/ecu/mod.rs"]
mod ecu;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    Outcome, Value,
    client::VehicleClient,
    description::Description,
    gateway::{BusState, Gateway, Limits},
    service,
};
use criterion::{Criterion, criterion_group, criterion_main};
use ecu::{Ecu, Manner, demo};

const TEMPERATURE: &str = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature";

fn set_to_frame(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
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
    let bus = bus.trim();
    let (ecu, _service, client) = runtime.block_on(async {
        let ecu = Ecu::start(Manner::Obey).await;
        let limits = Limits {
            requests_per_second: 1e6,
            burst: 1_000_000,
            ..Limits::default()
        };
        let vehicle = Description::load(&demo()).unwrap();
        let gateway = Gateway::start(vehicle, ecu.address(), limits);
        let mut state = gateway.bus();
        state
            .wait_for(|state| *state == BusState::Up)
            .await
            .unwrap();
        let service = service::serve(gateway, bus).await.unwrap();
        (ecu, service, VehicleClient::connect(bus).await.unwrap())
    });
    let mut number = 0u64;
    criterion.bench_function("Set over D-Bus to frame on the bus", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut total = Duration::ZERO;
                for _ in 0..rounds {
                    number += 1;
                    let value = Value::Number(16.0 + (number % 20) as f64 * 0.5);
                    let id = number.to_string();
                    let start = Instant::now();
                    let ttl = Duration::from_secs(5);
                    let outcome = client.set(TEMPERATURE, value, ttl, &id).await;
                    assert_eq!(outcome, Outcome::Done);
                    total += ecu.arrived().duration_since(start);
                }
                total
            })
        });
    });
    dbus.kill().unwrap();
    dbus.wait().unwrap();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = set_to_frame
}
criterion_main!(benches);
