//! Who may ask the gateway: polkit (python-dbusmock's double of it) and the list of users, on a
//! private bus.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ecu;
mod private_bus;

use std::time::{Duration, Instant};

use codriver_catalog::{Language, Zone};
use codriver_vehicle_bus::{
    Outcome, Reason, Value,
    client::{FrameSentStream, VehicleClient},
    description::Description,
    gateway::{Context, Gateway, Limits},
    permission::{Authority, Settings},
    service,
};
use ecu::{Ecu, Manner, demo};
use futures_util::StreamExt;
use private_bus::{DEADLINE, PrivateBus, wait_for_name};
use tokio::time::timeout;
use zbus::{Connection, wire::DynamicType};

const POLKIT: &str = "org.freedesktop.PolicyKit1";
const TEMPERATURE: (&str, Value) = (
    "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature",
    Value::Number(22.0),
);
const LOCK: (&str, Value) = (
    "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked",
    Value::Flag(true),
);
const DOME: (&str, Value) = ("Vehicle.Cabin.Light.IsDomeOn", Value::Flag(true));
const WIPERS: &str = "Vehicle.Body.Windshield.Front.Wiping.Mode";

struct Stage {
    ecu: Ecu,
    bus: PrivateBus,
    service: Connection,
}

impl Stage {
    async fn start(mut bus: PrivateBus, polkit: bool, settings: Settings) -> Self {
        if polkit {
            let system = format!("DBUS_SYSTEM_BUS_ADDRESS={}", bus.address());
            let arguments = [
                &system,
                "/usr/bin/python3",
                "-m",
                "dbusmock",
                "-t",
                "polkitd",
            ];
            bus.run("/usr/bin/env", &arguments);
            wait_for_name(&bus.connect().await, POLKIT).await;
        }
        let ecu = Ecu::start(Manner::Obey).await;
        let description = Description::load(&demo()).unwrap();
        let gateway = Gateway::start(description, ecu.address(), Limits::default());
        let speed = async {
            while gateway.get("Vehicle.Speed").flatten().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, speed).await.expect("the car reports");
        let service = service::serve_with(gateway, bus.address(), &settings)
            .await
            .unwrap();
        Self { ecu, bus, service }
    }

    async fn with_polkit() -> Self {
        Self::start(PrivateBus::start(), true, Settings::default()).await
    }

    /// A caller that the gateway has not seen yet, so that nothing about it is remembered.
    async fn caller(&self) -> VehicleClient {
        VehicleClient::connect(self.bus.address()).await.unwrap()
    }

    async fn mock<B: serde::Serialize + DynamicType + Sync>(&self, method: &str, body: &B) {
        let object = "/org/freedesktop/PolicyKit1/Authority";
        let mock = Some("org.freedesktop.DBus.Mock");
        let bus = self.bus.connect().await;
        bus.call_method(Some(POLKIT), object, mock, method, body)
            .await
            .unwrap();
    }

    async fn allow(&self, classes: &[&str]) {
        let actions: Vec<String> = classes
            .iter()
            .map(|class| format!("org.codriver.vehicle.{class}"))
            .collect();
        self.mock("SetAllowed", &(actions,)).await;
    }
}

async fn set(client: &VehicleClient, (path, value): (&str, Value)) -> Outcome {
    let call = client.set(path, value, Duration::from_secs(5), path);
    timeout(DEADLINE, call).await.unwrap()
}

#[tokio::test]
async fn polkit_gives_or_denies_each_class_of_paths() {
    let stage = Stage::with_polkit().await;
    stage.allow(&["comfort"]).await;
    let caller = stage.caller().await;
    assert_eq!(set(&caller, TEMPERATURE).await, Outcome::Done);
    let refused = set(&caller, LOCK).await;
    assert_eq!(refused.reason(), Some(&Reason::NotAllowed));
    assert!(
        refused.message().contains("org.codriver.vehicle.access"),
        "{refused}"
    );
    let wipers = (WIPERS, Value::Text("FAST".into()));
    let refused = set(&caller, wipers).await;
    assert!(
        refused.message().contains("org.codriver.vehicle.driving"),
        "{refused}"
    );
    let unread = caller.get(TEMPERATURE.0).await.unwrap_err();
    assert_eq!(unread.reason(), Some(&Reason::NotAllowed));
    assert!(caller.list().await.is_err());
    assert_eq!(stage.ecu.requests(), 1);

    stage.allow(&["reading", "access"]).await;
    let caller = stage.caller().await;
    assert_eq!(set(&caller, LOCK).await, Outcome::Done);
    assert_eq!(
        set(&caller, TEMPERATURE).await.reason(),
        Some(&Reason::NotAllowed)
    );
    assert!(caller.get(LOCK.0).await.is_ok());
}

/// The path of the next frame that is heard of.
async fn heard(frames: &mut FrameSentStream, within: Duration) -> Option<String> {
    let frame = timeout(within, frames.next()).await.ok()??;
    Some(frame.args().unwrap().path)
}

#[tokio::test]
async fn signals_reach_subscribers_with_the_reading_permission_and_nobody_else() {
    let stage = Stage::with_polkit().await;
    stage.allow(&["comfort"]).await;
    let denied = stage.caller().await;
    let mut unheard = denied.proxy().receive_frame_sent().await.unwrap();
    let refused = denied.proxy().subscribe().await.unwrap_err();
    assert!(
        refused.to_string().contains("org.codriver.vehicle.reading"),
        "{refused}"
    );
    stage.allow(&["comfort", "reading"]).await;
    let silent = stage.caller().await;
    let mut unasked = silent.proxy().receive_frame_sent().await.unwrap();
    let subscriber = stage.caller().await;
    let mut frames = subscriber.proxy().receive_frame_sent().await.unwrap();
    subscriber.proxy().subscribe().await.unwrap();
    assert_eq!(set(&subscriber, DOME).await, Outcome::Done);
    assert_eq!(heard(&mut frames, DEADLINE).await.as_deref(), Some(DOME.0));
    subscriber.proxy().unsubscribe().await.unwrap();
    assert_eq!(set(&subscriber, TEMPERATURE).await, Outcome::Done);
    // Replies and signals of one sender come in order: what was sent is here.
    for client in [&denied, &silent, &subscriber] {
        client.bus().await.unwrap();
    }
    let moment = Duration::from_millis(50);
    assert_eq!(heard(&mut frames, moment).await, None, "unsubscribed");
    assert_eq!(heard(&mut unheard, moment).await, None, "not permitted");
    assert_eq!(heard(&mut unasked, moment).await, None, "not subscribed");
}

#[tokio::test]
async fn a_subscriber_that_leaves_makes_room_for_another() {
    let stage = Stage::start(PrivateBus::start(), false, Settings::default()).await;
    let mut subscribers = Vec::new();
    for _ in 0..32 {
        let caller = stage.caller().await;
        caller.proxy().subscribe().await.unwrap();
        subscribers.push(caller);
    }
    let late = stage.caller().await;
    let full = late.proxy().subscribe().await.unwrap_err();
    assert!(full.to_string().contains("32 subscribers"), "{full}");
    let leaving = subscribers.pop().unwrap();
    let connection = leaving.proxy().inner().connection().clone();
    drop(leaving);
    connection.close().await.unwrap();
    let room = async {
        while late.proxy().subscribe().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, room).await.unwrap();
}

#[tokio::test]
async fn a_polkit_that_hangs_denies_within_its_deadline_and_holds_nobody_up_after() {
    let stage = Stage::with_polkit().await;
    stage.allow(&["comfort", "access"]).await;
    stage.mock("SimulateHang", &(true,)).await;
    let caller = stage.caller().await;
    let start = Instant::now();
    let refused = set(&caller, TEMPERATURE).await;
    assert_eq!(refused.reason(), Some(&Reason::NotAllowed), "{refused}");
    assert_eq!(refused.message(), "polkit does not answer.");
    assert!(start.elapsed() < Duration::from_secs(5));
    let start = Instant::now();
    for target in [DOME, LOCK, TEMPERATURE] {
        let refused = set(&stage.caller().await, target).await;
        assert_eq!(refused.reason(), Some(&Reason::NotAllowed), "{refused}");
    }
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "remembered as silent"
    );
    assert_eq!(stage.ecu.requests(), 0);
}

#[tokio::test]
async fn a_polkit_that_has_gone_denies() {
    let stage = Stage::with_polkit().await;
    let wanted = Settings {
        authority: Authority::Polkit,
        ..Settings::default()
    };
    let without = Stage::start(PrivateBus::start(), false, wanted).await;
    let refused = set(&without.caller().await, TEMPERATURE).await;
    assert_eq!(refused.reason(), Some(&Reason::NotAllowed), "{refused}");
    stage.allow(&["comfort"]).await;
    // dbusmock leaves the bus when it is told to end.
    stage.mock("SetDelay", &(0.0,)).await;
    let bus = stage.bus.connect().await;
    let proxy = zbus::fdo::DBusProxy::new(&bus).await.unwrap();
    let id = proxy
        .get_connection_unix_process_id(POLKIT.try_into().unwrap())
        .await
        .unwrap();
    // SAFETY: a child of this test, which is waited for at its end only.
    unsafe { libc::kill(i32::try_from(id).unwrap(), libc::SIGKILL) };
    let gone = async {
        while proxy
            .name_has_owner(POLKIT.try_into().unwrap())
            .await
            .unwrap()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, gone).await.unwrap();
    let refused = set(&stage.caller().await, TEMPERATURE).await;
    assert_eq!(refused.reason(), Some(&Reason::NotAllowed), "{refused}");
}

#[tokio::test]
async fn without_polkit_the_users_of_the_list_may_and_the_gateways_own() {
    let stage = Stage::start(PrivateBus::start(), false, Settings::default()).await;
    assert_eq!(set(&stage.caller().await, LOCK).await, Outcome::Done);
}

#[tokio::test]
async fn the_options_of_set_with_reach_the_rules() {
    let stage = Stage::start(PrivateBus::start(), false, Settings::default()).await;
    let caller = stage.caller().await;
    let ask = async |id: &str, context| {
        let fast = Value::Text("FAST".into());
        let call = caller.set_with(WIPERS, fast, Duration::from_secs(5), id, context);
        timeout(DEADLINE, call).await.unwrap()
    };
    let mut context = Context {
        speaker: Some(Zone::RearLeft),
        confirmed: true,
        language: Some(Language::Mandarin),
    };
    let refused = ask("a", context).await;
    assert_eq!(refused.reason(), Some(&Reason::NotYourSeat));
    assert_eq!(refused.message(), "只有驾驶员可以更改。");
    context.speaker = Some(Zone::Driver);
    assert_eq!(ask("b", context).await, Outcome::Done);
}

#[tokio::test]
async fn an_option_that_is_none_is_a_bad_request() {
    let stage = Stage::start(PrivateBus::start(), false, Settings::default()).await;
    let caller = stage.caller().await;
    let value = zbus::Variant::from(true);
    for (name, option) in [
        ("speaker_zone", zbus::Variant::from("roof")),
        ("speaker_zone", zbus::Variant::from(1.0)),
        ("confirmed", zbus::Variant::from("yes")),
        ("language", zbus::Variant::from("tlh")),
        ("urgent", zbus::Variant::from(true)),
    ] {
        let options = std::collections::HashMap::from([(name, option)]);
        let call = caller.proxy().set_with(DOME.0, &value, 5000, "a", &options);
        let (outcome, reason, message) = timeout(DEADLINE, call).await.unwrap().unwrap();
        assert_eq!(
            (outcome.as_str(), reason.as_str()),
            ("refused", "bad_request")
        );
        assert!(message.starts_with(name), "{message}");
    }
    assert_eq!(stage.ecu.requests(), 0);
}

#[tokio::test]
async fn request_ids_and_rates_are_each_callers_own() {
    let stage = Stage::start(PrivateBus::start(), false, Settings::default()).await;
    let (one, other) = (stage.caller().await, stage.caller().await);
    assert_eq!(set(&one, DOME).await, Outcome::Done);
    assert_eq!(set(&one, DOME).await, Outcome::Done);
    assert_eq!(
        stage.ecu.requests(),
        1,
        "the same request of the same caller"
    );
    assert_eq!(set(&other, DOME).await, Outcome::Done);
    assert_eq!(stage.ecu.requests(), 2);
    drop(stage.service);
}
