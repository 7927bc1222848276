//! The installed programs and units on a head unit with systemd and CAN.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{self, Write},
    time::Duration,
};

use stage::HeadUnit;

/// A run takes well under a minute on an idle machine.
const WITHIN: Duration = Duration::from_secs(230);

#[test]
fn what_is_installed_holds_on_a_head_unit_with_systemd_and_can() {
    if let Some(why) = HeadUnit::unavailable() {
        skip(&why);
        return;
    }
    let head_unit = HeadUnit::prepare().unwrap_or_else(|error| panic!("{error}"));
    let report = head_unit.run(WITHIN);
    let left_over = head_unit.left_over().unwrap();
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    if let Some(why) = report.unable() {
        skip(why);
        return;
    }
    assert!(report.passed(), "{report}");
    assert_eq!(left_over, Vec::<String>::new());
    println!("{report}");
}

/// Past the test harness, which shows nothing of a test that passes.
fn skip(why: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED: the virtual head unit: {why}");
}
