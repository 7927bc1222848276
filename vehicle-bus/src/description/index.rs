//! Which paths a message concerns, found without going through all of them: frames come by the
//! thousand a second.

use std::collections::{BTreeMap, HashMap};

use super::Entry;
use crate::frame::CanId;

/// Paths by the messages that carry them.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    statuses: HashMap<CanId, Vec<String>>,
    requests: HashMap<CanId, Vec<String>>,
}

impl Index {
    pub(super) fn of(entries: &BTreeMap<String, Entry>) -> Self {
        let mut index = Self::default();
        for entry in entries.values() {
            let id = entry.status.message.id();
            index
                .statuses
                .entry(id)
                .or_default()
                .push(entry.path.clone());
            if let Some(actuator) = &entry.actuator {
                let id = actuator.request.message.id();
                index
                    .requests
                    .entry(id)
                    .or_default()
                    .push(entry.path.clone());
            }
        }
        index
    }

    /// Paths that the message reports.
    pub(super) fn statuses(&self, id: CanId) -> &[String] {
        self.statuses.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Paths that the message asks for.
    pub(super) fn requests(&self, id: CanId) -> &[String] {
        self.requests.get(&id).map_or(&[], Vec::as_slice)
    }
}
