//! Who is meant? Decides which speech is a request to the assistant.
//!
//! Where every wake phrase has a head ([`codriver_asr::WakeWords`]), what no head took for its
//! phrase is not even recognised, and the recogniser says how probable the phrase is; then the rule, whatever the activation:
//! - Speech that begins within an invitation after a button, or that begins with a wake phrase,
//!   was *asked for*: it is always answered, if only with "I did not understand".
//! - Speech after a question of the assistant is asked for as well.
//! - Other speech is taken up only after an answer, for `follow_up_ms`, or where the activation
//!   is `always`. It was *not* asked for, so it is answered only when it is certain what it
//!   means ([`crate::pipeline::Actor`]); otherwise the assistant stays silent.

mod button;
mod keys;
mod wheel;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use codriver_asr::{Call, WakeScore};
use codriver_nlu::opening::{OpeningPhrase, after_opening};

use crate::settings::{Activation, Settings};

pub use button::Press;
pub use keys::{parse_key, watch as watch_key};
pub use wheel::watch as watch_wheel;

/// Speech that began this long before the button was pressed is still meant.
const EARLY: Duration = Duration::from_millis(500);
/// The longest that a held button listens: one that is stuck must not listen for ever.
pub const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// How a sentence came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Typed: somebody waits for the answer.
    Typed,
    /// Spoken after a button, a wake phrase or a question: somebody waits for the answer.
    Asked,
    /// Spoken in the cabin, perhaps to somebody else.
    Unasked,
}

/// Why speech is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    /// The speaker asked to be heard, or was asked something.
    Asked,
    /// An answer was given, and perhaps there is more to say.
    FollowUp,
}

/// What an utterance's words are to the assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged<'a> {
    /// A request, without the wake phrase.
    Request(&'a str, Origin),
    /// The wake phrase and nothing else: the request is yet to come.
    Called,
    /// Not said to the assistant.
    Aside,
}

/// Which speech is meant for the assistant.
#[derive(Debug)]
pub struct Attention {
    activation: Activation,
    phrases: Vec<OpeningPhrase>,
    window: Duration,
    follow_up: Duration,
    answer_within: Duration,
    invitation: Mutex<Option<Invitation>>,
}

#[derive(Debug, Clone, Copy)]
struct Invitation {
    invited: Invited,
    from: Instant,
    until: Instant,
}

impl Attention {
    /// Attention as the configuration, which was checked, wants it.
    pub fn new(settings: &Settings) -> Self {
        let listening = &settings.listening;
        let milliseconds = |ms: u32| Duration::from_millis(ms.into());
        Self {
            activation: listening.activation,
            phrases: listening
                .wake_phrases
                .iter()
                .filter_map(|phrase| OpeningPhrase::new(phrase).ok())
                .collect(),
            window: milliseconds(listening.window_ms),
            follow_up: milliseconds(listening.follow_up_ms),
            answer_within: milliseconds(settings.dialogue.answer_within_ms),
            invitation: Mutex::default(),
        }
    }

    /// What makes speech a request.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// How long a request may be in coming once it was announced.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// How long more is listened for after a reply, and as what; `None` when it is not.
    pub fn after_reply(&self, question: bool) -> Option<(Invited, Duration)> {
        match (self.follow_up, question) {
            (Duration::ZERO, _) => None,
            // Everything is listened to anyway.
            _ if self.activation == Activation::Always => None,
            (_, true) => Some((Invited::Asked, self.answer_within)),
            (follow_up, false) => Some((Invited::FollowUp, follow_up)),
        }
    }

    /// Waits for speech that begins within `window` after `from`.
    pub fn invite(&self, invited: Invited, from: Instant, window: Duration) {
        let until = from + window;
        *self.lock() = Some(Invitation {
            invited,
            from,
            until,
        });
    }

    /// Waits no longer.
    pub fn withdraw(&self) {
        *self.lock() = None;
    }

    /// As what speech that begins now would be taken.
    pub fn invited(&self, now: Instant) -> Option<Invited> {
        self.lock().and_then(|invitation| invitation.holds(now))
    }

    /// Whether what is being said is worth recognising, as far as that is known before. Where no
    /// head listens for the wake phrases, there is no score, and all of it is.
    pub fn may_be_meant(&self, began: Instant, wake: Option<&WakeScore>) -> bool {
        let called = match self.activation {
            Activation::Always => true,
            Activation::Wake => wake.is_none_or(WakeScore::is_woken),
            Activation::PushToTalk => false,
        };
        called || self.invited(began).is_some()
    }

    /// What a sentence asks for, without the wake phrase it may begin with.
    pub fn request_in<'a>(&self, text: &'a str) -> &'a str {
        after_opening(&self.phrases, text).unwrap_or(text)
    }

    /// What words are that were said from `began` to `ended`. They use an invitation up. `call` is
    /// what the recogniser made of a wake phrase that a head has heard in them.
    pub fn judge<'a>(
        &self,
        text: &'a str,
        call: Option<&Call>,
        began: Instant,
        ended: Instant,
    ) -> Judged<'a> {
        let invited = self.take(began);
        match (request_after_call(&self.phrases, text, call), invited) {
            (Some(""), _) => {
                self.invite(Invited::Asked, ended, self.window);
                Judged::Called
            }
            (Some(request), _) => Judged::Request(request, Origin::Asked),
            (None, Some(Invited::Asked)) => Judged::Request(text, Origin::Asked),
            (None, Some(Invited::FollowUp)) => Judged::Request(text, Origin::Unasked),
            (None, None) if self.activation == Activation::Always => {
                Judged::Request(text, Origin::Unasked)
            }
            (None, None) => Judged::Aside,
        }
    }

    /// Whether somebody waits for an answer to what could not be recognised. It uses an
    /// invitation up.
    pub fn owes_answer(&self, began: Instant) -> bool {
        self.take(began) == Some(Invited::Asked)
    }

    fn take(&self, began: Instant) -> Option<Invited> {
        let mut invitation = self.lock();
        let invited = invitation.and_then(|invitation| invitation.holds(began));
        if invited.is_some() {
            *invitation = None;
        }
        invited
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Invitation>> {
        self.invitation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said after a wake phrase; `None` where none was said: the words do not begin with one,
/// and the recogniser did not make sure of one that a head has heard.
pub fn request_after_call<'a>(
    phrases: &[OpeningPhrase],
    text: &'a str,
    call: Option<&Call>,
) -> Option<&'a str> {
    let confirmed = call.is_some_and(|call| call.verdict.is_confirmed());
    after_opening(phrases, text).or(confirmed.then_some(text))
}

impl Invitation {
    fn holds(self, began: Instant) -> Option<Invited> {
        let from = self.from.checked_sub(EARLY).unwrap_or(self.from);
        (from <= began && began <= self.until).then_some(self.invited)
    }
}

#[cfg(test)]
mod tests;
