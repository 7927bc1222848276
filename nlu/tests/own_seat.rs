//! Whose window is "my window"?

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are not inside a #[test] function

use std::path::Path;
use std::sync::{Arc, LazyLock};

use codriver_catalog::Zone::{Driver, Front, Passenger, Rear, RearLeft, RearRight};
use codriver_catalog::{Catalog, Decision, Value, Zone};
use codriver_nlu::{Context, Interpretation, Tiers, Understanding};

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    Arc::new(Catalog::load(&configs).unwrap())
});

fn said_at(speaker: Option<Zone>, text: &str) -> Interpretation {
    let mut understanding = Understanding::new(Arc::clone(&CATALOG)).unwrap();
    let context = Context {
        moving: Some(false),
        speaker,
        ..Context::default()
    };
    understanding.interpret_with(Tiers::Patterns, text, None, &context)
}

fn zone_at(speaker: Option<Zone>, text: &str) -> Zone {
    let interpretation = said_at(speaker, text);
    match interpretation.commands[0].arguments["zone"] {
        Value::Zone(zone) => zone,
        ref other => panic!("{text}: {other}"),
    }
}

#[test]
fn my_window_is_the_speakers_in_both_languages_and_the_drivers_when_nobody_knows_who_speaks() {
    for text in [
        "open my window",
        "roll down my window",
        "打开我这边的车窗",
        "把我的窗户关上",
    ] {
        for seat in [Driver, Passenger, RearLeft, RearRight] {
            assert_eq!(zone_at(Some(seat), text), seat, "{text}");
        }
        assert_eq!(zone_at(None, text), Driver, "{text}");
    }
}

#[test]
fn a_window_that_is_not_named_is_the_speakers_and_one_that_is_named_is_what_it_is_called() {
    for (text, zone) in [
        ("open the window", RearLeft),
        ("打开车窗", RearLeft),
        ("open the driver's window", Driver),
        ("打开主驾车窗", Driver),
        ("open the front left window", Driver),
        ("open the passenger window", Passenger),
        ("open the rear windows", Rear),
        ("open all the windows", Zone::All),
    ] {
        assert_eq!(zone_at(Some(RearLeft), text), zone, "{text}");
    }
}

#[test]
fn what_the_speakers_seat_does_not_have_is_not_done_at_the_drivers() {
    let interpretation = said_at(Some(RearLeft), "move my seat forward");
    assert_eq!(interpretation.decision, Decision::Clarify);
    assert_eq!(interpretation.reason.unwrap().code(), "not_allowed");
    // Not the driver's seat either where nobody's was named: somebody behind asked.
    let interpretation = said_at(Some(RearLeft), "move the seat forward");
    assert_eq!(interpretation.reason.unwrap().code(), "missing_argument");
    assert_eq!(zone_at(Some(Passenger), "move the seat forward"), Passenger);
}

#[test]
fn at_a_microphone_for_several_seats_mine_is_asked_about_and_words_that_name_both_too() {
    assert_eq!(zone_at(Some(Front), "open the window"), Driver);
    for (speaker, text) in [
        (Front, "open my window"),
        (Rear, "open my window"),
        (Rear, "open the window"),
        (Passenger, "open my window and open the driver's window"),
    ] {
        let interpretation = said_at(Some(speaker), text);
        assert_eq!(
            interpretation.decision,
            Decision::Clarify,
            "{interpretation:#?}"
        );
        let reason = interpretation.reason.unwrap();
        assert_eq!(reason.code(), "missing_argument");
        assert!(interpretation.commands.is_empty());
    }
}
