//! No sequence of requests, speeds and gears makes the gateway send what a rule forbids. The
//! rules are written here a second time, independently of the vehicle description.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ecu;

use std::time::{Duration, Instant};

use codriver_catalog::Zone;
use codriver_vehicle_bus::{
    Outcome, Value,
    description::Description,
    gateway::{Context, Event, Gateway, Limits, Request},
};
use ecu::{Ecu, Manner, demo};
use proptest::{prelude::*, test_runner::TestRunner};
use tokio::{sync::broadcast, time::timeout};

const PATIENCE: Duration = Duration::from_secs(20);
const SPEED: &str = "Vehicle.Speed";
const GEAR: &str = "Vehicle.Powertrain.Transmission.CurrentGear";
const CHILD_LOCK: &str = "Vehicle.Cabin.IsWindowChildLockEngaged";
const TRUNK: &str = "Vehicle.Body.Trunk.Rear.IsOpen";
const DOOR: &str = "Vehicle.Cabin.Door.Row2.DriverSide.IsLocked";
const WINDOW: &str = "Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position";
const MIRROR: &str = "Vehicle.Body.Mirrors.DriverSide.IsFolded";
const LOW_BEAM: &str = "Vehicle.Body.Lights.Beam.Low.IsOn";
const HIGH_BEAM: &str = "Vehicle.Body.Lights.Beam.High.IsOn";
const FOG: &str = "Vehicle.Body.Lights.Fog.Front.IsOn";
const AIR: &str = "Vehicle.Cabin.HVAC.IsAirConditioningActive";

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    /// The car moves so fast, hundredths of km/h.
    Speed(u32),
    /// 0 neutral, 1 forward.
    Gear(bool),
    /// Somebody switches it by hand.
    ByHand(&'static str, bool),
    /// Some requests at once, in this order.
    Ask(Vec<Ask>),
}

#[derive(Debug, Clone)]
struct Ask {
    path: &'static str,
    on: bool,
    speaker: Option<Zone>,
    confirmed: bool,
}

/// What the car is known to be when a frame leaves.
#[derive(Debug, Clone, Default)]
struct Car {
    speed: f64,
    gear: bool,
    child_lock: bool,
    high_beam: bool,
    fog: bool,
    window: bool,
}

impl Car {
    /// Whether this request's frame may leave. A second wording of the demo vehicle's rules.
    fn may(&self, ask: &Ask) -> bool {
        let back = !matches!(ask.speaker, Some(Zone::Driver));
        let not_the_driver = ask.speaker.is_some_and(|zone| zone != Zone::Driver);
        match (ask.path, ask.on) {
            (TRUNK, true) => !not_the_driver && self.speed <= 3.0 && !self.gear,
            (TRUNK, false) => !not_the_driver,
            (DOOR, false) => self.speed <= 5.0 && !(self.child_lock && back),
            (WINDOW, _) => !(self.child_lock && back),
            (CHILD_LOCK, _) => !not_the_driver,
            (MIRROR, true) => !not_the_driver && self.speed <= 10.0,
            (LOW_BEAM, false) => !not_the_driver && self.speed <= 0.0,
            (HIGH_BEAM, true) => !not_the_driver && !self.fog,
            (FOG, true) => !not_the_driver && !self.high_beam,
            (MIRROR | LOW_BEAM | HIGH_BEAM | FOG, _) => !not_the_driver,
            (AIR, true) => ask.confirmed || !self.window,
            _ => true,
        }
    }

    fn becomes(&mut self, path: &str, on: bool) {
        match path {
            CHILD_LOCK => self.child_lock = on,
            HIGH_BEAM => self.high_beam = on,
            FOG => self.fog = on,
            WINDOW => self.window = on,
            _ => {}
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    const ASKED: [&str; 10] = [
        TRUNK, DOOR, WINDOW, CHILD_LOCK, MIRROR, LOW_BEAM, HIGH_BEAM, FOG, AIR, FOG,
    ];
    const SEATS: [Option<Zone>; 4] = [
        None,
        Some(Zone::Driver),
        Some(Zone::Driver),
        Some(Zone::RearLeft),
    ];
    let ask = (
        prop::sample::select(&ASKED[..]),
        any::<bool>(),
        prop::sample::select(&SEATS[..]),
        any::<bool>(),
    );
    let ask = ask.prop_map(|(path, on, speaker, confirmed)| Ask {
        path,
        on,
        speaker,
        confirmed,
    });
    // Many speeds around the limits of 0, 3, 5 and 10 km/h.
    let speed = prop_oneof![3 => 0u32..=1200, 1 => 0u32..=25_000, 1 => Just(0)];
    let by_hand = prop::sample::select(&[CHILD_LOCK, HIGH_BEAM, FOG, WINDOW][..]);
    let step = prop_oneof![
        3 => speed.prop_map(Step::Speed),
        1 => any::<bool>().prop_map(Step::Gear),
        1 => (by_hand, any::<bool>()).prop_map(|(path, on)| Step::ByHand(path, on)),
        6 => prop::collection::vec(ask, 1..4).prop_map(Step::Ask),
    ];
    prop::collection::vec(step, 1..24)
}

fn value(path: &str, on: bool) -> Value {
    match path {
        WINDOW => Value::Number(if on { 50.0 } else { 0.0 }),
        _ => Value::Flag(on),
    }
}

/// The demo vehicle, whose motors need no rest.
fn tireless() -> Description {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(demo().join("demo.dbc"), folder.path().join("demo.dbc")).unwrap();
    let text = std::fs::read_to_string(demo().join("vehicle.toml")).unwrap();
    assert!(text.contains("requests = 10,"));
    let text = text.replace("requests = 10,", "requests = 1000,");
    std::fs::write(folder.path().join("vehicle.toml"), text).unwrap();
    Description::load(folder.path()).unwrap()
}

async fn until_known(gateway: &Gateway, path: &str, physical: f64) {
    let known = async {
        let entry = gateway.description().entry(path).unwrap();
        loop {
            let reading = gateway.get(path).flatten();
            let shown = reading.and_then(|reading| entry.physical(&reading.value).ok());
            if shown.is_some_and(|shown| (shown - physical).abs() < 1e-6) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, known).await.expect("the gateway knows");
}

async fn report(ecu: &Ecu, gateway: &Gateway, path: &str, physical: f64) {
    ecu.report(path, physical);
    until_known(gateway, path, physical).await;
}

/// The paths whose frames left since the last look.
fn left(events: &mut broadcast::Receiver<Event>) -> Vec<String> {
    let mut paths = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::FrameSent { path, .. } = event {
            paths.push(path);
        }
    }
    paths
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let ecu = Ecu::start(Manner::Obey).await;
    let limits = Limits {
        burst: 1000,
        ..Limits::default()
    };
    let gateway = Gateway::start(tireless(), ecu.address(), limits);
    for path in [
        SPEED, GEAR, CHILD_LOCK, HIGH_BEAM, FOG, WINDOW, LOW_BEAM, TRUNK, MIRROR, DOOR, AIR,
    ] {
        until_known(&gateway, path, 0.0).await;
    }
    for row in ["Row1.DriverSide", "Row1.PassengerSide", "Row2.DriverSide"] {
        let window = format!("Vehicle.Cabin.Door.{row}.Window.Position");
        until_known(&gateway, &window, 0.0).await;
    }
    until_known(&gateway, "Vehicle.Cabin.Sunroof.Position", 0.0).await;
    let mut car = Car::default();
    let mut events = gateway.events();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Speed(hundredths) => {
                car.speed = f64::from(hundredths) / 100.0;
                report(&ecu, &gateway, SPEED, car.speed).await;
            }
            Step::Gear(engaged) => {
                car.gear = engaged;
                report(&ecu, &gateway, GEAR, f64::from(u8::from(engaged))).await;
            }
            Step::ByHand(path, on) => {
                car.becomes(path, on);
                let physical = match value(path, on) {
                    Value::Number(number) => number,
                    _ => f64::from(u8::from(on)),
                };
                report(&ecu, &gateway, path, physical).await;
            }
            Step::Ask(asks) => {
                left(&mut events);
                // All are admitted before the first frame leaves: nothing is awaited in between.
                let answers: Vec<_> = asks
                    .iter()
                    .enumerate()
                    .map(|(index, ask)| {
                        let request = Request {
                            path: ask.path.into(),
                            value: value(ask.path, ask.on),
                            time_to_live: Duration::from_secs(10),
                            request_id: format!("{number}.{index}"),
                            caller: "1000:1.1".into(),
                        };
                        let context = Context {
                            speaker: ask.speaker,
                            confirmed: ask.confirmed,
                            language: None,
                        };
                        gateway.submit(request, context, Instant::now().into())
                    })
                    .collect();
                let mut outcomes = Vec::new();
                for answer in answers {
                    outcomes.push(timeout(PATIENCE, answer).await.unwrap());
                }
                judge(&mut car, &asks, &outcomes, left(&mut events))?;
            }
        }
    }
    Ok(())
}

/// Frames left only for requests that may, in the state that the frames before them made; and a
/// single request that may was not held back.
fn judge(
    car: &mut Car,
    asks: &[Ask],
    outcomes: &[Outcome],
    frames: Vec<String>,
) -> Result<(), TestCaseError> {
    for outcome in outcomes {
        prop_assert!(
            matches!(outcome, Outcome::Done | Outcome::Refused { .. }),
            "{outcome}"
        );
    }
    let mut taken = vec![false; asks.len()];
    for path in frames {
        let index = (0..asks.len()).find(|index| {
            asks[*index].path == path && !taken[*index] && outcomes[*index] == Outcome::Done
        });
        let Some(index) = index else {
            return Err(TestCaseError::fail(format!(
                "a frame for {path} that nobody has the outcome of"
            )));
        };
        taken[index] = true;
        prop_assert!(
            car.may(&asks[index]),
            "{:?} was sent in {car:?}",
            asks[index]
        );
        car.becomes(&path, asks[index].on);
    }
    if let ([ask], [outcome]) = (asks, outcomes)
        && car.may(ask)
        && outcome
            .reason()
            .is_some_and(|reason| reason.as_str() != "rate_limited")
    {
        return Err(TestCaseError::fail(format!(
            "{ask:?} was held back: {outcome} in {car:?}"
        )));
    }
    Ok(())
}

#[test]
fn no_sequence_of_requests_speeds_and_gears_moves_what_a_rule_forbids() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&steps(), |steps| runtime.block_on(run(steps)))
        .unwrap();
}

/// While requests pour in, the car pulls away and stops again; what counts is the speed that the
/// gateway knew when a frame left, which is between the last two reports.
#[tokio::test]
async fn a_speed_that_changes_under_way_never_lets_a_locked_signal_through() {
    let ecu = Ecu::start(Manner::Obey).await;
    let limits = Limits {
        requests_per_second: 1e6,
        burst: 1_000_000,
        ..Limits::default()
    };
    let gateway = Gateway::start(tireless(), ecu.address(), limits);
    until_known(&gateway, SPEED, 0.0).await;
    let mut events = gateway.events();
    let mut known = 0.0;
    let mut sent = 0;
    for round in 0..200_u32 {
        // From a standstill to 40 km/h and down again, without waiting for the gateway to notice.
        let phase = f64::from(round % 40);
        ecu.drive(if phase < 20.0 {
            phase * 2.0
        } else {
            (40.0 - phase) * 2.0
        });
        let request = Request {
            path: DOOR.into(),
            value: Value::Flag(false),
            time_to_live: Duration::from_secs(10),
            request_id: round.to_string(),
            caller: format!("1000:{round}"),
        };
        let answer = gateway.submit(request, Context::default(), Instant::now().into());
        tokio::time::sleep(Duration::from_millis(7)).await;
        timeout(PATIENCE, answer).await.unwrap();
        while let Ok(event) = events.try_recv() {
            match event {
                Event::Changed { path, value } if path == SPEED => {
                    known = match value {
                        Some(Value::Number(speed)) => speed,
                        _ => f64::INFINITY,
                    };
                }
                Event::FrameSent { path, .. } if path == DOOR => {
                    sent += 1;
                    assert!(known <= 5.0, "unlocked at {known} km/h");
                }
                _ => {}
            }
        }
    }
    assert!(sent > 0, "the door was never unlocked at all");
}
