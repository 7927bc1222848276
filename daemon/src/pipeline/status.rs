//! One line that says how a part is, for `codriverctl status`.

use std::sync::{Arc, Mutex, PoisonError};

/// A shared line of text.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Mutex<String>>);

impl Status {
    /// A status that begins as `text`.
    pub fn new(text: &str) -> Self {
        Self(Arc::new(Mutex::new(text.to_owned())))
    }

    /// Changes the line. Whether it was another one before.
    pub fn set(&self, text: impl Into<String>) -> bool {
        let text = text.into();
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *current != text;
        *current = text;
        changed
    }

    /// The line as it is now.
    pub fn get(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
