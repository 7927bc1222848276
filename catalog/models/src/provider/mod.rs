//! Execution providers: which of them may run a model, and which one does.

mod assignment;
mod candidate;
mod report;
mod session;

pub use candidate::{Candidate, CandidateSettings, ExecutionProviders};
pub use report::{LoadedModel, ProviderReport, Rejection};
pub use session::SessionOptions;
