//! Printing. Output that cannot be written is an error, not a panic.

use std::fs::File;
use std::io::Write;
use std::sync::OnceLock;

use codriver_models::reserve_standard_output;
use serde::Serialize;

use crate::Error;

/// Standard output, once it is kept from the libraries of execution providers.
static OURS: OnceLock<File> = OnceLock::new();

/// Keeps what the libraries of execution providers print out of what is printed here. For commands
/// that load models, before they do.
pub fn keep_others_out() -> Result<(), Error> {
    let ours = reserve_standard_output()
        .map_err(|source| Error::system("reserving standard output", source))?;
    // One process runs one command, so nothing is there yet.
    let _ = OURS.set(ours);
    Ok(())
}

/// Prints one line on standard output and flushes it, so that a reader at the
/// other end of a pipe gets it at once.
pub fn line(text: &str) -> Result<(), Error> {
    let written = match OURS.get() {
        Some(ours) => write_line(ours, text),
        None => write_line(std::io::stdout().lock(), text),
    };
    written.map_err(|source| Error::system("writing to standard output", source))
}

fn write_line(mut out: impl Write, text: &str) -> std::io::Result<()> {
    out.write_all(format!("{text}\n").as_bytes())?;
    out.flush()
}

/// Prints one JSON object in one line.
pub fn json(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::Unsuccessful(format!("cannot be written as JSON: {error}")))?;
    line(&text)
}
