//! Any text as a DBC file: an error or a database whose messages take any payload.
#![no_main]

use std::path::Path;

use codriver_vehicle_bus::dbc::Database;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(database) = Database::parse(Path::new("fuzz.dbc"), text) else {
        return;
    };
    for message in database.messages() {
        for byte in [0x00, 0x5A, 0xFF] {
            let payload = [byte; 64];
            let payload = &payload[..message.start_payload().len().min(64)];
            if message.decode(payload).is_ok() {
                message.describe(payload);
            }
        }
        for signal in message.signals() {
            let (low, high) = signal.limits();
            for value in [low, high, 0.0, f64::NAN, f64::INFINITY] {
                // What can be asked for is read back as it was.
                let Ok(payload) = message.request(signal.name(), value) else {
                    continue;
                };
                let decoded = message.decode(&payload).expect("a payload of its own");
                let Some(read) = decoded
                    .iter()
                    .find(|each| each.signal.name() == signal.name())
                else {
                    continue;
                };
                let tolerance = signal.factor().abs().max(value.abs() * 1e-6);
                assert!(
                    (read.physical - value).abs() <= tolerance,
                    "{}: {value} became {}",
                    signal.name(),
                    read.physical
                );
            }
        }
    }
});
