//! A bounded queue between two threads. When it is full the oldest waiting
//! item makes room: in a car the latest words matter most, and what has waited
//! longest would miss its time to live anyway.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A queue that never holds more than its capacity and never blocks the writer.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    closed: bool,
}

/// What waiting for an item brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// An item.
    Item(T),
    /// Nothing within the time; ask again.
    Nothing,
    /// The queue is closed and empty: the thread may end.
    Closed,
}

impl<T> Queue<T> {
    /// A queue of at most `capacity` items, at least one.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            state: Mutex::new(State {
                items: VecDeque::with_capacity(capacity),
                closed: false,
            }),
            arrived: Condvar::new(),
            capacity,
        }
    }

    /// Adds an item. Returns what fell out: the oldest item of a full queue,
    /// or this one when the queue is closed.
    pub fn push(&self, item: T) -> Option<T> {
        let mut state = self.lock();
        if state.closed {
            return Some(item);
        }
        let displaced = if state.items.len() == self.capacity {
            state.items.pop_front()
        } else {
            None
        };
        state.items.push_back(item);
        drop(state);
        self.arrived.notify_one();
        displaced
    }

    /// Waits at most `patience` for the oldest item.
    pub fn pop(&self, patience: Duration) -> Next<T> {
        let state = self.lock();
        let (mut state, _) = self
            .arrived
            .wait_timeout_while(state, patience, |state| {
                state.items.is_empty() && !state.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        match state.items.pop_front() {
            Some(item) => Next::Item(item),
            None if state.closed => Next::Closed,
            None => Next::Nothing,
        }
    }

    /// Takes out everything that waits.
    pub fn drain(&self) -> Vec<T> {
        self.lock().items.drain(..).collect()
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends the queue: nothing more goes in, the reader gets [`Next::Closed`].
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.items.clear();
        drop(state);
        self.arrived.notify_all();
    }

    /// No code that can panic runs under the lock, so a poisoned one is still whole.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const SOON: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn items_come_out_in_the_order_they_went_in() {
        let queue = Queue::new(3);
        assert_eq!(queue.push(1), None);
        assert_eq!(queue.push(2), None);
        assert_eq!(queue.pop(SOON), Next::Item(1));
        assert_eq!(queue.pop(SOON), Next::Item(2));
        assert_eq!(queue.pop(SOON), Next::Nothing);
    }

    #[test]
    fn a_full_queue_gives_up_its_oldest_item() {
        let queue = Queue::new(2);
        queue.push(1);
        queue.push(2);
        assert_eq!(queue.push(3), Some(1));
        assert_eq!(queue.drain(), [2, 3]);
    }

    #[test]
    fn closing_wakes_the_waiting_reader_and_refuses_further_items() {
        let queue = Arc::new(Queue::<u8>::new(1));
        let reader = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.pop(LONG))
        };
        queue.close();
        assert_eq!(reader.join().unwrap(), Next::Closed);
        assert_eq!(queue.push(7), Some(7));
    }
}
