//! What a tier of understanding answers, and how a language model plugs in.

use std::collections::BTreeMap;

use codriver_catalog::{CommandName, Language, Value};
use serde::Serialize;

use crate::{Context, Error};

/// A command as a tier proposes it: not yet checked against its definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// Which command.
    pub name: CommandName,
    /// The arguments that were heard or implied; defaults are not filled in.
    #[serde(rename = "args")]
    pub arguments: BTreeMap<String, Value>,
}

/// What a language model says to one sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelAnswer {
    /// The commands in the order they were asked for; none when the sentence
    /// asks for nothing the car can do.
    pub proposals: Vec<Proposal>,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
}

/// The second tier: slower, and free in what it understands.
pub trait ModelTier: Send {
    /// The languages its pack serves; it is not asked in others.
    fn languages(&self) -> &[Language];

    /// From this confidence on, an answer that no pattern supports may act (0 to 1,
    /// a threshold of its model pack).
    fn execute_threshold(&self) -> f64;

    /// Confidence from which the speaker is asked back; below it nothing was said to the car.
    fn ask_threshold(&self) -> f64;

    /// Says what the sentence asks for. Bounded in time by the pack's token cap.
    ///
    /// # Errors
    /// [`Error::Inference`] when the runtime fails; the patterns then stand alone.
    fn interpret(
        &mut self,
        text: &str,
        language: Language,
        context: &Context,
    ) -> Result<ModelAnswer, Error>;
}
