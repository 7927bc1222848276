//! `codriverctl vehicle get|set|list|watch`: signals through the gateway.

use codriver_catalog::Value;
use futures_util::StreamExt;
use serde_json::json;
use zbus::Connection;
use zbus::proxy::CacheProperties;

use super::{Vehicle, client, monitor, output};
use crate::Error;
use crate::gateway::{self, VehicleProxy};
use crate::settings::Settings;

/// How long a value typed by hand may still act.
const TIME_TO_LIVE_MS: u32 = 5_000;

/// Runs one of the four.
pub async fn run(settings: &Settings, command: Vehicle) -> Result<(), Error> {
    let connection = client::connect(settings).await?;
    let gateway = gateway(&connection, settings).await?;
    match command {
        Vehicle::Get { path, json } => get(&gateway, &path, json).await,
        Vehicle::Set { path, value } => set(&connection, &gateway, &path, &value).await,
        Vehicle::List(options) => list(&gateway, options.json).await,
        Vehicle::Watch { prefix, json } => watch(&gateway, &prefix, json).await,
    }
}

async fn gateway(
    connection: &Connection,
    settings: &Settings,
) -> Result<VehicleProxy<'static>, Error> {
    if !client::is_running(connection, gateway::NAME).await? {
        return Err(Error::Unsuccessful(format!(
            "codriver-gatewayd does not run on the {} bus; start it, or choose its bus with --bus",
            settings.dbus.bus
        )));
    }
    VehicleProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .map_err(|error| Error::bus("reaching the gateway", error))
}

async fn get(gateway: &VehicleProxy<'_>, path: &str, json: bool) -> Result<(), Error> {
    let (value, age_ms) = gateway
        .get(path)
        .await
        .map_err(client::failed("reading the signal"))?;
    let value = known(gateway::to_value(&value), path)?;
    if json {
        output::json(&json!({"path": path, "value": value, "age_ms": age_ms}))
    } else {
        output::line(&value.to_string())
    }
}

async fn set(
    connection: &Connection,
    gateway: &VehicleProxy<'_>,
    path: &str,
    value: &str,
) -> Result<(), Error> {
    // Unique on this bus for as long as it runs: the gateway acts once a request.
    let request = connection
        .unique_name()
        .map_or_else(|| std::process::id().to_string(), ToString::to_string);
    let value = typed(value);
    let (outcome, reason, message) = gateway
        .set(
            path,
            gateway::to_variant(&value),
            TIME_TO_LIVE_MS,
            &format!("codriverctl{request}"),
        )
        .await
        .map_err(client::failed("setting the signal"))?;
    if outcome == "done" {
        output::line(&format!("{path} = {value}"))
    } else {
        Err(Error::Unsuccessful(format!(
            "{outcome} ({reason}): {message}"
        )))
    }
}

async fn list(gateway: &VehicleProxy<'_>, json: bool) -> Result<(), Error> {
    let rows = gateway
        .list()
        .await
        .map_err(client::failed("listing the signals"))?;
    for (path, kind, writable, min, max, unit) in rows {
        let (min, max) = (gateway::to_value(&min), gateway::to_value(&max));
        if json {
            output::json(&json!({
                "path": path, "type": kind, "writable": writable, "min": min, "max": max, "unit": unit,
            }))?;
        } else {
            let access = if writable { "actuator" } else { "sensor" };
            let range = match (min, max) {
                (Some(Value::Number(min)), Some(Value::Number(max))) => format!("{min} to {max}"),
                _ => String::new(),
            };
            output::line(format!("{path:64} {access:8} {kind:8} {range} {unit}").trim_end())?;
        }
    }
    Ok(())
}

async fn watch(gateway: &VehicleProxy<'_>, prefix: &str, json: bool) -> Result<(), Error> {
    let mut changes = gateway
        .receive_changed()
        .await
        .map_err(|error| Error::bus("subscribing to changes", error))?;
    let mut owners = gateway
        .inner()
        .receive_owner_changed()
        .await
        .map_err(|error| Error::bus("watching for the gateway", error))?;
    let subscribe = async || {
        let subscribed = gateway.subscribe().await;
        subscribed.map_err(client::failed("subscribing to changes"))
    };
    subscribe().await?;
    let interrupted = monitor::interrupted();
    tokio::pin!(interrupted);
    loop {
        let change = tokio::select! {
            () = &mut interrupted => return Ok(()),
            owner = owners.next() => {
                // One that was started again knows nobody.
                if owner.flatten().is_some() {
                    subscribe().await?;
                }
                continue;
            }
            change = changes.next() => change,
        };
        let Some(change) = change else {
            return Err(Error::Unsuccessful("the bus has gone away".into()));
        };
        let arguments = change
            .args()
            .map_err(|error| Error::bus("reading a change", error))?;
        if !arguments.path.starts_with(prefix) {
            continue;
        }
        let value = known(gateway::to_value(&arguments.value), &arguments.path)?;
        if json {
            output::json(&json!({"path": arguments.path, "value": value}))?;
        } else {
            output::line(&format!("{} = {value}", arguments.path))?;
        }
    }
}

fn known(value: Option<Value>, path: &str) -> Result<Value, Error> {
    value.ok_or_else(|| Error::Unsuccessful(format!("{path} has a value of a type nobody knows")))
}

/// `true` and `false` are flags, what reads as a number is one, the rest are words.
fn typed(text: &str) -> Value {
    match text {
        "true" => Value::Flag(true),
        "false" => Value::Flag(false),
        other => match other.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Number(number),
            _ => Value::Text(other.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_type_it_looks_like() {
        assert_eq!(typed("true"), Value::Flag(true));
        assert_eq!(typed("-40"), Value::Number(-40.0));
        assert_eq!(typed("21.5"), Value::Number(21.5));
        assert_eq!(typed("RAIN_SENSOR"), Value::Text("RAIN_SENSOR".into()));
        assert_eq!(typed("NaN"), Value::Text("NaN".into()));
    }
}
