//! How long each stage took for one utterance.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Milliseconds by stage, in the order the stages ran.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timings(Vec<(&'static str, f64)>);

impl Timings {
    /// Records one stage.
    pub fn record(&mut self, stage: &'static str, took: Duration) {
        self.0.push((stage, milliseconds(took)));
    }

    /// Runs one stage and records how long it took.
    pub fn measure<T>(&mut self, stage: &'static str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let outcome = work();
        self.record(stage, started.elapsed());
        outcome
    }

    /// As it goes over D-Bus: `a{sd}`.
    pub fn to_map(&self) -> HashMap<String, f64> {
        self.0
            .iter()
            .map(|(stage, ms)| ((*stage).to_owned(), *ms))
            .collect()
    }

    /// `recognise 385.2 ms, understand 0.3 ms`.
    pub fn to_line(&self) -> String {
        let stages: Vec<_> = self
            .0
            .iter()
            .map(|(stage, ms)| format!("{stage} {ms} ms"))
            .collect();
        stages.join(", ")
    }
}

impl Serialize for Timings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(stage, ms)| (*stage, *ms)))
    }
}

/// Milliseconds to three decimals: finer than any stage can be measured.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_keep_their_order_in_json() {
        let mut timings = Timings::default();
        timings.record("recognise", Duration::from_micros(385_200));
        timings.record("act", Duration::from_micros(1_500));
        assert_eq!(
            serde_json::to_string(&timings).unwrap(),
            r#"{"recognise":385.2,"act":1.5}"#
        );
        assert_eq!(timings.to_line(), "recognise 385.2 ms, act 1.5 ms");
    }
}
