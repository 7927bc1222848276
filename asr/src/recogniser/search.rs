//! The expected sentence that sounds most like what was said.
//!
//! The decoder alone takes the best token each time, and what it takes early binds it. Here the
//! sentences of the packs compete as wholes: the likeliest beginning is gone on with first, until
//! the likeliest of all is a whole sentence. What is less likely than a bound is dropped, so that
//! speech which is no command is soon known to be none.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::rc::Rc;

use codriver_catalog::Language;
use whisper_rs::{WhisperError, WhisperTokenId};

use super::bias::{Bias, Path};
use super::decoded::Piece;
use super::decoding::{Model, log_sum_exp, score};
use crate::expected::Outlook;

/// Which sentences to look for.
pub(super) struct Search<'a> {
    pub(super) language: Language,
    pub(super) bias: &'a Bias,
    /// What all of them begin with.
    pub(super) opening: &'a [Piece],
    /// The least logarithm of its probability that a sentence may have.
    pub(super) at_least: f32,
    /// The model is asked no more often than this.
    pub(super) most_steps: usize,
    pub(super) most_tokens: usize,
    /// Asked before each step.
    pub(super) wanted: &'a dyn Fn() -> bool,
}

/// A sentence, or its beginning.
struct Hypothesis<'a> {
    /// Logarithm of its probability.
    score: f32,
    pieces: Vec<Piece>,
    /// The path before the last token.
    path: Rc<Path<'a>>,
    whole: bool,
}

impl PartialEq for Hypothesis<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Hypothesis<'_> {}

impl PartialOrd for Hypothesis<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Hypothesis<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score)
    }
}

impl Model {
    /// The likeliest expected sentence and its log probability, or `None` where no sentence is
    /// likely enough, not within so many steps, or not wanted any more.
    pub(super) fn search(
        &mut self,
        search: &Search<'_>,
    ) -> Result<Option<(Vec<Piece>, f32)>, WhisperError> {
        let past = self.set_task(search.language)?;
        // The state holds these tokens behind the task.
        let mut held: Vec<WhisperTokenId> = Vec::new();
        let mut path = search.bias.begin();
        if let Some((_, before)) = search.opening.split_last() {
            for piece in before {
                path.written(piece.token, &piece.bytes);
            }
        }
        let mut open = BinaryHeap::from([Hypothesis {
            score: search.opening.iter().map(|p| p.probability.ln()).sum(),
            pieces: search.opening.to_vec(),
            path: Rc::new(path),
            whole: false,
        }]);
        let mut steps = 0;
        while let Some(best) = open.pop() {
            if best.whole {
                return Ok(Some((best.pieces, best.score)));
            }
            steps += 1;
            if steps > search.most_steps || !(search.wanted)() {
                return Ok(None);
            }
            self.go_on(&best, search, past, &mut held, &mut open)?;
        }
        Ok(None)
    }

    /// Adds every way on from `best` that is likely enough.
    fn go_on<'a>(
        &mut self,
        best: &Hypothesis<'a>,
        search: &Search<'a>,
        past: usize,
        held: &mut Vec<WhisperTokenId>,
        open: &mut BinaryHeap<Hypothesis<'a>>,
    ) -> Result<(), WhisperError> {
        let scores = self.scores_behind(&best.pieces, past, held)?;
        let sum = log_sum_exp(&scores);
        let room = search.at_least - best.score;
        let likely = |log_probability: f32| log_probability >= room;
        let mut path = (*best.path).clone();
        if let Some(last) = best.pieces.last() {
            path.written(last.token, &last.bytes);
        }
        let path = Rc::new(path);
        let next = path.next(&|token| likely(score(&scores, token) - sum));
        let known = |outlook| matches!(outlook, Outlook::Beginning | Outlook::Following);
        if best.pieces.len() < search.most_tokens {
            for (token, certainty) in next.tokens {
                let log_probability = score(&scores, token) - sum;
                if !known(certainty.outlook) || !likely(log_probability) {
                    continue;
                }
                let mut pieces = best.pieces.clone();
                pieces.push(Piece {
                    token,
                    bytes: self.table.bytes(token).to_vec(),
                    probability: log_probability.exp(),
                });
                open.push(Hypothesis {
                    score: best.score + log_probability,
                    pieces,
                    path: Rc::clone(&path),
                    whole: false,
                });
            }
        }
        let end = self.rules.end(&scores) - sum;
        if next.end.is_some_and(|certainty| known(certainty.outlook)) && likely(end) {
            open.push(Hypothesis {
                score: best.score + end,
                pieces: best.pieces.clone(),
                path,
                whole: true,
            });
        }
        Ok(())
    }

    /// The scores of what follows these pieces. What the state holds already, `held` behind `past`
    /// tokens, is not asked again.
    pub(super) fn scores_behind(
        &mut self,
        pieces: &[Piece],
        past: usize,
        held: &mut Vec<WhisperTokenId>,
    ) -> Result<Vec<f32>, WhisperError> {
        let start = [self.rules.first_timestamp()];
        let tokens = pieces.iter().map(|piece| piece.token);
        let tokens: Vec<WhisperTokenId> = start.into_iter().chain(tokens).collect();
        let same = tokens.iter().zip(held.iter());
        // The last token is always given anew, for its scores.
        let same = same.take_while(|(one, other)| one == other).count();
        let same = same.min(tokens.len() - 1);
        let (missing, last) = (&tokens[same..tokens.len() - 1], &tokens[tokens.len() - 1..]);
        if !missing.is_empty() {
            self.threads.decode(&mut self.state, missing, past + same)?;
        }
        self.threads
            .decode(&mut self.state, last, past + tokens.len() - 1)?;
        *held = tokens;
        let mut scores = self.state.get_logits()?.to_vec();
        let last_timestamps = [pieces.is_empty(); 2];
        let rules = &self.rules;
        rules.forbid(&mut scores, last_timestamps, rules.first_timestamp());
        Ok(scores)
    }
}
