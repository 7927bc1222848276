//! Everything that can go wrong here: what, where (file, line, message, signal) and what to do.

use std::{io, path::PathBuf};

use crate::frame::CanId;

/// The crate's error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not DBC.
    #[error("{}: is no readable DBC file: {problem}", file.display())]
    DbcSyntax {
        /// The DBC file.
        file: PathBuf,
        /// Where the grammar breaks.
        problem: String,
    },
    /// A DBC message cannot be used.
    #[error("{}: message {message}: {problem}", file.display())]
    BadMessage {
        /// The DBC file.
        file: PathBuf,
        /// The message.
        message: String,
        /// What is wrong.
        problem: String,
    },
    /// A DBC signal cannot be used.
    #[error("{}: message {message}, signal {signal}: {problem}", file.display())]
    BadSignal {
        /// The DBC file.
        file: PathBuf,
        /// The message.
        message: String,
        /// The signal.
        signal: String,
        /// What is wrong.
        problem: String,
    },
    /// A message the DBC does not have.
    #[error("{}: has no message {message}", file.display())]
    UnknownMessage {
        /// The DBC file.
        file: PathBuf,
        /// The missing message.
        message: String,
    },
    /// A signal the message does not have.
    #[error("{}: message {message} has no signal {signal}", file.display())]
    UnknownSignal {
        /// The DBC file.
        file: PathBuf,
        /// The message.
        message: String,
        /// The missing signal.
        signal: String,
    },
    /// A value that the signal cannot carry; it is never clamped.
    #[error(
        "{}: message {message}, signal {signal}: {value} is outside {min} to {max} {unit}",
        file.display()
    )]
    OutOfRange {
        /// The DBC file.
        file: PathBuf,
        /// The message.
        message: String,
        /// The signal.
        signal: String,
        /// The value asked for, physical.
        value: f64,
        /// Lowest physical value.
        min: f64,
        /// Highest physical value.
        max: f64,
        /// The signal's unit.
        unit: String,
    },
    /// A multiplexed signal that this payload's selector leaves out.
    #[error("{}: message {message}, signal {signal}: the selector leaves it out", file.display())]
    NotSelected {
        /// The DBC file.
        file: PathBuf,
        /// The message.
        message: String,
        /// The signal.
        signal: String,
    },
    /// A payload shorter than its message.
    #[error("{}: message {message} has {expected} bytes, the frame {got}", file.display())]
    ShortFrame {
        /// The DBC file.
        file: PathBuf,
        /// The message.
        message: String,
        /// Length by the DBC, bytes.
        expected: usize,
        /// Length of the frame, bytes.
        got: usize,
    },
    /// A payload length that neither CAN nor CAN FD has.
    #[error("frame {id}: {length} bytes is no length of CAN (0 to 8) or CAN FD (12, 16, ... 64)")]
    PayloadLength {
        /// Identifier of the frame.
        id: CanId,
        /// Length in bytes.
        length: usize,
    },
    /// A mistake in a vehicle description or configuration file.
    #[error("{}:{line}: {problem}", file.display())]
    Description {
        /// The TOML file.
        file: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A CAN address that cannot be understood or is not allowed.
    #[error("CAN address \"{address}\": {problem}")]
    Address {
        /// The address as given.
        address: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The bus cannot be opened, or was lost.
    #[error("{address}: {problem}")]
    Transport {
        /// The CAN address.
        address: String,
        /// What happened and what to do.
        problem: String,
    },
    /// D-Bus refused or vanished.
    #[error("D-Bus: {0}")]
    Dbus(#[from] zbus::Error),
}

/// The line, counted from 1, of a byte offset in a text.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}
