//! The task that a decoder is given: one utterance to calls, whatever hardware decodes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use codriver_catalog::Catalog;

use super::call;
use super::decoder::Decoder;
use super::generate::{Ending, Limits, generate};
use super::grammar::CallGrammar;
use super::prior::{CommandPrior, Steering};
use super::prompt::{Prompt, recent_calls, sanitise};
use super::vocabulary::Vocabulary;
use crate::{Context, Error, Proposal};

/// Most tokens of utterance and context together. A long spoken request has
/// some forty; in Mandarin, with a tokenizer made for English, a hundred.
const MAX_SPOKEN_TOKENS: usize = 160;
/// How many of the calls done last a prompt with `{context}` is told.
const RECENT_CALLS: usize = 2;

/// What became of one utterance, with what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was understood, or why nothing.
    pub outcome: Outcome,
    /// The answer as the model wrote it.
    pub text: String,
    /// That of exactly this answer among all the grammar allows.
    pub probability: f64,
    /// Tokens of the answer, and how many of them the grammar forced.
    pub tokens: usize,
    /// See `tokens`.
    pub forced: usize,
    /// How often the graph ran.
    pub runs: usize,
}

/// What a model made of an utterance.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It asks for this, in this order; for nothing when empty.
    Calls(Vec<Proposal>),
    /// There are no words in it; the model was not asked.
    Empty,
    /// It has more tokens than a prompt takes; the model was not asked.
    TooLong,
    /// The answer grew beyond the pack's `max_tokens`.
    TokenCap,
    /// Time ran out.
    Deadline,
}

/// Everything around a decoder: tokens, prompt, grammar, catalogue.
pub(super) struct Task {
    vocabulary: Vocabulary,
    prompt: Prompt,
    catalog: Arc<Catalog>,
    grammar: CallGrammar,
    prior: Option<CommandPrior>,
    max_tokens: usize,
}

/// An utterance, ready to be decoded.
pub(super) struct Question {
    utterance: String,
    /// The tokens behind the prompt's fixed part.
    pub(super) tokens: Vec<u32>,
}

impl Task {
    pub(super) fn new(
        vocabulary: Vocabulary,
        prompt: Prompt,
        catalog: Arc<Catalog>,
        taught: Option<&BTreeSet<String>>,
        prior: Option<CommandPrior>,
        max_tokens: usize,
    ) -> Self {
        Self {
            vocabulary,
            prompt,
            grammar: CallGrammar::new(&catalog, taught),
            catalog,
            prior,
            max_tokens,
        }
    }

    pub(super) fn use_catalog(&mut self, catalog: Arc<Catalog>, taught: Option<&BTreeSet<String>>) {
        self.grammar = CallGrammar::new(&catalog, taught);
        self.catalog = catalog;
    }

    /// Tokens that prompt and answer may take together.
    pub(super) fn places(&self) -> usize {
        self.prompt.fixed_tokens() + MAX_SPOKEN_TOKENS + self.max_tokens
    }

    /// Computes the part of the prompt that all questions share.
    pub(super) fn begin(&self, decoder: &mut dyn Decoder) -> Result<(), Error> {
        decoder.rewind(0);
        if !self.prompt.prefix().is_empty() {
            decoder.advance(self.prompt.prefix())?;
        }
        Ok(())
    }

    /// Puts an utterance into words for a decoder, or says why none is asked.
    pub(super) fn question(
        &self,
        utterance: &str,
        context: &Context,
    ) -> Result<Result<Question, Answer>, Error> {
        let utterance = sanitise(utterance);
        if !utterance.contains(char::is_alphanumeric) {
            return Ok(Err(Answer::unasked(Outcome::Empty)));
        }
        let recent = recent_calls(&self.catalog, context, RECENT_CALLS);
        let rest = self
            .prompt
            .rest(&self.vocabulary, &utterance, &recent, MAX_SPOKEN_TOKENS)?;
        Ok(match rest {
            Some(tokens) => Ok(Question { utterance, tokens }),
            None => Err(Answer::unasked(Outcome::TooLong)),
        })
    }

    /// Goes back to where each question begins.
    pub(super) fn rewind(&self, decoder: &mut dyn Decoder) {
        decoder.rewind(self.prompt.prefix().len());
    }

    /// Lets `decoder`, which has [begun](Self::begin), answer.
    pub(super) fn answer(
        &self,
        decoder: &mut dyn Decoder,
        question: &Question,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let mut matcher = self
            .vocabulary
            .matcher(self.grammar.for_utterance(&question.utterance))?;
        self.rewind(decoder);
        let steering = self
            .prior
            .as_ref()
            .map(|prior| Steering::new(prior, &question.utterance, &self.vocabulary));
        let generation = generate(
            decoder,
            &mut matcher,
            self.vocabulary.end_token(),
            &question.tokens,
            steering,
            Limits {
                tokens: self.max_tokens,
                deadline,
            },
        )?;
        let text = self.vocabulary.decode(&generation.tokens);
        let outcome = match generation.ending {
            Ending::TokenCap => Outcome::TokenCap,
            Ending::Deadline => Outcome::Deadline,
            Ending::Complete => match call::parse(&self.catalog, &text) {
                Ok(proposals) => Outcome::Calls(once_each(proposals)),
                Err(error) => {
                    return Err(Error::Inference {
                        doing: "reading its answer",
                        problem: error.to_string(),
                    });
                }
            },
        };
        Ok(Answer {
            outcome,
            text,
            probability: generation.probability,
            tokens: generation.tokens.len(),
            forced: generation.forced,
            runs: generation.runs,
        })
    }
}

/// Without what was asked for before: nobody wants exactly the same done twice, but a model
/// that has no better idea says it again.
fn once_each(proposals: Vec<Proposal>) -> Vec<Proposal> {
    let mut once: Vec<Proposal> = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        if !once.contains(&proposal) {
            once.push(proposal);
        }
    }
    once
}

impl Answer {
    fn unasked(outcome: Outcome) -> Self {
        Self {
            outcome,
            text: String::new(),
            probability: 1.0,
            tokens: 0,
            forced: 0,
            runs: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use codriver_catalog::Value;

    use super::*;

    #[test]
    fn the_same_call_counts_once_and_another_of_the_same_command_again() {
        let call = |name: &str, zone: &str| Proposal {
            name: name.parse().unwrap(),
            arguments: BTreeMap::from([("zone".to_owned(), Value::Text(zone.into()))]),
        };
        let [one, other, last] = [
            call("windows.open", "driver"),
            call("windows.open", "rear"),
            call("lights.off", "rear"),
        ];
        let said = vec![
            one.clone(),
            other.clone(),
            one.clone(),
            last.clone(),
            other.clone(),
        ];
        assert_eq!(once_each(said), [one, other, last]);
    }
}
