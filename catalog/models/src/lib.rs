//! Model packs on disk, and ONNX Runtime sessions built strictly from them.
//!
//! A model pack is a directory of the model [`Store`] with a `manifest.toml`
//! that says what is inside. Opening one checks every file's size, so that a
//! file cut short is never loaded; [`ModelPack::verify`] reads every byte.
//!
//! A session is built by the first [execution provider](ExecutionProviders)
//! of an ordered list that takes the *whole* graph. No provider ever leaves
//! part of a model to the CPU unseen: [`ProviderReport`] says what runs
//! where, and why each earlier candidate was turned down.
//!
//! ```no_run
//! use codriver_models::{ExecutionProviders, Runtime, SessionOptions, Store};
//!
//! # fn main() -> Result<(), codriver_models::Error> {
//! let store = Store::from_environment()?;
//! let runtime = Runtime::from_store(&store)?;
//! let pack = store.open("silero-vad")?;
//! let model = runtime.session(
//!     pack.name(),
//!     &pack.voice_activity()?.graph,
//!     &ExecutionProviders::cpu(),
//!     &SessionOptions::default(),
//! )?;
//! println!("{}: {}", model.report.model, model.report.chosen);
//! # Ok(())
//! # }
//! ```

mod error;
mod manifest;
mod pack;
mod prompt;
mod provider;
mod runtime;
mod sha256;
mod standard_output;
mod store;

pub use error::Error;
pub use manifest::{
    CacheShape, Calibration, CommandPrior, GraphKind, LanguageModel, NpuModel, PackKind,
    SpeechEmbedding, SpeechRecognition, Thresholds, VoiceActivity,
};
pub use pack::ModelPack;
pub use prompt::{PromptSegment, PromptTemplate};
pub use provider::{
    CacheUse, Candidate, CandidateSettings, Compute, Effort, Entry, ExecutionProviders, GivenUp,
    Health, HealthReport, LoadedModel, PlacedSession, Placement, ProviderReport, Rejection,
    RejectionKind, SessionOptions, SmallModel, Trial, Watched, answer_plugin_check,
};
pub use runtime::Runtime;
pub use standard_output::reserve_standard_output;
pub use store::Store;
