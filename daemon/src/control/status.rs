//! `codriverctl status`: how the daemon and the gateway are.

use serde_json::{Map, Value, json};
use zbus::Connection;
use zbus::proxy::CacheProperties;

use super::client::{self, DiagnosticsProxy};
use super::output;
use crate::Error;
use crate::gateway::{self, VehicleProxy};
use crate::settings::Settings;

/// Prints the status. Fails when the daemon does not run; a missing gateway is shown.
pub async fn run(settings: &Settings, json: bool) -> Result<(), Error> {
    let connection = client::connect(settings).await?;
    let status = collect(&connection, settings).await?;
    if json {
        output::json(&status)
    } else {
        output::line(&readable(&status))
    }
}

async fn collect(connection: &Connection, settings: &Settings) -> Result<Value, Error> {
    let assistant = client::assistant(connection, settings).await?;
    let failed = client::failed("asking codriverd");
    let diagnostics = DiagnosticsProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .map_err(&failed)?;
    let report = diagnostics.status().await.map_err(&failed)?;
    let mut status: Map<String, Value> = serde_json::from_str(&report).map_err(|error| {
        Error::Unsuccessful(format!("codriverd's report cannot be read: {error}"))
    })?;
    status.insert(
        "state".into(),
        assistant.state().await.map_err(&failed)?.into(),
    );
    status.insert(
        "muted".into(),
        assistant.muted().await.map_err(&failed)?.into(),
    );
    status.insert(
        "language".into(),
        assistant.language().await.map_err(&failed)?.into(),
    );
    status.insert("gateway".into(), vehicle(connection).await?);
    Ok(Value::Object(status))
}

async fn vehicle(connection: &Connection) -> Result<Value, Error> {
    if !client::is_running(connection, gateway::NAME).await? {
        return Ok(json!({"reachable": false}));
    }
    let proxy = VehicleProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .map_err(|error| Error::bus("reaching the gateway", error))?;
    // A gateway that is just ending is one that cannot be reached.
    Ok(match (proxy.bus().await, proxy.description().await) {
        (Ok(bus), Ok(vehicle)) => json!({"reachable": true, "bus": bus, "vehicle": vehicle}),
        (Err(error), _) | (_, Err(error)) => {
            json!({"reachable": false, "problem": error.to_string()})
        }
    })
}

fn readable(status: &Value) -> String {
    let text = |pointer: &str| match status.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "-".into(),
    };
    let mut lines = vec![
        format!(
            "codriverd   {} {}",
            text("/versions/codriverd"),
            text("/state")
        ),
        format!(
            "microphone  {}{}",
            text("/microphone"),
            if status.pointer("/muted") == Some(&Value::Bool(true)) {
                ", muted"
            } else {
                ""
            }
        ),
        format!("wake phrase {}", text("/wake")),
        format!(
            "utterances  {} recognitions, {} passed over",
            text("/utterances/recognitions"),
            text("/utterances/passed_over")
        ),
        format!(
            "calls       {} written, {} believed, {} refused",
            text("/utterances/calls/written"),
            text("/utterances/calls/believed"),
            text("/utterances/calls/refused")
        ),
        format!("language    {}", text("/language")),
        format!("speech      {}", text("/speech")),
        format!(
            "commands    {} from {}",
            text("/commands"),
            text("/configs")
        ),
    ];
    if status.get("captured").is_some() {
        lines.push(format!(
            "captured    {} utterances, {} dropped; {} samples overrun; opened {} times",
            text("/captured/utterances"),
            text("/captured/dropped_utterances"),
            text("/captured/overrun_samples"),
            text("/captured/opened")
        ));
    }
    if let Some(log) = status.get("correction_log") {
        lines.extend(super::log::status_lines(log));
    }
    lines.push(
        if status.pointer("/gateway/reachable") == Some(&Value::Bool(true)) {
            format!(
                "gateway     {} bus {}",
                text("/gateway/vehicle"),
                text("/gateway/bus")
            )
        } else {
            "gateway     not reachable".into()
        },
    );
    for model in status
        .get("models")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        lines.extend(model_lines(model));
    }
    lines.join("\n")
}

/// Who runs a model, how well, and why no other one does.
pub(super) fn model_lines(model: &Value) -> Vec<String> {
    let part = |value: &Value, key: &str| match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".into(),
        Some(other) => other.to_string(),
    };
    let mut lines = vec![format!(
        "model       {} on {}",
        part(model, "model"),
        part(model, "chosen")
    )];
    let mut add = |line: String| lines.push(format!("            {line}"));
    for (provider, operators) in entries(model.get("operators_by_provider")) {
        let count: u64 = entries(Some(operators))
            .filter_map(|(_, n)| n.as_u64())
            .sum();
        add(format!("{count} operators on {provider}"));
    }
    if let Some(cache) = model.get("cache").filter(|cache| !cache.is_null()) {
        let reason = cache.get("reason").map(|_| part(cache, "reason"));
        let reason = reason.map(|reason| format!(": {reason}"));
        add(format!(
            "cache {}{}",
            part(cache, "state"),
            reason.unwrap_or_default()
        ));
    }
    if let Some(trial) = model.get("trial").filter(|trial| !trial.is_null()) {
        let number = |pointer: &str| trial.pointer(pointer).and_then(Value::as_f64);
        let number = |pointer: &str| number(pointer).unwrap_or(f64::NAN);
        add(format!(
            "prompt {:.0} ms, token {:.0} ms, answer {:.0} ms; on the CPU {:.0}, {:.0}, {:.0} ms; logits {:.4} apart",
            number("/provider/prompt_ms"),
            number("/provider/token_ms"),
            number("/provider/answer_ms"),
            number("/cpu/prompt_ms"),
            number("/cpu/token_ms"),
            number("/cpu/answer_ms"),
            number("/logits_distance"),
        ));
    }
    if let Some(health) = model.get("health").filter(|health| !health.is_null()) {
        add(format!(
            "{} answers, {} failures, {} retries",
            part(health, "answers"),
            part(health, "failures"),
            part(health, "retries")
        ));
        if let Some(reason) = health.get("last_failure").and_then(Value::as_str) {
            let rests_ms = health.get("rests_for_ms").and_then(Value::as_u64);
            let standing = match rests_ms {
                None | Some(0) => String::new(),
                Some(ms) => format!(
                    "; the CPU answers, it is asked again in {} s",
                    ms.div_ceil(1_000)
                ),
            };
            add(format!("last failure: {reason}{standing}"));
        }
    }
    for rejection in model
        .get("rejected")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        add(format!(
            "not {}: {}",
            part(rejection, "candidate"),
            part(rejection, "reason")
        ));
    }
    lines
}

fn entries(object: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(Value::as_object).into_iter().flatten()
}
