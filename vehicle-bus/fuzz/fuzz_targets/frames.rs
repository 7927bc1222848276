//! Any frame off the bus: identifier (4 bytes) and payload.
#![no_main]

use std::{path::Path, sync::LazyLock};

use codriver_vehicle_bus::{
    dbc::Database,
    description::Description,
    frame::{CanFrame, CanId},
};
use libfuzzer_sys::fuzz_target;

static DEMO: LazyLock<Description> = LazyLock::new(|| {
    let database = include_str!("../../../configs/vehicles/demo/demo.dbc");
    let database = Database::parse(Path::new("demo.dbc"), database).expect("the demo DBC is well");
    let text = include_str!("../../../configs/vehicles/demo/vehicle.toml");
    Description::parse(Path::new("vehicle.toml"), text, database).expect("the demo car is well")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((id, payload)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let id = u32::from_le_bytes(*id);
    let standard = CanId::standard((id & 0x7FF) as u16);
    // Half of the inputs are frames of the demo car.
    let known = DEMO
        .database()
        .messages()
        .get(id as usize % 32)
        .map(|message| message.id());
    for id in [standard, CanId::extended(id & 0x1FFF_FFFF), known]
        .into_iter()
        .flatten()
    {
        let Ok(frame) = CanFrame::new(id, payload) else {
            continue;
        };
        DEMO.refusal(&frame);
        for (entry, value) in DEMO.read(&frame) {
            if let Some(value) = value {
                assert!(entry.shows(&value, &value) || value.to_string() == "NaN");
            }
        }
        for (entry, value) in DEMO.requested(&frame) {
            // A request that an ECU understands is one that the gateway may have sent, or is
            // outside the gateway's own limits.
            let _ = entry.physical(&value);
        }
    }
});
