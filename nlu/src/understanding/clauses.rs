//! Rule 5: a sentence of several clauses read clause by clause, and weighed against the whole reading.

use codriver_catalog::Language;

use super::{Tiers, Understanding};
use crate::normalise::Sentence;
use crate::{Context, ModelAnswer, Reason};

/// How much of the doubt two readings by one model share: fitted to 167 validation sentences.
const SHARED_DOUBT: f64 = 0.4;

/// The most clauses that are read one by one.
const MOST_CLAUSES: usize = 4;

impl Understanding {
    /// Rule 5: what the clauses ask for, each read by itself; `None` when there is but one,
    /// when there are too many, or when one of them asks for nothing or is forbidden
    /// by a negation or question (rule 2).
    pub(super) fn clause_by_clause(
        &mut self,
        tiers: Tiers,
        sentence: &Sentence,
        language: Language,
        context: &Context,
    ) -> Option<ModelAnswer> {
        let clauses = self.patterns.clauses(sentence, language);
        if !(2..=MOST_CLAUSES).contains(&clauses.len()) {
            return None;
        }
        let mut together = ModelAnswer {
            proposals: Vec::new(),
            confidence: 1.0,
        };
        let mut context = context.clone();
        for clause in clauses {
            let text = sentence.original(clause);
            let clause = self.read_clause(tiers, text, language, &context)?;
            if clause.proposals.is_empty() {
                return None;
            }
            // "turn it on and make it louder": what the clause before asks for is done first.
            if let Ok(done) = self.completed(&clause.proposals) {
                context.recent = done.into_iter().rev().collect();
            }
            together.proposals.extend(clause.proposals);
            together.confidence *= clause.confidence;
        }
        Some(together)
    }

    fn read_clause(
        &mut self,
        tiers: Tiers,
        text: &str,
        language: Language,
        context: &Context,
    ) -> Option<ModelAnswer> {
        let phrase = self
            .patterns
            .interpret(&Sentence::read(text), Some(language));
        if tiers == Tiers::Both && phrase.is_exact() && phrase.reason.is_none() {
            return Some(ModelAnswer {
                proposals: phrase.proposals,
                confidence: f64::from(phrase.score),
            });
        }
        // Rule 2 holds for a clause as for a sentence.
        if matches!(phrase.reason, Some(Reason::Blocked { .. })) {
            return None;
        }
        let (answer, _) = self.ask_model(text, language, context)?;
        Some(answer)
    }

    /// Rule 5: two readings of one sentence, each with the probability that it is right, as one.
    pub(super) fn weigh_readings(&self, whole: ModelAnswer, clauses: ModelAnswer) -> ModelAnswer {
        let (sure, other) = (whole.confidence, clauses.confidence);
        let complete = |answer: &ModelAnswer| self.completed(&answer.proposals).ok();
        if whole.proposals == clauses.proposals
            || complete(&whole).is_some_and(|commands| Some(commands) == complete(&clauses))
        {
            let (doubt, another) = (1.0 - sure, 1.0 - other);
            let together =
                SHARED_DOUBT * doubt.min(another) + (1.0 - SHARED_DOUBT) * doubt * another;
            return ModelAnswer {
                confidence: 1.0 - together,
                ..whole
            };
        }
        // One is right at most: what is left of each when both cannot be.
        let possible = (1.0 - sure * other).max(f64::EPSILON);
        let whole_right = sure * (1.0 - other) / possible;
        let clauses_right = other * (1.0 - sure) / possible;
        if clauses_right > whole_right {
            ModelAnswer {
                confidence: clauses_right,
                ..clauses
            }
        } else {
            ModelAnswer {
                confidence: whole_right,
                ..whole
            }
        }
    }
}
