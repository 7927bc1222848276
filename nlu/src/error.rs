//! What this crate can refuse, with the way out.

use std::path::PathBuf;

use codriver_catalog::{Language, Location};

/// Everything understanding can fail with. A sentence that is merely not
/// understood is no error but an [`crate::Interpretation`] with a reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A phrase of a pack cannot be compiled.
    #[error("{at}: phrase \"{phrase}\": {problem}; {remedy}")]
    Phrase {
        /// Where it is written.
        at: Location,
        /// The phrase.
        phrase: String,
        /// What is wrong.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
    /// The catalogue holds phrases in a language without a words file.
    #[error("no words for language \"{0}\"; add languages/{0}.toml beside the packs")]
    NoWords(Language),
    /// A model pack cannot be used.
    #[error("{}: {problem}; {remedy}", path.display())]
    Model {
        /// The pack or file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The language model failed while it was answering.
    #[error("the language model failed while {doing}: {problem}")]
    Inference {
        /// What it was doing.
        doing: &'static str,
        /// What the runtime said.
        problem: String,
    },
}
