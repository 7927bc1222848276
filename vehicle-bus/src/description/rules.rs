//! Reads `[[rule]]`, `[classes]` and the interlocks of actuators into the policy: every mistake
//! is an error that names file, line, rule and field.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use codriver_catalog::{Language, Zone};
use serde::Deserialize;
use toml::Spanned;

use super::{
    Entry, Kind,
    file::Place,
    policy::{Class, Condition, Effect, Policy, Rule, Test},
};
use crate::{Error, Reason, Value};

/// The longest time over which requests are counted.
const MAX_WITHIN: Duration = Duration::from_secs(3600);
/// The most requests that are counted.
const MAX_REQUESTS: usize = 1000;

/// What a rule may give as its reason.
const REASONS: [Reason; 6] = [
    Reason::SpeedInterlock,
    Reason::GearInterlock,
    Reason::ChildLock,
    Reason::NotYourSeat,
    Reason::Conflict,
    Reason::RateLimited,
];

/// The word for "nobody knows who asks".
const UNKNOWN: &str = "unknown";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleEntry {
    name: String,
    paths: Vec<Spanned<String>>,
    wants: Option<TestEntry>,
    #[serde(default)]
    when: Vec<Spanned<ConditionEntry>>,
    refuse: Option<Spanned<String>>,
    #[serde(default)]
    confirm: bool,
    says: BTreeMap<Language, String>,
}

/// Which values: `{ is = [true] }`, `{ is_not = [0] }`, or `{ above = 0 }`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestEntry {
    is: Option<Vec<toml::Value>>,
    is_not: Option<Vec<toml::Value>>,
    above: Option<f64>,
    below: Option<f64>,
}

/// One of `speed_above`, `path(s)` with a test, `speaker`, `requests` with `within_s`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionEntry {
    speed_above: Option<f64>,
    path: Option<String>,
    paths: Option<Vec<String>>,
    is: Option<Vec<toml::Value>>,
    is_not: Option<Vec<toml::Value>>,
    above: Option<f64>,
    below: Option<f64>,
    speaker: Option<Vec<String>>,
    requests: Option<usize>,
    within_s: Option<f64>,
}

/// Path patterns of each class.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClassesEntry {
    comfort: Vec<Spanned<String>>,
    access: Vec<Spanned<String>>,
    driving: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InterlockEntry {
    above_kmh: f64,
    #[serde(default)]
    refuses: Vec<toml::Value>,
}

/// The rule that an actuator's `interlock` stands for.
pub(super) fn interlock(entry: &Entry, given: &InterlockEntry) -> Result<Rule, String> {
    let limit = given.above_kmh;
    if !is_speed(limit) {
        return Err(format!("interlock: above_kmh = {limit} is no speed"));
    }
    let refuses = values(entry, &given.refuses)
        .map_err(|value| format!("interlock: refuses {value}, which it cannot be"))?;
    let says = if limit == 0.0 {
        (
            "That is only possible while the car stands still.".to_owned(),
            "停车时才可以。".to_owned(),
        )
    } else {
        (
            format!("That is only possible up to {limit} km/h."),
            format!("车速不超过每小时{limit}公里时才可以。"),
        )
    };
    Ok(Rule {
        name: format!("interlock of {}", entry.path),
        paths: BTreeSet::from([entry.path.clone()]),
        wants: if refuses.is_empty() {
            Test::Any
        } else {
            Test::Is(refuses)
        },
        when: vec![Condition::SpeedAbove(limit)],
        effect: Effect::Refuse(Reason::SpeedInterlock),
        says: BTreeMap::from([(Language::English, says.0), (Language::Mandarin, says.1)]),
    })
}

/// Puts the policy together.
pub(super) fn policy(
    place: Place<'_>,
    entries: &BTreeMap<String, Entry>,
    interlocks: Vec<Rule>,
    rules: &[Spanned<RuleEntry>],
    classes: &ClassesEntry,
) -> Result<Policy, Error> {
    let reader = Reader { place, entries };
    let mut policy = Policy {
        rules: interlocks,
        classes: reader.classes(classes)?,
    };
    for each in rules {
        let rule = reader.rule(each)?;
        if policy.rules.iter().any(|other| other.name == rule.name) {
            let problem = format!(
                "rule \"{}\": there are two of this name; rename one",
                rule.name
            );
            return Err(place.error(each.span().start, problem));
        }
        policy.rules.push(rule);
    }
    Ok(policy)
}

struct Reader<'a> {
    place: Place<'a>,
    entries: &'a BTreeMap<String, Entry>,
}

impl Reader<'_> {
    fn rule(&self, spanned: &Spanned<RuleEntry>) -> Result<Rule, Error> {
        let given = spanned.get_ref();
        let wrong_at = |offset: usize, problem: String| {
            self.place
                .error(offset, format!("rule \"{}\": {problem}", given.name))
        };
        let wrong = |problem: String| wrong_at(spanned.span().start, problem);
        let mut paths = BTreeSet::new();
        for pattern in &given.paths {
            let problem = |problem| wrong_at(pattern.span().start, format!("paths: {problem}"));
            paths.extend(self.matching(pattern.get_ref()).map_err(problem)?);
        }
        if paths.is_empty() {
            return Err(wrong(
                "paths is empty; name the paths that it concerns".into(),
            ));
        }
        let wants = match &given.wants {
            None => Test::Any,
            Some(wants) => self
                .test(paths.iter(), wants)
                .map_err(|problem| wrong(format!("wants: {problem}")))?,
        };
        let condition = |each: &Spanned<ConditionEntry>| {
            self.condition(each.get_ref())
                .map_err(|problem| wrong_at(each.span().start, format!("when: {problem}")))
        };
        let when = given.when.iter().map(condition).collect::<Result<_, _>>()?;
        let effect = match (&given.refuse, given.confirm) {
            (Some(word), false) => Effect::Refuse(
                reason(word.get_ref()).map_err(|problem| wrong_at(word.span().start, problem))?,
            ),
            (None, true) => Effect::Confirm,
            _ => {
                return Err(wrong(
                    "needs either refuse = \"REASON\" or confirm = true".into(),
                ));
            }
        };
        if given
            .says
            .get(&Language::English)
            .is_none_or(|says| says.trim().is_empty())
        {
            return Err(wrong(
                "says: needs an English sentence for the driver, en = \"...\"".into(),
            ));
        }
        Ok(Rule {
            name: given.name.clone(),
            paths,
            wants,
            when,
            effect,
            says: given.says.clone(),
        })
    }

    /// The actuators that a pattern means.
    fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
        let found: Vec<String> = self
            .entries
            .values()
            .filter(|entry| entry.actuator.is_some() && matches(pattern, &entry.path))
            .map(|entry| entry.path.clone())
            .collect();
        if found.is_empty() {
            return Err(format!(
                "\"{pattern}\" is no actuator of this vehicle; * stands for one part of a path, \
                 ** at its end for the rest"
            ));
        }
        Ok(found)
    }

    /// The set of values, possible for each of the paths.
    fn test<'p>(
        &self,
        paths: impl Iterator<Item = &'p String>,
        given: &TestEntry,
    ) -> Result<Test, String> {
        let mut test = Err("paths is empty".to_owned());
        for path in paths {
            let entry = self
                .entries
                .get(path)
                .ok_or_else(|| format!("the vehicle has no {path}"))?;
            test = Ok(values_of(entry, given)?);
        }
        test
    }

    fn condition(&self, given: &ConditionEntry) -> Result<Condition, String> {
        let tests = TestEntry {
            is: given.is.clone(),
            is_not: given.is_not.clone(),
            above: given.above,
            below: given.below,
        };
        let paths = given
            .paths
            .clone()
            .or_else(|| given.path.clone().map(|path| vec![path]));
        let kinds = [
            given.speed_above.is_some(),
            paths.is_some(),
            given.speaker.is_some(),
            given.requests.is_some(),
        ];
        if kinds.iter().filter(|is| **is).count() != 1
            || (paths.is_none() && !tests.is_empty())
            || given.within_s.is_some() != given.requests.is_some()
            || (given.path.is_some() && given.paths.is_some())
        {
            return Err(
                "a condition is one of { speed_above }, { path or paths, with is, is_not, \
                        above or below }, { speaker }, { requests, within_s }"
                    .into(),
            );
        }
        if let Some(limit) = given.speed_above {
            return if is_speed(limit) {
                Ok(Condition::SpeedAbove(limit))
            } else {
                Err(format!("speed_above = {limit} is no speed"))
            };
        }
        if let Some(words) = &given.speaker {
            return speaker(words);
        }
        if let (Some(count), Some(seconds)) = (given.requests, given.within_s) {
            let within = Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|within| !within.is_zero() && *within <= MAX_WITHIN);
            return match within {
                Some(within) if (1..=MAX_REQUESTS).contains(&count) => {
                    Ok(Condition::Requests { count, within })
                }
                _ => Err(format!(
                    "requests may be 1 to {MAX_REQUESTS}, within_s above 0 up to {}",
                    MAX_WITHIN.as_secs()
                )),
            };
        }
        let paths = paths.unwrap_or_default();
        let test = self.test(paths.iter(), &tests)?;
        Ok(Condition::State { test, paths })
    }

    fn classes(&self, given: &ClassesEntry) -> Result<BTreeMap<String, Class>, Error> {
        let mut classes = BTreeMap::new();
        for (class, patterns) in [
            (Class::Comfort, &given.comfort),
            (Class::Access, &given.access),
            (Class::Driving, &given.driving),
        ] {
            for pattern in patterns {
                let wrong = |problem: String| {
                    self.place.error(
                        pattern.span().start,
                        format!("classes: {}: {problem}", class.as_str()),
                    )
                };
                for path in self.matching(pattern.get_ref()).map_err(wrong)? {
                    if let Some(other) = classes
                        .insert(path.clone(), class)
                        .filter(|other| *other != class)
                    {
                        return Err(wrong(format!(
                            "{path} is in {} as well; a path has one class",
                            other.as_str()
                        )));
                    }
                }
            }
        }
        Ok(classes)
    }
}

/// `*` stands for one part of a path, `**` at the end for one or more.
fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('.');
    for wanted in pattern.split('.') {
        match (wanted, parts.next()) {
            ("**", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

impl TestEntry {
    fn is_empty(&self) -> bool {
        self.is.is_none() && self.is_not.is_none() && self.above.is_none() && self.below.is_none()
    }
}

fn values_of(entry: &Entry, given: &TestEntry) -> Result<Test, String> {
    let cannot = |value| format!("{} cannot be {value}", entry.path);
    match (&given.is, &given.is_not, given.above, given.below) {
        (Some(is), None, None, None) if !is.is_empty() => {
            values(entry, is).map(Test::Is).map_err(cannot)
        }
        (None, Some(is_not), None, None) if !is_not.is_empty() => {
            values(entry, is_not).map(Test::IsNot).map_err(cannot)
        }
        (None, None, above, below) if above.is_some() || below.is_some() => {
            is_number(entry)?;
            if [above, below]
                .iter()
                .flatten()
                .all(|limit| limit.is_finite())
            {
                Ok(Test::Beyond { above, below })
            } else {
                Err("above and below need finite numbers".into())
            }
        }
        _ => Err("use one of is = [...], is_not = [...], or above and below".into()),
    }
}

/// The values as the path has them; Err: the one that it cannot have.
fn values(entry: &Entry, given: &[toml::Value]) -> Result<Vec<Value>, String> {
    given
        .iter()
        .map(|value| {
            let value = match value {
                toml::Value::Boolean(flag) => Value::Flag(*flag),
                toml::Value::Integer(number) => Value::Number(*number as f64),
                toml::Value::Float(number) => Value::Number(*number),
                other => Value::Text(other.as_str().unwrap_or_default().to_owned()),
            };
            match entry.physical(&value) {
                Ok(_) => Ok(value),
                Err(_) => Err(value.to_string()),
            }
        })
        .collect()
}

fn is_speed(kmh: f64) -> bool {
    kmh >= 0.0 && kmh.is_finite()
}

fn is_number(entry: &Entry) -> Result<(), String> {
    match entry.kind {
        Kind::Number { .. } => Ok(()),
        _ => Err(format!(
            "above and below are for numbers, and {} is a {}",
            entry.path,
            entry.kind.name()
        )),
    }
}

fn speaker(words: &[String]) -> Result<Condition, String> {
    let unknown = words.iter().any(|word| word == UNKNOWN);
    let zones: Vec<Zone> = words
        .iter()
        .filter(|word| *word != UNKNOWN)
        .map(|word| word.parse())
        .collect::<Result<_, String>>()
        .map_err(|problem| format!("speaker: {problem}, or \"{UNKNOWN}\""))?;
    if words.is_empty() {
        return Err("speaker is empty".into());
    }
    Ok(Condition::Speaker { zones, unknown })
}

fn reason(word: &str) -> Result<Reason, String> {
    REASONS
        .into_iter()
        .find(|reason| reason.as_str() == word)
        .ok_or_else(|| {
            let known: Vec<_> = REASONS.iter().map(Reason::as_str).collect();
            format!("refuse: \"{word}\" is none of {}", known.join(", "))
        })
}
