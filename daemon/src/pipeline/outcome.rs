//! What is reported about an utterance, as JSON on D-Bus and in scripts.

use std::time::Duration;

use codriver_catalog::{Command, Decision, Value};
use codriver_nlu::{Alternative, Interpretation, Proposal, Reason, Rule, Source, TierAnswer};
use codriver_vehicle_bus::route::Performed;
use serde::Serialize;

use super::milliseconds;

/// What a sentence means: one object of `codriverctl explain --json`.
#[derive(Debug, Clone, Serialize)]
pub struct UnderstoodReport {
    /// The sentence.
    pub text: String,
    /// The language it was understood in.
    pub language: codriver_catalog::Language,
    /// execute, confirm, clarify or reject.
    pub decision: Decision,
    /// What would be done.
    pub commands: Vec<Command>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Which tier understood it.
    pub source: Source,
    /// How long understanding took, in milliseconds.
    pub ms: f64,
    /// Why it is not simply executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Other readings, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// What each tier answered.
    pub tiers: Vec<TierReport>,
    /// By which rule one of them won.
    pub rule: Rule,
    /// The same as a sentence.
    pub why: String,
}

/// What one tier made of a sentence.
#[derive(Debug, Clone, Serialize)]
pub struct TierReport {
    /// Which one.
    pub source: Source,
    /// What it proposed; empty for nothing.
    pub commands: Vec<Proposal>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// What keeps it from acting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

impl From<&TierAnswer> for TierReport {
    fn from(answer: &TierAnswer) -> Self {
        Self {
            source: answer.source,
            commands: answer.commands.clone(),
            confidence: (answer.confidence * 1e4).round() / 1e4,
            reason: answer.reason.clone(),
            ms: milliseconds(answer.elapsed),
        }
    }
}

impl From<&Interpretation> for UnderstoodReport {
    fn from(interpretation: &Interpretation) -> Self {
        Self {
            text: interpretation.text.clone(),
            language: interpretation.language,
            decision: interpretation.decision,
            commands: interpretation.commands.clone(),
            confidence: (interpretation.confidence * 1e4).round() / 1e4,
            source: interpretation.source,
            ms: milliseconds(interpretation.elapsed),
            reason: interpretation.reason.clone(),
            alternatives: interpretation.alternatives.clone(),
            tiers: interpretation.tiers.iter().map(Into::into).collect(),
            rule: interpretation.rule,
            why: interpretation.rule.to_string(),
        }
    }
}

/// What became of one command.
#[derive(Debug, Clone, Serialize)]
pub struct CommandReport {
    /// Which command.
    pub command: Command,
    /// done, refused, failed or unconfirmed.
    pub outcome: &'static str,
    /// A stable word that says why; empty when done.
    pub reason: String,
    /// The same as a sentence.
    pub message: String,
    /// What was read, for commands that ask the car something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why a rule of the car stood against it, as a sentence for the speaker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// The names between which the speaker must choose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The D-Bus calls that were made, as text.
    pub calls: Vec<String>,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

impl CommandReport {
    /// The report of a command that went out.
    pub fn performed(command: Command, performed: Performed, took: Duration) -> Self {
        let outcome = &performed.outcome;
        Self {
            command,
            outcome: outcome.as_str(),
            reason: outcome
                .reason()
                .map(ToString::to_string)
                .unwrap_or_default(),
            message: outcome.message().to_owned(),
            value: performed.value,
            sentence: performed.sentence,
            choices: performed.choices,
            calls: performed.calls.iter().map(ToString::to_string).collect(),
            ms: milliseconds(took),
        }
    }

    /// The report of a command that the assistant did itself, with what it tells.
    pub fn done(command: Command, tells: Option<String>) -> Self {
        Self {
            value: tells.map(Value::Text),
            ..Self::ended(command, "done", "", String::new())
        }
    }

    /// The report of a command that the assistant could not do itself.
    pub fn failed(command: Command, reason: &str, message: String) -> Self {
        Self::ended(command, "failed", reason, message)
    }

    /// The report of a command that was held back.
    pub fn refused(command: Command, reason: &str, message: String) -> Self {
        Self::ended(command, "refused", reason, message)
    }

    fn ended(command: Command, outcome: &'static str, reason: &str, message: String) -> Self {
        Self {
            command,
            outcome,
            reason: reason.to_owned(),
            message,
            value: None,
            sentence: None,
            choices: Vec::new(),
            calls: Vec::new(),
            ms: 0.0,
        }
    }
}
