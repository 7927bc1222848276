//! Commands of the shipped packs through the gateway to an ECU of the demo car.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ecu;
mod private_bus;
mod shipped_packs;

use std::{path::Path, time::Duration};

use codriver_catalog::{Catalog, Language, Route, UtteranceId, Value};
use codriver_vehicle_bus::{
    Outcome, Reason,
    client::VehicleClient,
    description::Description,
    gateway::{Context, Gateway, Limits},
    route::Router,
    service,
};
use ecu::{Ecu, Manner, demo, demo_fd};
use private_bus::{DEADLINE, PrivateBus};
use shipped_packs::{perform, perform_in, reason, undo};
use tokio::time::{sleep, timeout};
use zbus::Connection;

const DRIVER: &str = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature";
const PASSENGER: &str = "Vehicle.Cabin.HVAC.Station.Row1.Passenger.Temperature";
const RANGE: &str = "Vehicle.Powertrain.TractionBattery.Range";

/// A car whose gateway is on a bus, and a router that knows the way.
struct Car {
    ecu: Ecu,
    client: VehicleClient,
    router: Router,
    _gateway: Connection,
    bus: PrivateBus,
}

impl Car {
    async fn start() -> Self {
        Self::of(&demo()).await
    }

    async fn of(vehicle: &Path) -> Self {
        let bus = PrivateBus::start();
        let ecu = Ecu::of(vehicle, 0, Manner::Obey).await;
        let description = Description::load(vehicle).unwrap();
        let gateway = Gateway::start(description, ecu.address(), Limits::default());
        let gateway = service::serve(gateway, bus.address()).await.unwrap();
        let car = Self {
            ecu,
            client: VehicleClient::connect(bus.address()).await.unwrap(),
            router: Router::new(Some(bus.connect().await), None, None),
            _gateway: gateway,
            bus,
        };
        car.wait_until_known("Vehicle.Speed").await;
        car
    }

    async fn wait_until_known(&self, path: &str) {
        let wait = async {
            while self.client.get(path).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, wait).await.expect("the car reports");
    }

    async fn number(&self, path: &str) -> f64 {
        match self.client.get(path).await.unwrap().0 {
            codriver_vehicle_bus::Value::Number(number) => number,
            other => panic!("{path} is {other}"),
        }
    }

    async fn drive(&self, kmh: f64) {
        self.ecu.drive(kmh);
        let wait = async {
            while (self.number("Vehicle.Speed").await - kmh).abs() > 1e-6 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, wait).await.expect("the car drives");
    }

    async fn set_temperature(&self, zone: &str, degrees: f64) -> Outcome {
        let arguments = [
            ("zone", Value::Text(zone.into())),
            ("temperature", Value::Number(degrees)),
        ];
        let performed = perform(&self.router, "climate.set_temperature", &arguments).await;
        performed.outcome
    }
}

#[tokio::test]
async fn a_zone_of_two_seats_is_one_outcome_and_can_be_undone() {
    let car = Car::start().await;
    assert_eq!(car.set_temperature("driver", 19.0).await, Outcome::Done);
    assert_eq!(car.set_temperature("front", 21.0).await, Outcome::Done);
    assert!((car.number(DRIVER).await - 21.0).abs() < 1e-9);
    assert!((car.number(PASSENGER).await - 21.0).abs() < 1e-9);
    assert_eq!(undo(&car.router).await.unwrap().outcome, Outcome::Done);
    assert!((car.number(DRIVER).await - 19.0).abs() < 1e-9);
    assert!((car.number(PASSENGER).await - 16.0).abs() < 1e-9);
}

#[tokio::test]
async fn what_was_undone_can_be_undone_in_turn() {
    let car = Car::start().await;
    assert_eq!(undo(&car.router).await, None, "nothing was changed yet");
    car.set_temperature("driver", 19.0).await;
    for degrees in [16.0, 19.0, 16.0] {
        assert_eq!(undo(&car.router).await.unwrap().outcome, Outcome::Done);
        assert!((car.number(DRIVER).await - degrees).abs() < 1e-9);
    }
}

#[tokio::test]
async fn two_commands_of_one_utterance_on_one_path_go_back_to_before_the_first() {
    let car = Car::start().await;
    car.set_temperature("driver", 20.0).await;
    let utterance = UtteranceId::next();
    for _ in 0..3 {
        let warmer = [
            ("degrees", Value::Number(1.0)),
            ("zone", Value::Text("driver".into())),
        ];
        car.wait_until_known(DRIVER).await;
        let warmer = perform_in(&car.router, utterance, "climate.warmer", &warmer).await;
        assert_eq!(warmer.outcome, Outcome::Done);
    }
    assert!((car.number(DRIVER).await - 23.0).abs() < 1e-9);
    assert_eq!(undo(&car.router).await.unwrap().outcome, Outcome::Done);
    assert!((car.number(DRIVER).await - 20.0).abs() < 1e-9);
}

#[tokio::test]
async fn the_part_of_an_utterance_that_was_done_is_taken_back_when_another_was_refused() {
    let car = Car::start().await;
    car.set_temperature("driver", 30.0).await;
    car.set_temperature("passenger", 20.0).await;
    // Three seats get warmer, the driver's is at its limit.
    let warmer = perform(&car.router, "climate.warmer", &all_seats()).await;
    assert_eq!(reason(&warmer), "already_at_limit");
    assert!((car.number(PASSENGER).await - 21.0).abs() < 1e-9);
    assert_eq!(undo(&car.router).await.unwrap().outcome, Outcome::Done);
    assert!((car.number(PASSENGER).await - 20.0).abs() < 1e-9);
    assert!((car.number(DRIVER).await - 30.0).abs() < 1e-9);
}

fn all_seats() -> [(&'static str, Value); 2] {
    [
        ("degrees", Value::Number(1.0)),
        ("zone", Value::Text("all".into())),
    ]
}

#[tokio::test]
async fn what_was_sent_and_not_confirmed_is_taken_back_too() {
    let car = Car::start().await;
    car.set_temperature("driver", 20.0).await;
    car.ecu.behave(Manner::Ignore);
    let outcome = car.set_temperature("driver", 25.0).await;
    assert_eq!(outcome.as_str(), "unconfirmed");
    // The car took it after all, and later.
    car.ecu.behave(Manner::Obey);
    car.ecu.report(DRIVER, 25.0);
    let late = async {
        while (car.number(DRIVER).await - 25.0).abs() > 1e-9 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, late).await.unwrap();
    assert_eq!(undo(&car.router).await.unwrap().outcome, Outcome::Done);
    assert!((car.number(DRIVER).await - 20.0).abs() < 1e-9);
}

#[tokio::test]
async fn undo_keeps_the_rules_and_can_be_tried_again_when_they_allow_it() {
    let car = Car::start().await;
    let doors = [("zone", Value::Text("driver".into()))];
    assert_eq!(
        perform(&car.router, "doors.lock", &doors).await.outcome,
        Outcome::Done
    );
    car.drive(50.0).await;
    let refused = undo(&car.router).await.unwrap();
    assert_eq!(reason(&refused), "speed_interlock");
    assert_eq!(
        refused.sentence.as_deref(),
        Some("That is only possible up to 5 km/h.")
    );
    car.drive(0.0).await;
    assert_eq!(undo(&car.router).await.unwrap().outcome, Outcome::Done);
}

#[tokio::test]
async fn undo_finds_the_order_that_the_rules_need() {
    let car = Car::start().await;
    let on = perform(&car.router, "lights.high_beam_on", &[]).await;
    assert_eq!(on.outcome, Outcome::Done);
    let utterance = UtteranceId::next();
    for command in ["lights.high_beam_off", "lights.front_fog_on"] {
        let done = perform_in(&car.router, utterance, command, &[]).await;
        assert_eq!(done.outcome, Outcome::Done, "{command}");
    }
    // The high beam may come on only when the fog light is off again.
    let undone = undo(&car.router).await.unwrap();
    assert_eq!(undone.outcome, Outcome::Done);
}

#[tokio::test]
async fn after_its_time_nothing_is_taken_back() {
    let mut car = Car::start().await;
    let router = Router::new(Some(car.bus.connect().await), None, None);
    car.router = router.undo_within(Duration::from_millis(50));
    car.set_temperature("driver", 19.0).await;
    sleep(Duration::from_millis(80)).await;
    assert_eq!(undo(&car.router).await, None);
    assert!((car.number(DRIVER).await - 19.0).abs() < 1e-9);
}

#[tokio::test]
async fn a_step_adds_to_what_the_car_shows() {
    let car = Car::start().await;
    assert_eq!(car.set_temperature("all", 20.0).await, Outcome::Done);
    let warmer = [("degrees", Value::Number(1.5))];
    let performed = perform(&car.router, "climate.warmer", &warmer).await;
    assert_eq!(performed.outcome, Outcome::Done);
    assert!((car.number(DRIVER).await - 21.5).abs() < 1e-9);
}

#[tokio::test]
async fn a_step_beyond_the_range_is_refused_at_the_limit_and_names_the_path() {
    let car = Car::start().await;
    assert_eq!(car.set_temperature("all", 30.0).await, Outcome::Done);
    let sent = car.ecu.requests();
    let performed = perform(&car.router, "climate.warmer", &[]).await;
    assert_eq!(reason(&performed), "already_at_limit");
    let message = performed.outcome.message();
    assert!(
        message.starts_with("0 of 4 done; Vehicle.Cabin.HVAC"),
        "{message}"
    );
    assert_eq!(car.ecu.requests(), sent, "nothing reached the car");
}

#[tokio::test]
async fn a_reading_is_told_in_the_unit_of_the_reply() {
    let car = Car::start().await;
    car.ecu.report(RANGE, 412_345.0);
    let wait = async {
        loop {
            let performed = perform(&car.router, "vehicle.range", &[]).await;
            assert_eq!(performed.outcome, Outcome::Done);
            if performed.value == Some(Value::Number(412.345)) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, wait)
        .await
        .expect("metres become kilometres");
}

#[tokio::test]
async fn a_car_that_goes_its_own_way_leaves_the_command_unconfirmed() {
    let car = Car::start().await;
    car.ecu.behave(Manner::Ignore);
    let outcome = car.set_temperature("driver", 25.0).await;
    assert_eq!(outcome.as_str(), "unconfirmed");
    assert_eq!(outcome.reason(), Some(&Reason::NotConfirmed));
}

#[tokio::test]
async fn what_the_car_does_not_report_cannot_be_told_or_stepped() {
    let car = Car::start().await;
    car.ecu.behave(Manner::Silent);
    let wait = async {
        for path in [DRIVER, RANGE] {
            while car.client.get(path).await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    timeout(DEADLINE, wait).await.expect("readings grow stale");
    for command in ["vehicle.range", "climate.warmer"] {
        let performed = perform(&car.router, command, &[]).await;
        assert_eq!(performed.outcome.as_str(), "failed");
        assert_eq!(reason(&performed), "no_answer");
    }
}

#[tokio::test]
async fn without_a_gateway_the_reason_is_no_gateway() {
    let bus = PrivateBus::start();
    for connection in [Some(bus.connect().await), None] {
        let router = Router::new(connection, None, None);
        let performed = perform(&router, "climate.air_conditioning_on", &[]).await;
        assert_eq!(performed.outcome.as_str(), "failed");
        assert_eq!(reason(&performed), "no_gateway");
    }
}

#[tokio::test]
async fn what_the_car_lacks_is_named_in_the_language_of_who_asks() {
    let car = Car::of(&demo_fd()).await;
    let context = Context {
        language: Some(Language::Mandarin),
        ..Context::default()
    };
    let (roof, open) = ("Vehicle.Cabin.Sunroof.Position", Value::Number(100.0));
    let ttl = Duration::from_secs(5);
    let set = car.client.set_with(roof, open.into(), ttl, "a", context);
    let expected = Outcome::Refused {
        reason: Reason::NotFitted,
        message: "这辆车没有天窗。".into(),
    };
    assert_eq!(timeout(DEADLINE, set).await.unwrap(), expected);
    let unread = car.client.get_with(roof, context).await.unwrap_err();
    assert_eq!(unread, expected);
    let performed = perform(&car.router, "vehicle.odometer", &[]).await;
    assert_eq!(reason(&performed), "not_fitted");
    assert_eq!(
        performed.sentence.as_deref(),
        Some("This car has no odometer that I can read.")
    );
    assert_eq!(car.ecu.requests(), 0);
}

#[test]
fn the_can_fd_vehicle_has_or_names_everything_that_a_shipped_command_asks_for() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let catalog = Catalog::load(&configs).unwrap();
    let vehicle = Description::load(&demo_fd()).unwrap();
    let mut nameless = Vec::new();
    for command in &catalog.commands {
        let Route::Vss(route) = &command.route else {
            continue;
        };
        let paths = route.paths.all().into_iter();
        nameless.extend(paths.filter(|path| {
            let [english, mandarin] = Language::ALL.map(|each| vehicle.lacks(path, each));
            vehicle.entry(path).is_none() && (english.is_none() || english == mandarin)
        }));
    }
    assert_eq!(nameless, [] as [&str; 0]);
}
