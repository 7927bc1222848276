//! Reads `vehicle.toml`: every mistake is an error that names file, line, path and field.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use codriver_catalog::Language;
use serde::Deserialize;
use toml::Spanned;

use super::{
    Actuator, Description, Entry, Kind, RefusalMessage, Rule, SignalRef,
    index::Index,
    is_under,
    protection::ProtectionEntry,
    rules::{self, ClassesEntry, InterlockEntry, RuleEntry},
    transmission::{Given, Transmission},
};
use crate::{
    Error,
    dbc::{Database, Raw},
};

/// Without a cycle time in the DBC, a value is believed this long.
const STALE_AFTER: Duration = Duration::from_secs(2);
/// A cyclic status may be lost this many times before its value is unknown.
const MISSED_CYCLES: u32 = 5;
/// The longest a caller may be kept waiting for a confirmation.
const MAX_CONFIRM_MS: u64 = 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VehicleFile {
    vehicle: Vehicle,
    #[serde(default)]
    refusal: Vec<Spanned<RefusalEntry>>,
    #[serde(default)]
    end_to_end: Vec<Spanned<ProtectionEntry>>,
    #[serde(default)]
    sensor: Vec<Spanned<PathEntry>>,
    #[serde(default)]
    actuator: Vec<Spanned<PathEntry>>,
    #[serde(default)]
    classes: ClassesEntry,
    #[serde(default)]
    rule: Vec<Spanned<RuleEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vehicle {
    name: String,
    dbc: PathBuf,
    vss: Spanned<String>,
    speed: Spanned<String>,
    #[serde(default)]
    lacks: BTreeMap<Spanned<String>, BTreeMap<Language, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusalEntry {
    message: String,
    id: String,
    signal: String,
    reason: String,
    page: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Boolean,
    Number,
    Choice,
    Color,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathEntry {
    path: String,
    r#type: Type,
    #[serde(default)]
    unit: String,
    min: Option<f64>,
    max: Option<f64>,
    step: Option<f64>,
    values: Option<BTreeMap<String, String>>,
    request: Option<Spanned<String>>,
    status: Spanned<String>,
    confirm_within_ms: Option<u64>,
    stale_after_ms: Option<u64>,
    momentary_ms: Option<u64>,
    retries: Option<u32>,
    interlock: Option<InterlockEntry>,
}

pub(super) fn load(file: &Path) -> Result<Description, Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::Read {
        file: file.to_owned(),
        source,
    })?;
    parse(file, &text, Database::load)
}

/// Reads the text of a vehicle.toml; `open` reads the DBC beside it.
pub(super) fn parse(
    file: &Path,
    text: &str,
    open: impl FnOnce(&Path) -> Result<Database, Error>,
) -> Result<Description, Error> {
    let place = Place { file, text };
    let parsed: VehicleFile = toml::from_str(text).map_err(|error| {
        place.error(
            error.span().map_or(0, |span| span.start),
            error.message().to_owned(),
        )
    })?;
    if parsed.vehicle.vss.get_ref() != "6.0" {
        return Err(place.error(
            parsed.vehicle.vss.span().start,
            format!(
                "paths are those of VSS 6.0, not {}; paths drift between releases",
                parsed.vehicle.vss.get_ref()
            ),
        ));
    }
    let database = open(
        &file
            .parent()
            .unwrap_or(Path::new(""))
            .join(&parsed.vehicle.dbc),
    )?;
    let builder = Builder {
        place,
        database: &database,
    };
    let mut entries = BTreeMap::new();
    let mut interlocks = Vec::new();
    let sensors = parsed.sensor.iter().map(|each| (each, false));
    let actuators = parsed.actuator.iter().map(|each| (each, true));
    for (each, writable) in sensors.chain(actuators) {
        let entry = builder.entry(each, writable)?;
        interlocks.extend(builder.interlock(each, &entry)?);
        let path = entry.path.clone();
        if entries.insert(path.clone(), entry).is_some() {
            return Err(place.error(
                each.span().start,
                format!("path {path} is listed twice; remove one"),
            ));
        }
    }
    let speed = parsed.vehicle.speed;
    if !entries
        .get(speed.get_ref())
        .is_some_and(|entry| matches!(entry.kind, Kind::Number { .. }) && entry.unit == "km/h")
    {
        return Err(place.error(
            speed.span().start,
            format!(
                "speed = \"{}\" must be one of the listed numbers with unit = \"km/h\"",
                speed.get_ref()
            ),
        ));
    }
    let policy = rules::policy(place, &entries, interlocks, &parsed.rule, &parsed.classes)?;
    let refusals = parsed
        .refusal
        .iter()
        .map(|each| builder.refusal(each))
        .collect::<Result<_, _>>()?;
    let mut lacks = BTreeMap::new();
    for (prefix, names) in parsed.vehicle.lacks {
        let path = prefix.get_ref();
        if names
            .get(&Language::English)
            .is_none_or(|name| name.trim().is_empty())
        {
            let problem = format!("lacks {path}: needs its English name, en = \"...\"");
            return Err(place.error(prefix.span().start, problem));
        }
        if let Some(listed) = entries.keys().find(|listed| is_under(listed, path)) {
            let problem = format!("lacks {path}, but {listed} is listed; remove one");
            return Err(place.error(prefix.span().start, problem));
        }
        lacks.insert(prefix.into_inner(), names);
    }
    let mut protections = BTreeMap::new();
    for each in &parsed.end_to_end {
        let wrong = |problem: String| {
            let message = &each.get_ref().message;
            place.error(
                each.span().start,
                format!("end_to_end: {message}: {problem}"),
            )
        };
        let protection = each
            .get_ref()
            .protection(&database, MISSED_CYCLES)
            .map_err(wrong)?;
        if protections
            .insert(protection.message().id(), protection)
            .is_some()
        {
            return Err(wrong("is listed twice; remove one".into()));
        }
    }
    Ok(Description {
        index: Index::of(&entries),
        protections,
        lacks,
        name: parsed.vehicle.name,
        file: file.to_owned(),
        speed: speed.into_inner(),
        entries,
        policy,
        refusals,
        database,
    })
}

/// How long a value is believed that comes with this cycle time. The pages of a multiplexed
/// message take turns.
fn stale_after(cycle: Option<Duration>, pages: usize) -> Duration {
    let pages = u32::try_from(pages).unwrap_or(u32::MAX);
    cycle.map_or(STALE_AFTER, |cycle| {
        cycle.saturating_mul(MISSED_CYCLES.saturating_mul(pages))
    })
}

/// Where in the file a mistake is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    pub(super) fn error(&self, offset: usize, problem: String) -> Error {
        Error::Description {
            file: self.file.to_owned(),
            line: crate::error::line_of(self.text, offset),
            problem,
        }
    }
}

struct Builder<'a> {
    place: Place<'a>,
    database: &'a Database,
}

impl Builder<'_> {
    fn entry(&self, spanned: &Spanned<PathEntry>, writable: bool) -> Result<Entry, Error> {
        let given = spanned.get_ref();
        let wrong = |problem: String| {
            self.place
                .error(spanned.span().start, format!("{}: {problem}", given.path))
        };
        let status = self.signal(&given.path, "status", &given.status)?;
        let request = match (&given.request, writable) {
            (Some(request), true) => Some(self.signal(&given.path, "request", request)?),
            (None, true) => {
                return Err(wrong(
                    "an actuator needs request = \"Message.Signal\"".into(),
                ));
            }
            (Some(_), false) => {
                return Err(wrong(
                    "a sensor has no request; list it as an actuator".into(),
                ));
            }
            (None, false) => None,
        };
        let kind = self
            .kind(given, &status, request.as_ref())
            .map_err(&wrong)?;
        let stale_after = match (given.stale_after_ms, status.message.cycle_time()) {
            (Some(0), _) => return Err(wrong("stale_after_ms must be above 0".into())),
            (Some(milliseconds), _) => Duration::from_millis(milliseconds),
            (None, cycle) => stale_after(cycle, status.message.pages()),
        };
        let mut entry = Entry {
            path: given.path.clone(),
            kind,
            unit: given.unit.clone(),
            status,
            stale_after,
            actuator: None,
        };
        if let Some(request) = request {
            let confirm_within_ms = given
                .confirm_within_ms
                .filter(|within| (1..=MAX_CONFIRM_MS).contains(within))
                .ok_or_else(|| {
                    wrong(format!(
                        "an actuator needs confirm_within_ms from 1 to {MAX_CONFIRM_MS}"
                    ))
                })?;
            let given = Given {
                momentary_ms: given.momentary_ms,
                retries: given.retries,
            };
            let transmission = Transmission::of(given, &entry.kind, &request).map_err(&wrong)?;
            entry.actuator = Some(Actuator {
                request,
                transmission,
                confirm_within: Duration::from_millis(confirm_within_ms),
            });
        } else if given.confirm_within_ms.is_some()
            || given.interlock.is_some()
            || given.momentary_ms.is_some()
            || given.retries.is_some()
        {
            return Err(wrong(
                "confirm_within_ms, interlock, momentary_ms and retries are for actuators".into(),
            ));
        }
        Ok(entry)
    }

    fn kind(
        &self,
        given: &PathEntry,
        status: &SignalRef,
        request: Option<&SignalRef>,
    ) -> Result<Kind, String> {
        let signals = || request.into_iter().chain([status]);
        if given.values.is_some() != matches!(given.r#type, Type::Choice) {
            return Err(
                "values = { WORD = \"label\" } goes with type = \"choice\", and only with it"
                    .into(),
            );
        }
        if (given.min.is_some() || given.max.is_some() || given.step.is_some())
            && !matches!(given.r#type, Type::Number)
        {
            return Err("min, max and step go with type = \"number\"".into());
        }
        match (&given.r#type, &given.values) {
            (Type::Boolean, _) => Ok(Kind::Boolean),
            (Type::Color, _) => match signals().find(|each| each.signal.bits() < 24) {
                Some(each) => Err(format!("a color needs 24 bits; {} has fewer", each.name())),
                None => Ok(Kind::Color),
            },
            (Type::Number, _) => {
                let (low, high) = status.signal.limits();
                if request.is_some() && (given.min.is_none() || given.max.is_none()) {
                    return Err("an actuator's number needs min and max".into());
                }
                let (min, max) = (given.min.unwrap_or(low), given.max.unwrap_or(high));
                let step = given.step.unwrap_or(0.0);
                if !(min < max && step >= 0.0 && step <= max - min) {
                    return Err(format!(
                        "min {min}, max {max}, step {step} do not go together"
                    ));
                }
                for each in signals() {
                    let (low, high) = each.signal.limits();
                    if min < low || max > high {
                        return Err(format!(
                            "min {min} to max {max} is wider than {low} to {high} of {}",
                            each.name()
                        ));
                    }
                }
                Ok(Kind::Number { min, max, step })
            }
            (Type::Choice, values) => {
                let mut words = BTreeMap::new();
                for (word, label) in values.iter().flatten() {
                    for each in signals() {
                        let Some(Raw::Integer(raw)) = each.signal.raw_of_label(label) else {
                            return Err(format!(
                                "values: {word} = \"{label}\", but {} has no such value",
                                each.name()
                            ));
                        };
                        let raw = i64::try_from(raw).map_err(|error| error.to_string())?;
                        if words
                            .insert(word.clone(), raw)
                            .is_some_and(|old| old != raw)
                        {
                            return Err(format!(
                                "values: \"{label}\" differs between request and status"
                            ));
                        }
                    }
                }
                if words.is_empty() {
                    return Err("values is empty".into());
                }
                Ok(Kind::Choice(words))
            }
        }
    }

    fn interlock(
        &self,
        spanned: &Spanned<PathEntry>,
        entry: &Entry,
    ) -> Result<Option<Rule>, Error> {
        let interlock = spanned.get_ref().interlock.as_ref();
        interlock
            .map(|given| rules::interlock(entry, given))
            .transpose()
            .map_err(|problem| {
                self.place
                    .error(spanned.span().start, format!("{}: {problem}", entry.path))
            })
    }

    /// Finds "Message.Signal" in the DBC.
    fn signal(&self, path: &str, field: &str, name: &Spanned<String>) -> Result<SignalRef, Error> {
        self.find(name.get_ref()).map_err(|problem| {
            self.place
                .error(name.span().start, format!("{path}: {field}: {problem}"))
        })
    }

    fn refusal(&self, spanned: &Spanned<RefusalEntry>) -> Result<RefusalMessage, Error> {
        let given = spanned.get_ref();
        let find = |signal: &str| {
            self.find(&format!("{}.{signal}", given.message))
                .map_err(|problem| {
                    self.place
                        .error(spanned.span().start, format!("refusal: {problem}"))
                })
        };
        Ok(RefusalMessage {
            id: find(&given.id)?,
            signal: find(&given.signal)?,
            reason: find(&given.reason)?,
            page: given.page.as_deref().map(find).transpose()?,
        })
    }

    fn find(&self, name: &str) -> Result<SignalRef, String> {
        let (message, signal) = name
            .split_once('.')
            .ok_or_else(|| format!("\"{name}\" must be \"Message.Signal\""))?;
        let message = self
            .database
            .message(message)
            .map_err(|error| error.to_string())?;
        let signal = message.signal(signal).map_err(|error| error.to_string())?;
        Ok(SignalRef {
            signal: signal.clone(),
            message: Arc::new(message.clone()),
        })
    }
}

impl SignalRef {
    /// "Message.Signal".
    pub fn name(&self) -> String {
        format!("{}.{}", self.message.name(), self.signal.name())
    }
}
