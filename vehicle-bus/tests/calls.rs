//! Which of several calls a command means, and peers that fail while they are asked.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod private_bus;
mod shipped_packs;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codriver_vehicle_bus::Outcome;
use codriver_vehicle_bus::route::Router;
use private_bus::{PrivateBus, wait_for_name};
use shipped_packs::{perform, reason, timed};
use zbus::{Connection, interface, wire::OwnedVariant, wire::Variant};

/// Nobody waits longer to hear that it did not work.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

type Log = Arc<Mutex<Vec<String>>>;

/// A call as oFono shows it, whose properties are read by a method of its interface.
struct OfonoCall {
    name: &'static str,
    state: &'static str,
    log: Log,
}

#[interface(name = "org.ofono.VoiceCall")]
impl OfonoCall {
    fn get_properties(&self) -> HashMap<String, OwnedVariant> {
        let state = Variant::from(self.state).try_into().unwrap();
        HashMap::from([("State".to_owned(), state)])
    }

    fn answer(&self) {
        self.log
            .lock()
            .unwrap()
            .push(format!("answer {}", self.name));
    }

    fn hangup(&self) {
        self.log
            .lock()
            .unwrap()
            .push(format!("hangup {}", self.name));
    }
}

/// The same with the standard's properties.
struct StandardCall(OfonoCall);

#[interface(name = "org.ofono.VoiceCall")]
impl StandardCall {
    #[zbus(property)]
    fn state(&self) -> &str {
        self.0.state
    }

    fn answer(&self) {
        self.0.answer();
    }

    fn hangup(&self) {
        self.0.hangup();
    }
}

async fn with_calls(states: &[&'static str], standard: bool) -> (PrivateBus, Connection, Log) {
    let bus = PrivateBus::start();
    let log = Log::default();
    let peer = bus.connect().await;
    for (index, state) in states.iter().enumerate() {
        let call = OfonoCall {
            name: state,
            state,
            log: Arc::clone(&log),
        };
        let path = format!("/modem/voicecall{index:02}");
        let server = peer.object_server();
        if standard {
            server.at(path, StandardCall(call)).await.unwrap();
        } else {
            server.at(path, call).await.unwrap();
        }
    }
    peer.request_name("org.ofono").await.unwrap();
    (bus, peer, log)
}

async fn router(bus: &PrivateBus) -> Router {
    Router::new(None, None, Some(bus.connect().await))
}

#[tokio::test]
async fn the_call_that_rings_is_answered_or_turned_away_and_the_present_one_ended() {
    for standard in [false, true] {
        let states = ["held", "active", "incoming", "waiting"];
        let (bus, _peer, log) = with_calls(&states, standard).await;
        let router = router(&bus).await;
        for command in ["phone.answer", "phone.reject", "phone.hang_up"] {
            assert_eq!(perform(&router, command, &[]).await.outcome, Outcome::Done);
        }
        let expected = ["answer incoming", "hangup incoming", "hangup active"];
        assert_eq!(*log.lock().unwrap(), expected, "standard: {standard}");
    }
}

#[tokio::test]
async fn with_no_call_that_rings_none_is_touched_and_the_reason_names_the_state() {
    let (bus, _peer, log) = with_calls(&["active", "held"], false).await;
    let router = router(&bus).await;
    for command in ["phone.answer", "phone.reject"] {
        let performed = perform(&router, command, &[]).await;
        assert_eq!(reason(&performed), "no_object");
        let message = performed.outcome.message();
        assert!(message.contains("State is incoming"), "{message}");
    }
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn of_the_calls_that_can_be_ended_the_one_named_first_in_the_pack_is() {
    let (bus, _peer, log) = with_calls(&["held", "incoming", "dialing"], false).await;
    let router = router(&bus).await;
    let performed = perform(&router, "phone.hang_up", &[]).await;
    assert_eq!(performed.outcome, Outcome::Done);
    assert_eq!(*log.lock().unwrap(), ["hangup dialing"]);
}

/// A telephone whose objects cannot even be looked at: the program runs `code`
/// when it is asked for the first time.
async fn fails_with(code: &str) -> (String, Duration) {
    let mut stage = PrivateBus::start();
    let script = format!(
        "import dbus, dbus.service, os, time\n\
         from dbus.mainloop.glib import DBusGMainLoop\n\
         from gi.repository import GLib\n\
         DBusGMainLoop(set_as_default=True)\n\
         bus = dbus.SessionBus()\n\
         class Call(dbus.service.Object):\n    \
             @dbus.service.method('org.freedesktop.DBus.Introspectable', out_signature='s')\n    \
             def Introspect(self):\n        {code}\n        return ''\n\
         Call(bus, '/')\n\
         name = dbus.service.BusName('org.ofono', bus)\n\
         GLib.MainLoop().run()\n"
    );
    stage.run("/usr/bin/python3", &["-c", &script]);
    wait_for_name(&stage.connect().await, "org.ofono").await;
    let router = router(&stage).await;
    let (performed, took) = timed(&router, "phone.answer", &[]).await;
    (reason(&performed).to_owned(), took)
}

#[tokio::test]
async fn a_telephone_that_hangs_or_crashes_while_its_calls_are_looked_at_is_told_in_time() {
    for (code, expected) in [
        ("time.sleep(30)", "peer_timeout"),
        ("os._exit(1)", "peer_gone"),
    ] {
        let (reason, took) = fails_with(code).await;
        assert_eq!(reason, expected);
        assert!(took < TOLD_WITHIN, "{code}: {took:?}");
    }
}

/// The volume of calls as oFono has it: one method that takes a variant for every property.
struct CallVolume(Log);

#[interface(name = "org.ofono.CallVolume")]
impl CallVolume {
    fn set_property(&self, name: &str, value: Variant<'_>) {
        self.0.lock().unwrap().push(format!("{name}: {value:?}"));
    }
}

#[tokio::test]
async fn the_microphone_of_a_call_is_muted_as_ofono_wants_to_be_told() {
    let bus = PrivateBus::start();
    let log = Log::default();
    let peer = bus.connect().await;
    let volume = CallVolume(Arc::clone(&log));
    peer.object_server().at("/modem", volume).await.unwrap();
    peer.request_name("org.ofono").await.unwrap();
    let router = router(&bus).await;
    for command in ["phone.mute_microphone", "phone.unmute_microphone"] {
        assert_eq!(perform(&router, command, &[]).await.outcome, Outcome::Done);
    }
    let told = ["Muted: Bool(true)", "Muted: Bool(false)"];
    assert_eq!(*log.lock().unwrap(), told);
}

#[tokio::test]
async fn without_a_telephone_the_reason_is_no_service() {
    let bus = PrivateBus::start();
    let router = router(&bus).await;
    let (performed, took) = timed(&router, "phone.answer", &[]).await;
    assert_eq!(reason(&performed), "no_service");
    assert!(took < TOLD_WITHIN);
}
