//! One stretch of speech, cut out of the stream.

use std::time::{Duration, Instant};

use codriver_catalog::{UtteranceId, Zone};

use crate::WakeScore;
use crate::audio::duration_of_samples;

/// One stretch of speech with a little of what came before and after it; at a pause, what was
/// said of it so far.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// The name this utterance carries through all stages.
    pub id: UtteranceId,
    /// 16 kHz mono, -1.0 to 1.0.
    pub samples: Vec<f32>,
    /// Stream position of the first sample, in samples at 16 kHz since the stream began.
    pub started_at_sample: u64,
    /// Stream position just behind the last sample.
    pub ended_at_sample: u64,
    /// When the speaker fell silent: what latency is measured from.
    pub end_of_speech: EndOfSpeech,
    /// How much of it the voice detector took for speech.
    pub voiced: Duration,
    /// The seat it was spoken at; `None` with one microphone for the cabin, or when several heard
    /// it alike.
    pub zone: Option<Zone>,
    /// The hard cap cut it; the speaker was still talking and the rest follows as another one.
    pub truncated: bool,
    /// How much it resembles a wake phrase; `None` where nobody listens for one.
    pub wake: Option<WakeScore>,
}

/// The end of the last stretch that the voice detector took for speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndOfSpeech {
    /// Stream position, in samples at 16 kHz.
    pub at_sample: u64,
    /// When that sample was captured, by this machine's monotonic clock.
    pub at: Instant,
}

impl Utterance {
    /// Whether both hold the same speech: one may have been taken at a pause, with less of the
    /// silence behind it.
    pub fn has_speech_of(&self, other: &Self) -> bool {
        self.id == other.id && self.end_of_speech.at_sample == other.end_of_speech.at_sample
    }

    /// When its first sample was captured, by this machine's monotonic clock.
    pub fn began_at(&self) -> Instant {
        let before = self
            .end_of_speech
            .at_sample
            .saturating_sub(self.started_at_sample);
        let end = self.end_of_speech.at;
        end.checked_sub(duration_of_samples(before)).unwrap_or(end)
    }

    /// How long the audio is, pre-roll and hangover included.
    pub fn duration(&self) -> Duration {
        duration_of_samples(self.samples.len() as u64)
    }
}
