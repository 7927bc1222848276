//! What the stages tell the outside. Delivered as D-Bus signals, in this order
//! for each utterance; dropped, never waited for, when nobody delivers them.

use std::fmt;

use codriver_catalog::{Language, UtteranceId};
use tokio::sync::mpsc;

use super::Timings;

/// One notice.
#[derive(Debug, Clone)]
pub enum Event {
    /// The daemon is doing something else now.
    State(State),
    /// Words were recognised, or typed.
    Heard {
        /// Which utterance.
        utterance: UtteranceId,
        /// The words.
        text: String,
        /// Their language.
        language: Language,
        /// How sure, 0 to 1.
        confidence: f64,
        /// How long it took.
        timings: Timings,
    },
    /// It was decided what they mean.
    Understood {
        /// Which utterance.
        utterance: UtteranceId,
        /// An [`super::UnderstoodReport`] as JSON.
        json: String,
    },
    /// Commands were performed, or refused.
    Acted {
        /// Which utterance.
        utterance: UtteranceId,
        /// The outcomes as JSON.
        json: String,
    },
    /// The reply. Every utterance whose words were heard ends with exactly one.
    Said {
        /// Which utterance.
        utterance: UtteranceId,
        /// The reply's words.
        text: String,
        /// Their language.
        language: Language,
    },
}

/// What the daemon is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Waiting.
    #[default]
    Idle,
    /// Somebody speaks.
    Listening,
    /// Sound becomes text.
    Recognising,
    /// Text becomes commands.
    Thinking,
    /// Commands go to the car.
    Acting,
    /// A reply is spoken.
    Speaking,
}

impl State {
    /// The word used on D-Bus.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Listening => "listening",
            Self::Recognising => "recognising",
            Self::Thinking => "thinking",
            Self::Acting => "acting",
            Self::Speaking => "speaking",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the stages put their notices.
#[derive(Debug, Clone)]
pub struct Events(mpsc::Sender<Event>);

impl Events {
    /// A pair of ends with room for [`super::WAITING_EVENTS`].
    pub fn channel() -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(super::WAITING_EVENTS);
        (Self(sender), receiver)
    }

    /// Hands over a notice; never blocks.
    pub fn tell(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.try_send(event) {
            tracing::warn!("the bus takes no signals; one is dropped");
        }
    }

    /// Hands over the daemon's new state.
    pub fn state(&self, state: State) {
        self.tell(Event::State(state));
    }
}
