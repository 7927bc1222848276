//! Execution providers: which of them may run a model, and which one does.

mod assignment;
mod cache;
mod candidate;
mod health;
mod list;
mod placed;
mod plugin;
mod plugin_check;
mod report;
mod session;
mod watched;

pub use candidate::{Candidate, CandidateSettings};
pub use health::{Health, HealthReport};
pub use list::{Entry, ExecutionProviders};
pub use placed::{Compute, PlacedSession, Placement, SmallModel};
pub use plugin_check::answer_plugin_check;
pub use report::{CacheUse, Effort, LoadedModel, ProviderReport, Rejection, RejectionKind, Trial};
pub use session::SessionOptions;
pub use watched::{GivenUp, Watched};
