//! Names of the shipped packs on their way to a peer: found, unknown, ambiguous, slow.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod private_bus;
mod shipped_packs;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codriver_catalog::Value;
use codriver_vehicle_bus::Outcome;
use codriver_vehicle_bus::route::{
    Contact, Destination, Directory, Finding, Performed, Place, Router,
};
use private_bus::PrivateBus;
use shipped_packs::{perform, reason};
use zbus::{Connection, interface};

/// Knows Anna, too many Toms, Lee without a number, and the way home.
#[derive(Debug)]
struct Known;

impl Directory for Known {
    fn contact(&self, spoken: &str) -> Finding<Contact> {
        let one = |name: &str, number: Option<&str>| {
            Finding::One(Contact {
                name: name.into(),
                number: number.map(str::to_owned),
            })
        };
        match spoken {
            "anna" => one("Anna Berg", Some("+4917155501")),
            "lee" => one("Lee", None),
            "tom" => Finding::Several(["Tom A", "Tom B", "Tom C", "Tom D"].map(Into::into).into()),
            "slow" => {
                std::thread::sleep(Duration::from_millis(1500));
                one("Slow", Some("110"))
            }
            _ => Finding::Nothing,
        }
    }

    fn place(&self, spoken: &str) -> Finding<Place> {
        let one = |destination| {
            Finding::One(Place {
                name: spoken.into(),
                destination,
            })
        };
        match spoken {
            "home" => one(Destination::Position {
                latitude: 48.1375,
                longitude: -11.5,
            }),
            "work" => one(Destination::Address("Hauptstraße 1, Berlin".into())),
            _ => Finding::Nothing,
        }
    }
}

/// What a peer was asked for.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct Modem(Heard);

#[interface(name = "org.ofono.VoiceCallManager")]
impl Modem {
    fn dial(&self, number: String, _hide: &str) {
        self.0.0.lock().unwrap().push(number);
    }
}

struct Navigation(Heard);

#[interface(name = "org.codriver.Navigation1")]
impl Navigation {
    fn set_destination(&self, destination: String) {
        self.0.0.lock().unwrap().push(destination);
    }
}

struct Stage {
    heard: Heard,
    router: Router,
    _peer: Connection,
    _bus: PrivateBus,
}

impl Stage {
    async fn set() -> Self {
        let bus = PrivateBus::start();
        let heard = Heard::default();
        let peer = zbus::conn::Builder::address(bus.address())
            .serve_at("/modem", Modem(heard.clone()))
            .serve_at("/org/codriver/Navigation", Navigation(heard.clone()))
            .name("org.ofono")
            .name("org.codriver.Navigation");
        let peer = peer.build().await.unwrap();
        let (session, system) = (bus.connect().await, bus.connect().await);
        let router = Router::new(None, Some(session), Some(system));
        Self {
            heard,
            router: router.with_directory(Arc::new(Known)),
            _peer: peer,
            _bus: bus,
        }
    }

    async fn calls(&self, name: &str) -> Performed {
        let contact = [("contact", Value::Text(name.into()))];
        perform(&self.router, "phone.call_contact", &contact).await
    }

    async fn goes_to(&self, place: &str) -> Performed {
        let destination = [("destination", Value::Text(place.into()))];
        perform(&self.router, "navigation.set_destination", &destination).await
    }
}

#[tokio::test]
async fn who_is_called_by_name_is_dialled_by_number() {
    let stage = Stage::set().await;
    assert_eq!(stage.calls("anna").await.outcome, Outcome::Done);
    assert_eq!(stage.heard.all(), ["+4917155501"]);
}

#[tokio::test]
async fn nobody_is_dialled_for_an_unknown_name_and_the_reason_says_so() {
    let stage = Stage::set().await;
    let performed = stage.calls("bob").await;
    assert_eq!(performed.outcome.as_str(), "refused");
    assert_eq!(reason(&performed), "unknown_contact");
    assert_eq!(
        performed.outcome.message(),
        "There is nobody called bob in your contacts."
    );
    assert_eq!(reason(&stage.calls("lee").await), "no_number");
    assert!(stage.heard.all().is_empty());
}

#[tokio::test]
async fn of_several_people_none_is_dialled_and_three_are_named() {
    let stage = Stage::set().await;
    let performed = stage.calls("tom").await;
    assert_eq!(reason(&performed), "several_matches");
    assert_eq!(performed.choices, ["Tom A", "Tom B", "Tom C"]);
    assert_eq!(
        performed.outcome.message(),
        "tom can be Tom A, Tom B, Tom C and others."
    );
    assert!(stage.heard.all().is_empty());
}

#[tokio::test]
async fn an_address_book_that_does_not_answer_is_given_up_and_dials_nobody() {
    let stage = Stage::set().await;
    assert_eq!(reason(&stage.calls("slow").await), "peer_timeout");
    assert!(stage.heard.all().is_empty());
}

#[tokio::test]
async fn a_known_place_becomes_coordinates_or_an_address_and_any_other_stays() {
    let stage = Stage::set().await;
    for place in ["home", "work", "the old mill"] {
        assert_eq!(stage.goes_to(place).await.outcome, Outcome::Done);
    }
    assert_eq!(
        stage.heard.all(),
        ["geo:48.1375,-11.5", "Hauptstraße 1, Berlin", "the old mill"]
    );
}

#[tokio::test]
async fn without_an_address_book_nobody_is_known() {
    let bus = PrivateBus::start();
    let router = Router::new(None, None, Some(bus.connect().await));
    let anna = [("contact", Value::Text("anna".into()))];
    let performed = perform(&router, "phone.call_contact", &anna).await;
    assert_eq!(reason(&performed), "unknown_contact");
}
