//! The second tier: a small language model that can only answer with valid calls.
//!
//! ```text
//! utterance -> prompt (tokens; the fixed part stays in the cache)
//!           -> generate (decoder's logits x command prior x grammar's mask, greedy)
//!           -> call syntax -> proposals, with the model's confidence
//! ```
//!
//! Everything that depends on the model comes from its [pack]
//! (prompt, limits, thresholds), everything that can be said from the
//! catalogue: another model or another catalogue needs no other code.
//!
//! [pack]: codriver_models::LanguageModel

mod accelerator;
pub mod call;
mod chunked;
mod confidence;
mod decoder;
mod embedding;
mod generate;
mod grammar;
mod in_place;
mod language_model;
mod prior;
mod prompt;
mod properties;
mod selection;
mod static_sizes;
mod task;
mod vocabulary;
mod watched;

pub use accelerator::Accelerator;
pub use chunked::ChunkedDecoder;
pub use decoder::{Decoder, DecoderShape};
pub use embedding::Embedding;
pub use generate::{Ending, Generation, Limits, generate};
pub use grammar::CallGrammar;
pub use in_place::{GraphSizes, InPlaceDecoder};
pub use language_model::{LanguageModel, ModelSettings};
pub use prior::{CommandPrior, Steering, features};
pub use prompt::{Prompt, sanitise};
pub use selection::Preference;
pub use static_sizes::StaticSizes;
pub use task::{Answer, Outcome};
pub use vocabulary::Vocabulary;
pub use watched::WatchedDecoder;
