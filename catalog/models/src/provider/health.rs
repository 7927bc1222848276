//! How a model on an accelerator fares: in use while it works, at rest after it failed, asked again later.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How long one that failed rests at first; twice as long after each further failure.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(600);

/// Whether an accelerator may be asked, and what became of it since start; readable from other
/// threads.
#[derive(Debug)]
pub struct Health {
    model: String,
    answers: AtomicU64,
    failures: AtomicU64,
    retries: AtomicU64,
    standing: Mutex<Standing>,
}

#[derive(Debug)]
struct Standing {
    /// How long it rested last; zero when it never has.
    last_rest: Duration,
    rests_until: Option<Instant>,
    /// Its first answer since it failed last.
    works_since: Option<Instant>,
    last_failure: Option<String>,
}

/// [`Health`] at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// Answers of the accelerator: of a language model to a sentence, of others to one run.
    pub answers: u64,
    /// Times it failed; each of these answers came from the CPU.
    pub failures: u64,
    /// Times it was asked again after a failure.
    pub retries: u64,
    /// Why it failed last.
    pub last_failure: Option<String>,
    /// Milliseconds until it is asked again; 0 when it is in use.
    pub rests_for_ms: u64,
}

impl Health {
    /// That of the accelerator which runs `model`; it works, as far as is known.
    pub fn of(model: &str) -> Self {
        Self {
            model: model.into(),
            answers: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            standing: Mutex::new(Standing {
                last_rest: Duration::ZERO,
                rests_until: None,
                works_since: None,
                last_failure: None,
            }),
        }
    }

    /// Whether the accelerator may be asked now. When its rest is over that counts as a retry.
    pub fn may_be_asked(&self, now: Instant) -> bool {
        match self.standing().rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.retries.fetch_add(1, Ordering::Relaxed);
                true
            }
            None => true,
        }
    }

    /// It answered, at `now`.
    pub fn answered(&self, now: Instant) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        let mut standing = self.standing();
        if standing.rests_until.take().is_some() {
            tracing::info!(model = self.model, "the accelerator is in use again");
        }
        standing.works_since.get_or_insert(now);
    }

    /// It failed at `now`, for this reason, and rests: the CPU has to answer.
    pub fn failed(&self, now: Instant, reason: String) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut standing = self.standing();
        // One answer alone is no recovery: it has to work for as long as it rested.
        let recovered = standing
            .works_since
            .take()
            .is_some_and(|since| now.saturating_duration_since(since) >= standing.last_rest);
        let rest = match recovered {
            true => FIRST_REST,
            false => (standing.last_rest * 2).clamp(FIRST_REST, LONGEST_REST),
        };
        tracing::warn!(
            model = self.model,
            reason,
            rest_s = rest.as_secs(),
            "accelerator put aside; the CPU answers"
        );
        standing.rests_until = Some(now + rest);
        standing.last_rest = rest;
        standing.last_failure = Some(reason);
    }

    /// The numbers now.
    pub fn report(&self) -> HealthReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let standing = self.standing();
        let until = standing.rests_until;
        let rests_for = until.map(|until| until.saturating_duration_since(Instant::now()));
        HealthReport {
            answers: read(&self.answers),
            failures: read(&self.failures),
            retries: read(&self.retries),
            last_failure: standing.last_failure.clone(),
            rests_for_ms: u64::try_from(rests_for.unwrap_or_default().as_millis())
                .unwrap_or(u64::MAX),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(health: &Health, now: Instant) {
        health.failed(now, "the chip is gone".into());
    }

    fn rests(health: &Health) -> Duration {
        health.standing().last_rest
    }

    #[test]
    fn one_that_fails_again_rests_twice_as_long_up_to_ten_minutes() {
        let health = Health::of("test");
        let mut now = Instant::now();
        assert!(health.may_be_asked(now));
        for seconds in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
            let rest = Duration::from_secs(seconds);
            fail(&health, now);
            assert!(!health.may_be_asked(now + rest - Duration::from_millis(1)));
            now += rest;
            assert!(health.may_be_asked(now));
        }
        let report = health.report();
        assert_eq!((report.answers, report.failures, report.retries), (0, 9, 9));
        assert_eq!(report.last_failure.as_deref(), Some("the chip is gone"));
    }

    #[test]
    fn only_one_that_works_as_long_as_it_rested_has_recovered() {
        let health = Health::of("test");
        let start = Instant::now();
        fail(&health, start);
        fail(&health, start);
        assert_eq!(rests(&health), Duration::from_secs(10));
        health.answered(start);
        fail(&health, start + Duration::from_secs(9));
        assert_eq!(rests(&health), Duration::from_secs(20));
        health.answered(start);
        health.answered(start + Duration::from_secs(19));
        fail(&health, start + Duration::from_secs(20));
        assert_eq!(rests(&health), Duration::from_secs(5));
    }
}
