//! The gateway against a bus with an ECU: every rule, and one outcome a request.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ecu;

use std::{task::Poll, time::Duration};

use codriver_vehicle_bus::{
    Outcome, Value,
    description::Description,
    gateway::{BusState, Gateway, Limits},
};
use ecu::{Ecu, Manner, demo, reason, request, until};
use proptest::{prelude::*, test_runner::TestRunner};

const TEMPERATURE: &str = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature";
const TRUNK: &str = "Vehicle.Body.Trunk.Rear.IsOpen";

fn gateway(ecu: &Ecu, limits: Limits) -> Gateway {
    Gateway::start(Description::load(&demo()).unwrap(), ecu.address(), limits)
}

/// A gateway that knows the car's state, the speed included.
async fn ready(manner: Manner) -> (Ecu, Gateway) {
    let ecu = Ecu::start(manner).await;
    let gateway = gateway(&ecu, Limits::default());
    if manner == Manner::Silent {
        until("bus up", || *gateway.bus().borrow() == BusState::Up).await;
    } else {
        until("speed known", || {
            number(&gateway, "Vehicle.Speed").is_some()
        })
        .await;
    }
    (ecu, gateway)
}

fn number(gateway: &Gateway, path: &str) -> Option<f64> {
    match gateway.get(path)??.value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

#[tokio::test]
async fn a_request_is_done_when_the_car_shows_the_value() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(22.5), "a"))
        .await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(number(&gateway, TEMPERATURE), Some(22.5));
    assert_eq!(ecu.requests(), 1);
}

#[tokio::test]
async fn an_ecu_that_refuses_makes_it_failed() {
    let (_ecu, gateway) = ready(Manner::Refuse).await;
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(22.5), "a"))
        .await;
    assert_eq!(reason(&outcome), ("failed", "ecu_refused"));
    assert!(outcome.message().ends_with("Blocked."), "{outcome}");
}

#[tokio::test]
async fn an_ecu_that_keeps_its_value_makes_it_unconfirmed() {
    let (_ecu, gateway) = ready(Manner::Ignore).await;
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(22.5), "a"))
        .await;
    assert_eq!(reason(&outcome), ("unconfirmed", "not_confirmed"));
}

#[tokio::test]
async fn a_silent_ecu_makes_it_unconfirmed() {
    let (_ecu, gateway) = ready(Manner::Silent).await;
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(22.5), "a"))
        .await;
    assert_eq!(reason(&outcome), ("unconfirmed", "no_answer"));
}

#[tokio::test]
async fn what_is_refused_never_reaches_the_bus() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    for (path, value, expected) in [
        ("Vehicle.Nothing", Value::Flag(true), "unknown_path"),
        ("Vehicle.Speed", Value::Number(1.0), "not_allowed"),
        (TEMPERATURE, Value::Number(31.0), "out_of_range"),
        (TEMPERATURE, Value::Number(f64::NAN), "out_of_range"),
        (TEMPERATURE, Value::Number(22.3), "out_of_range"),
        (TEMPERATURE, Value::Text("warm".into()), "wrong_type"),
    ] {
        let id = format!("{path}{value}");
        let outcome = gateway.set(request(path, value, &id)).await;
        assert_eq!(reason(&outcome), ("refused", expected), "{id}");
    }
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(20.0), ""))
        .await;
    assert_eq!(reason(&outcome), ("refused", "bad_request"));
    assert_eq!(ecu.requests(), 0);
}

#[tokio::test]
async fn a_moving_car_refuses_to_open_its_trunk_and_a_standing_one_opens_it() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    ecu.drive(50.0);
    until("fast", || number(&gateway, "Vehicle.Speed") == Some(50.0)).await;
    let outcome = gateway.set(request(TRUNK, Value::Flag(true), "a")).await;
    assert_eq!(reason(&outcome), ("refused", "speed_interlock"));
    assert_eq!(ecu.requests(), 0);
    let outcome = gateway.set(request(TRUNK, Value::Flag(false), "b")).await;
    assert_eq!(outcome, Outcome::Done, "closing is not refused");
    ecu.drive(0.0);
    until("standing", || {
        number(&gateway, "Vehicle.Speed") == Some(0.0)
    })
    .await;
    let outcome = gateway.set(request(TRUNK, Value::Flag(true), "c")).await;
    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn an_unknown_or_stale_speed_counts_as_moving() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    ecu.behave(Manner::Silent);
    until("stale", || number(&gateway, "Vehicle.Speed").is_none()).await;
    let outcome = gateway.set(request(TRUNK, Value::Flag(true), "a")).await;
    assert_eq!(reason(&outcome), ("refused", "speed_interlock"));
    assert_eq!(ecu.requests(), 0);
}

#[tokio::test]
async fn an_expired_request_waiting_its_turn_is_never_sent() {
    let (ecu, gateway) = ready(Manner::Ignore).await;
    // The first keeps the actuator for its confirmation time, longer than the second may live.
    let mut second = request(TEMPERATURE, Value::Number(25.0), "b");
    second.time_to_live = Duration::from_millis(50);
    let (first, second) = tokio::join!(
        gateway.set(request(TEMPERATURE, Value::Number(22.0), "a")),
        gateway.set(second),
    );
    assert_eq!(reason(&first), ("unconfirmed", "not_confirmed"));
    assert_eq!(reason(&second), ("refused", "expired"));
    let asked: Vec<u8> = ecu
        .requests
        .lock()
        .unwrap()
        .iter()
        .map(|frame| frame.payload()[0])
        .collect();
    assert_eq!(asked, [44, 44], "22 degrees twice, 25 never");
    let mut dead = request(TEMPERATURE, Value::Number(25.0), "c");
    dead.time_to_live = Duration::ZERO;
    assert_eq!(reason(&gateway.set(dead).await), ("refused", "expired"));
}

#[tokio::test]
async fn the_same_request_id_acts_once_and_is_answered_with_the_first_outcome() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    let once = || gateway.set(request(TEMPERATURE, Value::Number(22.0), "a"));
    let (first, meanwhile) = tokio::join!(once(), once());
    assert_eq!(first, Outcome::Done);
    assert_eq!(reason(&meanwhile), ("refused", "duplicate_request"));
    assert_eq!(once().await, Outcome::Done);
    let other = gateway
        .set(request(TEMPERATURE, Value::Number(23.0), "a"))
        .await;
    assert_eq!(reason(&other), ("refused", "duplicate_request"));
    assert_eq!(ecu.requests(), 1);
}

#[tokio::test]
async fn a_caller_that_asks_too_often_is_refused_and_another_is_not() {
    let ecu = Ecu::start(Manner::Obey).await;
    let limits = Limits {
        requests_per_second: 0.001,
        burst: 2,
        ..Limits::default()
    };
    let gateway = gateway(&ecu, limits);
    until("bus up", || *gateway.bus().borrow() == BusState::Up).await;
    for (id, expected) in [("a", "done"), ("b", "done"), ("c", "refused")] {
        let outcome = gateway
            .set(request(TEMPERATURE, Value::Number(22.0), id))
            .await;
        assert_eq!(outcome.as_str(), expected, "{outcome}");
    }
    let mut other = request(TEMPERATURE, Value::Number(22.0), "d");
    other.caller = ":1.2".into();
    assert_eq!(gateway.set(other).await, Outcome::Done);
}

#[tokio::test]
async fn requests_for_one_actuator_leave_in_order() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    let set = |value: f64| {
        gateway.set(request(
            TEMPERATURE,
            Value::Number(value),
            &value.to_string(),
        ))
    };
    let outcomes = tokio::join!(set(20.0), set(21.0), set(22.0), set(23.0));
    assert_eq!(
        outcomes,
        (Outcome::Done, Outcome::Done, Outcome::Done, Outcome::Done)
    );
    let bytes: Vec<u8> = ecu
        .requests
        .lock()
        .unwrap()
        .iter()
        .map(|f| f.payload()[0])
        .collect();
    assert_eq!(bytes, [40, 42, 44, 46]);
}

#[tokio::test]
async fn a_bus_that_closes_is_reported_and_opened_again_when_it_comes_back() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    let port = ecu.port;
    ecu.stop().await;
    until("down", || {
        matches!(&*gateway.bus().borrow(), BusState::Down(_))
    })
    .await;
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(22.0), "a"))
        .await;
    assert_eq!(reason(&outcome), ("refused", "bus_down"));
    let ecu = Ecu::start_at(port, Manner::Obey).await;
    until("up again", || *gateway.bus().borrow() == BusState::Up).await;
    let outcome = gateway
        .set(request(TEMPERATURE, Value::Number(22.0), "b"))
        .await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(ecu.requests(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_stop_the_request() {
    let (ecu, gateway) = ready(Manner::Obey).await;
    let mut gone = Box::pin(gateway.set(request(TEMPERATURE, Value::Number(24.0), "a")));
    let waits =
        std::future::poll_fn(|context| Poll::Ready(gone.as_mut().poll(context).is_pending()));
    assert!(waits.await);
    drop(gone);
    until("done", || number(&gateway, TEMPERATURE) == Some(24.0)).await;
    assert_eq!(ecu.requests(), 1);
}

#[test]
fn no_sequence_of_requests_opens_the_trunk_above_its_speed() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    // Speeds in hundredths, many of them around the limit of 3 km/h.
    let speed = prop_oneof![0u32..=600, 0u32..=25_000];
    let steps = prop::collection::vec((speed, any::<bool>()), 1..10);
    runner
        .run(&steps, |steps| {
            runtime.block_on(async {
                let (ecu, gateway) = ready(Manner::Obey).await;
                for (step, (speed, open)) in steps.into_iter().enumerate() {
                    let kmh = f64::from(speed) / 100.0;
                    ecu.drive(kmh);
                    until("speed", || {
                        number(&gateway, "Vehicle.Speed")
                            .is_some_and(|now| (now - kmh).abs() < 1e-6)
                    })
                    .await;
                    let before = ecu.requests();
                    let outcome = gateway
                        .set(request(TRUNK, Value::Flag(open), &step.to_string()))
                        .await;
                    if open && kmh > 3.0 {
                        prop_assert_eq!(reason(&outcome), ("refused", "speed_interlock"));
                        prop_assert_eq!(ecu.requests(), before);
                    } else {
                        prop_assert_eq!(outcome, Outcome::Done);
                    }
                }
                Ok(())
            })
        })
        .unwrap();
}
