//! The push-to-talk key of an input device: a steering wheel on USB, a keypad, a headset.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evdev::{Device, EventStream, EventSummary, KeyCode};

use super::button::Button;
use super::wheel::until;
use crate::pipeline::Controls;

/// Between two looks for a device that is not there, or is there no more.
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// Watches `key` of the first input device whose name contains `pattern` and that has it, as
/// long as the daemon runs; a device that is plugged in later is found.
pub async fn watch(pattern: String, key: KeyCode, hold: bool, controls: Arc<Controls>) {
    let mut reported = false;
    loop {
        let wanted = pattern.clone();
        let found = tokio::task::spawn_blocking(move || open(&wanted, key)).await;
        let problem = match found {
            Ok(Ok((path, stream))) => {
                tracing::info!(device = %path.display(), ?key, "the key is watched");
                reported = false;
                match follow(stream, key, hold, &controls).await {
                    Ok(()) => "the device has ended".to_owned(),
                    Err(error) => error.to_string(),
                }
            }
            Ok(Err(problem)) => problem,
            Err(error) => error.to_string(),
        };
        if !std::mem::replace(&mut reported, true) {
            tracing::warn!(problem, "the push-to-talk key is not watched");
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// The key that Linux calls so, as `KEY_VOICECOMMAND`.
pub fn parse_key(name: &str) -> Option<KeyCode> {
    name.parse().ok()
}

fn open(pattern: &str, key: KeyCode) -> Result<(PathBuf, EventStream), String> {
    let wanted = pattern.to_lowercase();
    let fits = |device: &Device| {
        let name = device.name().unwrap_or_default().to_lowercase();
        let has = device
            .supported_keys()
            .is_some_and(|keys| keys.contains(key));
        name.contains(&wanted) && has
    };
    let (path, device) = evdev::enumerate()
        .find(|(_, device)| fits(device))
        .ok_or_else(|| {
            format!(
                "no input device named like \"{pattern}\" with the key {key:?} can be opened; \
                 check listening.key_device, and that the daemon may read /dev/input"
            )
        })?;
    let stream = device.into_event_stream().map_err(|e| e.to_string())?;
    Ok((path, stream))
}

async fn follow(
    mut stream: EventStream,
    key: KeyCode,
    hold: bool,
    controls: &Controls,
) -> std::io::Result<()> {
    let mut button = Button::default();
    loop {
        let due = button.due().map(tokio::time::Instant::from_std);
        let pressed = tokio::select! {
            event = stream.next_event() => match contact(event?.destructure(), key) {
                Some(closed) => button.contact(closed, Instant::now()),
                None => None,
            },
            () = until(due) => button.settle(Instant::now()),
        };
        if let Some(press) = pressed {
            controls.press(press, hold);
        }
    }
}

/// Whether this event closes or opens the contact of `key`; repetitions do neither.
fn contact(event: EventSummary, key: KeyCode) -> Option<bool> {
    match event {
        EventSummary::Key(_, code, 0) if code == key => Some(false),
        EventSummary::Key(_, code, 1) if code == key => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evdev::{EventType, InputEvent};

    fn contact_of(code: KeyCode, value: i32) -> Option<bool> {
        let event = InputEvent::new(EventType::KEY.0, code.0, value);
        contact(event.destructure(), KeyCode::KEY_VOICECOMMAND)
    }

    #[test]
    fn only_the_configured_key_counts_and_its_repetitions_do_not() {
        assert_eq!(contact_of(KeyCode::KEY_VOICECOMMAND, 1), Some(true));
        assert_eq!(contact_of(KeyCode::KEY_VOICECOMMAND, 2), None);
        assert_eq!(contact_of(KeyCode::KEY_VOICECOMMAND, 0), Some(false));
        assert_eq!(contact_of(KeyCode::KEY_MUTE, 1), None);
    }
}
