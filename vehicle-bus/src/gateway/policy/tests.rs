use std::path::Path;

use super::*;

const TRUNK: &str = "Vehicle.Body.Trunk.Rear.IsOpen";
const GEAR: &str = "Vehicle.Powertrain.Transmission.CurrentGear";

/// A standing car in neutral.
fn guard() -> Guard {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/vehicles/demo");
    let description = Arc::new(Description::load(&demo).unwrap());
    let state = Arc::new(State::new(&description));
    let now = Instant::now();
    state.report("Vehicle.Speed", Some(Value::Number(0.0)), now);
    state.report(GEAR, Some(Value::Number(0.0)), now);
    Guard::new(description, state)
}

fn open() -> Asked<'static> {
    Asked {
        path: TRUNK,
        value: &Value::Flag(true),
        context: Context::default(),
    }
}

fn reason(result: Result<(), Outcome>) -> Option<Reason> {
    result.err().and_then(|outcome| outcome.reason().cloned())
}

#[tokio::test]
async fn an_unknown_gear_counts_as_engaged() {
    let guard = guard();
    assert_eq!(guard.leave(open()), Ok(()));
    guard.state.report(GEAR, None, Instant::now());
    assert_eq!(reason(guard.leave(open())), Some(Reason::GearInterlock));
}

#[tokio::test]
async fn rolling_backwards_is_moving_and_so_is_a_speed_that_is_no_number() {
    let guard = guard();
    for speed in [-8.0, f64::NAN] {
        let speed = Some(Value::Number(speed));
        guard.state.report("Vehicle.Speed", speed, Instant::now());
        assert_eq!(reason(guard.leave(open())), Some(Reason::SpeedInterlock));
    }
}

#[tokio::test]
async fn requests_count_while_they_are_recent_and_only_those_let_in() {
    let guard = guard();
    let start = Instant::now();
    for second in 0..10 {
        assert_eq!(
            guard.admit(open(), start + Duration::from_secs(second)),
            Ok(())
        );
    }
    let soon = guard.admit(open(), start + Duration::from_secs(29));
    assert_eq!(reason(soon), Some(Reason::RateLimited));
    assert_eq!(guard.admit(open(), start + Duration::from_secs(30)), Ok(()));
    assert_eq!(guard.leave(open()), Ok(()), "only admission counts");
}

#[tokio::test]
async fn what_is_under_way_counts_until_it_is_settled() {
    let (fog, beam) = (
        "Vehicle.Body.Lights.Fog.Front.IsOn",
        "Vehicle.Body.Lights.Beam.High.IsOn",
    );
    let guard = guard();
    let now = Instant::now();
    guard.state.report(fog, Some(Value::Flag(false)), now);
    guard.state.report(beam, Some(Value::Flag(false)), now);
    let on = |path| Asked { path, ..open() };
    assert_eq!(guard.leave(on(fog)), Ok(()));
    assert_eq!(reason(guard.admit(on(beam), now)), Some(Reason::Conflict));
    guard.settled(fog);
    assert_eq!(guard.admit(on(beam), now), Ok(()));
}
