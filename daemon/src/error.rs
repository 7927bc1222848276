//! What can keep the daemon or the command line from doing its work.

use std::path::PathBuf;

/// Everything this crate can refuse. Every message says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration file cannot be read.
    #[error("{}: cannot be read: {source}; check the path and its permissions", path.display())]
    ReadSettings {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A configuration file, or the environment, says something that cannot be.
    #[error("{origin}: {problem}")]
    Settings {
        /// The file with its line, or the environment.
        origin: String,
        /// What is wrong with which key, and what to write instead.
        problem: String,
    },
    /// The folder of intent packs was not found.
    #[error(
        "no intent packs found in {}; set configs.directory in codriver.toml, or pass --catalog DIR",
        path.display()
    )]
    NoConfigs {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// A wake phrase that nothing listens for but the recogniser.
    #[error(
        "wake phrase \"{phrase}\" has no head {}; train one with `make wake PHRASE=\"{phrase}\"`",
        path.display()
    )]
    NoWakeHead {
        /// The phrase.
        phrase: String,
        /// Where its head was looked for.
        path: PathBuf,
    },
    /// The reply texts are wrong.
    #[error("{}: {problem}", path.display())]
    Replies {
        /// The file, with its line where one is known.
        path: PathBuf,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// An intent pack, or the words of a language, cannot be used.
    #[error(transparent)]
    Catalog(#[from] codriver_catalog::Error),
    /// A model pack or the model runtime.
    #[error(transparent)]
    Models(#[from] codriver_models::Error),
    /// Sound, or its recognition.
    #[error(transparent)]
    Hearing(#[from] codriver_asr::Error),
    /// Understanding.
    #[error(transparent)]
    Understanding(#[from] codriver_nlu::Error),
    /// A D-Bus address that is not a Unix socket.
    #[error(
        "D-Bus address \"{address}\" is not a Unix socket; codriver opens no other kind, use \"unix:path=...\""
    )]
    BusAddress {
        /// What was asked for.
        address: String,
    },
    /// The bus cannot be reached.
    #[error("the D-Bus {bus} bus cannot be reached: {source}; is dbus-daemon running?")]
    BusUnreachable {
        /// `system`, `session` or an address.
        bus: String,
        /// What zbus said.
        #[source]
        source: zbus::Error,
    },
    /// Another process owns our name.
    #[error(
        "the D-Bus name {name} is already taken; another codriverd runs on this bus, stop it first"
    )]
    NameTaken {
        /// The name.
        name: &'static str,
    },
    /// A call over D-Bus went wrong.
    #[error("{what}: {source}")]
    Bus {
        /// What was being done.
        what: String,
        /// What zbus said.
        #[source]
        source: zbus::Error,
    },
    /// A peer did not answer in time.
    #[error("{what} gave no answer within {seconds} s")]
    NoAnswer {
        /// Who was asked for what.
        what: String,
        /// How long was waited.
        seconds: f64,
    },
    /// The operating system refused.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A thread of the pipeline died or a stage could not be started.
    #[error("{stage}: {problem}")]
    Stage {
        /// Which stage: `recogniser`, `understanding`...
        stage: &'static str,
        /// What happened and what to do.
        problem: String,
    },
    /// What was asked on the command line was not achieved; the message is for the person.
    #[error("{0}")]
    Unsuccessful(String),
}

impl Error {
    /// A failed system call, while doing `what`.
    pub fn system(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::System {
            what: what.into(),
            source,
        }
    }

    /// A failed D-Bus call, while doing `what`.
    pub fn bus(what: impl Into<String>, source: impl Into<zbus::Error>) -> Self {
        Self::Bus {
            what: what.into(),
            source: source.into(),
        }
    }
}
