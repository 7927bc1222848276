use super::*;
use crate::configs_directory;

fn parked(now: Instant) -> Car {
    parked_of("demo", now)
}

fn parked_of(vehicle: &str, now: Instant) -> Car {
    let vehicle = configs_directory().join("vehicles").join(vehicle);
    Car::load(&vehicle, Faults::default(), now).unwrap()
}

fn request(car: &Car, path: &str, physical: f64) -> CanFrame {
    let entry = car.description.entry(path).unwrap();
    entry.actuator.as_ref().unwrap().frame(physical).unwrap()
}

/// Lets `span` pass and returns what the car reported for `path`, in order, without repeats.
fn reported(car: &mut Car, path: &str, from: Instant, span: Duration) -> Vec<Value> {
    let mut now = from;
    let mut seen = Vec::new();
    while let Some(due) = car.next_due().filter(|due| *due <= from + span) {
        now = now.max(due);
        for frame in car.advance(now) {
            for (entry, value) in car.description.read(&frame) {
                if entry.path == path && value.is_some() && seen.last() != value.as_ref() {
                    seen.extend(value);
                }
            }
        }
    }
    seen
}

const AIR_CONDITIONING: &str = "Vehicle.Cabin.HVAC.IsAirConditioningActive";
const WINDOW: &str = "Vehicle.Cabin.Door.Row1.DriverSide.Window.Position";

#[test]
fn a_request_changes_the_status_after_a_moment_and_not_before() {
    let start = Instant::now();
    let mut car = parked(start);
    car.advance(start);
    car.receive(&request(&car, AIR_CONDITIONING, 1.0), start);
    assert_eq!(
        reported(&mut car, AIR_CONDITIONING, start, Duration::from_millis(29)),
        []
    );
    let seen = reported(&mut car, AIR_CONDITIONING, start, Duration::from_millis(90));
    assert_eq!(seen, [Value::Flag(true)]);
}

#[test]
fn a_window_travels_and_is_reported_on_its_way() {
    let start = Instant::now();
    let mut car = parked(start);
    car.advance(start);
    car.receive(&request(&car, WINDOW, 100.0), start);
    let seen = reported(&mut car, WINDOW, start, Duration::from_secs(5));
    assert!(seen.len() > 20, "{seen:?}");
    assert_eq!(seen.last(), Some(&Value::Number(100.0)));
}

#[test]
fn a_newer_request_turns_a_moving_window_round() {
    let start = Instant::now();
    let mut car = parked(start);
    car.receive(&request(&car, WINDOW, 100.0), start);
    reported(&mut car, WINDOW, start, Duration::from_secs(1));
    let later = start + Duration::from_secs(1);
    car.receive(&request(&car, WINDOW, 0.0), later);
    let seen = reported(&mut car, WINDOW, later, Duration::from_secs(5));
    assert_eq!(seen.last(), Some(&Value::Number(0.0)));
    assert!(!seen.contains(&Value::Number(100.0)), "{seen:?}");
}

#[test]
fn a_refused_request_is_answered_by_a_refusal_and_changes_nothing() {
    let start = Instant::now();
    let mut car = parked(start);
    car.advance(start);
    car.obey(Order::Refuse(AIR_CONDITIONING.into()), start)
        .unwrap();
    car.receive(&request(&car, AIR_CONDITIONING, 1.0), start);
    let frames = car.advance(start + Duration::from_millis(90));
    assert!(
        frames
            .iter()
            .any(|frame| car.description.refusal(frame).is_some())
    );
    let seen = reported(&mut car, AIR_CONDITIONING, start, Duration::from_secs(1));
    assert!(!seen.contains(&Value::Flag(true)), "{seen:?}");
}

#[test]
fn a_silent_message_stays_away_until_it_resumes() {
    let start = Instant::now();
    let mut car = parked(start);
    car.obey(Order::Silent("ClimateModeStatus".into()), start)
        .unwrap();
    let second = Duration::from_secs(1);
    assert_eq!(reported(&mut car, AIR_CONDITIONING, start, second), []);
    car.obey(Order::Resume("ClimateModeStatus".into()), start)
        .unwrap();
    let seen = reported(&mut car, AIR_CONDITIONING, start + second, second);
    assert_eq!(seen, [Value::Flag(false)]);
}

#[test]
fn orders_for_what_the_car_does_not_have_say_so() {
    let start = Instant::now();
    let mut car = parked(start);
    let unknown = car.obey(Order::Set("Vehicle.Wings".into(), Value::Flag(true)), start);
    assert!(unknown.unwrap_err().contains("Vehicle.Wings"));
    assert!(car.obey(Order::Silent("Nothing".into()), start).is_err());
    assert!(
        car.obey(Order::Refuse("Vehicle.Speed".into()), start)
            .is_err()
    );
}

#[test]
fn a_washer_stops_by_itself() {
    const WASHER: &str = "Vehicle.Body.Windshield.Front.Washing.IsActive";
    let start = Instant::now();
    let mut car = parked(start);
    car.advance(start);
    car.receive(&request(&car, WASHER, 1.0), start);
    let seen = reported(&mut car, WASHER, start, Duration::from_secs(2));
    assert_eq!(seen.last(), Some(&Value::Flag(true)), "{seen:?}");
    let later = start + Duration::from_secs(2);
    let seen = reported(&mut car, WASHER, later, Duration::from_secs(2));
    assert_eq!(seen.last(), Some(&Value::Flag(false)), "{seen:?}");
}

#[test]
fn the_can_fd_car_protects_what_it_reports_page_by_page() {
    let start = Instant::now();
    let mut car = parked_of("demo-fd", start);
    let mut receivers: BTreeMap<CanId, Receiver> = car
        .description
        .protections()
        .map(|each| (each.message().id(), each.receiver()))
        .collect();
    let mut heard: BTreeMap<String, usize> = BTreeMap::new();
    let mut now = start;
    while now < start + Duration::from_secs(2) {
        for frame in car.advance(now) {
            let accepted = receivers
                .get_mut(&frame.id())
                .is_none_or(|receiver| receiver.check(frame.payload(), now) == Verdict::Accepted);
            for (entry, value) in car.description.read(&frame) {
                if accepted && value.is_some() {
                    *heard.entry(entry.path.clone()).or_default() += 1;
                }
            }
        }
        now = car.next_due().unwrap();
    }
    for entry in car.description.entries() {
        assert!(
            heard.get(&entry.path).is_some_and(|times| *times > 4),
            "{}",
            entry.path
        );
    }
}

#[test]
fn an_unprotected_request_for_a_protected_path_is_not_taken() {
    let start = Instant::now();
    let mut car = parked_of("demo-fd", start);
    car.advance(start);
    for _ in 0..5 {
        car.receive(&request(&car, AIR_CONDITIONING, 1.0), start);
    }
    let seen = reported(&mut car, AIR_CONDITIONING, start, Duration::from_secs(1));
    assert_eq!(seen, [Value::Flag(false)]);
    let id = request(&car, AIR_CONDITIONING, 1.0).id();
    let protection = car.description.protection(id).unwrap();
    let mut sender = protection.sender();
    let mut now = start + Duration::from_secs(1);
    for _ in 0..3 {
        let mut payload = request(&car, AIR_CONDITIONING, 1.0).payload().to_vec();
        sender.protect(&mut payload);
        car.receive(&CanFrame::fd(id, &payload).unwrap(), now);
        now += Duration::from_millis(50);
    }
    let seen = reported(&mut car, AIR_CONDITIONING, now, Duration::from_secs(1));
    assert_eq!(seen.last(), Some(&Value::Flag(true)));
}

#[test]
fn a_repeated_request_does_not_start_a_window_anew() {
    let start = Instant::now();
    let mut car = parked(start);
    car.advance(start);
    let mut now = start;
    for _ in 0..200 {
        car.receive(&request(&car, WINDOW, 100.0), now);
        now += Duration::from_millis(20);
        car.advance(now);
    }
    let seen = reported(&mut car, WINDOW, now, Duration::from_millis(200));
    assert_eq!(seen, [Value::Number(100.0)], "open after four seconds");
}
