//! Lays a phrase along a sentence: the cheapest way to explain every token.

use codriver_catalog::{Argument, CommandDefinition, Value, Zone};

use super::automaton::{Automaton, Place, Takes};
use super::lattice::{Cell, Lattice};
use super::lexicon::Meaning;
use crate::normalise::{Amount, Script};
use crate::sound::mandarin::HOMOPHONE;

/// One way in which a stretch of a sentence says a phrase.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alignment {
    /// Token after the last.
    pub(super) end: usize,
    /// How well it fits, 0 to 1.
    pub(super) score: f32,
    /// Whether each word was heard exactly or as a homophone of it, and there are enough of them
    /// for that to be no chance.
    pub(super) same_sound: bool,
    /// What the slots hold, by index of the argument.
    pub(super) slots: Vec<(usize, Filling)>,
}

/// What was heard for a slot.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filling {
    /// A finished value.
    Value(Value),
    /// An amount, still to be fitted to the argument's range and step.
    Amount(Amount),
}

/// What an unexplained English word costs; a character costs half.
const LEFTOVER: f32 = 1.5;
/// What a word of free text costs, so that words of the packs explain first.
const FREE_WORD: f32 = 0.01;
/// What free text costs that begins like a question or a negation.
const DOUBTFUL_TEXT: f32 = 0.4;
/// What skipping a filler costs, so that phrases that hold it win.
const SKIPPED_FILLER: f32 = 0.001;

/// The weight of a lone syllable: too many sound like it, so it must be the very one (哼 is no 行).
const LONE_SYLLABLE: f32 = 0.5;

/// From this weight on words do not sound like a whole phrase by chance: four syllables.
const WEIGHT_BEYOND_CHANCE: f32 = 2.0;

/// The beginning of a phrase costs less than this: fillers may be skipped, nothing else.
const DOUBTFUL_BEGINNING: f32 = 0.02;
/// The beginning of a phrase weighs at least this: a word or two characters.
const WEIGHT_OF_BEGINNING: f32 = 1.0;

/// The phrase that a place belongs to.
#[derive(Clone, Copy)]
struct Owner<'a> {
    command: usize,
    arguments: &'a [Argument],
    /// Free text takes any words, so the words around it must be certain: with
    /// 玻 for 拨 a remark about the windscreen would be a telephone call.
    exactly: bool,
}

#[derive(Clone)]
struct Reached {
    cost: f32,
    /// Token after the last one that a place of the phrase explained.
    explained_to: usize,
    /// Sum of the weights of explained and unexplained words.
    weight: f32,
    /// The dearest step's cost a token.
    dearest: f32,
    slots: Vec<(usize, Filling)>,
}

/// Whether negations and questions may be left over: only to find out what a
/// refused sentence would have meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blockers {
    Forbid,
    Ignore,
}

/// The best alignments that begin at token `start`, one for every end.
pub(super) fn align(
    automaton: &Automaton,
    owner: (usize, &CommandDefinition),
    lattice: &Lattice<'_>,
    start: usize,
    blockers: Blockers,
) -> Vec<Alignment> {
    let mut found = Vec::new();
    lay(
        automaton,
        owner,
        lattice,
        start,
        blockers,
        |at, place, reached| {
            if automaton.last.get(place) == Some(&true) {
                keep_best(&mut found, at, reached);
            }
        },
    );
    found
}

/// Whether the sentence is the beginning of the phrase, its words heard exactly, and more must
/// follow.
pub(super) fn begins(
    automaton: &Automaton,
    owner: (usize, &CommandDefinition),
    lattice: &Lattice<'_>,
) -> bool {
    let mut begins = false;
    lay_exactly(automaton, owner, lattice, |place, _| {
        begins |= automaton.last.get(place) == Some(&false);
    });
    begins
}

/// What a phrase goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Further {
    /// Some words.
    Anything,
    /// An argument that was not said yet.
    Argument,
}

/// Whether the sentence is the beginning of the phrase, its words heard exactly, and so much
/// more may follow at once: not behind a "please".
pub(super) fn goes_on(
    automaton: &Automaton,
    owner: (usize, &CommandDefinition),
    lattice: &Lattice<'_>,
    further: Further,
) -> bool {
    let mut goes_on = false;
    lay_exactly(automaton, owner, lattice, |place, reached| {
        let said = |argument| reached.slots.iter().any(|(slot, _)| *slot == argument);
        goes_on |= reached.explained_to == lattice.cells.len()
            && match further {
                Further::Anything => automaton.follow.get(place).is_some_and(|f| !f.is_empty()),
                Further::Argument => automaton.leads_to_slot(place, said),
            };
    });
    goes_on
}

/// Shows every place where the whole sentence is the beginning of the phrase, its words heard
/// exactly.
fn lay_exactly(
    automaton: &Automaton,
    owner: (usize, &CommandDefinition),
    lattice: &Lattice<'_>,
    mut reach: impl FnMut(usize, &Reached),
) {
    let blockers = Blockers::Forbid;
    lay(
        automaton,
        owner,
        lattice,
        0,
        blockers,
        |at, place, reached| {
            let exact = reached.cost < DOUBTFUL_BEGINNING && reached.weight >= WEIGHT_OF_BEGINNING;
            if at == lattice.cells.len() && exact {
                reach(place, reached);
            }
        },
    );
}

/// Lays the phrase along the sentence from token `start` on and shows every place that is
/// reached, with the token behind it.
fn lay(
    automaton: &Automaton,
    (command, definition): (usize, &CommandDefinition),
    lattice: &Lattice<'_>,
    start: usize,
    blockers: Blockers,
    mut reach: impl FnMut(usize, usize, &Reached),
) {
    let length = lattice.cells.len();
    let places = automaton.places.len();
    let owner = Owner {
        command,
        arguments: &definition.arguments,
        exactly: automaton.has_text(),
    };
    // Row by tokens consumed; column 0 is "before the phrase".
    let mut rows: Vec<Vec<Option<Reached>>> = vec![vec![None; places + 1]; length + 1 - start];
    if let Some(cell) = rows.first_mut().and_then(|row| row.first_mut()) {
        *cell = Some(Reached {
            cost: 0.0,
            explained_to: start,
            weight: 0.0,
            dearest: 0.0,
            slots: Vec::new(),
        });
    }
    for at in start..=length {
        let Some(row) = rows.get_mut(at - start) else {
            break;
        };
        let row = std::mem::take(row);
        for (column, reached) in row.iter().enumerate() {
            let Some(reached) = reached else { continue };
            let place = column.checked_sub(1);
            if let Some(place) = place {
                reach(at, place, reached);
            }
            let Some(cell) = lattice.cells.get(at) else {
                continue;
            };
            let mut go = |length: usize, column: usize, next: Reached| {
                let target = rows.get_mut(at + length - start);
                if let Some(slot) = target.and_then(|row| row.get_mut(column))
                    && slot.as_ref().is_none_or(|old| next.cost < old.cost)
                {
                    *slot = Some(next);
                }
            };
            skip(cell, lattice, at, blockers, reached, |length, next| {
                go(length, column, next);
            });
            let follow = match place {
                None => &automaton.first,
                Some(place) => match automaton.follow.get(place) {
                    Some(follow) => follow,
                    None => continue,
                },
            };
            for &next in follow {
                let Some(place) = automaton.places.get(next) else {
                    continue;
                };
                take(
                    place,
                    owner,
                    cell,
                    lattice,
                    at,
                    reached,
                    |length, mut reached| {
                        reached.explained_to = at + length;
                        go(length, next + 1, reached);
                    },
                );
            }
        }
    }
}

fn keep_best(found: &mut Vec<Alignment>, end: usize, reached: &Reached) {
    if reached.weight <= LONE_SYLLABLE && reached.cost >= HOMOPHONE {
        return;
    }
    let score = (1.0 - reached.cost / reached.weight.max(0.5)).max(0.0);
    let alignment = Alignment {
        end,
        score,
        same_sound: reached.dearest <= HOMOPHONE && reached.weight >= WEIGHT_BEYOND_CHANCE,
        slots: reached.slots.clone(),
    };
    match found.iter_mut().find(|other| other.end == end) {
        Some(other) if other.score < score => *other = alignment,
        Some(_) => {}
        None => found.push(alignment),
    }
}

/// The weight of a token: a character is half a word.
fn weight(lattice: &Lattice<'_>, at: usize) -> f32 {
    match lattice.sentence.tokens.get(at).map(|token| token.script) {
        Some(Script::Han) => 0.5,
        _ => 1.0,
    }
}

fn skip(
    cell: &Cell<'_>,
    lattice: &Lattice<'_>,
    at: usize,
    blockers: Blockers,
    reached: &Reached,
    mut go: impl FnMut(usize, Reached),
) {
    for &(length, cost) in &cell.fillers {
        // Of fillers alone none is cut in two: 你好 greets, and is no 好 to an open question.
        let whole = |lengths: &Vec<usize>| lengths.get(at) == Some(&length);
        if !lattice.only_fillers.as_ref().is_none_or(whole) {
            continue;
        }
        // A longer filler may hold a question word ("would you mind"), a single one is one.
        let single = length == 1 && cell.blocker;
        if !single || blockers == Blockers::Ignore {
            go(length, reached.and(SKIPPED_FILLER + cost, 0.0, length));
        }
    }
    let may_skip = if cell.blocker {
        blockers == Blockers::Ignore
    } else {
        !cell.known
    };
    if may_skip {
        let free = cell.blocker;
        let weight = weight(lattice, at);
        go(
            1,
            reached.and(
                if free { 0.0 } else { LEFTOVER * weight },
                if free { 0.0 } else { weight },
                1,
            ),
        );
    }
}

fn take(
    place: &Place,
    owner: Owner<'_>,
    cell: &Cell<'_>,
    lattice: &Lattice<'_>,
    at: usize,
    reached: &Reached,
    mut go: impl FnMut(usize, Reached),
) {
    let unit_weight = weight(lattice, at);
    match place {
        Place::Word(word) => {
            for &(id, length, cost) in &cell.words {
                if id == *word && (cost == 0.0 || !owner.exactly) {
                    go(
                        length,
                        reached.and(cost, unit_weight * length as f32, length),
                    );
                }
            }
        }
        Place::Slot { argument, takes } => match takes {
            Takes::Zone => {
                for &(zone, length, cost) in &cell.zones {
                    go(
                        length,
                        reached.with(*argument, zone_value(zone), cost, length),
                    );
                }
            }
            Takes::Choice => {
                for &(meaning, length, cost) in &cell.choices {
                    if let Meaning::Choice {
                        command: c,
                        argument: a,
                        name,
                    } = meaning
                        && *c == owner.command
                        && a == argument
                    {
                        let value = Filling::Value(Value::Choice(name.clone()));
                        go(length, reached.with(*argument, value, cost, length));
                    }
                }
            }
            Takes::Number { unit, with_unit } => {
                for quantity in &cell.quantities {
                    if quantity.unit.map_or(!with_unit, |said| said == *unit) {
                        let amount = Filling::Amount(quantity.amount);
                        let length = quantity.tokens.len();
                        go(length, reached.with(*argument, amount, 0.0, length));
                    }
                }
            }
            Takes::Text => {
                let Some(declared) = owner.arguments.get(*argument) else {
                    return;
                };
                // "the airport" keeps its article, though articles are fillers.
                let from = reached.explained_to;
                // "phone is ringing" calls nobody: such a reading is asked back.
                let doubt = if cell.blocker { DOUBTFUL_TEXT } else { 0.0 };
                for end in at + 1..=lattice.cells.len() {
                    let text = lattice.sentence.original(from..end).trim().to_owned();
                    if declared.read_text(&text).is_none() {
                        continue;
                    }
                    let cost = doubt + FREE_WORD * (end - at) as f32;
                    let value = Filling::Value(Value::Text(text));
                    go(end - at, reached.with(*argument, value, cost, end - at));
                }
            }
        },
    }
}

fn zone_value(zone: Zone) -> Filling {
    Filling::Value(Value::Zone(zone))
}

impl Reached {
    /// One step on: over `tokens` of the sentence, at `cost` in all.
    fn and(&self, cost: f32, weight: f32, tokens: usize) -> Self {
        Self {
            cost: self.cost + cost,
            explained_to: self.explained_to,
            weight: self.weight + weight,
            dearest: self.dearest.max(cost / tokens.max(1) as f32),
            slots: self.slots.clone(),
        }
    }

    /// A slot filled, which weighs as much as a word.
    fn with(&self, argument: usize, filling: Filling, cost: f32, tokens: usize) -> Self {
        let mut next = self.and(cost, 1.0, tokens);
        next.slots.push((argument, filling));
        next
    }
}
