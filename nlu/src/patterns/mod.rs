//! The first tier: the packs' phrases, compiled once, matched exactly or by sound.
//!
//! What may bend and what may not:
//! - a word of the packs that was heard exactly is never taken for another one;
//! - a word nobody knows may stand for one that sounds alike, at a cost;
//! - fillers are free to skip, a left-over negation or question forbids the match,
//!   so does a left-over word of the packs, and an unknown one costs more than
//!   a short command can bear;
//! - numbers match exactly or not at all.

mod align;
mod automaton;
mod breath;
mod clauses;
mod fit;
mod lattice;
mod lexicon;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use codriver_catalog::{Catalog, Language};

use crate::normalise::{Script, Sentence};
use crate::{Error, Proposal, Reason};
use align::{Alignment, Blockers, Further, align, begins, goes_on};
use automaton::Automaton;
use lattice::{Cell, Lattice};
use lexicon::{Lexicon, WordId};

/// From this score on a phrase counts as said.
pub const EXECUTE: f32 = 0.86;
/// From this score on every word was heard exactly.
pub const EXACT: f32 = 0.985;
/// From this score on it is worth asking back.
pub const ASK: f32 = 0.6;
/// Two readings closer than this are equally good.
const MARGIN: f32 = 0.02;
/// The same where every word was heard exactly: a phrase that explains even a
/// filler is the better one.
const EXACT_MARGIN: f32 = 0.0001;

/// All phrases of a catalogue, compiled.
#[derive(Debug)]
pub struct Patterns {
    catalog: Arc<Catalog>,
    languages: Vec<Compiled>,
}

/// What the patterns say to a sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternAnswer {
    /// The language of the phrases that matched.
    pub language: Language,
    /// What was asked for, in order; not yet completed with defaults.
    pub proposals: Vec<Proposal>,
    /// How well the phrases fit, 0 to 1; the worst of several commands.
    pub score: f32,
    /// What holds it back.
    pub reason: Option<Reason>,
    /// Other readings: what they propose and their score.
    pub others: Vec<(Vec<Proposal>, f32)>,
    /// Whether a slot took free text: whatever stands between the phrase's words fits it.
    pub has_text: bool,
    /// Whether every word was heard exactly or as its homophone (床 for 窗), in a
    /// sentence long enough for that to be no chance.
    pub same_sound: bool,
}

#[derive(Debug)]
struct Compiled {
    lexicon: Lexicon,
    phrases: Vec<Compact>,
    /// Which groups of which phrases a word belongs to.
    index: HashMap<WordId, Vec<(usize, usize)>>,
}

#[derive(Debug)]
struct Compact {
    command: usize,
    fixed: BTreeMap<String, codriver_catalog::Value>,
    automaton: Automaton,
}

/// A reading of a stretch of a sentence.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    end: usize,
    score: f32,
    proposal: Proposal,
    problem: Option<Reason>,
    has_text: bool,
    same_sound: bool,
}

impl Patterns {
    /// Compiles the phrases of a catalogue.
    ///
    /// # Errors
    /// [`Error::NoWords`] or [`Error::Phrase`].
    pub fn compile(catalog: Arc<Catalog>) -> Result<Self, Error> {
        let mut languages = Vec::new();
        for (language, words) in &catalog.languages {
            languages.push(Compiled::new(
                &catalog,
                *language,
                Lexicon::new(&catalog, words),
            )?);
        }
        Ok(Self { catalog, languages })
    }

    /// Says what a sentence asks for, in the best of the languages it can be in.
    pub fn interpret(&self, sentence: &Sentence, language: Option<Language>) -> PatternAnswer {
        let written = sentence.languages();
        let mut answers: Vec<_> = self
            .languages
            .iter()
            .filter(|compiled| match language {
                // The recogniser's word counts unless the script contradicts it.
                Some(language) if written.contains(&language) => {
                    compiled.lexicon.language == language || written.len() > 1
                }
                _ => written.contains(&compiled.lexicon.language),
            })
            .map(|compiled| compiled.interpret(&self.catalog, sentence))
            .collect();
        answers.sort_by(|a, b| b.score.total_cmp(&a.score));
        answers.into_iter().next().unwrap_or_else(|| {
            let language = written.first().copied().unwrap_or(Language::English);
            PatternAnswer::nothing(language, Reason::NotUnderstood)
        })
    }

    /// Whether the sentence is the beginning of a request and lacks the rest: its words begin a
    /// phrase, or a connective is the last of them.
    pub fn is_begun(&self, sentence: &Sentence, language: Language) -> bool {
        let mut of_language = self
            .languages
            .iter()
            .filter(|compiled| compiled.lexicon.language == language);
        of_language.any(|compiled| {
            let lattice = Lattice::new(sentence, &compiled.lexicon);
            let joins = |(at, cell): (usize, &Cell<'_>)| {
                let mut ends = cell.connectives.iter().map(|length| at + length);
                at > 0 && ends.any(|end| end == lattice.cells.len())
            };
            let mut phrases = compiled.phrases.iter();
            lattice.cells.iter().enumerate().any(joins)
                || phrases.any(|phrase| {
                    let definition = self.catalog.commands.get(phrase.command);
                    definition.is_some_and(|definition| {
                        begins(&phrase.automaton, (phrase.command, definition), &lattice)
                    })
                })
        })
    }

    /// Whether the sentence, which is the one request of `answer`, is also the beginning of
    /// another: of a phrase that goes on with an argument, or of another command's.
    pub fn may_say_more(&self, sentence: &Sentence, answer: &PatternAnswer) -> bool {
        let [asked] = &answer.proposals[..] else {
            return false;
        };
        let mut of_language = self
            .languages
            .iter()
            .filter(|compiled| compiled.lexicon.language == answer.language);
        of_language.any(|compiled| {
            let lattice = Lattice::new(sentence, &compiled.lexicon);
            compiled.phrases.iter().any(|phrase| {
                let definition = self.catalog.commands.get(phrase.command);
                definition.is_some_and(|definition| {
                    let further = match definition.name == asked.name {
                        true => Further::Argument,
                        false => Further::Anything,
                    };
                    let owner = (phrase.command, definition);
                    goes_on(&phrase.automaton, owner, &lattice, further)
                })
            })
        })
    }

    /// Whether the sentence holds a negation or question word of its language.
    pub fn has_blocker(&self, sentence: &Sentence) -> bool {
        self.languages.iter().any(|compiled| {
            let lattice = Lattice::new(sentence, &compiled.lexicon);
            lattice.cells.iter().any(|cell| cell.blocker)
        })
    }
}

impl PatternAnswer {
    /// Whether every word was heard exactly, and none of them stands for whatever is said there.
    pub fn is_exact(&self) -> bool {
        self.score >= EXACT && !self.has_text
    }

    fn nothing(language: Language, reason: Reason) -> Self {
        Self {
            language,
            proposals: Vec::new(),
            score: 0.0,
            reason: Some(reason),
            others: Vec::new(),
            has_text: false,
            same_sound: false,
        }
    }
}

impl Compiled {
    fn new(catalog: &Catalog, language: Language, lexicon: Lexicon) -> Result<Self, Error> {
        let mut phrases = Vec::new();
        for (command, definition) in catalog.commands.iter().enumerate() {
            for phrase in definition.phrases.get(&language).into_iter().flatten() {
                let automaton =
                    Automaton::compile(phrase, definition, &lexicon).ok_or_else(|| {
                        Error::Phrase {
                            at: phrase.at.clone(),
                            phrase: phrase.template.source.clone(),
                            problem: "it has no words of its own".into(),
                            remedy: "add a word that is always said".into(),
                        }
                    })?;
                phrases.push(Compact {
                    command,
                    fixed: phrase.arguments.clone(),
                    automaton,
                });
            }
        }
        let mut index: HashMap<WordId, Vec<(usize, usize)>> = HashMap::new();
        for (phrase, compact) in phrases.iter().enumerate() {
            for (group, words) in compact.automaton.groups.iter().enumerate().take(32) {
                for word in words {
                    index.entry(*word).or_default().push((phrase, group));
                }
            }
        }
        Ok(Self {
            lexicon,
            phrases,
            index,
        })
    }

    fn interpret(&self, catalog: &Catalog, sentence: &Sentence) -> PatternAnswer {
        let language = self.lexicon.language;
        let lattice = Lattice::new(sentence, &self.lexicon);
        let candidates = self.candidates(&lattice);
        let whole = self.whole(catalog, &lattice, &candidates, Blockers::Forbid);
        // Free text swallows whatever follows: see first whether that is a command itself.
        let certain = whole
            .first()
            .is_some_and(|r| r.score >= EXECUTE && !r.has_text);
        if !certain && let Some(answer) = self.breath(catalog, &lattice, &candidates, &whole) {
            return answer;
        }
        if whole.first().is_some_and(|reading| reading.score >= ASK) {
            return settle(language, whole);
        }
        if lattice.cells.iter().any(|cell| cell.blocker) {
            let ignored = self.whole(catalog, &lattice, &candidates, Blockers::Ignore);
            if ignored
                .first()
                .is_some_and(|reading| reading.score >= EXECUTE)
            {
                let word = |of: fn(&Cell<'_>) -> bool| {
                    let at = lattice.cells.iter().position(of)?;
                    Some(sentence.original(at..at + 1).to_owned())
                };
                let reason = match word(|cell| cell.negation) {
                    Some(word) => Reason::Blocked { word },
                    None => Reason::Question {
                        word: word(|cell| cell.blocker).unwrap_or_default(),
                    },
                };
                return PatternAnswer::nothing(language, reason);
            }
        }
        PatternAnswer::nothing(language, Reason::NotUnderstood)
    }

    /// The phrases all of whose obligatory words may be there.
    fn candidates(&self, lattice: &Lattice<'_>) -> Vec<usize> {
        let mut seen: HashMap<usize, u32> = HashMap::new();
        for (word, ..) in lattice.cells.iter().flat_map(|cell| &cell.words) {
            for &(phrase, group) in self.index.get(word).into_iter().flatten() {
                *seen.entry(phrase).or_default() |= 1 << group;
            }
        }
        let mut candidates: Vec<_> = seen
            .into_iter()
            .filter(|&(phrase, groups)| {
                let needed = self
                    .phrases
                    .get(phrase)
                    .map(|p| p.automaton.groups.len().min(32));
                needed.is_some_and(|needed| groups.count_ones() as usize >= needed)
            })
            .map(|(phrase, _)| phrase)
            .collect();
        let ungrouped = self.phrases.iter().enumerate();
        candidates.extend(
            ungrouped
                .filter(|(_, phrase)| phrase.automaton.groups.is_empty())
                .map(|(index, _)| index),
        );
        candidates.sort_unstable();
        candidates
    }

    /// The readings of the whole sentence, best first, one for each meaning.
    fn whole(
        &self,
        catalog: &Catalog,
        lattice: &Lattice<'_>,
        candidates: &[usize],
        blockers: Blockers,
    ) -> Vec<Reading> {
        let end = lattice.cells.len();
        let mut readings = self.from(catalog, lattice, candidates, 0, blockers);
        readings.retain(|reading| reading.end == end);
        readings
    }

    /// The readings that begin at a token, best first, one for each end and meaning.
    fn from(
        &self,
        catalog: &Catalog,
        lattice: &Lattice<'_>,
        candidates: &[usize],
        start: usize,
        blockers: Blockers,
    ) -> Vec<Reading> {
        let mut readings: Vec<Reading> = Vec::new();
        for compact in candidates.iter().filter_map(|&at| self.phrases.get(at)) {
            let Some(definition) = catalog.commands.get(compact.command) else {
                continue;
            };
            for found in align(
                &compact.automaton,
                (compact.command, definition),
                lattice,
                start,
                blockers,
            ) {
                if found.score < ASK {
                    continue;
                }
                let Alignment {
                    end,
                    score,
                    same_sound,
                    slots,
                } = found;
                let Some(fitted) = fit::fit(definition, &compact.fixed, slots) else {
                    continue;
                };
                readings.push(Reading {
                    end,
                    score,
                    has_text: fitted.has_text,
                    same_sound,
                    problem: fitted.problem,
                    proposal: fitted.proposal,
                });
            }
        }
        // Better first; of equals, the one that lacks nothing.
        readings.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then(a.problem.is_some().cmp(&b.problem.is_some()))
        });
        let mut distinct: Vec<Reading> = Vec::new();
        for reading in readings {
            let same =
                |other: &Reading| other.end == reading.end && other.proposal == reading.proposal;
            if !distinct.iter().any(same) {
                distinct.push(reading);
            }
        }
        distinct
    }
}

/// Makes an answer of the readings of one command, best first.
fn settle(language: Language, readings: Vec<Reading>) -> PatternAnswer {
    let Some(best) = readings.first().cloned() else {
        return PatternAnswer::nothing(language, Reason::NotUnderstood);
    };
    let margin = if best.score >= EXACT {
        EXACT_MARGIN
    } else {
        MARGIN
    };
    let rivals: Vec<_> = readings
        .iter()
        .skip(1)
        .filter(|other| other.score > best.score - margin && !other.has_text)
        .filter(|other| other.problem.is_none() || best.problem.is_some())
        .collect();
    let reason = if best.score < EXECUTE {
        Some(Reason::Unsure)
    } else if best.problem.is_none() && !rivals.is_empty() {
        let mut names = vec![best.proposal.name.clone()];
        names.extend(rivals.iter().map(|other| other.proposal.name.clone()));
        Some(Reason::Ambiguous(names))
    } else {
        best.problem.clone()
    };
    PatternAnswer {
        language,
        score: best.score,
        others: readings
            .iter()
            .skip(1)
            .take(4)
            .map(|other| (vec![other.proposal.clone()], other.score))
            .collect(),
        has_text: best.has_text,
        same_sound: best.same_sound,
        proposals: vec![best.proposal],
        reason,
    }
}

/// Whether a token is written without spaces around it.
fn is_han(lattice: &Lattice<'_>, at: usize) -> bool {
    let token = lattice.sentence.tokens.get(at);
    token.is_some_and(|token| token.script == Script::Han)
}
