//! What is said about a model once it is loaded: who runs it, and why nobody better.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// A model that is ready to run, and how it came to be.
#[derive(Debug)]
pub struct LoadedModel {
    /// The session.
    pub session: ort::session::Session,
    /// Which execution provider runs it, and what was tried before.
    pub report: ProviderReport,
}

/// Which execution provider runs a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderReport {
    /// Name of the model.
    pub model: String,
    /// The chosen candidate's name, as in the configuration.
    pub chosen: String,
    /// The device it was told to use, where it was told one.
    pub device: Option<String>,
    /// Version of the ONNX Runtime library.
    pub library_version: String,
    /// Execution provider -> operator -> how many nodes of the graph it runs,
    /// as ONNX Runtime assigned them.
    pub operators_by_provider: BTreeMap<String, BTreeMap<String, usize>>,
    /// The candidates that came earlier in the list, in order.
    pub rejected: Vec<Rejection>,
    /// Time from reading the graph to a session that is ready, in milliseconds.
    pub load_ms: u64,
}

/// A candidate that does not run the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The candidate, as `name` or `name:device`.
    pub candidate: String,
    /// Why it does not run the model.
    pub reason: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.candidate, self.reason)
    }
}
