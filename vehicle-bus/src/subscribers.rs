//! Who hears the signals about the car. A broadcast reaches whoever listens, permitted or not, so
//! each signal goes to each subscriber alone; who subscribes needs the permission to read.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use futures_util::StreamExt;
use zbus::{
    Connection,
    fdo::{self, DBusProxy, NameOwnerChangedStream},
    names::UniqueName,
};

use crate::Error;

/// Every signal costs one message a subscriber.
const MOST: usize = 32;

#[derive(Debug)]
pub(crate) struct Subscribers {
    bus: DBusProxy<'static>,
    names: Mutex<BTreeSet<UniqueName<'static>>>,
}

impl Subscribers {
    /// Nobody yet; who leaves the bus is no subscriber any more.
    ///
    /// # Errors
    /// [`Error::Dbus`] when the bus does not answer.
    pub(crate) async fn start(connection: &Connection) -> Result<Arc<Self>, Error> {
        let bus = DBusProxy::new(connection).await?;
        let changes = bus.receive_name_owner_changed().await?;
        let subscribers = Arc::new(Self {
            bus,
            names: Mutex::default(),
        });
        tokio::spawn(forget_gone(Arc::downgrade(&subscribers), changes));
        Ok(subscribers)
    }

    /// # Errors
    /// `LimitsExceeded` when there are 32 already; the bus's own error.
    pub(crate) async fn add(&self, caller: &UniqueName<'_>) -> fdo::Result<()> {
        {
            let mut names = self.names();
            if names.len() >= MOST && !names.iter().any(|name| name == caller) {
                return Err(fdo::Error::LimitsExceeded(format!(
                    "There are {MOST} subscribers already."
                )));
            }
            names.insert(caller.to_owned());
        }
        // Who left before it was noted down is not told of any more.
        let is_there = self.bus.name_has_owner(caller.clone().into()).await;
        if !matches!(is_there, Ok(true)) {
            self.remove(caller);
        }
        is_there.map(|_| ())
    }

    pub(crate) fn remove(&self, caller: &UniqueName<'_>) {
        // A set of names that live for ever has no look-up by one that does not.
        self.names().retain(|name| name != caller);
    }

    pub(crate) fn all(&self) -> Vec<UniqueName<'static>> {
        self.names().iter().cloned().collect()
    }

    fn names(&self) -> std::sync::MutexGuard<'_, BTreeSet<UniqueName<'static>>> {
        // Whole between any two statements, so a panic elsewhere does not spoil it.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn forget_gone(subscribers: Weak<Subscribers>, mut changes: NameOwnerChangedStream) {
    while let Some(change) = changes.next().await {
        let Some(subscribers) = subscribers.upgrade() else {
            return;
        };
        if let Ok(change) = change.args()
            && change.new_owner().is_none()
            && let zbus::names::BusName::Unique(name) = change.name()
        {
            subscribers.remove(name);
        }
    }
}
