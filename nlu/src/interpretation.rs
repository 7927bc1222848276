//! What became of one sentence: the commands, how sure, and why not.

use std::time::Duration;

use codriver_catalog::{ArgumentError, Command, CommandName, Decision, Language};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::Proposal;

/// The understanding of one sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Interpretation {
    /// The sentence as it came.
    pub text: String,
    /// The language it was understood in, or written in when it was not understood.
    pub language: Language,
    /// What to do, complete and checked, in the order it was said. Empty
    /// unless the decision is [`Decision::Execute`] or [`Decision::Confirm`].
    pub commands: Vec<Command>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Which tier understood it.
    pub source: Source,
    /// What to do with the commands.
    pub decision: Decision,
    /// Why nothing is done, or why it is asked first; `None` when it is executed.
    pub reason: Option<Reason>,
    /// Other readings, best first, for "did you mean".
    pub alternatives: Vec<Alternative>,
    /// What every tier that was asked said, for `explain`.
    pub tiers: Vec<TierAnswer>,
    /// By which rule one of them won.
    pub rule: Rule,
    /// How long understanding took.
    pub elapsed: Duration,
}

/// Which tier understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The packs' phrases.
    Pattern,
    /// The language model.
    Model,
    /// Each clause of the sentence by itself, by phrases or model.
    Clauses,
    /// Nobody.
    None,
}

/// Which rule settled a sentence between the tiers; the rules are those of
/// [`crate::Understanding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// There was nothing to read.
    #[error("no tier was asked")]
    Unread,
    /// Rule 1.
    #[error("a phrase that matches exactly stands")]
    ExactPhrase,
    /// Rule 2.
    #[error(
        "a negation beside a phrase, or a question that only the phrases have read, forbids acting"
    )]
    Blocked,
    /// Rule 3, nobody else was asked or could answer.
    #[error("a phrase that matches by sound stands, for the model said nothing")]
    PhraseAlone,
    /// Rule 3.
    #[error("phrase and model agree")]
    TiersAgree,
    /// Rule 3, the model took the homophones for what they mean.
    #[error("the words sound just like a phrase, and the model finds nothing else in them")]
    SameSound,
    /// Rule 3.
    #[error("phrase and model disagree, so the speaker is asked")]
    TiersDisagree,
    /// Rule 3, the phrase took free text.
    #[error("the phrase takes any words for a name, so the model's word counts")]
    ModelOverText,
    /// Rule 4.
    #[error("no phrase is certain, so the model's word counts")]
    Model,
    /// Rule 5.
    #[error("read whole and clause by clause, and the readings weighed against each other")]
    ClauseByClause,
    /// Rule 4, the model does not settle what the phrases left open.
    #[error("neither is certain; the phrases are nearest")]
    UncertainPhrase,
}

/// Another reading of the sentence. Its commands may be incomplete.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Alternative {
    /// What it would do.
    pub commands: Vec<Proposal>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Who read it so.
    pub source: Source,
}

/// What one tier said, before the tiers were weighed against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct TierAnswer {
    /// Which tier.
    pub source: Source,
    /// What it proposed; empty for nothing.
    pub commands: Vec<Proposal>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Why it proposed nothing, or what holds it back.
    pub reason: Option<Reason>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Why a sentence is not simply executed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// There are no words in it.
    #[error("there was nothing to understand")]
    Empty,
    /// It is longer than a spoken request can be.
    #[error("the sentence has {bytes} bytes, more than the {limit} a request may have")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The longest that is read.
        limit: usize,
    },
    /// It asks for nothing the packs know.
    #[error("this is not a request I know")]
    NotUnderstood,
    /// It reads like a command, but a word forbids acting on it.
    #[error("\"{word}\" says that this is not a request to act")]
    Blocked {
        /// The negation.
        word: String,
    },
    /// It reads like a command, but for a word that makes it a question.
    #[error("\"{word}\" makes this a question that I have no answer to")]
    Question {
        /// The question word.
        word: String,
    },
    /// It resembles a command too little.
    #[error("I am not sure that I understood")]
    Unsure,
    /// It means several things equally well.
    #[error("this could mean {}", .0.iter().map(CommandName::as_str).collect::<Vec<_>>().join(" or "))]
    Ambiguous(Vec<CommandName>),
    /// One of several requests in one breath was not understood, so none is done.
    #[error("I did not understand \"{part}\"")]
    PartNotUnderstood {
        /// The part, as it was said.
        part: String,
    },
    /// An argument is missing or does not fit.
    #[error("{command}: {error}")]
    Argument {
        /// Of which command.
        command: CommandName,
        /// What is wrong; nothing is bent to fit.
        error: ArgumentError,
        /// What is known of the command so far.
        proposal: Proposal,
    },
    /// The tiers disagree.
    #[error("I am not sure which of two things you want")]
    TiersDisagree,
    /// The command wants a yes first.
    #[error("{command} asks for confirmation")]
    Policy {
        /// Which command.
        command: CommandName,
    },
}

impl Reason {
    /// A stable snake_case word for programs: `out_of_range`, `missing_argument`, ...
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong { .. } => "too_long",
            Self::NotUnderstood => "not_understood",
            Self::Blocked { .. } => "blocked",
            Self::Question { .. } => "question",
            Self::Unsure => "unsure",
            Self::Ambiguous(_) => "ambiguous",
            Self::PartNotUnderstood { .. } => "part_not_understood",
            Self::Argument { error, .. } => match error {
                ArgumentError::Missing { .. } => "missing_argument",
                ArgumentError::OutOfRange { .. } => "out_of_range",
                ArgumentError::OffStep { .. } => "off_step",
                ArgumentError::NotAllowed { .. } => "not_allowed",
                _ => "wrong_argument",
            },
            Self::TiersDisagree => "tiers_disagree",
            Self::Policy { .. } => "policy",
        }
    }
}

/// `{"code": "out_of_range", "message": "..."}`.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Reason", 2)?;
        object.serialize_field("code", self.code())?;
        object.serialize_field("message", &self.to_string())?;
        object.end()
    }
}
