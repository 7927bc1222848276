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
        format!("language    {}", text("/language")),
        format!("speech      {}", text("/speech")),
        format!(
            "commands    {} from {}",
            text("/commands"),
            text("/configs")
        ),
    ];
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
        lines.push(model_line(model));
        for rejection in model
            .get("rejected")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let part = |key: &str| rejection.get(key).and_then(Value::as_str).unwrap_or("-");
            lines.push(format!(
                "            not {}: {}",
                part("candidate"),
                part("reason")
            ));
        }
    }
    lines.join("\n")
}

fn model_line(model: &Value) -> String {
    let part = |key: &str| model.get(key).and_then(Value::as_str).unwrap_or("-");
    format!("model       {} on {}", part("model"), part("chosen"))
}
