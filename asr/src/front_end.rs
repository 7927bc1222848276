//! From a source's samples to utterances: resample, detect voice, endpoint.

use std::time::{Duration, Instant};

use codriver_catalog::{UtteranceId, Zone};

use crate::audio::{SAMPLE_RATE_HZ, duration_of_samples};
use crate::seats::Seats;
use crate::{
    Boundary, Completeness, EndOfSpeech, EndpointOptions, Endpointer, Error, Format, Segment,
    ToSpeech, Utterance, VoiceActivity, WakeWords,
};

/// What the front end noticed in the audio it was given.
#[derive(Debug)]
pub enum Noticed {
    /// Somebody has begun to speak.
    SpeechStarted,
    /// The speaker has paused: what was said so far. [`FrontEnd::judge`] may say what it is.
    Paused(Utterance),
    /// The speaker goes on after a pause.
    Resumed,
    /// An utterance is complete.
    Utterance(Utterance),
    /// What sounded like speech was over too soon to be any.
    TooShort,
}

/// Resampler, voice detector and endpointer in a row, fed by one stream; and where there are
/// wake words, they are listened for while somebody speaks.
pub struct FrontEnd {
    intake: Intake,
    /// The seats of the source's first channels; empty for one microphone.
    zones: Vec<Zone>,
    voice_activity: Box<dyn VoiceActivity>,
    endpointer: Endpointer,
    wake_words: Option<WakeWords>,
    /// 16 kHz mono audio that does not fill a window yet.
    pending: Vec<f32>,
    busy: Duration,
    /// The name of the utterance that is open, or of the next one.
    id: UtteranceId,
    /// When the endpointer's position was captured.
    position_at: Instant,
    /// Audio has passed that the detector did not hear; what it remembers is stale.
    detector_stale: bool,
}

/// What makes 16 kHz mono of the source.
enum Intake {
    /// All channels together.
    Mix(ToSpeech),
    /// The channel of the seat where somebody speaks.
    Seats(Seats),
}

impl Intake {
    fn push(&mut self, interleaved: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        match self {
            Self::Mix(resampler) => resampler.push(interleaved, out),
            Self::Seats(seats) => seats.push(interleaved, out),
        }
    }

    fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        match self {
            Self::Mix(resampler) => resampler.flush(out),
            Self::Seats(seats) => seats.flush(out),
        }
    }

    /// Samples at 16 kHz that were taken and not handed out yet.
    fn backlog(&self) -> usize {
        match self {
            Self::Mix(_) => 0,
            Self::Seats(seats) => seats.backlog(),
        }
    }

    fn seats(&mut self) -> Option<&mut Seats> {
        match self {
            Self::Mix(_) => None,
            Self::Seats(seats) => Some(seats),
        }
    }
}

impl FrontEnd {
    /// A front end for a stream in `format`; [`set_format`](Self::set_format) begins another.
    pub fn new(
        format: Format,
        voice_activity: Box<dyn VoiceActivity>,
        options: EndpointOptions,
    ) -> Result<Self, Error> {
        Ok(Self {
            intake: Intake::Mix(ToSpeech::new(format)?),
            zones: Vec::new(),
            voice_activity,
            endpointer: Endpointer::new(options)?,
            wake_words: None,
            pending: Vec::new(),
            busy: Duration::ZERO,
            id: UtteranceId::next(),
            position_at: Instant::now(),
            detector_stale: false,
        })
    }

    /// Takes the first channels of every stream from now on as the microphones of these seats:
    /// each utterance is taken from the seat it was spoken at, and says which. Streams with fewer
    /// channels are refused by [`set_format`](Self::set_format).
    #[must_use]
    pub fn with_zones(mut self, zones: Vec<Zone>) -> Self {
        self.zones = zones;
        self
    }

    /// The same front end, which also scores every utterance for wake words.
    #[must_use]
    pub fn with_wake_words(self, wake_words: WakeWords) -> Self {
        Self {
            wake_words: Some(wake_words),
            ..self
        }
    }

    /// Begins a new stream in `format`; audio not yet handed out is forgotten.
    pub fn set_format(&mut self, format: Format) -> Result<(), Error> {
        self.intake = if self.zones.is_empty() {
            Intake::Mix(ToSpeech::new(format)?)
        } else {
            let window = self.voice_activity.window_samples();
            Intake::Seats(Seats::new(&self.zones, format, window)?)
        };
        self.forget();
        Ok(())
    }

    /// Takes interleaved samples whose last one was captured at `captured_until`.
    pub fn push(
        &mut self,
        interleaved: &[f32],
        captured_until: Instant,
    ) -> Result<Vec<Noticed>, Error> {
        let begun = Instant::now();
        self.intake.push(interleaved, &mut self.pending)?;
        let noticed = self.drain_windows(captured_until);
        self.busy += begun.elapsed();
        noticed
    }

    /// Takes samples nobody wants understood: they only keep the pre-roll fresh.
    pub fn pass(&mut self, interleaved: &[f32]) -> Result<(), Error> {
        self.intake.push(interleaved, &mut self.pending)?;
        self.endpointer.pass(&self.pending);
        self.pending.clear();
        self.detector_stale = true;
        Ok(())
    }

    /// Says what the pause is that ended with the last voiced sample at `last_voiced_sample`. A
    /// pause that is over by now is left alone.
    pub fn judge(
        &mut self,
        last_voiced_sample: u64,
        completeness: Completeness,
    ) -> Option<Noticed> {
        let boundary = self.endpointer.judge(last_voiced_sample, completeness)?;
        Some(self.notice(boundary, self.position_at))
    }

    /// Closes the stream: what is still open becomes an utterance.
    pub fn finish(&mut self, captured_until: Instant) -> Result<Vec<Noticed>, Error> {
        self.intake.flush(&mut self.pending)?;
        let mut noticed = self.drain_windows(captured_until)?;
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            // Less than one window: silence completes it for the detector only.
            let mut window = rest.clone();
            window.resize(self.voice_activity.window_samples(), 0.0);
            let probability = self.voice_activity.probability(&window)?;
            let boundary = self.endpointer.push(&rest, probability);
            hear_wake_words(
                self.wake_words.as_mut(),
                &self.endpointer,
                boundary.as_ref(),
            )?;
            noticed.extend(boundary.map(|found| self.notice(found, captured_until)));
        }
        let boundary = self.endpointer.finish();
        noticed.extend(boundary.map(|found| self.notice(found, captured_until)));
        self.voice_activity.reset();
        Ok(noticed)
    }

    /// While held, no pause ends an utterance.
    pub fn hold(&mut self, held: bool) {
        self.endpointer.hold(held);
    }

    /// A reply sounds whose echo is cancelled, or is over: see [`Endpointer::over_reply`].
    pub fn over_reply(&mut self, over_reply: bool) {
        self.endpointer.over_reply(over_reply);
    }

    /// Completes an utterance that is still open, whatever would follow; the stream goes on.
    pub fn end_utterance(&mut self, captured_until: Instant) -> Result<Vec<Noticed>, Error> {
        let mut noticed = self.drain_windows(captured_until)?;
        let boundary = self.endpointer.finish();
        noticed.extend(boundary.map(|found| self.notice(found, captured_until)));
        Ok(noticed)
    }

    /// Forgets an utterance that is still open, and the pre-roll.
    pub fn forget(&mut self) {
        self.pending.clear();
        self.endpointer.forget();
        let position = self.endpointer.position();
        if let Some(seats) = self.intake.seats() {
            seats.restart(position);
        }
        self.voice_activity.reset();
        self.another_utterance();
    }

    /// Where in the stream the next sample stands, at 16 kHz. It goes on from one stream to the next.
    pub fn position(&self) -> u64 {
        self.endpointer.position()
    }

    /// Whether an utterance is open.
    pub fn is_speaking(&self) -> bool {
        self.endpointer.is_speaking()
    }

    /// Time spent in [`push`](Self::push) so far.
    pub fn busy(&self) -> Duration {
        self.busy
    }

    fn drain_windows(&mut self, captured_until: Instant) -> Result<Vec<Noticed>, Error> {
        if std::mem::take(&mut self.detector_stale) {
            self.voice_activity.reset();
        }
        let size = self.voice_activity.window_samples().max(1);
        let mut noticed = Vec::new();
        let mut used = 0;
        while let Some(window) = self.pending.get(used..used + size) {
            let probability = self.voice_activity.probability(window)?;
            let boundary = self.endpointer.push(window, probability);
            hear_wake_words(
                self.wake_words.as_mut(),
                &self.endpointer,
                boundary.as_ref(),
            )?;
            used += size;
            let unused = (self.pending.len() - used + self.intake.backlog()) as u64;
            self.position_at = captured_until
                .checked_sub(duration_of_samples(unused))
                .unwrap_or(captured_until);
            noticed.extend(boundary.map(|found| self.notice(found, self.position_at)));
        }
        self.pending.drain(..used);
        Ok(noticed)
    }

    /// Gives a boundary its clock: the endpointer's position was captured at `position_at`.
    fn notice(&mut self, boundary: Boundary, position_at: Instant) -> Noticed {
        match boundary {
            Boundary::Started { .. } => {
                if let Some(seats) = self.intake.seats() {
                    seats.speech_started();
                }
                Noticed::SpeechStarted
            }
            Boundary::Paused(segment) => Noticed::Paused(self.utterance(segment, position_at)),
            Boundary::Resumed => Noticed::Resumed,
            Boundary::TooShort => {
                self.another_utterance();
                Noticed::TooShort
            }
            Boundary::Ended(segment) => {
                let utterance = self.utterance(segment, position_at);
                self.another_utterance();
                Noticed::Utterance(utterance)
            }
        }
    }

    fn another_utterance(&mut self) {
        self.id = UtteranceId::next();
        if let Some(wake_words) = &mut self.wake_words {
            wake_words.begin();
        }
        // Behind the hard cap the same speaker goes on.
        if !self.endpointer.is_speaking()
            && let Some(seats) = self.intake.seats()
        {
            seats.speech_ended();
        }
    }

    fn utterance(&mut self, mut segment: Segment, position_at: Instant) -> Utterance {
        let mut zone = None;
        if let Some(seats) = self.intake.seats() {
            seats.replace(segment.started_at_sample, &mut segment.samples);
            zone = seats.speaker();
        }
        let silence = self
            .endpointer
            .position()
            .saturating_sub(segment.last_voiced_sample);
        let ended_at_sample = segment.ended_at_sample();
        Utterance {
            id: self.id,
            started_at_sample: segment.started_at_sample,
            ended_at_sample,
            end_of_speech: EndOfSpeech {
                at_sample: segment.last_voiced_sample,
                at: position_at
                    .checked_sub(duration_of_samples(silence))
                    .unwrap_or(position_at),
            },
            voiced: Duration::from_secs_f64(
                segment.voiced_samples as f64 / f64::from(SAMPLE_RATE_HZ),
            ),
            zone,
            truncated: segment.truncated,
            wake: self.wake_words.as_ref().and_then(WakeWords::score),
            samples: segment.samples,
        }
    }
}

/// Lets the wake words hear what is new of the utterance that is open or has just ended.
fn hear_wake_words(
    wake_words: Option<&mut WakeWords>,
    endpointer: &Endpointer,
    boundary: Option<&Boundary>,
) -> Result<(), Error> {
    let so_far = match boundary {
        Some(Boundary::Ended(segment)) => Some(&*segment.samples),
        _ => endpointer.open(),
    };
    match (wake_words, so_far) {
        (Some(wake_words), Some(so_far)) => wake_words.hear(so_far),
        _ => Ok(()),
    }
}
