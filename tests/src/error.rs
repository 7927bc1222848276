//! What can go wrong on the stage.

use std::path::PathBuf;

/// Why the stage, the simulated car or the demo could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A program is missing.
    #[error("{program}: not found; {remedy}")]
    Missing {
        /// Its name.
        program: String,
        /// How to get it.
        remedy: String,
    },
    /// A program could not be started.
    #[error("{program} does not start: {source}")]
    Start {
        /// Its name.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A program ended although it was needed.
    #[error("{program} ended ({status}); the last of its log, {}:\n{log}", file.display())]
    Ended {
        /// Its name.
        program: String,
        /// How it ended.
        status: String,
        /// Its whole log.
        file: PathBuf,
        /// The end of its log.
        log: String,
    },
    /// Something did not happen in time.
    #[error("{what}: nothing within {seconds} s\n{log}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: f64,
        /// The ends of the logs, for the reader to find out why.
        log: String,
    },
    /// A list that comes with the project is malformed.
    #[error("{}: {problem}", path.display())]
    Listing {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The simulated car did not take an order.
    #[error("the simulated car refused the order {order:?}: {answer}")]
    Order {
        /// What was ordered.
        order: String,
        /// What it said.
        answer: String,
    },
    /// The bus is given in another form.
    #[error("{address:?} cannot carry the simulated car: {problem}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// D-Bus.
    #[error("D-Bus: {0}")]
    Dbus(#[from] zbus::Error),
    /// The vehicle description, the DBC or the CAN transport.
    #[error(transparent)]
    Vehicle(#[from] codriver_vehicle_bus::Error),
    /// Pipes and sockets.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
