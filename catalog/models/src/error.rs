//! Everything that can go wrong with model packs and sessions, in sentences for a person.

use std::path::PathBuf;

use crate::provider::Rejection;

/// Why a model pack, the ONNX Runtime library or a session is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither `CODRIVER_MODELS` nor `XDG_CACHE_HOME` nor `HOME` is set.
    #[error(
        "no place for models is known: set models.directory in codriver.toml, or CODRIVER_MODELS"
    )]
    NoStore,

    /// The store has no pack of this name.
    #[error(
        "there is no model pack \"{name}\" in {}; run `codriverctl models install {name}`",
        store.display()
    )]
    PackMissing {
        /// The pack that was asked for.
        name: String,
        /// The store's directory.
        store: PathBuf,
    },

    /// A pack is of another kind than its user needs.
    #[error("{}: is a {found} pack, but a {needed} pack is needed here; name another pack", manifest.display())]
    WrongKind {
        /// The pack's manifest.
        manifest: PathBuf,
        /// The kind it has.
        found: &'static str,
        /// The kind it should have.
        needed: &'static str,
    },

    /// A manifest is not valid.
    #[error("{}: {problem}", place(path, *line))]
    Manifest {
        /// The manifest file.
        path: PathBuf,
        /// Line of the mistake, counted from 1, where it is known.
        line: Option<usize>,
        /// Which field, what is wrong with it, what to do.
        problem: String,
    },

    /// A file that should be there cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A file of a pack has the wrong length.
    #[error(
        "{}: has {found} bytes instead of {expected}, so it was cut short or replaced; delete {} and run `codriverctl models install`",
        path.display(), parent(path).display()
    )]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Bytes that the manifest says.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },

    /// A file of a pack has the right length but other contents.
    #[error(
        "{}: is damaged (sha256 {found} instead of {expected}); delete {} and run `codriverctl models install`",
        path.display(), parent(path).display()
    )]
    FileHash {
        /// The file.
        path: PathBuf,
        /// sha256 that the manifest says, in hexadecimal.
        expected: String,
        /// sha256 of what is there.
        found: String,
    },

    /// The ONNX Runtime library cannot be used.
    #[error("{}: cannot be used as the ONNX Runtime library: {reason}", path.display())]
    Library {
        /// The library file.
        path: PathBuf,
        /// What the loader said, and what to do.
        reason: String,
    },

    /// A process has one ONNX Runtime, and it is another one.
    #[error(
        "{} was asked for, but this process runs models with {} already; use one library in all settings",
        wanted.display(), loaded.display()
    )]
    OtherLibrary {
        /// The library in use.
        loaded: PathBuf,
        /// The library that was asked for.
        wanted: PathBuf,
    },

    /// An `[[execution_provider]]` entry of the configuration is not valid.
    #[error("execution_provider {position} (\"{name}\"): {problem}")]
    ExecutionProvider {
        /// Place in the list, counted from 1.
        position: usize,
        /// The name it was given.
        name: String,
        /// Which key, what is wrong with it, what to do.
        problem: String,
    },

    /// A setting names an execution provider that the configuration does not have.
    #[error("{key} = \"{name}\" is none of the execution providers; use one of {}", known.join(", "))]
    NoSuchProvider {
        /// The setting.
        key: &'static str,
        /// What it says.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },

    /// No execution provider took the model.
    #[error("{}: no execution provider runs {model}: {}", graph.display(), reasons(rejected))]
    NoProvider {
        /// Name of the model.
        model: String,
        /// The graph file.
        graph: PathBuf,
        /// What was tried, in order.
        rejected: Vec<Rejection>,
    },
}

fn place(path: &std::path::Path, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    }
}

fn parent(path: &std::path::Path) -> &std::path::Path {
    path.parent().unwrap_or(path)
}

fn reasons(rejected: &[Rejection]) -> String {
    let sentences: Vec<_> = rejected.iter().map(Rejection::to_string).collect();
    sentences.join("; ")
}
