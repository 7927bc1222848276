//! Which threads still answer. The watchdog is fed only while all of them do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long an idle stage waits for work before it beats again.
pub const IDLE_WAIT: Duration = Duration::from_millis(500);

/// The pulse of one thread. Cheap to clone; a clone beats for the same thread.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    name: &'static str,
    started: Instant,
    /// Milliseconds from `started` to the last beat.
    last_ms: Arc<AtomicU64>,
    longest_silence: Duration,
}

impl Heartbeat {
    /// A pulse that counts as stopped after `longest_silence`, which must cover
    /// the longest single piece of work of the thread.
    pub fn new(name: &'static str, longest_silence: Duration) -> Self {
        Self {
            name,
            started: Instant::now(),
            last_ms: Arc::new(AtomicU64::new(0)),
            longest_silence,
        }
    }

    /// Says that the thread lives.
    pub fn beat(&self) {
        let elapsed = self.started.elapsed().as_millis();
        self.last_ms.store(
            u64::try_from(elapsed).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// How long the thread has been silent, once that is longer than it may be.
    pub fn stopped_since(&self, now: Instant) -> Option<Duration> {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        let silence = now
            .saturating_duration_since(self.started)
            .saturating_sub(last);
        (silence > self.longest_silence).then_some(silence)
    }

    /// The thread's name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_falls_silent_is_found_with_its_silence() {
        let heartbeat = Heartbeat::new("recogniser", Duration::from_secs(10));
        let now = Instant::now();
        assert_eq!(heartbeat.stopped_since(now), None);
        let later = now + Duration::from_secs(11);
        assert!(heartbeat.stopped_since(later).unwrap() > Duration::from_secs(10));
    }

    #[test]
    fn a_beat_of_a_clone_counts_for_the_thread() {
        let mut heartbeat = Heartbeat::new("recogniser", Duration::from_secs(10));
        heartbeat.started -= Duration::from_secs(60);
        let clone = heartbeat.clone();
        assert!(heartbeat.stopped_since(Instant::now()).is_some());
        clone.beat();
        assert_eq!(heartbeat.stopped_since(Instant::now()), None);
    }
}
