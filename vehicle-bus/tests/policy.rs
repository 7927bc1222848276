//! The rules of both demo vehicles against a bus with an ECU, as policy/*.feature tell them.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ecu;
#[path = "policy/feature.rs"]
mod feature;

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use codriver_catalog::Language;
use codriver_vehicle_bus::{
    Outcome, Reason, Value,
    dbc::SendType,
    description::{Class, Condition, Description},
    gateway::{Context, Gateway, Limits},
};
use ecu::{Ecu, Manner, PATIENCE, demo, demo_fd, request, until};
use feature::{Scenario, Step, Then};
use tokio::time::timeout;

const FOG: &str = "Vehicle.Body.Lights.Fog.Front.IsOn";
const HIGH_BEAM: &str = "Vehicle.Body.Lights.Beam.High.IsOn";

async fn ready() -> (Ecu, Gateway) {
    ready_of(&demo()).await
}

async fn ready_of(vehicle: &Path) -> (Ecu, Gateway) {
    let ecu = Ecu::of(vehicle, 0, Manner::Obey).await;
    let limits = Limits {
        burst: 1000,
        ..Limits::default()
    };
    let gateway = Gateway::start(Description::load(vehicle).unwrap(), ecu.address(), limits);
    let looked_at = looked_at(gateway.description());
    until("the states are known", || {
        looked_at
            .iter()
            .all(|path| gateway.get(path).flatten().is_some())
    })
    .await;
    (ecu, gateway)
}

/// The paths that the rules look at.
fn looked_at(vehicle: &Description) -> BTreeSet<String> {
    let conditions = vehicle.policy().rules().iter().flat_map(|rule| &rule.when);
    let mut paths = BTreeSet::from([vehicle.speed_path().to_owned()]);
    for condition in conditions {
        if let Condition::State { paths: more, .. } = condition {
            paths.extend(more.iter().cloned());
        }
    }
    paths
}

/// Makes the car so, and waits until the gateway knows.
async fn arrange(scenario: &Scenario, ecu: &Ecu, gateway: &Gateway) {
    for given in &scenario.given {
        let entry = gateway.description().entry(&given.path).unwrap();
        match &given.value {
            Some(value) => ecu.report(&given.path, entry.physical(value).unwrap()),
            None => ecu.forget(&given.path),
        }
    }
    for given in &scenario.given {
        until(&format!("{}: {}", scenario.name, given.path), || {
            let reading = gateway.get(&given.path).unwrap();
            reading.map(|reading| reading.value) == given.value
        })
        .await;
    }
}

/// How many of the frames since `from` ask for what the step asks for.
fn asked_for(step: &Step, from: usize, ecu: &Ecu, gateway: &Gateway) -> usize {
    let frames = ecu.requests.lock().unwrap();
    let vehicle = gateway.description();
    frames
        .iter()
        .skip(from)
        .filter(|frame| {
            let mut asked = vehicle.requested(frame).into_iter();
            asked.any(|(entry, value)| entry.path == step.path && value == step.value)
        })
        .count()
}

async fn take(step: &Step, ecu: &Ecu, gateway: &Gateway, said: &mut BTreeSet<String>) {
    let entry = gateway.description().entry(&step.path).unwrap();
    let actuator = entry.actuator.as_ref().unwrap();
    let once = actuator.request.message.send_type() == SendType::OnChange
        && actuator.transmission.momentary.is_none();
    for time in 0..step.times {
        let before = ecu.requests();
        let context = Context {
            speaker: step.speaker,
            confirmed: step.confirmed,
            language: None,
        };
        let id = format!("{}.{time}", step.line);
        let asked = request(&step.path, step.value.clone(), &id);
        let asked = gateway.submit(asked, context, Instant::now().into());
        let outcome = timeout(PATIENCE, asked).await.unwrap();
        let sent = match once {
            true => ecu.requests() - before,
            false => asked_for(step, before, ecu, gateway),
        };
        let line = &step.line;
        match &step.then {
            Then::Sent => {
                assert_eq!(outcome, Outcome::Done, "{line}");
                // Where the machine is busy the car may answer late, and is asked again.
                assert!(sent > 0, "{line}");
            }
            Then::Refused { reason, sentence } => {
                assert_eq!(outcome.as_str(), "refused", "{line}: {outcome}");
                let word = outcome.reason().map_or("", Reason::as_str);
                assert_eq!(
                    (word, outcome.message()),
                    (reason.as_str(), sentence.as_str()),
                    "{line}"
                );
                assert_eq!(sent, 0, "{line}: a frame left all the same");
                said.insert(sentence.clone());
            }
        }
    }
}

/// Every scenario holds, and every rule says no in one of them.
async fn keeps(vehicle: &Path, name: &str, table: &str) {
    let mut said = BTreeSet::new();
    for scenario in &feature::scenarios(name, table) {
        let (ecu, gateway) = ready_of(vehicle).await;
        arrange(scenario, &ecu, &gateway).await;
        for step in &scenario.steps {
            take(step, &ecu, &gateway, &mut said).await;
        }
    }
    let vehicle = Description::load(vehicle).unwrap();
    for rule in vehicle.policy().rules() {
        let sentence = rule.says(Language::English);
        assert!(said.contains(sentence), "no scenario has: {sentence}");
    }
}

#[tokio::test]
async fn the_demo_vehicle_keeps_every_rule_of_its_table() {
    let table = include_str!("policy/demo.feature");
    keeps(&demo(), "demo.feature", table).await;
}

#[tokio::test]
async fn the_can_fd_vehicle_keeps_every_rule_of_its_table() {
    let table = include_str!("policy/demo-fd.feature");
    keeps(&demo_fd(), "demo-fd.feature", table).await;
}

#[test]
fn each_path_of_the_can_fd_vehicle_needs_the_permission_of_its_kind() {
    let vehicle = Description::load(&demo_fd()).unwrap();
    for entry in vehicle.entries().filter(|each| each.actuator.is_some()) {
        let path = &entry.path;
        let is = |parts: &[&str]| parts.iter().any(|part| path.contains(part));
        let expected = if is(&["IsLocked", "ChildLock", "Trunk"]) {
            Class::Access
        } else if is(&["Lights", "Windshield", "Mirrors"]) {
            Class::Driving
        } else {
            Class::Comfort
        };
        assert_eq!(vehicle.policy().class(path), expected, "{path}");
    }
}

#[tokio::test]
async fn of_two_requests_at_once_that_exclude_each_other_one_is_refused() {
    for round in 0..10 {
        let (ecu, gateway) = ready().await;
        let on = |path: &str| gateway.set(request(path, Value::Flag(true), path));
        let (fog, beam) = tokio::join!(on(FOG), on(HIGH_BEAM));
        assert_eq!(fog, Outcome::Done, "round {round}");
        assert_eq!(beam.reason(), Some(&Reason::Conflict), "round {round}");
        assert_eq!(ecu.requests(), 1, "round {round}");
    }
}

#[tokio::test]
async fn a_request_that_waits_its_turn_is_judged_again_before_its_frame_leaves() {
    const MIRROR: &str = "Vehicle.Body.Mirrors.DriverSide.IsFolded";
    let (ecu, gateway) = ready().await;
    ecu.behave(Manner::Ignore);
    // The first keeps the actuator for its confirmation time; meanwhile the car drives off.
    let mut second = request(MIRROR, Value::Flag(true), "b");
    second.time_to_live = Duration::from_secs(30);
    let first = gateway.submit(
        request(MIRROR, Value::Flag(true), "a"),
        Context::default(),
        Instant::now().into(),
    );
    let second = gateway.submit(second, Context::default(), Instant::now().into());
    until("the first has left", || ecu.requests() == 1).await;
    ecu.drive(60.0);
    let (first, second) = timeout(PATIENCE, async { tokio::join!(first, second) })
        .await
        .unwrap();
    assert_eq!(first.as_str(), "unconfirmed");
    assert_eq!(second.reason(), Some(&Reason::SpeedInterlock));
    assert_eq!(ecu.requests(), 1);
}

#[tokio::test]
async fn a_refusal_is_said_in_the_language_of_who_asks() {
    let (ecu, gateway) = ready().await;
    ecu.report(HIGH_BEAM, 1.0);
    until("high beam", || {
        gateway
            .get(HIGH_BEAM)
            .flatten()
            .is_some_and(|reading| reading.value == Value::Flag(true))
    })
    .await;
    let context = Context {
        language: Some(Language::Mandarin),
        ..Context::default()
    };
    let asked = request(FOG, Value::Flag(true), "a");
    let outcome = gateway.submit(asked, context, Instant::now().into()).await;
    assert_eq!(outcome.message(), "远光灯开着，请先关闭远光灯。");
}
