//! `codriverctl mute on|off`.

use super::{client, output};
use crate::Error;
use crate::settings::Settings;

/// Closes or opens the microphone and reports the state that the daemon is in.
pub async fn run(settings: &Settings, muted: bool) -> Result<(), Error> {
    let connection = client::connect(settings).await?;
    let assistant = client::assistant(&connection, settings).await?;
    let failed = client::failed("muting");
    assistant.set_muted(muted).await.map_err(&failed)?;
    let now = assistant.muted().await.map_err(failed)?;
    output::line(if now {
        "the microphone is closed"
    } else {
        "the microphone is open"
    })
}
