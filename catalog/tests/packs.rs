//! Intent packs: what is read from a good one, and what is said about bad ones.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use codriver_catalog::{
    ArgumentError, ArgumentKind, Catalog, Error, Language, Lookup, Operation, Route, Value, Zone,
};

fn good() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/configs")
}

/// The good pack with one piece of text replaced, loaded.
fn with(from: &str, to: &str) -> Result<Catalog, Error> {
    let folder = tempfile::tempdir().unwrap();
    for part in ["commands/lamp.toml", "languages/en.toml"] {
        let text = fs::read_to_string(good().join(part)).unwrap();
        let path = folder.path().join(part);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace(from, to)).unwrap();
    }
    Catalog::load(folder.path())
}

fn problem(from: &str, to: &str) -> String {
    with(from, to).unwrap_err().to_string()
}

#[test]
fn a_pack_says_everything_about_a_command() {
    let catalog = Catalog::load(&good()).unwrap();
    let command = catalog.command("lamp.set_brightness").unwrap();
    assert_eq!(command.phrases[&Language::English].len(), 2);
    assert_eq!(
        command.tests[0].arguments["zone"],
        Value::Zone(Zone::Driver)
    );
    assert_eq!(catalog.rejects[0].text, "the lamp is on");
    let Route::Vss(route) = &command.route else {
        panic!("not a VSS route: {:?}", command.route);
    };
    assert_eq!(route.operation, Operation::Set);
    assert_eq!(
        route
            .paths
            .of(&[("zone".to_owned(), Value::Zone(Zone::All))].into())
            .unwrap(),
        ["Lamp.Driver", "Lamp.Passenger"]
    );
}

#[test]
fn a_reading_is_told_as_it_is_unless_the_route_scales_it() {
    let set = "operation = \"set\"\nvalue = \"{brightness}\"";
    for (get, expected) in [
        ("operation = \"get\"", 1.0),
        ("operation = \"get\"\nscale = 0.001", 0.001),
    ] {
        let catalog = with(set, get).unwrap();
        let command = catalog.command("lamp.set_brightness").unwrap();
        let Route::Vss(route) = &command.route else {
            panic!("not a VSS route: {:?}", command.route);
        };
        assert_eq!(route.scale.to_bits(), f64::to_bits(expected));
    }
    let said = problem(set, "operation = \"get\"\nscale = 0");
    assert!(said.contains("other than zero"), "{said}");
}

#[test]
fn paths_may_go_by_a_choice_and_then_every_choice_has_some() {
    let of_lamp = "paths = \"lamp\"";
    let by_kind = |table: &str| {
        let route = format!("paths = {{ argument = \"kind\", table = {{ {table} }} }}");
        let arguments = "[command.arguments]\nkind = { kind = \"choice\", default = \"desk\", choices = { desk = { en = [\"desk\"] }, floor = { en = [\"floor\"] } } }";
        let folder = tempfile::tempdir().unwrap();
        for part in ["commands/lamp.toml", "languages/en.toml"] {
            let text = fs::read_to_string(good().join(part)).unwrap();
            let path = folder.path().join(part);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = text
                .replace("[command.arguments]", arguments)
                .replace(of_lamp, &route);
            fs::write(path, text).unwrap();
        }
        Catalog::load(folder.path())
    };
    let catalog =
        by_kind("desk = [\"Lamp.Desk\"], floor = [\"Lamp.Floor\", \"Lamp.Corner\"]").unwrap();
    let Route::Vss(route) = &catalog.command("lamp.set_brightness").unwrap().route else {
        panic!("not a VSS route");
    };
    let of = |kind: &str| {
        let arguments = [("kind".to_owned(), Value::Choice(kind.to_owned()))].into();
        route.paths.of(&arguments).map(<[String]>::to_vec)
    };
    assert_eq!(of("desk").unwrap(), ["Lamp.Desk"]);
    assert_eq!(of("floor").unwrap(), ["Lamp.Floor", "Lamp.Corner"]);
    assert_eq!(of("ceiling"), None);
    assert_eq!(route.paths.of(&BTreeMap::new()), None);
    assert_eq!(route.paths.all().len(), 3);

    for (table, problem) in [
        ("desk = [\"Lamp.Desk\"]", "differ in \"floor\""),
        (
            "desk = [\"Lamp.Desk\"], floor = []",
            "\"floor\" of \"kind\" has no paths",
        ),
    ] {
        let said = by_kind(table).unwrap_err().to_string();
        assert!(said.contains(problem), "{said}");
    }
    let said = problem(
        of_lamp,
        "paths = { argument = \"zone\", table = { all = [\"A\"] } }",
    );
    assert!(said.contains("no choice argument"), "{said}");
}

#[test]
fn the_folder_of_packs_may_be_named_directly() {
    let catalog = Catalog::load(&good().join("commands")).unwrap();
    assert_eq!(catalog.commands.len(), 1);
}

#[test]
fn defaults_are_filled_in_and_nothing_is_bent_to_fit() {
    let catalog = Catalog::load(&good()).unwrap();
    let command = catalog.command("lamp.set_brightness").unwrap();
    let with = |brightness: Value| {
        command.complete(BTreeMap::from([("brightness".to_owned(), brightness)]))
    };
    let complete = with(Value::Number(40.0)).unwrap();
    assert_eq!(
        complete.to_string(),
        "lamp.set_brightness(brightness=40, zone=all)"
    );
    assert!(matches!(
        with(Value::Number(101.0)),
        Err(ArgumentError::OutOfRange { .. })
    ));
    assert!(matches!(
        with(Value::Number(f64::NAN)),
        Err(ArgumentError::OutOfRange { .. })
    ));
    assert!(matches!(
        with(Value::Number(42.0)),
        Err(ArgumentError::OffStep { .. })
    ));
    assert!(matches!(
        with(Value::Flag(true)),
        Err(ArgumentError::WrongKind { .. })
    ));
    assert!(matches!(
        command.complete(BTreeMap::new()),
        Err(ArgumentError::Missing { .. })
    ));
}

#[test]
fn every_mistake_is_told_with_file_line_and_remedy() {
    for (from, to, parts) in [
        (
            "value = \"{brightness}\"\n",
            "",
            &["lamp.toml:19", "need a value"][..],
        ),
        (
            "kind = \"number\", unit = \"percent\"",
            "kind = \"number\"",
            &["lamp.toml:9", "unit = \"percent\""],
        ),
        (
            "set [{zone}] lamp",
            "set [{zoen}] lamp",
            &["lamp.toml:17", "\"zoen\"", "declare it"],
        ),
        (
            "set [{zone}] lamp",
            "set [{zone} lamp",
            &["lamp.toml:17", "not closed"],
        ),
        (
            "operation = \"set\"",
            "operation = \"sett\"",
            &["lamp.toml:20", "sett"],
        ),
        (
            "brightness = 40",
            "brightness = 42",
            &["lamp.toml:29", "multiple of 5"],
        ),
        (
            "name = \"lamp.set_brightness\"",
            "name = \"Lamp\"",
            &["lamp.toml:9", "domain.verb"],
        ),
        (
            "{brightness} percent.",
            "{lightness} percent.",
            &["lamp.toml:25", "\"lightness\""],
        ),
        (
            "[command.route.vss]",
            "[command.route.can]",
            &["lamp.toml:", "can"],
        ),
        (
            "driver = [\"Lamp.Driver\"], ",
            "",
            &["\"driver\"", "no paths"],
        ),
        ("paths = \"lamp\"", "paths = \"lmap\"", &["[paths.lmap]"]),
        (
            "paths = \"lamp\"",
            "paths = \"lamp\"\nscale = 2",
            &["lamp.toml:", "scale of a route is for get"],
        ),
        ("step = 5", "step = 0", &["step > 0"]),
        ("fillers = [\"please\"]", "fillers = please", &["en.toml:2"]),
        (
            "language = \"en\"\nfillers",
            "language = \"xx\"\nfillers",
            &["en.toml:1", "xx"],
        ),
    ] {
        let said = problem(from, to);
        for part in parts {
            assert!(
                said.contains(part),
                "{from} -> {to}\nsaid: {said}\nlacks: {part}"
            );
        }
    }
}

const TELEPHONE: &str = r#"
[pack]
name = "telephone"
version = "1.0.0"

[[command]]
name = "telephone.hold"
summary = "Puts the call with somebody on hold"
arguments.contact = { kind = "text", form = "name", lookup = "contacts" }
phrases.en = ["hold the call with {contact}"]
replies.en = { done = "On hold." }
tests = [{ language = "en", text = "hold the call with anna", arguments = { contact = "anna" } }]

[command.route.dbus]
bus = "system"
service = "org.example"
path = "/*"
where = { State = ["active", "held"] }
interface = "org.example.Call"
member = "Hold"
arguments = [{ type = "s", value = "{contact}" }]
"#;

fn telephone(from: &str, to: &str) -> Result<Catalog, Error> {
    let folder = tempfile::tempdir().unwrap();
    for part in ["commands", "languages"] {
        fs::create_dir(folder.path().join(part)).unwrap();
    }
    fs::copy(
        good().join("languages/en.toml"),
        folder.path().join("languages/en.toml"),
    )
    .unwrap();
    let pack = folder.path().join("commands/telephone.toml");
    fs::write(pack, TELEPHONE.replace(from, to)).unwrap();
    Catalog::load(folder.path())
}

#[test]
fn a_name_says_where_it_is_looked_up_and_a_route_which_object_it_means() {
    let catalog = telephone("", "").unwrap();
    let command = catalog.command("telephone.hold").unwrap();
    let ArgumentKind::Text { lookup, .. } = command.arguments[0].kind else {
        panic!("{:?}", command.arguments);
    };
    assert_eq!(lookup, Some(Lookup::Contacts));
    let Route::Dbus(route) = &command.route else {
        panic!("{:?}", command.route);
    };
    let filter = route.filter.as_ref().unwrap();
    assert_eq!(filter.property, "State");
    let texts = ["active", "held"].map(|text| Value::Text(text.to_owned()));
    assert_eq!(filter.values, texts);
}

#[test]
fn a_lookup_or_a_filter_that_can_do_nothing_is_refused() {
    for (from, to, part) in [
        ("\"contacts\"", "\"contact\"", "contact"),
        (
            "form = \"name\"",
            "form = \"telephone_number\"",
            "looked up nowhere",
        ),
        ("path = \"/*\"", "path = \"/call\"", "\"/*\""),
        ("[\"active\", \"held\"]", "[]", "no value of State"),
        (
            "{ State = [\"active\", \"held\"] }",
            "{ A = 1, B = 2 }",
            "exactly one",
        ),
    ] {
        let said = telephone(from, to).unwrap_err().to_string();
        assert!(said.contains(part), "{from} -> {to}\nsaid: {said}");
        assert!(said.contains("telephone.toml"), "{said}");
    }
}

#[test]
fn two_commands_of_one_name_are_refused_and_both_places_named() {
    let folder = tempfile::tempdir().unwrap();
    let commands = folder.path().join("commands");
    fs::create_dir_all(&commands).unwrap();
    fs::create_dir_all(folder.path().join("languages")).unwrap();
    fs::copy(
        good().join("languages/en.toml"),
        folder.path().join("languages/en.toml"),
    )
    .unwrap();
    for name in ["a.toml", "b.toml"] {
        fs::copy(good().join("commands/lamp.toml"), commands.join(name)).unwrap();
    }
    let said = Catalog::load(folder.path()).unwrap_err().to_string();
    assert!(
        said.contains("b.toml:9") && said.contains("a.toml:9"),
        "{said}"
    );
}

#[test]
fn all_wrong_files_are_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let commands = folder.path().join("commands");
    fs::create_dir_all(&commands).unwrap();
    fs::create_dir_all(folder.path().join("languages")).unwrap();
    fs::write(commands.join("a.toml"), "pack = 1").unwrap();
    fs::write(commands.join("b.toml"), [0xff, 0xfe]).unwrap();
    let error = Catalog::load(folder.path()).unwrap_err();
    assert_eq!(error.each().len(), 2, "{error}");
}
