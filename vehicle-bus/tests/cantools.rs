//! Our DBC codec against Python cantools: every signal, random values, both directions.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
    process::Command,
};

use codriver_vehicle_bus::{
    dbc::{Database, Raw},
    frame::CanId,
};
use serde_json::Value;

#[test]
fn every_signal_of_the_shipped_cars_agrees_with_cantools() {
    let vehicles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/vehicles");
    let mut cars = 0;
    for vehicle in vehicles.read_dir().unwrap() {
        for file in vehicle.unwrap().path().read_dir().unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "dbc") {
                let (encoded, refused) = compare(&file, 300);
                assert!(encoded > 0 && refused > 0, "{}", file.display());
                cars += 1;
            }
        }
    }
    assert!(cars >= 2);
}

#[test]
fn every_signal_of_real_dbc_files_agrees_with_cantools_where_they_are_present() {
    let Some(data) = env::var_os("CODRIVER_TEST_DATA") else {
        eprintln!("SKIPPED: CODRIVER_TEST_DATA is not set, so no real DBC file was compared");
        return;
    };
    let folder = PathBuf::from(data).join("can");
    let mut compared = 0;
    for entry in folder.read_dir().unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "dbc") {
            compared += compare(&file, 20).0;
        }
    }
    assert!(
        compared > 0,
        "{} has no DBC file that could be compared",
        folder.display()
    );
}

/// The project's Python, which has cantools.
fn python() -> PathBuf {
    env::var_os("CODRIVER_PYTHON").map_or_else(
        || PathBuf::from(env::var_os("HOME").unwrap()).join(".cache/codriver/venv/bin/python"),
        PathBuf::from,
    )
}

/// Returns how many payloads were encoded alike, and how many refused by both.
fn compare(file: &Path, rounds: usize) -> (usize, usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cantools_reference.py");
    let output = Command::new(python())
        .arg(script)
        .arg(file)
        .args(["20", &rounds.to_string()])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; `make test` sets it up", python().display()));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let database = Database::load(file).unwrap();
    let mut seen = BTreeSet::new();
    let (mut decoded, mut encoded, mut refused, mut named) = (0, 0, 0, 0);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let raw_id = u32::try_from(line["id"].as_u64().unwrap()).unwrap();
        let id = if line["extended"].as_bool().unwrap() {
            CanId::extended(raw_id)
        } else {
            CanId::standard(u16::try_from(raw_id).unwrap())
        };
        let message = database.by_id(id.unwrap()).unwrap();
        let payload = bytes(line["data"].as_str().unwrap());
        let physical = numbers(&line["physical"]);
        let ours = message.decode(&payload).unwrap();
        let names: BTreeSet<_> = ours.iter().map(|value| value.signal.name()).collect();
        let theirs: BTreeSet<_> = physical.keys().map(String::as_str).collect();
        assert_eq!(names, theirs, "{} {line}", message.name());
        for value in &ours {
            let name = value.signal.name();
            let place = format!("{}: {}.{name} {line}", file.display(), message.name());
            match value.raw {
                Raw::Integer(raw) => {
                    assert_eq!(
                        raw.to_string(),
                        line["raw"][name].as_str().unwrap(),
                        "{place}"
                    );
                }
                Raw::Float(raw) => {
                    let reference: f64 = line["raw"][name].as_str().unwrap().parse().unwrap();
                    assert!(
                        raw == reference || raw.is_nan() && reference.is_nan(),
                        "{place}"
                    );
                }
            }
            let reference = physical[name];
            let close = (value.physical - reference).abs() <= 1e-12 * reference.abs().max(1.0);
            assert!(
                close || value.physical.is_nan() && reference.is_nan(),
                "{place}"
            );
            seen.insert((message.name().to_owned(), name.to_owned()));
            decoded += 1;
        }
        let wanted = numbers(&line["wanted"]);
        let wanted: Vec<(&str, f64)> = wanted.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        match (
            line["encoded"].as_str(),
            encode(message, &wanted, &line["raw"]),
        ) {
            (Some(theirs), Some(ours)) => {
                assert_eq!(
                    hex(&ours),
                    theirs,
                    "{}: {} {line}",
                    file.display(),
                    message.name()
                );
                encoded += 1;
            }
            (None, None) => refused += 1,
            (Some(_), None) if line["named_outside"] == true => named += 1,
            (theirs, ours) => panic!(
                "{}: {}: cantools {theirs:?}, we {:?} {line}",
                file.display(),
                message.name(),
                ours.map(|payload| hex(&payload)),
            ),
        }
    }
    let all = database
        .messages()
        .iter()
        .map(|m| m.signals().len())
        .sum::<usize>();
    eprintln!(
        "{}: {} of {all} signals compared, {decoded} values decoded, {encoded} payloads encoded, \
         {refused} refused by both, {named} by us alone (named values beyond their range)",
        file.display(),
        seen.len()
    );
    assert_eq!(seen.len(), all, "{}: signals left out", file.display());
    (encoded, refused)
}

/// Onto zeros, as cantools does: start values are ours alone.
fn encode(
    message: &codriver_vehicle_bus::dbc::Message,
    wanted: &[(&str, f64)],
    raw: &Value,
) -> Option<Vec<u8>> {
    let mut payload = vec![0; message.size()];
    // A selector decides which signals are there, so those that are not yet come in a later pass.
    let mut left: Vec<_> = wanted.to_vec();
    while !left.is_empty() {
        let before = left.len();
        let mut failed = Vec::new();
        for (name, value) in left {
            // A double is exact up to 2^53; what is wider goes in as the raw value it came as.
            let signal = message.signal(name).unwrap();
            let stated = |(low, high): (f64, f64)| (low..=high).contains(&value);
            let wide = signal.bits() > 50 && signal.range().is_none_or(stated);
            let result = match raw.get(name).and_then(|raw| raw.as_str()?.parse().ok()) {
                Some(raw) if wide => message.set_raw(&mut payload, name, Raw::Integer(raw)),
                _ => message.set(&mut payload, name, value),
            };
            match result {
                Ok(()) => {}
                Err(codriver_vehicle_bus::Error::NotSelected { .. }) => failed.push((name, value)),
                Err(_) => return None,
            }
        }
        if failed.len() == before {
            return None;
        }
        left = failed;
    }
    Some(payload)
}

fn numbers(object: &Value) -> BTreeMap<String, f64> {
    object
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().parse().unwrap()))
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
