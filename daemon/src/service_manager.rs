//! Talking to systemd: ready, stopping, and a watchdog that means something.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::pipeline::Heartbeat;

/// Says that everything is loaded and the bus name is owned.
pub fn ready() {
    notify(&[NotifyState::Ready, NotifyState::Status("listening")]);
}

/// Says that the daemon is ending.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// One line about what the daemon is doing, shown by `systemctl status`.
pub fn status(text: &str) {
    notify(&[NotifyState::Status(text)]);
}

/// Feeds the watchdog for as long as every thread answers; returns never.
/// Without a watchdog it only logs what falls silent.
pub async fn watch(heartbeats: Vec<Heartbeat>) {
    let watchdog = sd_notify::watchdog_enabled();
    // Twice a period, as systemd advises.
    let mut ticks =
        tokio::time::interval(watchdog.map_or(Duration::from_secs(5), |period| period / 2));
    let mut silent = false;
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let stopped = heartbeats
            .iter()
            .find_map(|heartbeat| Some((heartbeat.name(), heartbeat.stopped_since(now)?)));
        match stopped {
            None => {
                silent = false;
                if watchdog.is_some() {
                    notify(&[NotifyState::Watchdog]);
                }
            }
            Some((thread, silence)) if !silent => {
                silent = true;
                let seconds = silence.as_secs();
                tracing::error!(thread, seconds, "does not answer; the watchdog is not fed");
            }
            Some(_) => {}
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
