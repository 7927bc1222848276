use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/vehicles/demo")
}

fn demo_fd() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/vehicles/demo-fd")
}

/// The demo vehicle with one text replaced in vehicle.toml, and the error that follows.
fn error_after(from: &str, to: &str) -> String {
    error_in(&demo(), from, to)
}

fn error_in(vehicle: &Path, from: &str, to: &str) -> String {
    let directory = TempDir::new().unwrap();
    for file in vehicle.read_dir().unwrap() {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap();
        fs::copy(&file, directory.path().join(name)).unwrap();
    }
    let text = fs::read_to_string(vehicle.join("vehicle.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(
        directory.path().join("vehicle.toml"),
        text.replacen(from, to, 1),
    )
    .unwrap();
    let error = Description::load(directory.path()).unwrap_err().to_string();
    assert!(error.contains("vehicle.toml:"), "{error}");
    error
}

#[test]
fn the_demo_vehicle_loads() {
    let vehicle = Description::load(&demo()).unwrap();
    assert_eq!(vehicle.name(), "demo");
    assert!(vehicle.entries().count() > 45);
    assert_eq!(vehicle.speed_path(), "Vehicle.Speed");
}

#[test]
fn every_actuators_request_comes_back_as_asked_when_an_ecu_reads_it() {
    for vehicle in [demo(), demo_fd()] {
        let vehicle = Description::load(&vehicle).unwrap();
        each_request_comes_back(&vehicle);
    }
}

fn each_request_comes_back(vehicle: &Description) {
    for entry in vehicle.entries() {
        let Some(actuator) = &entry.actuator else {
            continue;
        };
        let values = match &entry.kind {
            Kind::Boolean => vec![Value::Flag(false), Value::Flag(true)],
            Kind::Number { min, max, step } => [*min, min + step, *max].map(Value::Number).to_vec(),
            Kind::Choice(words) => words.keys().cloned().map(Value::Text).collect(),
            Kind::Color => vec![Value::Text("#12ABEF".into())],
        };
        let momentary = actuator.transmission.momentary.is_some();
        // The start value of a momentary request asks for nothing.
        for value in values
            .into_iter()
            .filter(|value| !momentary || *value != Value::Flag(false))
        {
            let frame = actuator.frame(entry.physical(&value).unwrap()).unwrap();
            let kept = |entry: &&Entry| {
                let actuator = entry.actuator.as_ref().unwrap();
                actuator.transmission.idle.is_none()
            };
            let requested: Vec<_> = vehicle
                .requested(&frame)
                .into_iter()
                // Beside the one asked for: signals of the same message without an idle value.
                .filter(|(other, _)| other.path == entry.path || !kept(other))
                .map(|(entry, value)| (entry.path.clone(), value))
                .collect();
            assert_eq!(requested, [(entry.path.clone(), value)], "{frame}");
        }
    }
}

#[test]
fn every_ecu_can_refuse_every_request() {
    for vehicle in [demo(), demo_fd()] {
        each_can_be_refused(&Description::load(&vehicle).unwrap());
    }
}

fn each_can_be_refused(vehicle: &Description) {
    for entry in vehicle.entries().filter(|entry| entry.actuator.is_some()) {
        let request = &entry.actuator.as_ref().unwrap().request;
        let frame = vehicle.refuse(entry, 1.0).expect(&entry.path);
        let refusal = vehicle.refusal(&frame).unwrap();
        assert_eq!(refusal.request_id, request.message.id().raw());
        assert_eq!(refusal.start_bit, request.signal.start_bit());
        assert_eq!(refusal.reason, "Blocked");
    }
}

#[test]
fn an_unknown_signal_is_an_error_that_names_line_path_and_field() {
    let error = error_after("WindowRequest.ChildLock", "WindowRequest.ChildLok");
    assert!(
        error.contains("Vehicle.Cabin.IsWindowChildLockEngaged: request: ")
            && error.ends_with("message WindowRequest has no signal ChildLok"),
        "{error}"
    );
}

#[test]
fn limits_wider_than_the_signals_are_an_error() {
    let error = error_after("max = 30", "max = 31");
    assert!(
        error.contains("Temperature: min 16 to max 31 is wider than 16 to 30 of"),
        "{error}"
    );
}

#[test]
fn a_path_listed_twice_is_an_error() {
    let error = error_after("Vehicle.Exterior.AirTemperature", "Vehicle.Speed");
    assert!(
        error.contains("path Vehicle.Speed is listed twice"),
        "{error}"
    );
}

#[test]
fn a_word_without_a_value_in_the_dbc_is_an_error() {
    let error = error_after("RAIN_SENSOR = \"Rain sensor\"", "RAIN_SENSOR = \"Drizzle\"");
    assert!(
        error.contains("values: RAIN_SENSOR = \"Drizzle\", but WiperMirrorRequest.FrontWiperMode has no such value"),
        "{error}"
    );
}

#[test]
fn malformed_toml_and_unknown_fields_are_errors_with_a_line() {
    assert!(error_after("[vehicle]", "[vehicle").contains("vehicle.toml:8: "));
    let error = error_after("step = 0.5", "stepp = 0.5");
    assert!(error.contains("unknown field `stepp`"), "{error}");
}

#[test]
fn a_speed_that_is_not_listed_is_an_error() {
    let error = error_after("speed = \"Vehicle.Speed\"", "speed = \"Vehicle.Sped\"");
    assert!(
        error.contains("speed = \"Vehicle.Sped\" must be"),
        "{error}"
    );
}

#[test]
fn a_value_off_its_limits_step_or_words_is_refused() {
    let vehicle = Description::load(&demo()).unwrap();
    let temperature = vehicle
        .entry("Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature")
        .unwrap();
    for number in [15.5, 30.5, 22.3, f64::NAN, f64::NEG_INFINITY] {
        let result = temperature.physical(&Value::Number(number));
        assert!(matches!(result, Err(ValueError::Range(_))), "{number}");
    }
    assert_eq!(temperature.physical(&Value::Number(22.5)), Ok(22.5));
    assert!(matches!(
        temperature.physical(&Value::Flag(true)),
        Err(ValueError::Type(_))
    ));
    let color = vehicle
        .entry("Vehicle.Cabin.Light.AmbientLight.Row1.DriverSide.Color")
        .unwrap();
    for text in ["red", "#12345", "#12345G", "#+12345", ""] {
        assert!(color.physical(&Value::Text(text.into())).is_err(), "{text}");
    }
}

#[test]
fn mistakes_in_rules_name_line_rule_and_field() {
    for (from, to, expected) in [
        (
            "paths = [\"Vehicle.Body.Trunk.Rear.IsOpen\"]",
            "paths = [\"Vehicle.Body.Trunk.*.*.IsOpen\"]",
            "rule \"trunk only in park or neutral\": paths: \"Vehicle.Body.Trunk.*.*.IsOpen\" is no actuator",
        ),
        (
            "refuse = \"gear_interlock\"",
            "refuse = \"gears\"",
            "rule \"trunk only in park or neutral\": refuse: \"gears\" is none of speed_interlock, ",
        ),
        (
            "refuse = \"gear_interlock\"",
            "refuse = \"gear_interlock\"\nconfirm = true",
            "needs either refuse = \"REASON\" or confirm = true",
        ),
        (
            "wants = { is = [true] }",
            "wants = { is = [2] }",
            "wants: Vehicle.Body.Trunk.Rear.IsOpen cannot be 2",
        ),
        (
            "wants = { is = [true] }",
            "wants = { above = 0 }",
            "wants: above and below are for numbers, and Vehicle.Body.Trunk.Rear.IsOpen is a boolean",
        ),
        (
            "is_not = [0]",
            "is_not = [9]",
            "when: Vehicle.Powertrain.Transmission.CurrentGear cannot be 9",
        ),
        (
            "{ path = \"Vehicle.Powertrain.Transmission.CurrentGear\", is_not = [0] }",
            "{ speed_above = 3, speaker = [\"rear\"] }",
            "when: a condition is one of",
        ),
        (
            "speaker = [\"rear\"]",
            "speaker = [\"roof\"]",
            "when: speaker: unknown zone \"roof\"",
        ),
        (
            "requests = 10, within_s = 30",
            "requests = 0, within_s = 30",
            "rule \"motors rest\": when: requests may be 1 to 1000",
        ),
        (
            "requests = 10, within_s = 30",
            "requests = 10, within_s = inf",
            "rule \"motors rest\": when: requests may be 1 to 1000",
        ),
        (
            "name = \"motors rest\"",
            "name = \"lights do not flicker\"",
            "there are two of this name",
        ),
        (
            "says = { en = \"The trunk only",
            "says = { zh = \"The trunk only",
            "duplicate key",
        ),
        (
            "interlock = { above_kmh = 3, refuses = [true] }",
            "interlock = { above_kmh = 3, refuses = [7] }",
            "Vehicle.Body.Trunk.Rear.IsOpen: interlock: refuses 7, which it cannot be",
        ),
        (
            "interlock = { above_kmh = 3, refuses = [true] }",
            "interlock = { above_kmh = -3 }",
            "interlock: above_kmh = -3 is no speed",
        ),
        (
            "comfort = [",
            "comfort = [\n    \"Vehicle.Body.Trunk.**\",",
            "classes: access: Vehicle.Body.Trunk.Rear.IsOpen is in comfort as well",
        ),
        (
            "driving = [\n    \"Vehicle.Body.Lights.**\"",
            "driving = [\n    \"Vehicle.Body.Lihgts.**\"",
            "classes: driving: \"Vehicle.Body.Lihgts.**\" is no actuator",
        ),
    ] {
        let error = error_after(from, to);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_mistake_in_a_condition_is_found_on_its_own_line() {
    let text = fs::read_to_string(demo().join("vehicle.toml")).unwrap();
    let line = 1 + text
        .lines()
        .position(|line| line.contains("is_not = [0]"))
        .unwrap();
    let error = error_after("is_not = [0]", "is_not = [9]");
    assert!(
        error.contains(&format!("vehicle.toml:{line}: rule ")),
        "{error}"
    );
}

#[test]
fn a_rule_without_an_english_sentence_is_an_error() {
    let error = error_after("en = \"The trunk only opens in park or neutral.\", ", "");
    assert!(
        error.contains("rule \"trunk only in park or neutral\": says: needs an English sentence"),
        "{error}"
    );
}

#[test]
fn a_path_in_no_class_needs_the_permission_for_driving() {
    let vehicle = Description::load(&demo()).unwrap();
    let class = |path| vehicle.policy().class(path);
    assert_eq!(class("Vehicle.Body.Trunk.Rear.IsOpen"), Class::Access);
    assert_eq!(class("Vehicle.Cabin.Light.IsDomeOn"), Class::Comfort);
    assert_eq!(class("Vehicle.Not.Listed"), Class::Driving);
}

#[test]
fn a_protection_that_does_not_fit_is_an_error_with_its_line() {
    for (from, to, expected) in [
        (
            "profile = \"5\"",
            "profile = \"3\"",
            "end_to_end: ClimateRequest: profile \"3\" is none of 1A",
        ),
        (
            "profile = \"1A\"",
            "profile = \"5\"",
            "Checksum must be an unsigned signal of 16 bits in byte 0",
        ),
        (
            "message = \"WindowStatus\"\nprofile",
            "message = \"WindowState\"\nprofile",
            "has no message WindowState",
        ),
        (
            "message = \"WindowStatus\"\nprofile",
            "message = \"WindowRequest\"\nprofile",
            "end_to_end: WindowRequest: is listed twice",
        ),
        (
            "data_ids = [0x21, ",
            "data_ids = [",
            "data_ids has 15 numbers, not 16",
        ),
        ("data_id = 0x0101\n", "", "give either data_id or data_ids"),
        (
            "crc = \"Checksum\"\n",
            "crc = \"Checksum\"\nwindow = 0\n",
            "window 1 to 100",
        ),
    ] {
        let error = error_in(&demo_fd(), from, to);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_momentary_request_needs_a_start_value_and_is_not_repeated() {
    let error = error_in(
        &demo_fd(),
        "momentary_ms = 1200",
        "momentary_ms = 1200\nretries = 1",
    );
    assert!(error.contains("never made twice"), "{error}");
    let error = error_in(&demo_fd(), "momentary_ms = 1200", "momentary_ms = 0");
    assert!(error.contains("momentary_ms must be 1 to 10000"), "{error}");
    let error = error_after("type = \"color\"", "type = \"color\"\nmomentary_ms = 100");
    assert!(error.contains("AmbientLightRequest.Color"), "{error}");
    let error = error_after(
        "status = \"VehicleMotion.Speed\"",
        "status = \"VehicleMotion.Speed\"\nretries = 1",
    );
    assert!(error.contains("are for actuators"), "{error}");
}

#[test]
fn what_a_car_lacks_cannot_be_listed_too_and_is_named_to_who_asks() {
    let vehicle = Description::load(&demo_fd()).unwrap();
    let path = "Vehicle.Cabin.Sunroof.Shade.Position";
    let (english, mandarin) = (Language::English, Language::Mandarin);
    assert_eq!(vehicle.lacks(path, english), Some("sunroof"));
    let said = |language| vehicle.missing(path, language).message().to_owned();
    assert_eq!(said(english), "This car has no sunroof.");
    assert_eq!(said(mandarin), "这辆车没有天窗。");
    let other = "Vehicle.Cabin.SunroofOther";
    assert_eq!(vehicle.lacks(other, english), None);
    let outcome = vehicle.missing(other, english);
    assert_eq!(outcome.reason(), Some(&Reason::UnknownPath));
    let error = error_in(&demo_fd(), "{ en = \"sunroof\", ", "{ ");
    assert!(error.contains("needs its English name"), "{error}");
    let error = error_in(
        &demo_fd(),
        "\"Vehicle.Cabin.Sunroof\" =",
        "\"Vehicle.Cabin.HVAC\" =",
    );
    assert!(error.contains("lacks Vehicle.Cabin.HVAC, but"), "{error}");
}

#[test]
fn the_pages_of_a_status_are_believed_for_all_their_turns() {
    let vehicle = Description::load(&demo_fd()).unwrap();
    let stale_after = |path: &str| vehicle.entry(path).unwrap().stale_after.as_millis();
    // Four windows, 40 ms a frame, five of which may be missed.
    assert_eq!(
        stale_after("Vehicle.Cabin.Door.Row1.DriverSide.Window.Position"),
        800
    );
    assert_eq!(stale_after("Vehicle.Speed"), 100);
}
