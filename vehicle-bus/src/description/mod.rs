//! The vehicle description: which VSS path is which DBC signal, within which limits. What it does
//! not list does not exist for the gateway.

mod entry;
mod file;
mod index;
pub(crate) mod policy;
mod protection;
mod rules;
mod statuses;
mod transmission;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use codriver_catalog::Language;

pub use entry::{Actuator, Entry, Kind, SignalRef, ValueError};
pub use policy::{Class, Condition, Effect, Policy, Rule, Test};
pub use statuses::Statuses;
pub use transmission::Transmission;

use self::index::Index;

use crate::{
    Error, Outcome, Reason,
    dbc::{Database, Message, Raw},
    end_to_end::Protection,
    frame::{CanFrame, CanId},
    value::Value,
};

/// A vehicle: its DBC and its paths.
#[derive(Debug, Clone)]
pub struct Description {
    name: String,
    file: PathBuf,
    database: Database,
    entries: BTreeMap<String, Entry>,
    speed: String,
    policy: Policy,
    refusals: Vec<RefusalMessage>,
    protections: BTreeMap<CanId, Protection>,
    lacks: BTreeMap<String, BTreeMap<Language, String>>,
    index: Index,
}

/// Whether a path is `branch` or lies under it.
fn is_under(path: &str, branch: &str) -> bool {
    path.strip_prefix(branch)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A message by which an ECU refuses a request.
#[derive(Debug, Clone)]
struct RefusalMessage {
    id: SignalRef,
    signal: SignalRef,
    reason: SignalRef,
    page: Option<SignalRef>,
}

/// An ECU's refusal of one requested signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcuRefusal {
    /// Identifier (without the extended flag) of the refused request message.
    pub request_id: u32,
    /// Start bit of the refused signal in that message.
    pub start_bit: usize,
    /// What the message's selector was, where the refusal says so: several multiplexed signals
    /// may begin with one bit.
    pub page: Option<u64>,
    /// The ECU's reason, by the value table.
    pub reason: String,
}

impl Description {
    /// Reads `vehicle.toml` and the DBC it names from a directory.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Description`] naming file and line for an unknown signal, limits
    /// wider than the signal's, a path listed twice, an unknown word...; the DBC's own errors.
    pub fn load(directory: &Path) -> Result<Self, Error> {
        file::load(&directory.join("vehicle.toml"))
    }

    /// Reads the text of a `vehicle.toml` over a DBC that is already read; `file` is the name
    /// that errors carry.
    ///
    /// # Errors
    /// As [`Description::load`], the DBC's own errors excepted.
    pub fn parse(file: &Path, text: &str, database: Database) -> Result<Self, Error> {
        file::parse(file, text, |_| Ok(database))
    }

    /// The vehicle's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `vehicle.toml` it came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The DBC.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Every path, in alphabetical order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// One path; None when the description does not list it.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// What this car is known not to have, by its name, English where the language has none: a path
    /// that lies under one of the branches that the description says it lacks.
    pub fn lacks(&self, path: &str, language: Language) -> Option<&str> {
        let (_, names) = self
            .lacks
            .iter()
            .find(|(branch, _)| is_under(path, branch))?;
        let name = names
            .get(&language)
            .or_else(|| names.get(&Language::English));
        name.map(String::as_str)
    }

    /// Why a path that is not listed cannot be asked for: as a sentence for the driver where the
    /// car is known not to have it.
    pub fn missing(&self, path: &str, language: Language) -> Outcome {
        let Some(name) = self.lacks(path, language) else {
            return Outcome::refused(
                Reason::UnknownPath,
                format!("This car does not have {path}."),
            );
        };
        let sentence = match language {
            Language::English => format!("This car has no {name}."),
            Language::Mandarin => format!("这辆车没有{name}。"),
        };
        Outcome::refused(Reason::NotFitted, sentence)
    }

    /// The path whose value is the speed that interlocks compare with, km/h.
    pub fn speed_path(&self) -> &str {
        &self.speed
    }

    /// What may be asked, when and by whom.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The end-to-end protection of a message; None: it has none.
    pub fn protection(&self, id: CanId) -> Option<&Protection> {
        self.protections.get(&id)
    }

    /// Every message with end-to-end protection.
    pub fn protections(&self) -> impl Iterator<Item = &Protection> {
        self.protections.values()
    }

    /// A frame in words, as [`Message::describe`], without the counter and the checksum of
    /// end-to-end protection, which differ in every frame. Empty for a message not in the DBC.
    pub fn describe(&self, frame: &CanFrame) -> String {
        let protection = self.protection(frame.id());
        let shown = |name: &str| protection.is_none_or(|protection| !protection.uses(name));
        self.database
            .by_id(frame.id())
            .map(|message| message.describe_where(frame.payload(), shown))
            .unwrap_or_default()
    }

    /// The paths that a message reports.
    pub fn reported_by(&self, id: CanId) -> impl Iterator<Item = &Entry> {
        self.listed(self.index.statuses(id))
    }

    fn listed<'a>(&'a self, paths: &'a [String]) -> impl Iterator<Item = &'a Entry> {
        paths.iter().filter_map(|path| self.entries.get(path))
    }

    /// What a frame says: each listed path that it reports. None for a value that stands for "not
    /// available". End-to-end protection is not checked here: it depends on the frames before.
    pub fn read(&self, frame: &CanFrame) -> Vec<(&Entry, Option<Value>)> {
        let paths = self.index.statuses(frame.id());
        let Some(decoded) = self.decoded(paths, frame) else {
            return Vec::new();
        };
        self.listed(paths)
            .filter_map(|entry| {
                let value = decoded
                    .iter()
                    .find(|each| each.signal.name() == entry.status.signal.name())?;
                Some((entry, entry.value(value.raw)))
            })
            .collect()
    }

    /// What a request frame asks for: each actuator whose signal is not idle, with its value.
    /// This is the ECU's side of the description; the same end-to-end remark holds.
    pub fn requested(&self, frame: &CanFrame) -> Vec<(&Entry, Value)> {
        let paths = self.index.requests(frame.id());
        let Some(decoded) = self.decoded(paths, frame) else {
            return Vec::new();
        };
        self.listed(paths)
            .filter_map(|entry| {
                let actuator = entry.actuator.as_ref()?;
                let value = decoded
                    .iter()
                    .find(|each| each.signal.name() == actuator.request.signal.name())?;
                if actuator.transmission.idle == Some(value.raw) {
                    return None;
                }
                Some((entry, entry.value(value.raw)?))
            })
            .collect()
    }

    fn decoded(
        &self,
        paths: &[String],
        frame: &CanFrame,
    ) -> Option<Vec<crate::dbc::DecodedSignal<'_>>> {
        if paths.is_empty() {
            return None;
        }
        let message = self.database.by_id(frame.id())?;
        message.decode(frame.payload()).ok()
    }

    /// Reads an ECU's refusal message; None when the frame is none.
    pub fn refusal(&self, frame: &CanFrame) -> Option<EcuRefusal> {
        let rule = self
            .refusals
            .iter()
            .find(|rule| rule.id.message.id() == frame.id())?;
        let decoded = rule.id.message.decode(frame.payload()).ok()?;
        let raw = |wanted: &SignalRef| {
            decoded
                .iter()
                .find(|each| each.signal.name() == wanted.signal.name())
                .map(|each| each.raw)
        };
        let number = |raw: Option<Raw>| match raw {
            Some(Raw::Integer(value)) => Some(value),
            _ => None,
        };
        let reason = raw(&rule.reason)?;
        let page = rule.page.as_ref().map(|page| number(raw(page)));
        Some(EcuRefusal {
            request_id: u32::try_from(number(raw(&rule.id))?).ok()?,
            start_bit: usize::try_from(number(raw(&rule.signal))?).ok()?,
            page: page.flatten().and_then(|page| u64::try_from(page).ok()),
            reason: match rule.reason.signal.label(reason) {
                Some(label) => label.to_owned(),
                None => format!("{reason:?}"),
            },
        })
    }

    /// The frame by which `ecu` (the sender of the refusal message) refuses a request for
    /// `entry`; None when it has no such message. For simulated ECUs.
    pub fn refuse(&self, entry: &Entry, reason: f64) -> Option<CanFrame> {
        let request = &entry.actuator.as_ref()?.request;
        let rule = self.refusals.iter().find(|rule| {
            rule.id.message.sender().is_some()
                && rule.id.message.sender() == entry.status.message.sender()
        })?;
        let message: &Message = &rule.id.message;
        let mut values = vec![
            (rule.id.signal.name(), f64::from(request.message.id().raw())),
            (rule.signal.signal.name(), request.signal.start_bit() as f64),
            (rule.reason.signal.name(), reason),
        ];
        if let Some(page) = &rule.page {
            let wanted = request.message.page(&request.signal).unwrap_or(0);
            values.push((page.signal.name(), wanted as f64));
        }
        message.frame(&message.encode(&values).ok()?).ok()
    }
}

#[cfg(test)]
mod tests;
