//! When a request puts the one before it right.
//!
//! What is known of it is little: who is understood does not say so. A request corrects an
//! earlier one when it undoes it, cancels it, says no to its question, begins with "no, ...", or,
//! where the earlier one was in vain, says the same again. All of that soon after it: later it is
//! a change of mind.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use codriver_catalog::CommandName;
use serde::Serialize;

use super::entry::{Content, Draft, Turn};

/// How soon after a request its correction comes.
const WITHIN: Duration = Duration::from_secs(30);
/// Requests remembered: an undo may come after a question or two.
const REMEMBERED: usize = 4;
/// From this share of equal characters on, two sentences are the same request.
const ALIKE: f64 = 0.5;

/// Which entry was put right, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Correction {
    /// Its number.
    pub entry: u64,
    /// How.
    pub how: How,
}

/// How a request is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// What was done was taken back.
    Undone,
    /// It was dropped.
    Cancelled,
    /// The speaker said no to the question about it.
    Denied,
    /// The next sentence began with "no, ..." or "I meant ...".
    Objected,
    /// It was in vain, and said again.
    SaidAgain,
}

/// The last few requests of this run.
#[derive(Debug, Default)]
pub struct Corrections {
    /// Oldest first.
    recent: VecDeque<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    entry: u64,
    at: Instant,
    text: String,
    names: BTreeSet<CommandName>,
    acted: bool,
    asked: bool,
    in_vain: bool,
}

impl Corrections {
    /// Remembers a request that came at `now`, and says which earlier one it puts right.
    pub fn take(&mut self, entry: u64, draft: &Draft, now: Instant) -> Option<Correction> {
        self.recent
            .retain(|earlier| now.saturating_duration_since(earlier.at) <= WITHIN);
        let request = Remembered::of(entry, &draft.content, now);
        let corrects = self.corrected_by(draft.turn, &request);
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(request);
        corrects
    }

    /// Forgets all requests.
    pub fn forget(&mut self) {
        self.recent.clear();
    }

    fn corrected_by(&mut self, turn: Turn, request: &Remembered) -> Option<Correction> {
        if turn == Turn::Undo {
            let index = self.recent.iter().rposition(|earlier| earlier.acted)?;
            // A second undo takes back what was done before that.
            let undone = self.recent.remove(index)?;
            return Some(undone.corrected(How::Undone));
        }
        let last = self.recent.back()?;
        let how = match turn {
            Turn::Cancel if last.acted || last.asked => How::Cancelled,
            Turn::Denial if last.asked => How::Denied,
            Turn::Objection if last.acted || last.asked => How::Objected,
            Turn::Plain | Turn::Objection if last.in_vain && last.is_like(request) => {
                How::SaidAgain
            }
            _ => return None,
        };
        Some(last.corrected(how))
    }
}

impl Remembered {
    fn of(entry: u64, content: &Content, at: Instant) -> Self {
        let heard = content.heard.as_ref().map(|heard| heard.text.as_str());
        Self {
            entry,
            at,
            text: essence(heard.unwrap_or_default()),
            names: names(content),
            acted: content.has_acted(),
            asked: content.has_asked(),
            in_vain: content.was_in_vain(),
        }
    }

    fn corrected(&self, how: How) -> Correction {
        let entry = self.entry;
        Correction { entry, how }
    }

    /// Whether two sentences are the same request: they sound alike, or a command that was
    /// thought of before is what is understood now. Of what was not heard at all, all are.
    fn is_like(&self, later: &Self) -> bool {
        self.text.is_empty()
            || strsim::normalized_levenshtein(&self.text, &later.text) >= ALIKE
            || !self.names.is_disjoint(&later.names)
    }
}

/// Every command that was thought of.
fn names(content: &Content) -> BTreeSet<CommandName> {
    let Some(report) = &content.understood else {
        return BTreeSet::new();
    };
    let settled = report.commands.iter().map(|command| &command.name);
    let tiers = report.tiers.iter().flat_map(|tier| &tier.commands);
    let others = report.alternatives.iter().flat_map(|other| &other.commands);
    settled
        .chain(tiers.chain(others).map(|proposal| &proposal.name))
        .cloned()
        .collect()
}

/// Letters and digits only.
fn essence(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
