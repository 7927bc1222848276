//! The assistant as another program sees it: `org.codriver.Assistant1` on D-Bus.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde_json::Value as Json;
use tokio::time::timeout;
use zbus::{Connection, MatchRule, MessageStream, message::Type, proxy};

use crate::Error;

const INTERFACE: &str = "org.codriver.Assistant1";

#[proxy(
    interface = "org.codriver.Assistant1",
    default_service = "org.codriver.Assistant",
    default_path = "/org/codriver/Assistant"
)]
trait Assistant1 {
    fn listen(&self) -> zbus::Result<()>;
    fn cancel(&self) -> zbus::Result<()>;
    fn undo(&self) -> zbus::Result<()>;
    fn submit_text(&self, text: &str, language: &str) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn state(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn muted(&self) -> zbus::Result<bool>;
    #[zbus(property)]
    fn set_muted(&self, muted: bool) -> zbus::Result<()>;
}

#[proxy(
    interface = "org.codriver.Diagnostics1",
    default_service = "org.codriver.Assistant",
    default_path = "/org/codriver/Assistant"
)]
trait Diagnostics1 {
    fn status(&self) -> zbus::Result<String>;
}

/// What the assistant signalled.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Words were recognised or typed.
    Heard {
        /// The words.
        text: String,
        /// "en" or "zh".
        language: String,
        /// 0 to 1.
        confidence: f64,
        /// Milliseconds by stage.
        timings: HashMap<String, f64>,
    },
    /// What they mean.
    Understood(Json),
    /// What was done.
    Acted(Json),
    /// The reply.
    Said {
        /// Its words.
        text: String,
        /// "en" or "zh".
        language: String,
    },
}

/// An event with its utterance and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Such as u-000042.
    pub utterance: String,
    /// When the signal arrived.
    pub at: Instant,
    /// What it said.
    pub event: Event,
}

/// A client of the assistant.
#[derive(Debug)]
pub struct Assistant {
    proxy: Assistant1Proxy<'static>,
    diagnostics: Diagnostics1Proxy<'static>,
    signals: MessageStream,
}

impl Assistant {
    /// Subscribes to the assistant's signals.
    ///
    /// # Errors
    /// The bus does not answer.
    pub async fn attach(connection: &Connection) -> Result<Self, Error> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface(INTERFACE)
            .build()?;
        let signals =
            MessageStream::for_match_rule(rule, connection, NonZeroUsize::new(256)).await?;
        let proxy = Assistant1Proxy::new(connection).await?;
        let diagnostics = Diagnostics1Proxy::new(connection).await?;
        Ok(Self {
            proxy,
            diagnostics,
            signals,
        })
    }

    /// Submits a typed sentence and returns its utterance.
    ///
    /// # Errors
    /// The assistant refuses it.
    pub async fn submit(&self, text: &str, language: &str) -> Result<String, Error> {
        Ok(self.proxy.submit_text(text, language).await?)
    }

    /// What `codriverctl status` shows of the voice daemon.
    ///
    /// # Errors
    /// The bus does not answer, or not in JSON.
    pub async fn status(&self) -> Result<Json, Error> {
        let status = self.diagnostics.status().await?;
        serde_json::from_str(&status).map_err(|error| Error::Listing {
            path: "org.codriver.Diagnostics1.Status".into(),
            problem: error.to_string(),
        })
    }

    /// Takes the last change back.
    ///
    /// # Errors
    /// The assistant refuses it.
    pub async fn undo(&self) -> Result<(), Error> {
        Ok(self.proxy.undo().await?)
    }

    /// Listens for a request, as after a button.
    ///
    /// # Errors
    /// The assistant refuses it.
    pub async fn listen(&self) -> Result<(), Error> {
        Ok(self.proxy.listen().await?)
    }

    /// Closes or opens the microphone.
    ///
    /// # Errors
    /// The assistant does not answer.
    pub async fn mute(&self, muted: bool) -> Result<(), Error> {
        Ok(self.proxy.set_muted(muted).await?)
    }

    /// Whether the microphone is closed.
    ///
    /// # Errors
    /// The assistant does not answer.
    pub async fn muted(&self) -> Result<bool, Error> {
        Ok(self.proxy.muted().await?)
    }

    /// idle, listening, recognising, thinking, acting or speaking.
    ///
    /// # Errors
    /// The assistant does not answer.
    pub async fn state(&self) -> Result<String, Error> {
        Ok(self.proxy.state().await?)
    }

    /// The next signal; None when there is none in time.
    pub async fn next(&mut self, within: Duration) -> Option<Happening> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = timeout(left, self.signals.next()).await.ok()??.ok()?;
            if let Some(happening) = read(&message) {
                return Some(happening);
            }
        }
    }

    /// Everything up to the next reply.
    ///
    /// # Errors
    /// [`Error::Deadline`] with what was signalled instead.
    pub async fn until_said(&mut self, within: Duration) -> Result<Vec<Happening>, Error> {
        let deadline = Instant::now() + within;
        let mut happenings = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next(left).await {
                Some(happening) => {
                    let said = matches!(happening.event, Event::Said { .. });
                    happenings.push(happening);
                    if said {
                        return Ok(happenings);
                    }
                }
                None => {
                    return Err(Error::Deadline {
                        what: "the reply of the assistant".to_owned(),
                        seconds: within.as_secs_f64(),
                        log: format!("{happenings:#?}"),
                    });
                }
            }
        }
    }
}

fn read(message: &zbus::Message) -> Option<Happening> {
    let at = Instant::now();
    let header = message.header();
    let body = message.body();
    let (utterance, event) = match header.member()?.as_str() {
        "Heard" => {
            let (utterance, text, language, confidence, timings) = body.deserialize().ok()?;
            (
                utterance,
                Event::Heard {
                    text,
                    language,
                    confidence,
                    timings,
                },
            )
        }
        "Understood" => {
            let (utterance, json): (String, String) = body.deserialize().ok()?;
            (
                utterance,
                Event::Understood(serde_json::from_str(&json).ok()?),
            )
        }
        "Acted" => {
            let (utterance, json): (String, String) = body.deserialize().ok()?;
            (utterance, Event::Acted(serde_json::from_str(&json).ok()?))
        }
        "Said" => {
            let (utterance, text, language) = body.deserialize().ok()?;
            (utterance, Event::Said { text, language })
        }
        _ => return None,
    };
    Some(Happening {
        utterance,
        at,
        event,
    })
}
