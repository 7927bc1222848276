//! What the last utterance changed, so that it can be taken back.

use std::time::Duration;

use codriver_catalog::UtteranceId;
use tokio::time::Instant;

use super::plan::Action;

/// The changes of one utterance, one a target: what stood there before the utterance.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    last: Option<Changes>,
}

/// What one utterance changed, oldest first; never empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Changes {
    utterance: UtteranceId,
    at: Instant,
    changes: Vec<Change>,
}

/// Something that is, or may be, different now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// What was changed: a VSS path, a peer's property or method.
    pub(super) target: String,
    /// Puts it back; None where nobody knows how it was, or nothing can.
    pub(super) restore: Option<Action>,
}

impl Journal {
    /// Adds the changes of an utterance. Those of an earlier one are forgotten as soon as there
    /// is something newer, also where the newer cannot be taken back: "undo" never reaches past
    /// the last utterance that changed something.
    pub(super) fn record(
        &mut self,
        utterance: UtteranceId,
        changes: impl Iterator<Item = Change>,
        now: Instant,
    ) {
        for change in changes {
            let last = self
                .last
                .take_if(|last| last.utterance == utterance)
                .unwrap_or(Changes {
                    utterance,
                    at: now,
                    changes: Vec::new(),
                });
            let last = self.last.insert(last);
            last.at = now;
            // What stood there before the utterance is what its first change replaced.
            if !last.changes.iter().any(|old| old.target == change.target) {
                last.changes.push(change);
            }
        }
    }

    /// The last utterance's changes, if made within this time; the journal is empty afterwards.
    pub(super) fn take(&mut self, within: Duration, now: Instant) -> Option<Changes> {
        self.last
            .take()
            .filter(|last| now.saturating_duration_since(last.at) <= within)
    }

    /// Puts back what was taken and could not be undone, unless something newer came.
    pub(super) fn put_back(&mut self, changes: Changes) {
        self.last.get_or_insert(changes);
    }
}

impl Changes {
    /// Newest first, as they are taken back.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::plan::{Access, VehicleAccess};
    use codriver_catalog::Value;

    const LONG: Duration = Duration::from_secs(60);

    fn change(path: &str, before: f64) -> Change {
        Change {
            target: path.into(),
            restore: Some(Action::Vehicle(VehicleAccess {
                path: path.into(),
                access: Access::Set(Value::Number(before)),
            })),
        }
    }

    fn taken(journal: &mut Journal) -> Vec<Change> {
        let taken = journal.take(LONG, Instant::now());
        taken.map_or(Vec::new(), |taken| taken.newest_first().cloned().collect())
    }

    #[test]
    fn commands_of_one_utterance_are_taken_back_together_newest_first() {
        let mut journal = Journal::default();
        let utterance = UtteranceId::next();
        journal.record(utterance, [change("A", 1.0)].into_iter(), Instant::now());
        journal.record(utterance, [change("B", 2.0)].into_iter(), Instant::now());
        assert_eq!(taken(&mut journal), [change("B", 2.0), change("A", 1.0)]);
        assert!(taken(&mut journal).is_empty());
    }

    #[test]
    fn a_question_in_between_does_not_forget_the_change() {
        let mut journal = Journal::default();
        journal.record(
            UtteranceId::next(),
            [change("A", 1.0)].into_iter(),
            Instant::now(),
        );
        journal.record(UtteranceId::next(), std::iter::empty(), Instant::now());
        assert_eq!(taken(&mut journal), [change("A", 1.0)]);
    }

    #[test]
    fn a_newer_change_replaces_an_older_one_even_when_it_cannot_be_taken_back() {
        let mut journal = Journal::default();
        let lost = Change {
            target: "B".into(),
            restore: None,
        };
        journal.record(
            UtteranceId::next(),
            [change("A", 1.0)].into_iter(),
            Instant::now(),
        );
        journal.record(
            UtteranceId::next(),
            [lost.clone()].into_iter(),
            Instant::now(),
        );
        assert_eq!(taken(&mut journal), [lost]);
    }

    #[test]
    fn what_one_utterance_changed_twice_goes_back_to_how_it_was_before_the_first() {
        let mut journal = Journal::default();
        let utterance = UtteranceId::next();
        journal.record(utterance, [change("A", 1.0)].into_iter(), Instant::now());
        journal.record(utterance, [change("A", 2.0)].into_iter(), Instant::now());
        assert_eq!(taken(&mut journal), [change("A", 1.0)]);
    }

    #[test]
    fn after_its_time_a_change_is_not_taken_back() {
        let mut journal = Journal::default();
        let now = Instant::now();
        journal.record(UtteranceId::next(), [change("A", 1.0)].into_iter(), now);
        let late = now + Duration::from_secs(61);
        assert_eq!(journal.take(LONG, late), None);
    }

    #[test]
    fn what_is_put_back_does_not_replace_something_newer() {
        let mut journal = Journal::default();
        journal.record(
            UtteranceId::next(),
            [change("A", 1.0)].into_iter(),
            Instant::now(),
        );
        let old = journal.take(LONG, Instant::now()).unwrap();
        journal.put_back(old.clone());
        assert_eq!(taken(&mut journal), [change("A", 1.0)]);
        journal.record(
            UtteranceId::next(),
            [change("B", 2.0)].into_iter(),
            Instant::now(),
        );
        journal.put_back(old);
        assert_eq!(taken(&mut journal), [change("B", 2.0)]);
    }
}
