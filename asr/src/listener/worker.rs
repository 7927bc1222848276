//! The listener's thread: opens the source, runs the front end, reports.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::shared::Shared;
use super::{Activation, Event, ListenerOptions};
use crate::{Error, Format, FrontEnd, NoteFilter, Noticed, Read, Source};

/// The longest the thread waits before it looks at the controls again.
const READ_WAIT: Duration = Duration::from_millis(50);

/// The same in a pause, where a judgement may end the utterance before more sound comes.
const READ_WAIT_IN_PAUSE: Duration = Duration::from_millis(8);

/// Sound still taken after [`Listener::release`](super::Listener::release): what the sound system has captured but not yet
/// delivered, and the end of a syllable that a quick thumb would cut.
pub const RELEASE_TAIL: Duration = Duration::from_millis(120);

/// From the end of an earcon at the loudspeakers until its last sound was read.
pub(super) const EARCON_TAIL: Duration = Duration::from_millis(250);

/// A player that never says that its earcon is over is not waited for longer.
pub(super) const LONGEST_EARCON: Duration = Duration::from_secs(5);

/// The listener's thread.
pub(super) struct Worker<F> {
    open: F,
    front_end: FrontEnd,
    options: ListenerOptions,
    shared: Arc<Shared>,
    retry_pause: Duration,
    outage_reported: bool,
    /// Overruns of sources that are closed by now.
    earlier_overruns: u64,
    /// When the utterance of a released button is complete.
    ends_at: Option<Instant>,
    /// While an earcon may be heard.
    note_filter: Option<NoteFilter>,
}

/// Why the worker has stopped reading a source.
enum Over {
    Stopped,
    Muted,
    Ended,
    Lost(Error),
}

impl<F> Worker<F>
where
    F: FnMut() -> Result<Box<dyn Source>, Error>,
{
    pub(super) fn new(
        open: F,
        front_end: FrontEnd,
        options: ListenerOptions,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            open,
            front_end,
            retry_pause: options.retry_first,
            options,
            shared,
            outage_reported: false,
            earlier_overruns: 0,
            ends_at: None,
            note_filter: None,
        }
    }

    /// Listens until it is stopped, or a recording is at its end.
    pub(super) fn run(mut self) {
        while !self.shared.stop.load(Ordering::Acquire) {
            if self.shared.muted.load(Ordering::Acquire) {
                thread::park_timeout(READ_WAIT);
                continue;
            }
            let over = match self.open_source() {
                Ok(mut source) => {
                    let over = self.read_until_over(source.as_mut());
                    self.earlier_overruns += source.overrun_samples();
                    over
                }
                Err(error) => Over::Lost(error),
            };
            self.shared.source_open.store(false, Ordering::Release);
            self.forget();
            match over {
                Over::Stopped | Over::Ended => break,
                Over::Muted => {
                    self.shared.set_window(None);
                    self.shared.held.store(false, Ordering::Release);
                    tracing::info!("microphone closed: muted");
                }
                Over::Lost(error) => self.after_loss(error),
            }
        }
        self.shared.events.close();
    }

    fn open_source(&mut self) -> Result<Box<dyn Source>, Error> {
        let source = (self.open)()?;
        self.front_end.set_format(source.format())?;
        self.shared.opened.fetch_add(1, Ordering::Relaxed);
        self.shared.source_open.store(true, Ordering::Release);
        tracing::info!(
            source = source.name(),
            rate_hz = source.format().rate_hz(),
            channels = source.format().channels(),
            "source open"
        );
        self.shared
            .report(Event::SourceOpened(source.name().to_owned()));
        Ok(source)
    }

    fn read_until_over(&mut self, source: &mut dyn Source) -> Over {
        let mut block = Vec::new();
        loop {
            if self.shared.stop.load(Ordering::Acquire) {
                return Over::Stopped;
            }
            if self.shared.muted.load(Ordering::Acquire) {
                return Over::Muted;
            }
            if self.shared.cancelled.swap(false, Ordering::AcqRel) {
                self.forget();
                self.ends_at = None;
            }
            self.front_end
                .hold(self.shared.held.load(Ordering::Acquire) || self.ends_at.is_some());
            self.front_end
                .over_reply(self.shared.over_reply.load(Ordering::Acquire));
            let wait = match self.take_judgement() {
                true => READ_WAIT_IN_PAUSE,
                false => READ_WAIT,
            };
            block.clear();
            let taken = match source.read(&mut block, wait) {
                Ok(Read::Audio) => {
                    self.take_out_earcon(&mut block, source.format());
                    self.take(&block, Instant::now())
                }
                Ok(Read::Nothing) => Ok(()),
                Ok(Read::End) => {
                    return match self.front_end.finish(Instant::now()) {
                        Ok(noticed) => {
                            self.report_all(noticed);
                            Over::Ended
                        }
                        Err(error) => Over::Lost(error),
                    };
                }
                Err(error) => return Over::Lost(error),
            };
            if let Err(error) = taken {
                return Over::Lost(error);
            }
            let overruns = self.earlier_overruns + source.overrun_samples();
            self.shared
                .overrun_samples
                .store(overruns, Ordering::Relaxed);
            if let Err(error) = self.end_released() {
                return Over::Lost(error);
            }
            self.close_expired_window();
        }
    }

    /// Passes on what the present pause was judged to be. Whether there is a pause.
    fn take_judgement(&mut self) -> bool {
        let (pausing, judged) = match self.shared.pause().as_mut() {
            Some(pause) => (
                true,
                pause.judged.take().map(|c| (pause.last_voiced_sample, c)),
            ),
            None => (false, None),
        };
        if let Some((last_voiced_sample, completeness)) = judged {
            let noticed = self.front_end.judge(last_voiced_sample, completeness);
            self.report_all(noticed);
        }
        pausing
    }

    /// Forgets what is being said.
    fn forget(&mut self) {
        self.front_end.forget();
        self.shared.set_pause(None);
    }

    /// Completes the utterance of a button that was released.
    fn end_released(&mut self) -> Result<(), Error> {
        if self.shared.released.swap(false, Ordering::AcqRel) {
            self.ends_at = Some(Instant::now() + RELEASE_TAIL);
        }
        if self.ends_at.is_none_or(|ends| Instant::now() < ends) {
            return Ok(());
        }
        self.ends_at = None;
        let noticed = self.front_end.end_utterance(Instant::now())?;
        if noticed.is_empty() && self.shared.window_ends().is_some() {
            self.shared.report(Event::NothingHeard);
        }
        self.shared.set_window(None);
        self.report_all(noticed);
        Ok(())
    }

    fn take_out_earcon(&mut self, block: &mut [f32], format: Format) {
        let until = *self.shared.earcon_until();
        if until.is_none_or(|until| until < Instant::now()) {
            self.note_filter = None;
            return;
        }
        self.note_filter
            .get_or_insert_with(|| NoteFilter::new(format))
            .take_out(block);
    }

    fn take(&mut self, block: &[f32], captured_until: Instant) -> Result<(), Error> {
        // Audio flows, so the source is well: the next outage is a new one.
        self.outage_reported = false;
        self.retry_pause = self.options.retry_first;
        let wanted = match self.options.activation {
            Activation::Always => true,
            Activation::PushToTalk => {
                self.shared.window_ends().is_some() || self.front_end.is_speaking()
            }
        };
        if self.shared.paused.load(Ordering::Acquire) {
            // What the assistant says is not kept as the beginning of what is said to it either.
            let passed = self.front_end.pass(block);
            self.forget();
            return passed;
        }
        if !wanted {
            return self.front_end.pass(block);
        }
        let noticed = self.front_end.push(block, captured_until)?;
        self.report_all(noticed);
        Ok(())
    }

    fn report_all(&self, noticed: impl IntoIterator<Item = Noticed>) {
        for found in noticed {
            match found {
                Noticed::SpeechStarted => {
                    if let Some(told) = self.shared.on_speech.get() {
                        told();
                    }
                    self.shared.report(Event::SpeechStarted);
                }
                Noticed::TooShort => {
                    self.shared.set_pause(None);
                    self.shared.report(Event::TooShort);
                }
                Noticed::Paused(utterance) => {
                    self.shared
                        .set_pause(Some(utterance.end_of_speech.at_sample));
                    // Without it the utterance is recognised when it has ended.
                    self.shared.events.push_if_room(Event::Paused(utterance));
                }
                Noticed::Resumed => self.shared.set_pause(None),
                Noticed::Utterance(utterance) => {
                    let last_voiced = utterance.end_of_speech.at_sample;
                    self.shared.ended_at.store(last_voiced, Ordering::Release);
                    self.shared.set_pause(None);
                    self.shared.utterances.fetch_add(1, Ordering::Relaxed);
                    self.shared.set_window(None);
                    tracing::debug!(
                        utterance = %utterance.id,
                        ms = utterance.duration().as_millis(),
                        truncated = utterance.truncated,
                        "utterance"
                    );
                    self.shared.report(Event::Utterance(utterance));
                }
            }
        }
    }

    fn close_expired_window(&self) {
        let expired = self
            .shared
            .window_ends()
            .is_some_and(|ends| ends <= Instant::now());
        if expired {
            self.shared.held.store(false, Ordering::Release);
        }
        if expired && !self.front_end.is_speaking() {
            self.shared.set_window(None);
            self.shared.report(Event::NothingHeard);
        }
    }

    /// Reports the first error of an outage, then waits before the next attempt.
    fn after_loss(&mut self, error: Error) {
        if self.outage_reported {
            tracing::debug!(%error, "source still lost");
        } else {
            self.outage_reported = true;
            tracing::warn!(%error, "source lost");
            self.shared.report(Event::SourceLost(error));
        }
        let until = Instant::now() + self.retry_pause;
        self.retry_pause = (self.retry_pause * 2).min(self.options.retry_at_most);
        while Instant::now() < until
            && !self.shared.stop.load(Ordering::Acquire)
            && !self.shared.muted.load(Ordering::Acquire)
        {
            thread::park_timeout(READ_WAIT);
        }
    }
}
