//! Text to commands: normalise, patterns, model.

mod context;
mod error;
mod interpretation;
pub mod model;
mod normalise;
pub mod opening;
mod own_seat;
mod patterns;
mod sound;
mod tier;
mod understanding;
mod vocabulary;

pub use context::Context;
pub use error::Error;
pub use interpretation::{Alternative, Interpretation, Reason, Rule, Source, TierAnswer};
pub use tier::{ModelAnswer, ModelTier, Proposal};
pub use understanding::{LONGEST_SENTENCE, Progress, Tiers, Understanding};
pub use vocabulary::vocabulary;
