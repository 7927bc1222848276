//! When speech counts as begun and as over, and which settings of it can work.

use std::time::Duration;

use super::Completeness;
use crate::Error;
use crate::audio::samples_in;

/// When speech counts as begun and as over.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointOptions {
    /// A window at or above this probability (0 to 1) is voiced.
    pub voiced_at: f32,
    /// The same while a reply sounds, whose echo is cancelled: what gets past the canceller is as
    /// uncertain as the onset of speech, but never clear for long.
    pub voiced_at_over_reply: f32,
    /// Once speaking, a window stays voiced down to this probability.
    pub unvoiced_below: f32,
    /// Audio kept from before the first voiced window.
    pub pre_roll: Duration,
    /// This much must be voiced in a row for an utterance to begin.
    pub onset: Duration,
    /// The same while a reply sounds.
    pub onset_over_reply: Duration,
    /// This much unvoiced in a row is a pause: long enough to look at the words so far, short
    /// enough to have them when the utterance ends.
    pub pause: Duration,
    /// This much must be unvoiced in a row for it to end.
    pub hangover: Duration,
    /// The same after words that were judged a whole request.
    pub hangover_complete: Duration,
    /// The same after words that were judged a whole request to which a value may be added.
    pub hangover_extensible: Duration,
    /// The same after words that were judged the beginning of one.
    pub hangover_unfinished: Duration,
    /// Utterances with less voiced audio in all are dropped: coughs and door slams.
    pub min_speech: Duration,
    /// An utterance is cut here, whether or not the speaker has finished.
    pub hard_cap: Duration,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            voiced_at: 0.5,
            voiced_at_over_reply: 0.9,
            unvoiced_below: 0.35,
            pre_roll: Duration::from_millis(300),
            onset: Duration::from_millis(64),
            onset_over_reply: Duration::from_millis(200),
            pause: Duration::from_millis(96),
            hangover: Duration::from_millis(700),
            hangover_complete: Duration::from_millis(250),
            hangover_extensible: Duration::from_millis(450),
            hangover_unfinished: Duration::from_millis(1200),
            min_speech: Duration::from_millis(160),
            hard_cap: Duration::from_secs(15),
        }
    }
}

impl EndpointOptions {
    /// Whether so many unvoiced samples end an utterance whose words were judged so.
    pub(super) fn is_over(&self, unvoiced_samples: usize, completeness: Completeness) -> bool {
        let wanted = match completeness {
            Completeness::Complete => self.hangover_complete,
            Completeness::Extensible => self.hangover_extensible,
            Completeness::Unfinished => self.hangover_unfinished,
            Completeness::Unknown => self.hangover,
        };
        unvoiced_samples >= samples_in(wanted)
    }

    /// From which probability a window is voiced, and how many samples of such make an onset.
    pub(super) fn onset(&self, over_reply: bool) -> (f32, usize) {
        let (voiced_at, onset) = match over_reply {
            true => (
                self.voiced_at.max(self.voiced_at_over_reply),
                self.onset.max(self.onset_over_reply),
            ),
            false => (self.voiced_at, self.onset),
        };
        (voiced_at, samples_in(onset))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |option, reason: &str| {
            Err(Error::OptionUnusable {
                option,
                reason: reason.to_owned(),
            })
        };
        if !(self.voiced_at > 0.0 && self.voiced_at <= 1.0) {
            return refuse("audio.voiced_at", "must be above 0 and at most 1");
        }
        if !(self.voiced_at_over_reply > 0.0 && self.voiced_at_over_reply <= 1.0) {
            return refuse(
                "audio.voiced_at_over_reply",
                "must be above 0 and at most 1",
            );
        }
        if !(self.unvoiced_below > 0.0 && self.unvoiced_below <= self.voiced_at) {
            return refuse(
                "audio.unvoiced_below",
                "must be above 0 and at most audio.voiced_at",
            );
        }
        if self.hangover < Duration::from_millis(50) {
            return refuse("audio.hangover_ms", "must be at least 50");
        }
        if !(self.pause..=self.hangover).contains(&self.hangover_complete) {
            return refuse(
                "endpoint.hangover_complete_ms",
                "must be at least endpoint.pause_ms and at most endpoint.hangover_ms",
            );
        }
        if !(self.hangover_complete..=self.hangover).contains(&self.hangover_extensible) {
            return refuse(
                "endpoint.hangover_extensible_ms",
                "must be at least endpoint.hangover_complete_ms and at most endpoint.hangover_ms",
            );
        }
        if self.hangover_unfinished < self.hangover {
            return refuse(
                "endpoint.hangover_unfinished_ms",
                "must be at least endpoint.hangover_ms",
            );
        }
        // Beyond 29 s a recogniser window of 30 s no longer holds the utterance.
        if !(Duration::from_secs(1)..=Duration::from_secs(29)).contains(&self.hard_cap) {
            return refuse("audio.hard_cap_s", "must be 1 to 29");
        }
        if self.pre_roll + self.onset.max(self.onset_over_reply) + self.hangover_unfinished
            > self.hard_cap
        {
            return refuse(
                "audio.hard_cap_s",
                "must be longer than pre-roll, onset and hangover together",
            );
        }
        Ok(())
    }
}
