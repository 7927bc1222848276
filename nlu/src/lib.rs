//! Text to commands: normalise, patterns, model.

mod context;
mod error;
mod interpretation;
pub mod model;
mod normalise;
mod sound;
mod tier;

pub use context::Context;
pub use error::Error;
pub use interpretation::{Alternative, Interpretation, Reason, Source, TierAnswer};
pub use tier::{ModelAnswer, ModelTier, Proposal};
