//! The ECUs' side: the status messages of the car with what they say, page by page and protected.
//! For simulated ECUs.

use std::{collections::BTreeMap, sync::Arc};

use super::{Description, Entry};
use crate::{
    Error,
    dbc::Message,
    end_to_end::Sender,
    frame::{CanFrame, CanId},
};

/// Every status message of a description.
#[derive(Debug, Clone)]
pub struct Statuses(BTreeMap<CanId, Status>);

#[derive(Debug, Clone)]
struct Status {
    message: Arc<Message>,
    sender: Option<Sender>,
    /// One payload a page; a plain message has one.
    pages: Vec<(Option<u64>, Vec<u8>)>,
    next: usize,
}

impl Statuses {
    /// All at their start values: nothing is available.
    pub fn new(description: &Description) -> Self {
        let mut statuses = BTreeMap::new();
        for entry in description.entries() {
            let message = &entry.status.message;
            let status = statuses.entry(message.id()).or_insert_with(|| Status {
                message: Arc::clone(message),
                sender: description
                    .protection(message.id())
                    .map(|protection| protection.sender()),
                pages: Vec::new(),
                next: 0,
            });
            let page = message.page(&entry.status.signal);
            if !status.pages.iter().any(|(other, _)| *other == page) {
                let payload = message.page_payload(&entry.status.signal);
                status.pages.push((page, payload));
            }
        }
        // Where there are pages, the plain signals are on each of them.
        for status in statuses.values_mut() {
            if status.pages.iter().any(|(page, _)| page.is_some()) {
                status.pages.retain(|(page, _)| page.is_some());
            }
        }
        Self(statuses)
    }

    /// The messages.
    pub fn messages(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.0.values().map(|status| &status.message)
    }

    /// From now on `entry` is reported with this physical value, beginning with the next frame.
    ///
    /// # Errors
    /// As [`Message::set`].
    pub fn set(&mut self, entry: &Entry, physical: f64) -> Result<(), Error> {
        let signal = &entry.status.signal;
        let Some(status) = self.0.get_mut(&entry.status.message.id()) else {
            return Ok(());
        };
        let wanted = status.message.page(signal);
        for (index, (page, payload)) in status.pages.iter_mut().enumerate() {
            if wanted.is_none() || *page == wanted {
                entry.write_status(payload, physical)?;
                if wanted.is_some() {
                    status.next = index;
                }
            }
        }
        Ok(())
    }

    /// The next frame of a message: its pages in turn, each frame with the next counter.
    pub fn frame(&mut self, id: CanId) -> Option<CanFrame> {
        let status = self.0.get_mut(&id)?;
        let (_, payload) = status.pages.get(status.next)?;
        let mut payload = payload.clone();
        status.next = (status.next + 1) % status.pages.len();
        if let Some(sender) = &mut status.sender {
            sender.protect(&mut payload);
        }
        status.message.frame(&payload).ok()
    }
}
