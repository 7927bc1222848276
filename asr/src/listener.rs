//! Listens all the time: owns the thread between the source and the recogniser.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::queue::{DropOldest, Popped};
use crate::{Completeness, Error, Format, FrontEnd, NoteFilter, Noticed, Read, Source, Utterance};

/// When speech becomes an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Always, unless muted or paused.
    #[default]
    Always,
    /// Only when it begins within a window that [`Listener::listen_now`] opens.
    PushToTalk,
}

/// How a [`Listener`] runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerOptions {
    /// When speech becomes an utterance.
    pub activation: Activation,
    /// Events that wait for the reader; when there are more, the oldest is dropped and counted.
    pub queue: usize,
    /// Pause before a lost source is opened again; doubles up to [`Self::retry_at_most`].
    pub retry_first: Duration,
    /// The longest pause between two attempts.
    pub retry_at_most: Duration,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            activation: Activation::Always,
            queue: 8,
            retry_first: Duration::from_millis(250),
            retry_at_most: Duration::from_secs(5),
        }
    }
}

/// What a [`Listener`] reports.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The source is open; its name.
    SourceOpened(String),
    /// The source is lost or does not open. Reported once; attempts go on until it is back.
    SourceLost(Error),
    /// Somebody has begun to speak.
    SpeechStarted,
    /// What began turned out too short to be speech.
    TooShort,
    /// The speaker has paused: what was said so far. Nobody waits for an answer, but one given
    /// with [`Listener::judge`] says how much silence is needed. It is kept only while the pause
    /// goes on, and pushes nothing out of a full queue.
    Paused(Utterance),
    /// Somebody has spoken.
    Utterance(Utterance),
    /// The window of [`Listener::listen_now`] closed without speech.
    NothingHeard,
}

/// What [`Listener::next`] found.
#[derive(Debug)]
pub enum Next {
    /// Something happened.
    Event(Event),
    /// Nothing happened in time.
    Nothing,
    /// The source (a recording) is at its end and every event has been taken.
    Ended,
}

/// How the listener has fared since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Utterances cut out of the stream.
    pub utterances: u64,
    /// Events dropped because nobody took them in time.
    pub dropped_events: u64,
    /// Utterances among them.
    pub dropped_utterances: u64,
    /// Samples lost because this program was too slow for the sound card.
    pub overrun_samples: u64,
    /// Times the source was opened.
    pub opened: u64,
}

/// A running microphone (or recording), its front end, and the thread they share.
///
/// The audio callback fills a ring; the listener's one thread empties it, runs the front end and
/// queues events. Take them with [`next`](Self::next), on a thread that may block. Dropping the
/// listener closes the source and ends the thread.
pub struct Listener {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    events: DropOldest<Event>,
    /// Told at once when somebody begins to speak.
    on_speech: OnceLock<Box<dyn Fn() + Send + Sync>>,
    stop: AtomicBool,
    muted: AtomicBool,
    paused: AtomicBool,
    cancelled: AtomicBool,
    held: AtomicBool,
    released: AtomicBool,
    source_open: AtomicBool,
    /// Until when an earcon may be heard.
    earcon_until: Mutex<Option<Instant>>,
    window_ends: Mutex<Option<Instant>>,
    pause: Mutex<Option<Pause>>,
    /// The last voiced sample of the utterance that ended last.
    ended_at: AtomicU64,
    utterances: AtomicU64,
    dropped_events: AtomicU64,
    dropped_utterances: AtomicU64,
    overrun_samples: AtomicU64,
    opened: AtomicU64,
}

/// The pause that goes on.
#[derive(Clone, Copy)]
struct Pause {
    last_voiced_sample: u64,
    /// A judgement that the listener's thread has not taken yet.
    judged: Option<Completeness>,
}

impl Listener {
    /// Starts to listen. `open` opens the source; it is called again, on the listener's thread,
    /// after the source was lost and after each unmuting.
    pub fn start<F>(open: F, front_end: FrontEnd, options: ListenerOptions) -> Result<Self, Error>
    where
        F: FnMut() -> Result<Box<dyn Source>, Error> + Send + 'static,
    {
        let shared = Arc::new(Shared {
            events: DropOldest::new(options.queue),
            on_speech: OnceLock::new(),
            stop: AtomicBool::new(false),
            muted: AtomicBool::new(false),
            paused: AtomicBool::new(false),
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
        });
        let name = "codriver-listen";
        let worker = Worker {
            open,
            front_end,
            retry_pause: options.retry_first,
            options,
            shared: Arc::clone(&shared),
            outage_reported: false,
            earlier_overruns: 0,
            ends_at: None,
            note_filter: None,
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || worker.run())
            .map_err(|reason| Error::ThreadNotStarted { name, reason })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The next event, waiting for it no longer than `wait`.
    pub fn next(&self, wait: Duration) -> Next {
        match self.shared.events.pop(wait) {
            Popped::Item(event) => Next::Event(event),
            Popped::Nothing => Next::Nothing,
            Popped::Closed => Next::Ended,
        }
    }

    /// Has `told` called when somebody begins to speak, at once and on the listener's thread,
    /// however busy the reader of the events is. Only once; it must not take long.
    pub fn on_speech(&self, told: impl Fn() + Send + Sync + 'static) {
        let _first = self.shared.on_speech.set(Box::new(told));
    }

    /// Push to talk: speech that begins within `window` from now becomes an utterance (one; then
    /// the window closes). Tells whether it did: a muted listener opens no window.
    pub fn listen_now(&self, window: Duration) -> bool {
        if self.is_muted() {
            return false;
        }
        self.shared.set_window(Some(Instant::now() + window));
        self.wake();
        true
    }

    /// Push and hold: as [`listen_now`](Self::listen_now), and until [`release`](Self::release),
    /// at most `longest`, no pause ends the utterance; the hard cap still does.
    pub fn hold(&self, longest: Duration) -> bool {
        let opened = self.listen_now(longest);
        self.shared.held.store(opened, Ordering::Release);
        opened
    }

    /// Ends what [`hold`](Self::hold) began: after [`RELEASE_TAIL`] of further sound the
    /// utterance is complete, without waiting for silence.
    pub fn release(&self) {
        if self.shared.held.swap(false, Ordering::AcqRel) {
            self.shared.released.store(true, Ordering::Release);
            self.wake();
        }
    }

    /// Closes the window and forgets an utterance that is still being spoken.
    pub fn cancel(&self) {
        self.shared.set_window(None);
        self.shared.held.store(false, Ordering::Release);
        self.shared.cancelled.store(true, Ordering::Release);
        self.wake();
    }

    /// Muting closes the source, so that no sound enters this process; unmuting opens it again.
    pub fn set_muted(&self, muted: bool) {
        self.shared.muted.store(muted, Ordering::Release);
        self.wake();
    }

    /// Whether [`set_muted`](Self::set_muted) has muted.
    pub fn is_muted(&self) -> bool {
        self.shared.muted.load(Ordering::Acquire)
    }

    /// Pausing keeps the source open but understands nothing: for while the assistant itself
    /// speaks.
    pub fn set_paused(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Release);
    }

    /// An earcon is about to sound, or is over: its notes are taken out of what is heard, and
    /// nothing else is, until what the loudspeakers played has come through the microphone.
    pub fn set_earcon(&self, sounding: bool) {
        let longest = if sounding {
            LONGEST_EARCON
        } else {
            EARCON_TAIL
        };
        *self.shared.earcon_until() = Some(Instant::now() + longest);
    }

    /// Whether the source is open at this moment: never for long after muting.
    pub fn is_source_open(&self) -> bool {
        self.shared.source_open.load(Ordering::Acquire)
    }

    /// Whether the pause in which `utterance` was taken still goes on.
    pub fn is_pausing(&self, utterance: &Utterance) -> bool {
        let pause = *self.shared.pause();
        pause.is_some_and(|pause| pause.last_voiced_sample == utterance.end_of_speech.at_sample)
    }

    /// Whether the speaker has gone on after the pause in which `utterance` was taken. When the
    /// utterance has ended with it, nobody has.
    pub fn has_resumed(&self, utterance: &Utterance) -> bool {
        !self.is_pausing(utterance)
            && self.shared.ended_at.load(Ordering::Acquire) != utterance.end_of_speech.at_sample
    }

    /// Says what the words of `utterance` are, which was taken at a pause. It comes to nothing
    /// when the speaker has gone on since.
    pub fn judge(&self, utterance: &Utterance, completeness: Completeness) {
        if let Some(pause) = self.shared.pause().as_mut()
            && pause.last_voiced_sample == utterance.end_of_speech.at_sample
        {
            pause.judged = Some(completeness);
        }
    }

    /// How the listener has fared.
    pub fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            utterances: read(&self.shared.utterances),
            dropped_events: read(&self.shared.dropped_events),
            dropped_utterances: read(&self.shared.dropped_utterances),
            overrun_samples: read(&self.shared.overrun_samples),
            opened: read(&self.shared.opened),
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It looks at `stop` at least every `READ_WAIT`.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn set_window(&self, ends: Option<Instant>) {
        *self
            .window_ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = ends;
    }

    fn earcon_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.earcon_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn window_ends(&self) -> Option<Instant> {
        *self
            .window_ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pause begins, or the one before is over; then nobody needs its words any more.
    fn set_pause(&self, last_voiced_sample: Option<u64>) {
        *self.pause() = last_voiced_sample.map(|last_voiced_sample| Pause {
            last_voiced_sample,
            judged: None,
        });
        self.events
            .discard(|event| matches!(event, Event::Paused(_)));
    }

    fn report(&self, event: Event) {
        if let Some(dropped) = self.events.push(event) {
            self.dropped_events.fetch_add(1, Ordering::Relaxed);
            if let Event::Utterance(utterance) = dropped {
                self.dropped_utterances.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(utterance = %utterance.id, "utterance dropped: nobody took it");
            }
        }
    }
}

/// The longest the thread waits before it looks at the controls again.
const READ_WAIT: Duration = Duration::from_millis(50);

/// The same in a pause, where a judgement may end the utterance before more sound comes.
const READ_WAIT_IN_PAUSE: Duration = Duration::from_millis(8);

/// Sound still taken after [`Listener::release`]: what the sound system has captured but not yet
/// delivered, and the end of a syllable that a quick thumb would cut.
pub const RELEASE_TAIL: Duration = Duration::from_millis(120);

/// From the end of an earcon at the loudspeakers until its last sound was read.
const EARCON_TAIL: Duration = Duration::from_millis(250);

/// A player that never says that its earcon is over is not waited for longer.
const LONGEST_EARCON: Duration = Duration::from_secs(5);

/// The listener's thread.
struct Worker<F> {
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
    fn run(mut self) {
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
