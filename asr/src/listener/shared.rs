//! What the listener's thread and those who ask it for something have in common.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::Event;
use crate::Completeness;
use crate::queue::DropOldest;

/// The controls, the events and the counters of one listener.
pub(super) struct Shared {
    pub(super) events: DropOldest<Event>,
    /// Told at once when somebody begins to speak.
    pub(super) on_speech: OnceLock<Box<dyn Fn() + Send + Sync>>,
    pub(super) stop: AtomicBool,
    pub(super) muted: AtomicBool,
    pub(super) paused: AtomicBool,
    pub(super) over_reply: AtomicBool,
    pub(super) cancelled: AtomicBool,
    pub(super) held: AtomicBool,
    pub(super) released: AtomicBool,
    pub(super) source_open: AtomicBool,
    /// Until when an earcon may be heard.
    pub(super) earcon_until: Mutex<Option<Instant>>,
    pub(super) window_ends: Mutex<Option<Instant>>,
    pub(super) pause: Mutex<Option<Pause>>,
    /// The last voiced sample of the utterance that ended last.
    pub(super) ended_at: AtomicU64,
    pub(super) utterances: AtomicU64,
    pub(super) dropped_events: AtomicU64,
    pub(super) dropped_utterances: AtomicU64,
    pub(super) overrun_samples: AtomicU64,
    pub(super) opened: AtomicU64,
}

/// The pause that goes on.
#[derive(Clone, Copy)]
pub(super) struct Pause {
    pub(super) last_voiced_sample: u64,
    /// A judgement that the listener's thread has not taken yet.
    pub(super) judged: Option<Completeness>,
}

impl Shared {
    /// Nothing has happened yet; `queue` events wait for the reader at most.
    pub(super) fn new(queue: usize) -> Self {
        Self {
            events: DropOldest::new(queue),
            on_speech: OnceLock::new(),
            stop: AtomicBool::new(false),
            muted: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            over_reply: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            held: AtomicBool::new(false),
            released: AtomicBool::new(false),
            source_open: AtomicBool::new(false),
            earcon_until: Mutex::new(None),
            window_ends: Mutex::new(None),
            pause: Mutex::new(None),
            ended_at: AtomicU64::new(0),
            utterances: AtomicU64::new(0),
            dropped_events: AtomicU64::new(0),
            dropped_utterances: AtomicU64::new(0),
            overrun_samples: AtomicU64::new(0),
            opened: AtomicU64::new(0),
        }
    }

    pub(super) fn set_window(&self, ends: Option<Instant>) {
        *self
            .window_ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = ends;
    }

    pub(super) fn earcon_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.earcon_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn window_ends(&self) -> Option<Instant> {
        *self
            .window_ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pause begins, or the one before is over; then nobody needs its words any more.
    pub(super) fn set_pause(&self, last_voiced_sample: Option<u64>) {
        *self.pause() = last_voiced_sample.map(|last_voiced_sample| Pause {
            last_voiced_sample,
            judged: None,
        });
        self.events
            .discard(|event| matches!(event, Event::Paused(_)));
    }

    pub(super) fn report(&self, event: Event) {
        if let Some(dropped) = self.events.push(event) {
            self.dropped_events.fetch_add(1, Ordering::Relaxed);
            if let Event::Utterance(utterance) = dropped {
                self.dropped_utterances.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(utterance = %utterance.id, "utterance dropped: nobody took it");
            }
        }
    }
}
