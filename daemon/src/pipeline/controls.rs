//! What the outside can do to the running pipeline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use codriver_asr::{Counters, Earcon, Earcons, Listener};
use codriver_catalog::UtteranceId;
use tokio::sync::mpsc;

use super::{Cancellation, Counts, Event, Events, Queue, Request, Sentence, State};
use crate::attention::{Attention, Invited, LONGEST_HOLD, Press};
use crate::correction_log::{CorrectionLog, Draft};
use crate::settings::{BargeIn, LanguageChoice};
use crate::speech::Voice;

/// Longer texts are refused at the door; no spoken request comes near it.
pub const LONGEST_TEXT_BYTES: usize = 10_000;

/// Shared by the stages and the D-Bus interface.
pub struct Controls {
    /// Drops what is under way.
    pub cancellation: Cancellation,
    /// Sentences on their way to the understanding thread.
    pub sentences: Arc<Queue<Sentence>>,
    /// What the actor is asked to do.
    pub requests: mpsc::Sender<Request>,
    /// Where notices go.
    pub events: Events,
    /// The spoken replies.
    pub voice: Voice,
    /// Which speech is meant for the assistant.
    pub attention: Arc<Attention>,
    /// What became of what was heard.
    pub counts: Counts,
    /// What was misunderstood.
    pub log: CorrectionLog,
    listener: OnceLock<Arc<Listener>>,
    earcons: OnceLock<Earcons>,
    /// What is listened for once the reply is spoken.
    follow_up: Mutex<Option<(Invited, Duration)>>,
    log_text: bool,
    muted: AtomicBool,
    language: Mutex<LanguageChoice>,
}

/// Why something was not taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There are no words.
    #[error("the text is empty")]
    Empty,
    /// There are too many.
    #[error("the text is longer than {LONGEST_TEXT_BYTES} bytes")]
    TooLong,
    /// The actor has too much to do.
    #[error("too many requests are under way; try again in a moment")]
    Busy,
    /// The microphone is closed.
    #[error("the microphone is muted; unmute it first")]
    Muted,
    /// There is no microphone.
    #[error("there is no microphone; see codriverctl status")]
    Deaf,
}

impl Controls {
    /// Controls of a pipeline whose stages share the given parts.
    pub fn new(
        sentences: Arc<Queue<Sentence>>,
        requests: mpsc::Sender<Request>,
        events: Events,
        voice: Voice,
        attention: Attention,
        log: CorrectionLog,
        log_text: bool,
    ) -> Self {
        Self {
            cancellation: Cancellation::default(),
            sentences,
            requests,
            events,
            voice,
            attention: Arc::new(attention),
            counts: Counts::default(),
            log,
            listener: OnceLock::new(),
            earcons: OnceLock::new(),
            follow_up: Mutex::default(),
            log_text,
            muted: AtomicBool::new(false),
            language: Mutex::new(LanguageChoice::Detected),
        }
    }

    /// Takes a typed sentence and says under which name it goes.
    ///
    /// # Errors
    /// [`Refused`] for a text that no request can be.
    pub fn submit(&self, text: &str, language: LanguageChoice) -> Result<UtteranceId, Refused> {
        match text.trim() {
            "" => return Err(Refused::Empty),
            text if text.len() > LONGEST_TEXT_BYTES => return Err(Refused::TooLong),
            _ => {}
        }
        let language = match (language, self.language()) {
            (LanguageChoice::Always(language), _) => Some(language),
            (LanguageChoice::Detected, LanguageChoice::Always(language)) => Some(language),
            (LanguageChoice::Detected, LanguageChoice::Detected) => None,
        };
        let sentence = Sentence::typed(text.trim().to_owned(), language);
        let id = sentence.id;
        if self.push(sentence) {
            Ok(id)
        } else {
            Err(Refused::Busy)
        }
    }

    /// Hands a sentence to the understanding thread. Whether it was taken.
    pub fn push(&self, sentence: Sentence) -> bool {
        let id = sentence.id;
        match self.sentences.push(sentence) {
            None => true,
            Some(displaced) => {
                displaced
                    .span
                    .in_scope(|| tracing::warn!("superseded by newer utterances"));
                displaced.id != id
            }
        }
    }

    /// Gives the controls the microphone, once, when it has been started.
    pub fn attach(&self, listener: Arc<Listener>) {
        let _first = self.listener.set(listener);
    }

    /// Gives the controls the player of earcons, once, where they are wanted.
    pub fn attach_earcons(&self, earcons: Earcons) {
        let _first = self.earcons.set(earcons);
    }

    /// Plays an earcon, where they are wanted.
    pub fn sound(&self, earcon: Earcon) {
        if let Some(earcons) = self.earcons.get() {
            earcons.play(earcon);
        }
    }

    /// How the microphone has fared; `None` where there is none.
    pub fn counters(&self) -> Option<Counters> {
        self.listener.get().map(|listener| listener.counters())
    }

    /// The assistant has begun to speak, or is silent again: it must not hear itself, and once
    /// it is silent there may be more to say to it.
    pub fn speaking(&self, speaking: bool) {
        let Some(listener) = self.listener.get() else {
            return;
        };
        match self.voice.barge_in() {
            BargeIn::Button => listener.set_paused(speaking),
            BargeIn::Voice => listener.set_over_reply(speaking),
        }
        if !speaking {
            self.follow_up();
        }
    }

    /// Somebody has begun to speak. Where voices may do that, it stops the reply that is being
    /// spoken, and is listened to as if the reply were over.
    pub fn spoken_over(&self) {
        if self.voice.barge_in() == BargeIn::Voice && self.voice.is_busy() {
            self.voice.hush();
            self.follow_up();
        }
    }

    /// A reply is given: once it is spoken, more is listened for. `question` says whether the
    /// reply waits for an answer.
    pub fn replied(&self, question: bool) {
        *self.lock_follow_up() = self.attention.after_reply(question);
        if !self.voice.is_busy() {
            self.follow_up();
        }
    }

    /// Opens the window that a reply has left to be opened.
    fn follow_up(&self) {
        let Some((invited, window)) = self.lock_follow_up().take() else {
            return;
        };
        let now = Instant::now();
        // Who pressed the button meanwhile is listened to for longer.
        if self.attention.invited(now) == Some(Invited::Asked) || self.is_muted() {
            return;
        }
        self.attention.invite(invited, now, window);
        if let Some(listener) = self.listener.get()
            && listener.listen_now(window)
        {
            self.events.state(State::Listening);
        }
    }

    fn lock_follow_up(&self) -> std::sync::MutexGuard<'_, Option<(Invited, Duration)>> {
        self.follow_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The text, where the owner lets the log hold it.
    pub fn loggable<'a>(&self, text: &'a str) -> Option<&'a str> {
        self.log_text.then_some(text)
    }

    /// Writes a request into the correction log, where that is on and nobody has closed the
    /// microphone.
    pub fn note(&self, draft: impl FnOnce() -> Draft) {
        if !self.is_muted() {
            self.log.note(draft);
        }
    }

    /// Asks the actor to take back the last change.
    ///
    /// # Errors
    /// [`Refused::Busy`] when the actor has too much to do.
    pub fn undo(&self) -> Result<(), Refused> {
        let request = Request::Undo {
            utterance: UtteranceId::next(),
            asked: Instant::now(),
        };
        self.requests.try_send(request).map_err(|_| Refused::Busy)
    }

    /// Drops everything that has not acted yet and falls silent.
    pub fn cancel(&self) {
        self.cancellation.cancel();
        self.attention.withdraw();
        *self.lock_follow_up() = None;
        if let Some(listener) = self.listener.get() {
            listener.cancel();
        }
        self.voice.hush();
        // A busy actor finds by itself that what it works on is void.
        let _busy = self.requests.try_send(Request::Forget);
        self.events.state(State::Idle);
    }

    /// Falls silent, so that the next words are heard.
    ///
    /// # Errors
    /// [`Refused::Muted`] when nothing can be heard.
    pub fn listen(&self) -> Result<(), Refused> {
        let window = self.attention.window();
        self.open(window, |listener| listener.listen_now(window))
    }

    /// A button was pressed or let go. With `hold` the request ends when it is let go.
    pub fn press(&self, press: Press, hold: bool) {
        let taken = match (press, hold) {
            (Press::Down, false) => self.listen(),
            (Press::Down, true) => self.open(LONGEST_HOLD, |listener| listener.hold(LONGEST_HOLD)),
            (Press::Up, _) => {
                if let Some(listener) = self.listener.get() {
                    listener.release();
                }
                Ok(())
            }
        };
        match taken {
            Ok(()) => tracing::info!(?press, hold, "button"),
            Err(refused) => tracing::warn!(%refused, "the button cannot be followed"),
        }
    }

    fn open(
        &self,
        window: Duration,
        listen: impl FnOnce(&Listener) -> bool,
    ) -> Result<(), Refused> {
        if self.is_muted() {
            return Err(Refused::Muted);
        }
        self.voice.hush();
        *self.lock_follow_up() = None;
        let listener = self.listener.get().ok_or(Refused::Deaf)?;
        self.attention
            .invite(Invited::Asked, Instant::now(), window);
        // The reply that was being spoken is over as far as the microphone is concerned.
        listener.set_paused(false);
        if !listen(listener) {
            return Err(Refused::Deaf);
        }
        self.sound(Earcon::Listening);
        self.events.state(State::Listening);
        Ok(())
    }

    /// Whether the microphone is closed.
    pub fn is_muted(&self) -> bool {
        self.muted.load(Ordering::Acquire)
    }

    /// Closes or opens the microphone. An utterance being spoken is forgotten.
    pub fn set_muted(&self, muted: bool) {
        let before = self.muted.swap(muted, Ordering::AcqRel);
        if let Some(listener) = self.listener.get() {
            listener.set_muted(muted);
        }
        match (before, muted) {
            (false, true) => self.sound(Earcon::Muted),
            (true, false) => self.sound(Earcon::Unmuted),
            _ => {}
        }
        tracing::info!(muted, "microphone");
        if muted {
            self.attention.withdraw();
            *self.lock_follow_up() = None;
            self.events.state(State::Idle);
        }
    }

    /// The language that is listened for.
    pub fn language(&self) -> LanguageChoice {
        *self.language.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses the language that is listened for, from the next utterance on.
    pub fn set_language(&self, language: LanguageChoice) {
        *self.language.lock().unwrap_or_else(PoisonError::into_inner) = language;
    }

    /// Tells the outside something.
    pub fn tell(&self, event: Event) {
        self.events.tell(event);
    }
}
