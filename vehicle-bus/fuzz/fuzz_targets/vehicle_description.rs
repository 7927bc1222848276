//! Any text as a vehicle.toml over the demo DBC: an error that names a line, or a vehicle whose
//! every actuator takes its own limits.
#![no_main]

use std::{path::Path, sync::LazyLock};

use codriver_vehicle_bus::{
    Value,
    dbc::Database,
    description::{Description, Kind},
};
use libfuzzer_sys::fuzz_target;

static DEMO: LazyLock<Database> = LazyLock::new(|| {
    let text = include_str!("../../../configs/vehicles/demo/demo.dbc");
    Database::parse(Path::new("demo.dbc"), text).expect("the demo DBC is well")
});

fuzz_target!(|text: &str| {
    let vehicle = match Description::parse(Path::new("fuzz.toml"), text, DEMO.clone()) {
        Ok(vehicle) => vehicle,
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("fuzz.toml:"), "{error}");
            return;
        }
    };
    for entry in vehicle.entries() {
        let Some(actuator) = &entry.actuator else {
            continue;
        };
        if let Kind::Number { min, .. } = &entry.kind {
            let physical = entry
                .physical(&Value::Number(*min))
                .expect("the lowest value is one");
            actuator.frame(physical).expect("it fits the signal");
        }
        vehicle.policy().class(&entry.path);
    }
});
