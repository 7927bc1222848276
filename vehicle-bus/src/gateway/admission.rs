//! Who may ask how often, and which requests were seen before.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::Request;
use crate::{Outcome, Reason, Value};

/// Requests remembered against being done twice; far more than can come within the longest time
/// to live at the highest rate of a few callers.
const REMEMBERED: usize = 4096;
/// Callers whose rate is kept.
const CALLERS: usize = 256;

/// How much a caller may ask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Requests a second and caller, on average.
    pub requests_per_second: f64,
    /// Requests at once.
    pub burst: u32,
    /// The longest time to live.
    pub max_time_to_live: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: 20.0,
            burst: 40,
            max_time_to_live: Duration::from_secs(60),
        }
    }
}

pub(super) enum Known {
    New,
    /// The same request again: its first outcome.
    Same(Outcome),
    Refused(Outcome),
}

type Key = (String, String);

#[derive(Debug)]
struct Seen {
    path: String,
    value: Value,
    /// None while it runs.
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

#[derive(Debug)]
pub(super) struct Admission {
    limits: Limits,
    seen: HashMap<Key, Seen>,
    order: VecDeque<Key>,
    buckets: HashMap<String, Bucket>,
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            seen: HashMap::new(),
            order: VecDeque::new(),
            buckets: HashMap::new(),
        }
    }

    /// Checks rate and request_id, and remembers a new one as running.
    pub(super) fn know(&mut self, request: &Request, now: Instant) -> Known {
        if !self.spend(&request.caller, now) {
            return Known::Refused(Outcome::refused(
                Reason::RateLimited,
                "Too many requests; wait a moment.",
            ));
        }
        if let Some(seen) = self.seen.get(&key(request)) {
            let same = seen.path == request.path && seen.value == request.value;
            return match &seen.outcome {
                Some(outcome) if same => Known::Same(outcome.clone()),
                _ => Known::Refused(Outcome::refused(
                    Reason::DuplicateRequest,
                    format!("Request {} was made before.", request.request_id),
                )),
            };
        }
        self.forget();
        self.order.push_back(key(request));
        self.seen.insert(
            key(request),
            Seen {
                path: request.path.clone(),
                value: request.value.clone(),
                outcome: None,
            },
        );
        Known::New
    }

    pub(super) fn finish(&mut self, request: &Request, outcome: &Outcome) {
        if let Some(seen) = self.seen.get_mut(&key(request)) {
            seen.outcome = Some(outcome.clone());
        }
    }

    /// Makes room by forgetting the oldest finished requests; running ones are never forgotten,
    /// and the actuators' bounded queues bound them.
    fn forget(&mut self) {
        for _ in 0..self.order.len() {
            if self.order.len() < REMEMBERED {
                return;
            }
            if let Some(oldest) = self.order.pop_front() {
                let runs = |seen: &Seen| seen.outcome.is_none();
                if self.seen.get(&oldest).is_some_and(runs) {
                    self.order.push_back(oldest);
                } else {
                    self.seen.remove(&oldest);
                }
            }
        }
    }

    /// A token bucket a caller.
    fn spend(&mut self, caller: &str, now: Instant) -> bool {
        let (rate, burst) = (
            self.limits.requests_per_second,
            f64::from(self.limits.burst),
        );
        let level = |bucket: &Bucket| {
            let idle = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + idle * rate).min(burst)
        };
        if self.buckets.len() >= CALLERS && !self.buckets.contains_key(caller) {
            self.buckets.retain(|_, bucket| level(bucket) < burst);
            if self.buckets.len() >= CALLERS {
                return false;
            }
        }
        let bucket = self.buckets.entry(caller.to_owned()).or_insert(Bucket {
            tokens: burst,
            at: now,
        });
        bucket.tokens = level(bucket);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

fn key(request: &Request) -> Key {
    (request.caller.clone(), request.request_id.clone())
}
