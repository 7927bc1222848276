//! A bounded queue that makes room by dropping what has waited longest.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// First in, first out; when full, the oldest goes: a command heard long ago must not act late.
pub(crate) struct DropOldest<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

/// What [`DropOldest::pop`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Popped<T> {
    Item(T),
    /// Nothing came in time.
    Nothing,
    /// The queue is empty and nobody will push again.
    Closed,
}

impl<T> DropOldest<T> {
    /// A queue for at least one item.
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            capacity: capacity.max(1),
        }
    }

    /// Adds `item` and gives back what had to go for it.
    pub(crate) fn push(&self, item: T) -> Option<T> {
        let mut state = self.lock();
        let dropped = if state.waiting.len() >= self.capacity {
            state.waiting.pop_front()
        } else {
            None
        };
        state.waiting.push_back(item);
        self.changed.notify_one();
        dropped
    }

    /// Adds `item` only where nothing has to go for it. Whether it did.
    pub(crate) fn push_if_room(&self, item: T) -> bool {
        let mut state = self.lock();
        let room = state.waiting.len() < self.capacity;
        if room {
            state.waiting.push_back(item);
            self.changed.notify_one();
        }
        room
    }

    /// Takes out what is of no use any more.
    pub(crate) fn discard(&self, useless: impl Fn(&T) -> bool) {
        self.lock().waiting.retain(|item| !useless(item));
    }

    /// Takes the oldest item, waiting for one no longer than `wait`.
    pub(crate) fn pop(&self, wait: Duration) -> Popped<T> {
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        loop {
            if let Some(item) = state.waiting.pop_front() {
                return Popped::Item(item);
            }
            if state.closed {
                return Popped::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Popped::Nothing;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// No more will come; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_gives_up_its_oldest_item() {
        let queue = DropOldest::new(2);
        assert_eq!(queue.push(1), None);
        assert_eq!(queue.push(2), None);
        assert_eq!(queue.push(3), Some(1));
        assert_eq!(queue.pop(Duration::ZERO), Popped::Item(2));
        assert_eq!(queue.pop(Duration::ZERO), Popped::Item(3));
        assert_eq!(queue.pop(Duration::from_millis(1)), Popped::Nothing);
    }

    #[test]
    fn what_may_be_missed_pushes_nothing_out_and_what_is_useless_goes() {
        let queue = DropOldest::new(2);
        assert!(queue.push_if_room(1));
        assert!(queue.push_if_room(2));
        assert!(!queue.push_if_room(3));
        queue.discard(|item| *item == 1);
        assert_eq!(queue.pop(Duration::ZERO), Popped::Item(2));
        assert_eq!(queue.pop(Duration::ZERO), Popped::Nothing);
    }

    #[test]
    fn a_closed_queue_still_hands_out_what_waits() {
        let queue = DropOldest::new(2);
        queue.push(1);
        queue.close();
        assert_eq!(queue.pop(Duration::ZERO), Popped::Item(1));
        assert_eq!(queue.pop(Duration::from_secs(60)), Popped::Closed);
    }
}
