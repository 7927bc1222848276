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
    /// What became of the compiled graph's cache, where one is configured.
    pub cache: Option<CacheUse>,
    /// How it did beside the CPU before it was chosen, where it had to.
    pub trial: Option<Trial>,
    /// What stands in when it fails.
    pub reserve: Option<Box<ProviderReport>>,
    /// The candidates that came earlier in the list, in order.
    pub rejected: Vec<Rejection>,
    /// Time from reading the graph to a session that is ready, in milliseconds.
    pub load_ms: u64,
}

/// How a language model did on one provider and on the CPU, with the same sentences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trial {
    /// Whether every answer was the CPU's.
    pub same_answers: bool,
    /// Largest distance of the logits after a prompt from the CPU's: 1 minus their cosine.
    pub logits_distance: f64,
    /// On the provider.
    pub provider: Effort,
    /// On the CPU.
    pub cpu: Effort,
}

/// What answering took, on average over the sentences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effort {
    /// Reading the prompt behind its fixed part, in milliseconds.
    pub prompt_ms: f64,
    /// One run with one token, in milliseconds.
    pub token_ms: f64,
    /// A whole answer, prompt included, in milliseconds.
    pub answer_ms: f64,
    /// Processor time of this process in an answer, in milliseconds, to the next 10.
    pub processor_ms: f64,
}

/// What became of a compiled graph's cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "reason")]
pub enum CacheUse {
    /// The compiled graph was read from it.
    Hit,
    /// There was none; it is there from now on.
    Written,
    /// The one there was damaged or of no use, for this reason, and was replaced.
    Rebuilt(String),
    /// None could be written, for this reason; the next start compiles again.
    Failed(String),
}

/// A candidate that does not run the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The candidate, as `name` or `name:device`.
    pub candidate: String,
    /// What kind of reason it is.
    pub kind: RejectionKind,
    /// Why it does not run the model, and what to do.
    pub reason: String,
}

/// The kinds of reasons, for programs to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RejectionKind {
    /// The ONNX Runtime library was built without the provider.
    NotInLibrary,
    /// The plugin's file is not there.
    PluginMissing,
    /// The plugin ends the process that loads it.
    PluginCrashes,
    /// The plugin is made for another ONNX Runtime.
    PluginVersion,
    /// The file is no plugin, or refuses to be one here.
    PluginUnusable,
    /// A library that the provider's options name is not there.
    BackendMissing,
    /// The provider has no device here, or none of the wanted kind.
    NoDevice,
    /// The provider takes another kind of graph than this one.
    OtherGraph,
    /// The provider did not take the whole graph.
    NotWhole,
    /// Its answers differ from those of the CPU.
    WrongAnswers,
    /// The CPU does better by the configured rule.
    NotBetter,
    /// It failed or hung while it ran.
    Failed,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.candidate, self.reason)
    }
}
