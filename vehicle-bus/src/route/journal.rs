//! What the last utterance changed, so that it can be taken back.

use codriver_catalog::{UtteranceId, Value};

use super::plan::{Access, Action, Member, PeerCall, VehicleAccess};

/// The changes of one utterance, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Journal {
    utterance: Option<UtteranceId>,
    changes: Vec<Previous>,
}

/// What stood there before a change.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Previous {
    /// A VSS path's value.
    Vehicle { path: String, value: Value },
    /// A property's value. The call names the very peer that was changed.
    Property { call: PeerCall, value: Value },
}

impl Journal {
    /// Adds the changes of an utterance; those of an earlier one are forgotten
    /// as soon as there is something newer to take back.
    pub(super) fn record(
        &mut self,
        utterance: UtteranceId,
        changes: impl Iterator<Item = Previous>,
    ) {
        for change in changes {
            if self.utterance != Some(utterance) {
                self.utterance = Some(utterance);
                self.changes.clear();
            }
            self.changes.push(change);
        }
    }

    /// All changes, oldest first; the journal is empty afterwards.
    pub(super) fn take(&mut self) -> Vec<Previous> {
        self.utterance = None;
        std::mem::take(&mut self.changes)
    }
}

impl Previous {
    /// The action that puts it back.
    pub(super) fn restore(self) -> Action {
        match self {
            Self::Vehicle { path, value } => Action::Vehicle(VehicleAccess {
                path,
                access: Access::Set(value),
            }),
            Self::Property { mut call, value } => {
                if let Member::Property(_, _, access) = &mut call.member {
                    *access = Access::Set(value);
                }
                Action::Peer(call)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str) -> Previous {
        Previous::Vehicle {
            path: path.into(),
            value: Value::Flag(true),
        }
    }

    #[test]
    fn commands_of_one_utterance_are_taken_back_together() {
        let mut journal = Journal::default();
        let utterance = UtteranceId::next();
        journal.record(utterance, [change("A")].into_iter());
        journal.record(utterance, [change("B")].into_iter());
        assert_eq!(journal.take(), [change("A"), change("B")]);
        assert!(journal.take().is_empty());
    }

    #[test]
    fn a_question_in_between_does_not_forget_the_change() {
        let mut journal = Journal::default();
        journal.record(UtteranceId::next(), [change("A")].into_iter());
        journal.record(UtteranceId::next(), std::iter::empty());
        assert_eq!(journal.take(), [change("A")]);
    }

    #[test]
    fn a_newer_change_replaces_an_older_one() {
        let mut journal = Journal::default();
        journal.record(UtteranceId::next(), [change("A")].into_iter());
        journal.record(UtteranceId::next(), [change("B")].into_iter());
        assert_eq!(journal.take(), [change("B")]);
    }
}
