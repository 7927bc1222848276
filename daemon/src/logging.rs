//! The log: journald under systemd, else standard error.

use std::os::fd::AsFd;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::Error;

/// Starts the log of a daemon. `CODRIVER_LOG` filters it (`debug`,
/// `codriver_nlu=trace,info`); the default is `info`.
///
/// # Errors
/// When a log was already started in this process.
pub fn start_daemon() -> Result<(), Error> {
    // whisper.cpp tells every tensor at level info.
    start("info,whisper_rs=warn")
}

/// Starts the log of a command line tool: warnings only, on standard error.
///
/// # Errors
/// When a log was already started in this process.
pub fn start_tool() -> Result<(), Error> {
    start("warn")
}

fn start(default: &str) -> Result<(), Error> {
    let filter =
        EnvFilter::try_from_env("CODRIVER_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match journal() {
        Some(journal) => registry.with(journal).try_init(),
        None => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
                    .with_target(false),
            )
            .try_init(),
    };
    started.map_err(|error| Error::Stage {
        stage: "log",
        problem: error.to_string(),
    })
}

/// The journal, only when standard error really is connected to it: the
/// variable is inherited by programs whose output goes elsewhere.
fn journal() -> Option<tracing_journald::Layer> {
    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    (stream == standard_error_stream()?)
        .then(|| tracing_journald::layer().ok())
        .flatten()
}

/// `device:inode` of standard error, as systemd writes it in `JOURNAL_STREAM`.
fn standard_error_stream() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::File::from(std::io::stderr().as_fd().try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    Some(format!("{}:{}", metadata.dev(), metadata.ino()))
}
