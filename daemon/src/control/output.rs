//! Printing. Output that cannot be written is an error, not a panic.

use std::io::Write;

use serde::Serialize;

use crate::Error;

/// Prints one line on standard output and flushes it, so that a reader at the
/// other end of a pipe gets it at once.
pub fn line(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(|source| Error::system("writing to standard output", source))
}

/// Prints one JSON object in one line.
pub fn json(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::Unsuccessful(format!("cannot be written as JSON: {error}")))?;
    line(&text)
}
