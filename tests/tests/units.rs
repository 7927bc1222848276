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
    assert_exposure_of_file_at_most(&unit(name), tenths);
}

fn assert_exposure_of_file_at_most(path: &Path, tenths: u32) {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(format!("--threshold={tenths}"))
        .arg(path)
        .output()
        .expect("systemd-analyze is installed by make test");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}: {}",
        path.display(),
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

/// The voice daemon's unit with the drop-in of each accelerator behind it, in the
/// same sections: what systemd makes of both.
fn with_accelerators() -> Vec<(String, String)> {
    let daemon = fs::read_to_string(unit("codriverd.service")).unwrap();
    let folder = fs::read_dir(unit("accelerators")).unwrap();
    folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "conf"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let drop_in = fs::read_to_string(&path).unwrap();
            (name, format!("{daemon}\n{drop_in}"))
        })
        .collect()
}

#[test]
fn with_the_drop_in_of_any_accelerator_the_voice_daemon_scores_at_most_0_5() {
    let folder = tempfile::tempdir().unwrap();
    let all = with_accelerators();
    assert!(all.len() >= 6, "{}", all.len());
    for (name, text) in all {
        let path = folder.path().join(format!("codriverd-{name}.service"));
        fs::write(&path, text).unwrap();
        assert_exposure_of_file_at_most(&path, 5);
    }
}

#[test]
fn without_a_drop_in_the_voice_daemon_may_open_no_accelerator() {
    let text = fs::read_to_string(unit("codriverd.service")).unwrap();
    let allowed: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("DeviceAllow="))
        .collect();
    let sound_and_keys = ["DeviceAllow=char-alsa rw", "DeviceAllow=char-input r"];
    assert_eq!(allowed, sound_and_keys);
}

#[test]
fn systemd_knows_every_key_of_the_units_and_drop_ins() {
    let units = ["codriverd.service", "codriver-gatewayd.service"]
        .map(|name| (name.to_owned(), fs::read_to_string(unit(name)).unwrap()));
    let drop_ins = with_accelerators();
    let drop_ins = drop_ins
        .into_iter()
        .map(|(name, text)| (format!("codriverd-{name}.service"), text));
    for (name, text) in units.into_iter().chain(drop_ins) {
        // The daemons are not installed here; what starts is not what is checked.
        let folder = tempfile::tempdir().unwrap();
        let started: Vec<&str> = text
            .lines()
            .map(|line| match line.starts_with("ExecStart=") {
                true => "ExecStart=/bin/true",
                false => line,
            })
            .collect();
        let path = folder.path().join(&name);
        fs::write(&path, started.join("\n")).unwrap();
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&path)
            .output()
            .expect("systemd-analyze is installed by make test");
        let said = String::from_utf8_lossy(&output.stderr);
        let complaints: Vec<&str> = said.lines().filter(|line| line.contains(&name)).collect();
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

#[test]
fn the_voice_daemon_may_write_where_its_correction_log_is_by_default_and_nowhere_else() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/codriver.toml");
    let settings: toml::Table = fs::read_to_string(configs).unwrap().parse().unwrap();
    let directory = settings["correction_log"]["directory"].as_str().unwrap();
    let text = fs::read_to_string(unit("codriverd.service")).unwrap();
    let values = |key: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(key));
        lines.map(str::to_owned).collect()
    };
    let below = directory.strip_prefix("/var/lib/").unwrap();
    assert_eq!(values("StateDirectory="), [below]);
    assert_eq!(values("StateDirectoryMode="), ["0700"]);
    for key in [
        "ReadWritePaths=",
        "BindPaths=",
        "CacheDirectory=",
        "LogsDirectory=",
    ] {
        assert_eq!(values(key), Vec::<String>::new(), "{key}");
    }
}
