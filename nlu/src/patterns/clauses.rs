//! Cuts a sentence where one request may end and the next begin.

use std::ops::Range;

use codriver_catalog::Language;

use super::Patterns;
use super::lattice::Lattice;
use crate::normalise::{Sentence, numbers};

impl Patterns {
    /// The clauses of a sentence, as ranges of its tokens: between connectives and pauses,
    /// without those that hold nothing but fillers. One where it cannot be cut.
    pub fn clauses(&self, sentence: &Sentence, language: Language) -> Vec<Range<usize>> {
        let compiled = self
            .languages
            .iter()
            .find(|compiled| compiled.lexicon.language == language);
        let Some(compiled) = compiled else {
            return Vec::new();
        };
        let lattice = Lattice::new(sentence, &compiled.lexicon);
        // "a hundred and ten" is one number.
        let numbers = numbers(&sentence.tokens);
        let inside_number = |at| {
            let mut spans = numbers.iter().map(|number| &number.tokens);
            spans.any(|span| span.start < at && at < span.end)
        };
        let mut clauses = Vec::new();
        let mut begun = 0;
        let mut at = 0;
        while let Some(cell) = lattice.cells.get(at) {
            let connective = cell.connectives.iter().max().copied().unwrap_or(0);
            let paused = sentence.tokens.get(at).is_some_and(|t| t.after_pause);
            if (connective == 0 && !paused) || inside_number(at) {
                at += 1;
                continue;
            }
            clauses.push(begun..at);
            begun = at + connective;
            at = begun.max(at + 1);
        }
        clauses.push(begun..lattice.cells.len());
        clauses.retain(|clause| !lattice.is_filled(clause.clone()));
        clauses
    }
}
