//! The push-to-talk button on the steering wheel: a signal of the car.

use std::sync::Arc;
use std::time::{Duration, Instant};

use codriver_catalog::Value;
use futures_util::StreamExt;
use zbus::Connection;

use super::button::Button;
use crate::gateway::{VehicleProxy, to_value};
use crate::pipeline::Controls;

/// Between two attempts to hear from the gateway.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Watches the signal at `path` as long as the daemon runs, over restarts of the gateway.
pub async fn watch(connection: Connection, path: String, hold: bool, controls: Arc<Controls>) {
    loop {
        match follow(&connection, &path, hold, &controls).await {
            Ok(()) => tracing::warn!(path, "the car's button is not heard of any more"),
            Err(error) => tracing::warn!(path, %error, "the car's button cannot be watched"),
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn follow(
    connection: &Connection,
    path: &str,
    hold: bool,
    controls: &Controls,
) -> zbus::Result<()> {
    let gateway = VehicleProxy::new(connection).await?;
    let mut changes = gateway.receive_changed().await?;
    let mut owners = gateway.inner().receive_owner_changed().await?;
    gateway.subscribe().await?;
    let mut button = Button::default();
    tracing::info!(path, "the car's button is watched");
    loop {
        let due = button.due().map(tokio::time::Instant::from_std);
        let pressed = tokio::select! {
            change = changes.next() => {
                let Some(change) = change else { return Ok(()) };
                let change = change.args()?;
                match to_value(&change.value) {
                    Some(value) if change.path == path => {
                        button.contact(is_closed(&value), Instant::now())
                    }
                    _ => None,
                }
            }
            owner = owners.next() => match owner {
                // One that was started again knows nobody.
                Some(Some(_)) => {
                    gateway.subscribe().await?;
                    None
                }
                Some(None) => None,
                None => return Ok(()),
            },
            () = until(due) => button.settle(Instant::now()),
        };
        if let Some(press) = pressed {
            controls.press(press, hold);
        }
    }
}

/// A flag that is up, a number that is not zero, or a word that says so.
fn is_closed(value: &Value) -> bool {
    match value {
        Value::Flag(flag) => *flag,
        Value::Number(number) => *number != 0.0,
        other => matches!(
            other.to_string().to_ascii_lowercase().as_str(),
            "pressed" | "on" | "active" | "true"
        ),
    }
}

pub(super) async fn until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_may_be_a_flag_a_number_or_a_word() {
        for (value, closed) in [
            (Value::Flag(true), true),
            (Value::Flag(false), false),
            (Value::Number(1.0), true),
            (Value::Number(0.0), false),
            (Value::Text("PRESSED".into()), true),
            (Value::Text("RELEASED".into()), false),
        ] {
            assert_eq!(is_closed(&value), closed, "{value:?}");
        }
    }
}
