//! One microphone at each seat: who speaks, and the sound of that seat alone.
//!
//! The voice of one person reaches every microphone of a cabin, but its own first and strongest.
//! So the seats compete for an utterance: what counts is how much power each microphone has above
//! its own noise, from the first window of the voice on. Who is clearly ahead after [`EARLY`]
//! windows has won, and who speaks up later, however loudly, takes nothing over. Where no seat is
//! ahead at all the speaker is unknown.

use std::collections::VecDeque;
use std::time::Duration;

use codriver_catalog::Zone;

use crate::audio::samples_in;
use crate::{Error, Format, ToSpeech};

/// Windows of voice after which a seat that is clearly ahead has won: 128 ms of 32 each.
const EARLY: usize = 4;
/// Windows of voice after which the strongest has won, if it is ahead at all.
const LATE: usize = 15;
/// Clearly ahead: 3 dB.
const CLEARLY: f32 = 2.0;
/// Ahead at all: half a decibel. Below it two microphones hear the same.
const BARELY: f32 = 1.122;
/// Windows that were voice already when speech is first noticed.
const UNNOTICED: usize = 3;
/// The noise of a microphone is taken to grow by no more than this a window: 3 dB in a second.
const NOISE_GROWS: f32 = 1.022;
/// Sound that is kept of every seat: longer than any utterance may be.
const KEPT: Duration = Duration::from_secs(33);

/// Makes 16 kHz mono of a stream with a microphone at each seat: window by window the sound of
/// the seat where somebody speaks.
pub(crate) struct Seats {
    microphones: Vec<Microphone>,
    channels: usize,
    window: usize,
    /// Stream position behind what was handed out.
    position: u64,
    /// Whose sound is handed out.
    lead: usize,
    /// The voice's power at each seat, in the windows handed out last.
    recent: VecDeque<Vec<f32>>,
    contest: Option<Contest>,
}

struct Microphone {
    zone: Zone,
    resampler: ToSpeech,
    channel: Vec<f32>,
    /// What fills no window yet.
    waiting: Vec<f32>,
    /// What was handed out last, of this seat.
    kept: VecDeque<f32>,
    /// Mean power while nobody speaks.
    noise: Option<f32>,
}

/// Whose utterance it is.
struct Contest {
    power: Vec<f32>,
    windows: usize,
    won: Option<usize>,
}

impl Seats {
    /// The microphones of a stream in `format`, whose first channels are those of `zones`, in
    /// their order; further channels are not heard. `window` samples are handed out at a time.
    pub(crate) fn new(zones: &[Zone], format: Format, window: usize) -> Result<Self, Error> {
        let channels = usize::from(format.channels());
        if zones.is_empty() || channels < zones.len() {
            return Err(Error::SeatsMissing {
                channels,
                zones: zones.iter().map(|zone| zone.as_str()).collect(),
            });
        }
        let mono = Format::new(format.rate_hz(), 1, "seat")?;
        let microphones = zones.iter().map(|zone| {
            Ok(Microphone {
                zone: *zone,
                resampler: ToSpeech::new(mono)?,
                channel: Vec::new(),
                waiting: Vec::new(),
                kept: VecDeque::new(),
                noise: None,
            })
        });
        Ok(Self {
            microphones: microphones.collect::<Result<_, Error>>()?,
            channels,
            window: window.max(1),
            position: 0,
            lead: 0,
            recent: VecDeque::new(),
            contest: None,
        })
    }

    /// Appends to `out` the windows that `interleaved` (whole frames) completes.
    pub(crate) fn push(&mut self, interleaved: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        for (index, microphone) in self.microphones.iter_mut().enumerate() {
            let frames = interleaved.chunks_exact(self.channels);
            microphone.channel.clear();
            microphone
                .channel
                .extend(frames.filter_map(|frame| frame.get(index)));
            microphone
                .resampler
                .push(&microphone.channel, &mut microphone.waiting)?;
        }
        while self.backlog() >= self.window {
            self.hand_out(self.window, out);
        }
        Ok(())
    }

    /// Appends what is left at the end of the stream.
    pub(crate) fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        for microphone in &mut self.microphones {
            microphone.resampler.flush(&mut microphone.waiting)?;
        }
        while self.backlog() > 0 {
            self.hand_out(self.window.min(self.backlog()), out);
        }
        Ok(())
    }

    /// Samples at 16 kHz that were taken and not handed out yet.
    pub(crate) fn backlog(&self) -> usize {
        let waiting = self.microphones.iter().map(|seat| seat.waiting.len());
        waiting.min().unwrap_or(0)
    }

    /// Forgets what was heard; what comes next stands at `position` of the stream.
    pub(crate) fn restart(&mut self, position: u64) {
        for microphone in &mut self.microphones {
            microphone.waiting.clear();
            microphone.kept.clear();
        }
        self.recent.clear();
        self.contest = None;
        self.position = position;
    }

    /// Somebody has begun to speak.
    pub(crate) fn speech_started(&mut self) {
        let mut contest = Contest {
            power: vec![0.0; self.microphones.len()],
            windows: 0,
            won: None,
        };
        let voice = self.recent.len().saturating_sub(UNNOTICED);
        self.recent
            .iter()
            .skip(voice)
            .for_each(|window| contest.take(window));
        self.contest = Some(contest);
    }

    /// The utterance is over.
    pub(crate) fn speech_ended(&mut self) {
        self.contest = None;
    }

    /// Where the one sits who speaks; `None` when the microphones do not tell.
    pub(crate) fn speaker(&self) -> Option<Zone> {
        let winner = self.contest.as_ref()?.winner()?;
        self.microphones.get(winner).map(|seat| seat.zone)
    }

    /// The speaker's own microphone from stream position `from` on, in place of `samples`, which
    /// were handed out there. They stay as they are when the speaker is unknown.
    pub(crate) fn replace(&self, from: u64, samples: &mut [f32]) {
        let winner = self.contest.as_ref().and_then(Contest::winner);
        let Some(seat) = winner.and_then(|winner| self.microphones.get(winner)) else {
            return;
        };
        let oldest = self.position.saturating_sub(seat.kept.len() as u64);
        // An utterance is shorter than what is kept, so nothing is missing.
        let Some(skipped) = from.checked_sub(oldest) else {
            return;
        };
        let own = seat
            .kept
            .iter()
            .skip(usize::try_from(skipped).unwrap_or(usize::MAX));
        samples
            .iter_mut()
            .zip(own)
            .for_each(|(sample, own)| *sample = *own);
    }

    fn hand_out(&mut self, count: usize, out: &mut Vec<f32>) {
        let speaking = self.contest.is_some();
        let powers: Vec<f32> = self
            .microphones
            .iter_mut()
            .map(|seat| seat.voice_power(count, speaking))
            .collect();
        self.lead = match &mut self.contest {
            Some(contest) => {
                contest.take(&powers);
                contest.winner().unwrap_or(self.lead)
            }
            None => self.strongest(&powers),
        };
        let kept = samples_in(KEPT);
        for (index, seat) in self.microphones.iter_mut().enumerate() {
            let window = seat.waiting.drain(..count.min(seat.waiting.len()));
            if index == self.lead {
                out.extend_from_slice(window.as_slice());
            }
            seat.kept.extend(window);
            let excess = seat.kept.len().saturating_sub(kept);
            seat.kept.drain(..excess);
        }
        self.position += count as u64;
        if self.recent.len() == UNNOTICED {
            self.recent.pop_front();
        }
        self.recent.push_back(powers);
    }

    /// Another seat takes the lead only when it is clearly stronger: noise is not worth a change.
    fn strongest(&self, powers: &[f32]) -> usize {
        let power = |seat: usize| powers.get(seat).copied().unwrap_or(0.0);
        let best = (0..powers.len()).max_by(|a, b| power(*a).total_cmp(&power(*b)));
        match best {
            Some(best) if power(best) > CLEARLY * power(self.lead) => best,
            _ => self.lead,
        }
    }
}

impl Microphone {
    /// Mean power of the next `count` samples above this microphone's noise.
    fn voice_power(&mut self, count: usize, speaking: bool) -> f32 {
        let window = self.waiting.get(..count).unwrap_or(&self.waiting);
        let sum: f32 = window.iter().map(|sample| sample * sample).sum();
        let power = sum / window.len().max(1) as f32;
        let noise = *self.noise.get_or_insert(power);
        if power < noise || !speaking {
            self.noise = Some(power.min(noise * NOISE_GROWS + f32::MIN_POSITIVE));
        }
        (power - noise).max(0.0)
    }
}

impl Contest {
    fn take(&mut self, window: &[f32]) {
        if self.won.is_some() || self.windows >= LATE {
            return;
        }
        self.windows += 1;
        self.power
            .iter_mut()
            .zip(window)
            .for_each(|(sum, power)| *sum += power);
        if self.windows >= EARLY {
            self.won = self.ahead_by(CLEARLY);
        }
    }

    fn winner(&self) -> Option<usize> {
        self.won.or_else(|| self.ahead_by(BARELY))
    }

    fn ahead_by(&self, factor: f32) -> Option<usize> {
        let (best, power) = self
            .power
            .iter()
            .copied()
            .enumerate()
            .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let others = self
            .power
            .iter()
            .enumerate()
            .filter(|(seat, _)| *seat != best);
        let second = others.map(|(_, power)| *power).fold(0.0, f32::max);
        (power > 0.0 && power >= factor * second).then_some(best)
    }
}
