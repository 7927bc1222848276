//! The gateway on the bus of the second demo car: CAN FD, multiplexed messages, end-to-end
//! protection, repetition, and the health of the bus.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ecu;

use std::time::{Duration, Instant};

use codriver_vehicle_bus::{
    Outcome, Value,
    description::{Description, Kind},
    end_to_end::Verdict,
    gateway::{BusState, Context, Event, Gateway, Limits},
};
use ecu::{Damage, Ecu, Manner, PATIENCE, demo, demo_fd, reason, request, until};
use tokio::time::{sleep, timeout};

const TEMPERATURE: &str = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature";
const WINDOW: &str = "Vehicle.Cabin.Door.Row1.DriverSide.Window.Position";
const OTHER_WINDOW: &str = "Vehicle.Cabin.Door.Row1.PassengerSide.Window.Position";
const LOCK: &str = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked";
const WASHER: &str = "Vehicle.Body.Windshield.Front.Washing.IsActive";
const LIGHT: &str = "Vehicle.Cabin.Light.IsDomeOn";
const SPEED: &str = "Vehicle.Speed";

async fn ready(manner: Manner) -> (Ecu, Gateway) {
    let ecu = Ecu::of(&demo_fd(), 0, manner).await;
    let vehicle = Description::load(&demo_fd()).unwrap();
    let limits = Limits {
        burst: 10_000,
        ..Limits::default()
    };
    let gateway = Gateway::start(vehicle, ecu.address(), limits);
    let paths: Vec<String> = gateway
        .description()
        .entries()
        .map(|entry| entry.path.clone())
        .collect();
    until("everything known", || {
        paths
            .iter()
            .all(|path| gateway.get(path).flatten().is_some())
    })
    .await;
    (ecu, gateway)
}

fn value(gateway: &Gateway, path: &str) -> Option<Value> {
    Some(gateway.get(path)??.value)
}

fn counter(gateway: &Gateway, wanted: &str) -> u64 {
    let counters = gateway.counters().list();
    counters
        .into_iter()
        .find(|(name, _)| *name == wanted)
        .unwrap()
        .1
}

#[tokio::test]
async fn every_actuator_of_the_can_fd_car_is_done_by_an_ecu_that_checks_its_requests() {
    let (_ecu, gateway) = ready(Manner::Obey).await;
    let wanted: Vec<(String, Value)> = gateway
        .description()
        .entries()
        .filter(|entry| entry.actuator.is_some())
        .map(|entry| {
            let value = match &entry.kind {
                Kind::Boolean => Value::Flag(true),
                Kind::Number { max, .. } => Value::Number(*max),
                Kind::Choice(words) => Value::Text(words.keys().next_back().unwrap().clone()),
                Kind::Color => Value::Text("#12ABEF".into()),
            };
            (entry.path.clone(), value)
        })
        .collect();
    assert!(wanted.len() > 30);
    for (number, (path, wanted)) in wanted.into_iter().enumerate() {
        let request = request(&path, wanted.clone(), &number.to_string());
        // The windows are open by then, about which the air conditioning asks.
        let context = Context {
            confirmed: true,
            ..Context::default()
        };
        let outcome = gateway.submit(request, context, tokio::time::Instant::now());
        assert_eq!(outcome.await, Outcome::Done, "{path} = {wanted}");
    }
}

#[tokio::test]
async fn four_windows_asked_at_once_through_one_multiplexed_message_all_move() {
    let (_ecu, gateway) = ready(Manner::Obey).await;
    let set =
        |path: &'static str, number: f64| gateway.set(request(path, Value::Number(number), path));
    let outcomes = tokio::join!(
        set(WINDOW, 10.0),
        set(OTHER_WINDOW, 20.0),
        set("Vehicle.Cabin.Door.Row2.DriverSide.Window.Position", 30.0),
        set(
            "Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position",
            40.0
        ),
    );
    assert_eq!(
        outcomes,
        (Outcome::Done, Outcome::Done, Outcome::Done, Outcome::Done)
    );
    assert_eq!(value(&gateway, WINDOW), Some(Value::Number(10.0)));
}

#[tokio::test]
async fn request_frames_carry_counter_and_checksum_and_are_can_fd_where_the_dbc_says_so() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    for (id, wanted) in [("a", true), ("b", false), ("c", true)] {
        let outcome = gateway.set(request(LOCK, Value::Flag(wanted), id)).await;
        assert_eq!(outcome, Outcome::Done);
    }
    gateway
        .set(request(TEMPERATURE, Value::Number(22.0), "d"))
        .await;
    let frames = ecu.requests.lock().unwrap().clone();
    let vehicle = gateway.description();
    let id = |name: &str| vehicle.database().message(name).unwrap().id();
    let mut receiver = vehicle
        .protection(id("DoorLockRequest"))
        .unwrap()
        .receiver();
    let locks: Vec<_> = frames
        .iter()
        .filter(|frame| frame.id() == id("DoorLockRequest"))
        .collect();
    assert!(locks.len() >= 4, "{locks:?}");
    for (index, frame) in locks.iter().enumerate() {
        assert!(!frame.is_fd());
        let verdict = receiver.check(frame.payload(), Instant::now());
        assert_eq!(verdict == Verdict::Accepted, index > 0, "{frame}");
    }
    let climate = frames
        .iter()
        .find(|frame| frame.id() == id("ClimateRequest"))
        .unwrap();
    assert!(climate.is_fd() && climate.id().is_extended());
    assert_eq!(climate.payload().len(), 12);
}

#[tokio::test]
async fn a_damaged_status_is_unknown_and_confirms_nothing() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    ecu.damage(Damage::Flipped);
    until("speed unknown", || value(&gateway, SPEED).is_none()).await;
    until("window unknown", || value(&gateway, WINDOW).is_none()).await;
    assert!(value(&gateway, LIGHT).is_some(), "not protected");
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(22.0), "a"))
        .await;
    assert_eq!(outcome.as_str(), "unconfirmed", "{outcome}");
    let outcome = gateway.set(request(LOCK, Value::Flag(false), "b")).await;
    assert_eq!(reason(&outcome), ("refused", "speed_interlock"));
    assert!(counter(&gateway, "frames_rejected") > 0);
    ecu.damage(Damage::None);
    until("speed known", || value(&gateway, SPEED).is_some()).await;
}

#[tokio::test]
async fn a_status_that_is_repeated_for_ever_is_unknown() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    ecu.damage(Damage::Repeated);
    until("speed unknown", || value(&gateway, SPEED).is_none()).await;
    ecu.drive(100.0);
    ecu.damage(Damage::None);
    until("speed known", || {
        value(&gateway, SPEED) == Some(Value::Number(100.0))
    })
    .await;
}

#[tokio::test]
async fn a_momentary_request_is_made_once_and_ends_by_itself() {
    let (ecu, gateway) = ready(Manner::Ignore).await;
    let begin = Instant::now();
    let outcome = gateway.set(request(WASHER, Value::Flag(true), "a")).await;
    assert_eq!(reason(&outcome), ("unconfirmed", "not_confirmed"));
    until("ended", || ecu.requests() == 2).await;
    assert!(begin.elapsed() >= Duration::from_millis(1200));
    let frames = ecu.requests.lock().unwrap().clone();
    assert_eq!(frames[0].to_string(), "12C#1F");
    assert_eq!(frames[1].to_string(), "12C#0F");
}

#[tokio::test]
async fn a_set_point_is_asked_once_more_when_the_car_shows_no_reaction() {
    let (ecu, gateway) = ready(Manner::Ignore).await;
    let outcome = gateway.set(request(LIGHT, Value::Flag(true), "a")).await;
    assert_eq!(reason(&outcome), ("unconfirmed", "not_confirmed"));
    assert_eq!(ecu.requests(), 2);
}

#[tokio::test]
async fn a_request_that_was_lost_is_done_by_the_second_attempt() {
    let (ecu, gateway) = ready(Manner::Ignore).await;
    let set = gateway.set(request(LIGHT, Value::Flag(true), "a"));
    let heal = async {
        until("first attempt", || ecu.requests() == 1).await;
        ecu.behave(Manner::Obey);
    };
    let (outcome, ()) = tokio::join!(set, heal);
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(ecu.requests(), 2);
}

#[tokio::test]
async fn no_second_attempt_is_made_after_the_time_to_live() {
    let (ecu, gateway) = ready(Manner::Ignore).await;
    let mut short = request(LIGHT, Value::Flag(true), "a");
    short.time_to_live = Duration::from_millis(300);
    let outcome = gateway.set(short).await;
    assert_eq!(reason(&outcome), ("unconfirmed", "not_confirmed"));
    assert_eq!(ecu.requests(), 1);
}

#[tokio::test]
async fn a_car_that_lacks_something_says_so() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    let outcome = gateway
        .set(request(
            "Vehicle.Cabin.Sunroof.Position",
            Value::Number(50.0),
            "a",
        ))
        .await;
    assert_eq!(reason(&outcome), ("refused", "not_fitted"));
    assert_eq!(outcome.message(), "This car has no sunroof.");
    assert_eq!(ecu.requests(), 0);
}

#[tokio::test]
async fn a_refusal_concerns_the_page_it_names_and_no_other() {
    let (ecu, gateway) = ready(Manner::Refuse).await;
    let refused = gateway.set(request(WINDOW, Value::Number(50.0), "a"));
    let outcome = refused.await;
    assert_eq!(reason(&outcome), ("failed", "ecu_refused"));
    assert!(outcome.message().ends_with("Blocked."), "{outcome}");
    // The other window's page has the same start bit; its refusal does not end this request.
    ecu.behave(Manner::Ignore);
    let mut events = gateway.events();
    let vehicle = gateway.description();
    let foreign = vehicle
        .refuse(vehicle.entry(OTHER_WINDOW).unwrap(), 1.0)
        .unwrap();
    let set = gateway.set(request(LIGHT, Value::Flag(true), "b"));
    let window = gateway.set(request(WINDOW, Value::Number(60.0), "c"));
    let inject = async {
        until("asked", || ecu.requests() > 2).await;
        ecu.inject(codriver_vehicle_bus::transport::socketcand::frame_text(
            &foreign, 1.0,
        ));
        until("refusal heard", || {
            std::iter::from_fn(|| events.try_recv().ok())
                .any(|event| matches!(event, Event::Refused(_)))
        })
        .await;
        ecu.behave(Manner::Obey);
    };
    let (_, outcome, ()) = tokio::join!(set, window, inject);
    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn a_silent_bus_is_called_silent_and_up_again_when_it_speaks() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    ecu.behave(Manner::Silent);
    until("silent", || *gateway.bus().borrow() == BusState::Silent).await;
    ecu.behave(Manner::Obey);
    until("up", || *gateway.bus().borrow() == BusState::Up).await;
}

#[tokio::test]
async fn error_frames_are_counted_and_bus_off_closes_and_opens_the_bus() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    for class in [0x2000_0008u32, 0x2000_0100, 0x2000_0002] {
        ecu.inject(format!("< error {class:08X} 1.0 >"));
    }
    until("counted", || counter(&gateway, "error_frames") == 3).await;
    assert_eq!(counter(&gateway, "controller_restarts"), 1);
    assert_eq!(*gateway.bus().borrow(), BusState::Up);
    let mut bus = gateway.bus();
    bus.mark_unchanged();
    ecu.inject("< error 20000040 1.0 >");
    timeout(PATIENCE, bus.changed()).await.unwrap().unwrap();
    until("up again", || *gateway.bus().borrow() == BusState::Up).await;
    assert_eq!(counter(&gateway, "bus_lost"), 1);
    let outcome = gateway.set(request(LIGHT, Value::Flag(true), "a")).await;
    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn nothing_goes_to_a_controller_that_nobody_acknowledges() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    ecu.behave(Manner::Silent);
    ecu.inject("< error 20000020 1.0 >");
    until("unacknowledged", || {
        *gateway.bus().borrow() == BusState::Unacknowledged
    })
    .await;
    // What left before arrives.
    sleep(Duration::from_millis(50)).await;
    let before = ecu.requests();
    let outcome = gateway.set(request(LIGHT, Value::Flag(true), "a")).await;
    assert_eq!(reason(&outcome), ("refused", "bus_down"));
    // Longer than the cyclic messages' cycle, and than a silent bus takes to be called silent.
    sleep(Duration::from_millis(2_200)).await;
    assert_eq!(*gateway.bus().borrow(), BusState::Unacknowledged);
    assert_eq!(ecu.requests(), before, "not even a cyclic frame");
    ecu.behave(Manner::Obey);
    until("up", || *gateway.bus().borrow() == BusState::Up).await;
    let outcome = gateway.set(request(LIGHT, Value::Flag(true), "b")).await;
    assert_eq!(outcome, Outcome::Done);
    assert!(ecu.requests() > before);
}

#[tokio::test]
async fn under_a_flood_every_request_has_one_outcome() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    // 5,000 frames a second of other messages and of one that the car reports.
    let flood = async {
        let speed = "< frame 22A 1.0 00 >";
        let text = format!("{}{speed}", "< frame 7A1 1.0 0102030405060708 >".repeat(49));
        loop {
            ecu.inject(text.clone());
            sleep(Duration::from_millis(10)).await;
        }
    };
    let requests = async {
        let mut outcomes = Vec::new();
        for number in 0..40 {
            let value = Value::Number(f64::from(number % 20));
            let id = number.to_string();
            let path = "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed";
            outcomes.push(gateway.set(request(path, value, &id)).await);
            sleep(Duration::from_millis(20)).await;
        }
        outcomes
    };
    let outcomes = tokio::select! {
        outcomes = requests => outcomes,
        () = flood => unreachable!(),
    };
    assert_eq!(outcomes.len(), 40);
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done));
    assert!(counter(&gateway, "frames_received") > 2_500);
}

#[tokio::test]
async fn the_classic_car_takes_one_frame_for_each_request() {
    let ecu = Ecu::of(&demo(), 0, Manner::Obey).await;
    let vehicle = Description::load(&demo()).unwrap();
    let gateway = Gateway::start(vehicle, ecu.address(), Limits::default());
    until("known", || value(&gateway, TEMPERATURE).is_some()).await;
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(22.0), "a"))
        .await;
    assert_eq!(outcome, Outcome::Done);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(ecu.requests(), 1);
}
