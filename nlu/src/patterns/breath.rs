//! Several commands in one breath: "open the window and then turn on the radio".

use codriver_catalog::{Catalog, Language, Route};

use super::align::Blockers;
use super::lattice::Lattice;
use super::{Compiled, EXECUTE, PatternAnswer, Reading, is_han};
use crate::Reason;

/// More commands than this in one breath are not believed.
const MOST: usize = 6;

impl Compiled {
    /// Reads the sentence as two or more commands, every one certain by
    /// itself; `None` when it cannot be read so from end to end.
    pub(super) fn breath(
        &self,
        catalog: &Catalog,
        lattice: &Lattice<'_>,
        candidates: &[usize],
        whole: &[Reading],
    ) -> Option<PatternAnswer> {
        let length = lattice.cells.len();
        let mut best: Vec<Option<Vec<Reading>>> = vec![None; length + 1];
        *best.first_mut()? = Some(Vec::new());
        for at in 0..length {
            let Some(before) = best.get(at).cloned().flatten() else {
                continue;
            };
            if before.len() >= MOST {
                continue;
            }
            for reading in self.from(catalog, lattice, candidates, at, Blockers::Forbid) {
                let is_whole = at == 0 && reading.end == length;
                if reading.score < EXECUTE || is_whole || stands_alone(catalog, &reading) {
                    continue;
                }
                let mut chain = before.clone();
                let end = reading.end;
                let has_text = reading.has_text;
                chain.push(reading);
                let negated = negation_alone(lattice, at, end);
                for next in self.next_starts(lattice, end, has_text) {
                    if negated && next < length {
                        continue;
                    }
                    if let Some(slot) = best.get_mut(next)
                        && slot.as_ref().is_none_or(|old| better(&chain, old))
                    {
                        *slot = Some(chain.clone());
                    }
                }
            }
        }
        let mut chain = best.pop().flatten().filter(|chain| chain.len() > 1)?;
        // Speakers insist and recognisers stutter ("open the window open the
        // window"): what is said twice running is meant once.
        chain.dedup_by(|again, before| again.proposal == before.proposal);
        // A name may hold "and": only text that a whole reading leaves alone is cut.
        let texts = chain.iter().filter(|reading| reading.has_text).count();
        if texts > 1 && !whole.is_empty() {
            return None;
        }
        let same_sound = chain.iter().all(|reading| reading.same_sound);
        let score = chain.iter().map(|r| r.score).fold(1.0, f32::min);
        let language: Language = self.lexicon.language;
        let reason: Option<Reason> = chain.iter().find_map(|r| r.problem.clone());
        Some(PatternAnswer {
            language,
            proposals: chain.into_iter().map(|r| r.proposal).collect(),
            score,
            reason,
            others: Vec::new(),
            has_text: texts > 0,
            same_sound,
        })
    }

    /// Where the next command may begin after one that ended at `end`: after a
    /// connective or a pause, and between Chinese characters right there.
    fn next_starts(&self, lattice: &Lattice<'_>, end: usize, after_text: bool) -> Vec<usize> {
        let length = lattice.cells.len();
        let Some(cell) = lattice.cells.get(end) else {
            return vec![length];
        };
        let mut starts: Vec<usize> = cell
            .connectives
            .iter()
            .map(|connective| end + connective)
            .filter(|&start| start < length)
            .collect();
        let paused = lattice
            .sentence
            .tokens
            .get(end)
            .is_some_and(|t| t.after_pause);
        // Free text has no end of its own.
        if paused || (is_han(lattice, end) && !after_text) {
            starts.push(end);
        }
        starts
    }
}

/// What is said to the assistant itself ("no", "cancel", "好的") is an answer
/// when it is all that is said. Beside a command it is a negation or a
/// correction ("别给我关近光", "off, no, on"), and never the first of two commands.
fn stands_alone(catalog: &Catalog, reading: &Reading) -> bool {
    let definition = catalog.command(reading.proposal.name.as_str());
    definition.is_some_and(|d| matches!(d.route, Route::Assistant(_)))
}

/// "不要 (打开车窗)", "no (open the window)": a negation that is a command by
/// itself negates what follows, and is never the first of two commands.
fn negation_alone(lattice: &Lattice<'_>, start: usize, end: usize) -> bool {
    let cells = lattice.cells.get(start..end).unwrap_or_default();
    let plain = cells.iter().filter(|cell| !cell.blocker).count();
    plain < cells.len() && plain < 2
}

/// Fewer commands explain better; of as many, the better fit.
fn better(new: &[Reading], old: &[Reading]) -> bool {
    let worst = |chain: &[Reading]| chain.iter().map(|r| r.score).fold(1.0, f32::min);
    new.len() < old.len() || (new.len() == old.len() && worst(new) > worst(old))
}
