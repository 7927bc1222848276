//! Reads the feature file into scenarios: one line, one step.

use codriver_catalog::Zone;
use codriver_vehicle_bus::Value;

pub struct Scenario {
    pub name: String,
    pub given: Vec<Given>,
    pub steps: Vec<Step>,
}

/// A path and what the car reports of it; None: nothing.
pub struct Given {
    pub path: String,
    pub value: Option<Value>,
}

pub struct Step {
    /// File and line.
    pub line: String,
    pub speaker: Option<Zone>,
    pub path: String,
    pub value: Value,
    pub confirmed: bool,
    pub times: usize,
    pub then: Then,
}

pub enum Then {
    Sent,
    Refused { reason: String, sentence: String },
}

/// A line that is no step is a panic that names it.
pub fn scenarios(file: &str, text: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut asked = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("Feature: ") {
            continue;
        }
        if let Some(name) = line.strip_prefix("Scenario: ") {
            scenarios.push(Scenario {
                name: name.to_owned(),
                given: Vec::new(),
                steps: Vec::new(),
            });
            continue;
        }
        let wrong = &format!("{file}:{number}: what is \"{line}\"?");
        let scenario = scenarios.last_mut().expect(wrong);
        if let Some(given) = line.strip_prefix("Given ") {
            scenario
                .given
                .extend(given.split(" and ").map(|each| state(each).expect(wrong)));
        } else if let Some(when) = line.strip_prefix("When ") {
            assert!(asked.is_none(), "{file}:{number}: Then is missing");
            asked = Some(ask(format!("{file}:{number}"), when).expect(wrong));
        } else if let Some(then) = line.strip_prefix("Then ") {
            let then = outcome(then).expect(wrong);
            let step = asked.take().expect(wrong);
            scenario.steps.push(Step { then, ..step });
        } else {
            panic!("{wrong}")
        }
    }
    assert!(asked.is_none(), "the last When has no Then");
    scenarios
}

fn state(text: &str) -> Option<Given> {
    let (what, value) = text.split_once(" is ")?;
    let path = match what {
        "speed" => "Vehicle.Speed",
        "gear" => "Vehicle.Powertrain.Transmission.CurrentGear",
        path => path,
    };
    Some(Given {
        path: path.to_owned(),
        value: (value != "unknown").then(|| read(value)),
    })
}

fn ask(line: String, text: &str) -> Option<Step> {
    let (who, what) = text.split_once(" asks ")?;
    let (path, value) = what.split_once(" = ")?;
    let (value, confirmed) = match value.strip_suffix(" and confirms") {
        Some(value) => (value, true),
        None => (value, false),
    };
    let (value, times) = match value.strip_suffix(" times").and_then(|v| v.split_once(' ')) {
        Some((value, times)) => (value, times.parse().ok()?),
        None => (value, 1),
    };
    Some(Step {
        line,
        speaker: match who {
            "somebody" => None,
            seat => Some(seat.parse().ok()?),
        },
        path: path.to_owned(),
        value: read(value),
        confirmed,
        times,
        then: Then::Sent,
    })
}

fn outcome(text: &str) -> Option<Then> {
    if text == "it is sent" {
        return Some(Then::Sent);
    }
    let (reason, sentence) = text.strip_prefix("it is refused as ")?.split_once(": ")?;
    Some(Then::Refused {
        reason: reason.to_owned(),
        sentence: sentence.to_owned(),
    })
}

fn read(text: &str) -> Value {
    match (text.parse(), text.parse()) {
        (Ok(flag), _) => Value::Flag(flag),
        (_, Ok(number)) => Value::Number(number),
        _ => Value::Text(text.to_owned()),
    }
}
