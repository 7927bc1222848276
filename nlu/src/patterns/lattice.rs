//! A sentence laid out for matching: at every token, what may begin there.

use codriver_catalog::Zone;

use super::lexicon::{Lexicon, Meaning, WordId};
use crate::normalise::{NumberSpan, Quantity, Script, Sentence, numbers};
use crate::sound::mandarin::HOMOPHONE;

/// What may begin at each token, and what each token is when it is left over.
pub(super) struct Lattice<'a> {
    pub(super) sentence: &'a Sentence,
    pub(super) cells: Vec<Cell<'a>>,
    /// Where nothing but fillers was said: how many tokens the one at each token has, 0 inside one.
    pub(super) only_fillers: Option<Vec<usize>>,
}

/// What begins at one token.
#[derive(Default)]
pub(super) struct Cell<'a> {
    /// Words it can be taken for: id, tokens, cost.
    pub(super) words: Vec<(WordId, usize, f32)>,
    /// Fillers: tokens, cost.
    pub(super) fillers: Vec<(usize, f32)>,
    /// Connectives: tokens.
    pub(super) connectives: Vec<usize>,
    /// Zones: tokens, cost.
    pub(super) zones: Vec<(Zone, usize, f32)>,
    /// Values of choices: meaning, tokens, cost.
    pub(super) choices: Vec<(&'a Meaning, usize, f32)>,
    /// Amounts.
    pub(super) quantities: Vec<Quantity>,
    /// Whether this token is part of a word that the packs know.
    pub(super) known: bool,
    /// Whether it is part of a negation or question.
    pub(super) blocker: bool,
    /// Whether it is part of a negation.
    pub(super) negation: bool,
}

impl<'a> Lattice<'a> {
    pub(super) fn new(sentence: &'a Sentence, lexicon: &'a Lexicon) -> Self {
        let mut lattice = Self {
            sentence,
            cells: sentence.tokens.iter().map(|_| Cell::default()).collect(),
            only_fillers: None,
        };
        let numbers = numbers(&sentence.tokens);
        lattice.add_exact_words(lexicon);
        lattice.add_numbers(lexicon, &numbers);
        lattice.mark_known(lexicon);
        lattice.add_alike_words(lexicon);
        lattice.add_phrases(lexicon);
        lattice.only_fillers = lattice.filler_by_filler();
        lattice
    }

    /// The sentence cut into the longest fillers it holds, where it holds nothing else.
    fn filler_by_filler(&self) -> Option<Vec<usize>> {
        let mut lengths = vec![0; self.cells.len()];
        let mut at = 0;
        while let Some(cell) = self.cells.get(at) {
            let said = cell.fillers.iter().filter(|&&(_, cost)| cost == 0.0);
            let longest = said.map(|&(length, _)| length).max()?;
            *lengths.get_mut(at)? = longest;
            at += longest;
        }
        Some(lengths)
    }

    /// Whether tokens are fillers from end to end, or none at all.
    pub(super) fn is_filled(&self, tokens: std::ops::Range<usize>) -> bool {
        let mut at = tokens.start;
        while at < tokens.end {
            let fillers = self.cells.get(at).map(|cell| cell.fillers.iter());
            let fits = |&&(length, _): &&(usize, f32)| at + length <= tokens.end;
            let longest = fillers.and_then(|f| f.filter(fits).map(|&(length, _)| length).max());
            match longest {
                Some(length) => at += length,
                None => return false,
            }
        }
        true
    }

    fn add_exact_words(&mut self, lexicon: &Lexicon) {
        let tokens = &self.sentence.tokens;
        for (at, (cell, token)) in self.cells.iter_mut().zip(tokens).enumerate() {
            cell.words
                .extend(lexicon.id(&token.text).map(|id| (id, 1, 0.0)));
            let Some(next) = tokens.get(at + 1) else {
                continue;
            };
            // "sun roof" for "sunroof".
            if token.script == Script::Letters && next.script == Script::Letters {
                let joined = format!("{}{}", token.text, next.text);
                cell.words
                    .extend(lexicon.id(&joined).map(|id| (id, 2, 0.0)));
            }
        }
    }

    fn add_numbers(&mut self, lexicon: &Lexicon, numbers: &[NumberSpan]) {
        for number in numbers {
            if let Some(cell) = self.cells.get_mut(number.tokens.start) {
                for id in lexicon.words_for_number(number.value) {
                    if !cell.words.iter().any(|&(word, ..)| word == id) {
                        cell.words.push((id, number.tokens.len(), 0.0));
                    }
                }
            }
            self.mark(number.tokens.start, number.tokens.len(), |cell| {
                cell.known = true;
            });
        }
        let found = lexicon.quantities.find(&self.sentence.tokens, numbers);
        for quantity in found {
            if let Some(cell) = self.cells.get_mut(quantity.tokens.start) {
                cell.quantities.push(quantity);
            }
        }
    }

    /// Marks every word of the packs that was heard exactly: it is never
    /// taken for another one, however alike they sound.
    fn mark_known(&mut self, lexicon: &Lexicon) {
        for at in 0..self.cells.len() {
            for (length, meaning, _) in self.phrases_at(lexicon, at, true) {
                let negates = *meaning == Meaning::Blocker;
                let blocks = negates || *meaning == Meaning::Question;
                self.mark(at, length, |cell| {
                    cell.known = true;
                    cell.blocker |= blocks;
                    cell.negation |= negates;
                });
            }
        }
        let letters = self
            .sentence
            .tokens
            .iter()
            .map(|t| t.script == Script::Letters);
        for (cell, letters) in self.cells.iter_mut().zip(letters) {
            cell.known |= letters && cell.words.iter().any(|&(_, length, _)| length == 1);
        }
    }

    fn add_alike_words(&mut self, lexicon: &Lexicon) {
        for (cell, token) in self.cells.iter_mut().zip(&self.sentence.tokens) {
            // A recogniser that hears Mandarin writes some character of that
            // sound, often one that the packs know as well (做一家热 for
            // 座椅加热). No two opposites share a syllable, so characters of
            // the very same syllable stand for each other, known or not.
            let dearest = match (cell.known, token.script) {
                (false, _) => f32::INFINITY,
                (true, Script::Han) if !cell.blocker => HOMOPHONE,
                (true, _) => continue,
            };
            for (id, cost) in lexicon.alike(&token.text, token.script) {
                if cost > dearest {
                    continue;
                }
                if !cell.words.iter().any(|&(word, ..)| word == id) {
                    cell.words.push((id, 1, cost));
                }
            }
        }
    }

    fn add_phrases(&mut self, lexicon: &'a Lexicon) {
        for at in 0..self.cells.len() {
            let found = self.phrases_at(lexicon, at, false);
            let token = self.sentence.tokens.get(at);
            let han = token.is_some_and(|token| token.script == Script::Han);
            let Some(cell) = self.cells.get_mut(at) else {
                continue;
            };
            for (length, meaning, cost) in found {
                match meaning {
                    // 轻 for 请. A word that is known is never skipped for another.
                    Meaning::Filler if cost == 0.0 || (han && !cell.known) => {
                        cell.fillers.push((length, cost));
                    }
                    Meaning::Connective if cost == 0.0 => cell.connectives.push(length),
                    Meaning::Zone(zone) => cell.zones.push((*zone, length, cost)),
                    Meaning::Choice { .. } => cell.choices.push((meaning, length, cost)),
                    _ => {}
                }
            }
        }
    }

    /// The phrases that begin at a token: tokens, meaning, cost.
    fn phrases_at(
        &self,
        lexicon: &'a Lexicon,
        at: usize,
        exact: bool,
    ) -> Vec<(usize, &'a Meaning, f32)> {
        let mut found = Vec::new();
        let begins = self.cells.get(at).map(|cell| cell.words.as_slice());
        for &(word, length, cost) in begins.unwrap_or_default() {
            if exact && cost > 0.0 {
                continue;
            }
            for entry in lexicon.beginning_with(word) {
                let rest = entry.words.get(1..).unwrap_or_default();
                if let Some((end, cost)) = self.follow(at + length, rest, cost, exact) {
                    found.push((end - at, &entry.meaning, cost));
                }
            }
        }
        found
    }

    /// Follows words from a token on; the end and the cost so far.
    fn follow(&self, at: usize, words: &[WordId], cost: f32, exact: bool) -> Option<(usize, f32)> {
        let Some((&word, rest)) = words.split_first() else {
            return Some((at, cost));
        };
        let cell = self.cells.get(at)?;
        let &(_, length, more) = cell
            .words
            .iter()
            .find(|&&(id, _, cost)| id == word && !(exact && cost > 0.0))?;
        self.follow(at + length, rest, cost + more, exact)
    }

    fn mark(&mut self, at: usize, length: usize, mark: impl Fn(&mut Cell<'a>)) {
        self.cells.iter_mut().skip(at).take(length).for_each(mark);
    }
}
