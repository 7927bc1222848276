//! `codriverctl monitor`: follows what the daemon hears, understands, does and says.

use std::time::Duration;

use super::signals::Signals;
use super::{client, output};
use crate::Error;
use crate::settings::Settings;

/// How long one wait for a signal lasts; then another begins.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prints until it is interrupted, which is its ordinary end.
pub async fn run(settings: &Settings, json: bool) -> Result<(), Error> {
    let connection = client::connect(settings).await?;
    let mut signals = Signals::subscribe(&connection).await?;
    let interrupted = interrupted();
    tokio::pin!(interrupted);
    loop {
        let notice = tokio::select! {
            () = &mut interrupted => return Ok(()),
            notice = signals.next(PATIENCE) => notice?,
        };
        match notice {
            Some(notice) if json => output::json(&notice.to_json())?,
            Some(notice) => output::line(&format!("{} {}", notice.utterance, notice.to_lines()))?,
            None => {}
        }
    }
}

/// Ends on Ctrl-C or SIGTERM.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers the signals end the process by themselves.
        _ => std::future::pending().await,
    }
}
