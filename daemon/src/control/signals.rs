//! The daemon's signals as one stream, in the order in which they were sent.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream};

use crate::Error;
use crate::assistant::{NAME, PATH};

/// One signal of `org.codriver.Assistant1`.
#[derive(Debug, Clone)]
pub struct Notice {
    /// `heard`, `understood`, `acted` or `said`.
    pub stage: &'static str,
    /// Which utterance.
    pub utterance: String,
    /// Everything the signal carries.
    pub content: Value,
}

/// A subscription. Signals that come after it was made are not missed.
pub struct Signals(MessageStream);

impl Signals {
    /// Subscribes to the daemon on this bus, running or yet to be started.
    pub async fn subscribe(connection: &Connection) -> Result<Self, Error> {
        let subscribing = |error: zbus::Error| Error::bus("subscribing to signals", error);
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(NAME)
            .path(PATH)
            .interface("org.codriver.Assistant1")
            .build()
            .map_err(subscribing)?;
        MessageStream::for_match_rule(rule, connection, None)
            .await
            .map(Self)
            .map_err(subscribing)
    }

    /// The next signal within `patience`; `None` when the time is over.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Notice>, Error> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let message = match tokio::time::timeout_at(deadline, self.0.next()).await {
                Err(_) => return Ok(None),
                Ok(None) => {
                    return Err(Error::Unsuccessful("the bus has gone away".into()));
                }
                Ok(Some(message)) => {
                    message.map_err(|error| Error::bus("receiving signals", error))?
                }
            };
            if let Some(notice) = read(&message) {
                return Ok(Some(notice));
            }
        }
    }
}

/// `None` for a signal that this version does not know.
fn read(message: &zbus::Message) -> Option<Notice> {
    let header = message.header();
    let body = message.body();
    let (stage, utterance, content) = match header.member()?.as_str() {
        "Heard" => {
            type Heard = (
                String,
                String,
                String,
                f64,
                std::collections::HashMap<String, f64>,
            );
            let (utterance, text, language, confidence, ms) = body.deserialize::<Heard>().ok()?;
            let content =
                json!({"text": text, "language": language, "confidence": confidence, "ms": ms});
            ("heard", utterance, content)
        }
        "Understood" => {
            let (utterance, json) = body.deserialize::<(String, String)>().ok()?;
            ("understood", utterance, serde_json::from_str(&json).ok()?)
        }
        "Acted" => {
            let (utterance, json) = body.deserialize::<(String, String)>().ok()?;
            ("acted", utterance, serde_json::from_str(&json).ok()?)
        }
        "Said" => {
            let (utterance, text, language) =
                body.deserialize::<(String, String, String)>().ok()?;
            (
                "said",
                utterance,
                json!({"text": text, "language": language}),
            )
        }
        _ => return None,
    };
    Some(Notice {
        stage,
        utterance,
        content,
    })
}

impl Notice {
    /// One JSON object: the stage, the utterance and the signal's content.
    pub fn to_json(&self) -> Value {
        json!({"stage": self.stage, "utterance": self.utterance, self.stage: self.content})
    }

    /// One line, or a few, for a person.
    pub fn to_lines(&self) -> String {
        let content = &self.content;
        let text = |key: &str| content.get(key).and_then(Value::as_str).unwrap_or_default();
        match self.stage {
            "heard" => format!("heard       \"{}\" ({})", text("text"), text("language")),
            "understood" => format!("understood  {}", understood_line(content)),
            "acted" => outcome_lines(content),
            _ => format!("said        \"{}\"", text("text")),
        }
    }
}

/// `execute climate.set_temperature(temperature=22, zone=driver), confidence 0.98 by pattern, 0.2 ms`.
pub fn understood_line(report: &Value) -> String {
    let text = |key: &str| report.get(key).and_then(Value::as_str).unwrap_or_default();
    let commands = commands(report);
    let mut line = text("decision").to_owned();
    if !commands.is_empty() {
        line.push_str(&format!(" {commands}"));
    }
    if let Some(reason) = report.pointer("/reason/message").and_then(Value::as_str) {
        line.push_str(&format!(": {reason}"));
    }
    let number = |key: &str| report.get(key).and_then(Value::as_f64).unwrap_or_default();
    line.push_str(&format!(
        " (confidence {:.2} by {}, {:.1} ms)",
        number("confidence"),
        text("source"),
        number("ms")
    ));
    line
}

/// One line a tier, `model: media.next() (confidence 0.71, I am not sure ...)`, and why one won.
pub fn tier_lines(report: &Value) -> Vec<String> {
    let tiers = report.get("tiers").and_then(Value::as_array);
    let mut lines: Vec<String> = tiers
        .into_iter()
        .flatten()
        .map(|tier| {
            let source = tier.get("source").and_then(Value::as_str);
            let confidence = tier.get("confidence").and_then(Value::as_f64);
            let reason = tier.pointer("/reason/message").and_then(Value::as_str);
            let commands = commands(tier);
            format!(
                "{}: {} (confidence {:.2}{})",
                source.unwrap_or_default(),
                if commands.is_empty() {
                    "nothing"
                } else {
                    &commands
                },
                confidence.unwrap_or_default(),
                reason
                    .map(|reason| format!("; {reason}"))
                    .unwrap_or_default(),
            )
        })
        .collect();
    lines.extend(report.get("why").and_then(Value::as_str).map(str::to_owned));
    lines
}

/// `media.next() and windows.open(zone=all)`; empty for nothing.
fn commands(of: &Value) -> String {
    let commands = of.get("commands").and_then(Value::as_array);
    let commands: Vec<String> = commands.into_iter().flatten().map(command).collect();
    commands.join(" and ")
}

/// `climate.set_temperature(temperature=22, zone=driver)`.
fn command(command: &Value) -> String {
    let name = command
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let arguments: Vec<String> = command
        .get("args")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    format!("{name}({})", arguments.join(", "))
}

fn outcome_lines(content: &Value) -> String {
    let lines: Vec<String> = content
        .get("outcomes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|outcome| {
            let text = |key: &str| outcome.get(key).and_then(Value::as_str).unwrap_or_default();
            let what = outcome.get("command").map(command).unwrap_or_default();
            let ms = outcome
                .get("ms")
                .and_then(Value::as_f64)
                .unwrap_or_default();
            let why = match text("message") {
                "" => String::new(),
                message => format!(": {message}"),
            };
            format!(
                "acted       {what} -> {}{why} ({ms:.1} ms)",
                text("outcome")
            )
        })
        .collect();
    lines.join("\n")
}
