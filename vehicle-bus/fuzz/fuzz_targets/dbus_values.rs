//! Any D-Bus value from a caller: a variant for Set, a dictionary for SetWith. What becomes a
//! value is refused, or makes a frame that asks for exactly that.
#![no_main]

use std::{path::Path, sync::LazyLock};

use codriver_vehicle_bus::{
    Value,
    dbc::Database,
    description::Description,
    service::{Options, context, from_variant},
};
use libfuzzer_sys::fuzz_target;
use zbus::wire::{
    LE, Variant,
    serialized::{Context, Data},
};

static DEMO: LazyLock<Description> = LazyLock::new(|| {
    let database = include_str!("../../../configs/vehicles/demo/demo.dbc");
    let database = Database::parse(Path::new("demo.dbc"), database).expect("the demo DBC is well");
    let text = include_str!("../../../configs/vehicles/demo/vehicle.toml");
    Description::parse(Path::new("vehicle.toml"), text, database).expect("the demo car is well")
});

fuzz_target!(|bytes: &[u8]| {
    let data = Data::new(bytes, Context::new(LE, 0));
    if let Ok((options, _)) = data.deserialize::<Options>() {
        let _ = context(&options);
    }
    let Ok((variant, _)) = data.deserialize::<Variant<'_>>() else {
        return;
    };
    let Some(value) = from_variant(&variant) else {
        return;
    };
    for entry in DEMO.entries() {
        let (Some(actuator), Ok(physical)) = (&entry.actuator, entry.physical(&value)) else {
            continue;
        };
        let frame = actuator.frame(physical).expect("what is allowed fits");
        let requested = DEMO.requested(&frame);
        let [(other, asked)] = requested.as_slice() else {
            panic!(
                "{value} of {} asks for {} things",
                entry.path,
                requested.len()
            );
        };
        assert_eq!(other.path, entry.path);
        assert!(same(asked, &value), "{value} became {asked}");
    }
});

/// Numbers up to the rounding of the step that was already checked.
fn same(asked: &Value, value: &Value) -> bool {
    match (asked, value) {
        (Value::Number(asked), Value::Number(value)) => (asked - value).abs() < 1e-3,
        (Value::Text(asked), Value::Text(value)) => asked.eq_ignore_ascii_case(value),
        _ => asked == value,
    }
}
