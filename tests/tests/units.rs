//! The systemd units hold the hardening they promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn unit(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../systemd")
        .join(name)
}

/// Runs `systemd-analyze security` without a running systemd; `tenths` is the
/// highest exposure allowed, in tenths.
fn assert_exposure_at_most(name: &str, tenths: u32) {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(format!("--threshold={tenths}"))
        .arg(unit(name))
        .output()
        .expect("systemd-analyze is installed by make test");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        report.lines().last().unwrap_or("no report")
    );
}

#[test]
fn the_voice_daemon_scores_at_most_0_6() {
    assert_exposure_at_most("codriverd.service", 6);
}

#[test]
fn the_gateway_scores_at_most_1_0() {
    assert_exposure_at_most("codriver-gatewayd.service", 10);
}

#[test]
fn systemd_knows_every_key_of_the_units() {
    for name in ["codriverd.service", "codriver-gatewayd.service"] {
        // The daemons are not installed here; what starts is not what is checked.
        let folder = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(unit(name)).unwrap();
        let started: Vec<&str> = text
            .lines()
            .map(|line| match line.starts_with("ExecStart=") {
                true => "ExecStart=/bin/true",
                false => line,
            })
            .collect();
        let path = folder.path().join(name);
        fs::write(&path, started.join("\n")).unwrap();
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&path)
            .output()
            .expect("systemd-analyze is installed by make test");
        let said = String::from_utf8_lossy(&output.stderr);
        let complaints: Vec<&str> = said.lines().filter(|line| line.contains(name)).collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

#[test]
fn the_voice_daemon_can_open_no_socket_but_unix() {
    let text = fs::read_to_string(unit("codriverd.service")).unwrap();
    for line in ["PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"] {
        assert!(text.lines().any(|l| l == line), "{line} is missing");
    }
}
