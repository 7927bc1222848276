//! Listens all the time: owns the thread between the source and the recogniser.

mod shared;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::queue::Popped;
use crate::{Completeness, Error, FrontEnd, Pauses, Source, Utterance};
use shared::Shared;
use worker::{EARCON_TAIL, LONGEST_EARCON, Worker};

pub use worker::RELEASE_TAIL;

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
    /// with [`Pauses::judge`] says how much silence is needed. It is kept only while the pause
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

impl Listener {
    /// Starts to listen. `open` opens the source; it is called again, on the listener's thread,
    /// after the source was lost and after each unmuting.
    pub fn start<F>(open: F, front_end: FrontEnd, options: ListenerOptions) -> Result<Self, Error>
    where
        F: FnMut() -> Result<Box<dyn Source>, Error> + Send + 'static,
    {
        let shared = Arc::new(Shared::new(options.queue));
        let name = "codriver-listen";
        let worker = Worker::new(open, front_end, options, Arc::clone(&shared));
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

    /// A reply is about to sound, whose echo the source has taken out of it, or is over: some of
    /// the echo remains, so only what is clearly a voice begins an utterance meanwhile.
    pub fn set_over_reply(&self, over_reply: bool) {
        self.shared.over_reply.store(over_reply, Ordering::Release);
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

impl Pauses for Listener {
    fn is_pausing(&self, utterance: &Utterance) -> bool {
        let pause = *self.shared.pause();
        pause.is_some_and(|pause| pause.last_voiced_sample == utterance.end_of_speech.at_sample)
    }

    fn has_resumed(&self, utterance: &Utterance) -> bool {
        !self.is_pausing(utterance)
            && self.shared.ended_at.load(Ordering::Acquire) != utterance.end_of_speech.at_sample
    }

    fn judge(&self, utterance: &Utterance, completeness: Completeness) {
        if let Some(pause) = self.shared.pause().as_mut()
            && pause.last_voiced_sample == utterance.end_of_speech.at_sample
        {
            pause.judged = Some(completeness);
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
