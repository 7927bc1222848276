//! The voice side on D-Bus: `org.codriver.Assistant1`, and how it is doing.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, connection, fdo, interface};

use crate::pipeline::{Controls, Event, State};
use crate::settings::{BusChoice, LanguageChoice};
use crate::{Error, correction_log};

/// The name on the bus.
pub const NAME: &str = "org.codriver.Assistant";
/// The object.
pub const PATH: &str = "/org/codriver/Assistant";

/// `org.codriver.Assistant1`.
pub struct Assistant {
    controls: Arc<Controls>,
    state: watch::Receiver<State>,
}

#[interface(name = "org.codriver.Assistant1", spawn = false)]
impl Assistant {
    /// Falls silent and listens for a request.
    fn listen(&self) -> fdo::Result<()> {
        self.controls.listen().map_err(refused)
    }

    /// Drops everything that has not acted yet.
    fn cancel(&self) {
        self.controls.cancel();
    }

    /// Understands and performs a typed sentence; `language` is auto, en or zh.
    #[zbus(out_args("utterance"))]
    fn submit_text(&self, text: &str, language: &str) -> fdo::Result<String> {
        let language = parse_language(language)?;
        let utterance = self.controls.submit(text, language).map_err(refused)?;
        Ok(utterance.to_string())
    }

    /// Takes the last change back.
    fn undo(&self) -> fdo::Result<()> {
        self.controls.undo().map_err(refused)
    }

    /// idle, listening, recognising, thinking, acting or speaking.
    #[zbus(property)]
    fn state(&self) -> &str {
        self.state.borrow().as_str()
    }

    /// Whether the microphone is closed.
    #[zbus(property)]
    fn muted(&self) -> bool {
        self.controls.is_muted()
    }

    #[zbus(property)]
    fn set_muted(&self, muted: bool) {
        self.controls.set_muted(muted);
    }

    /// The language that is listened for: auto, en or zh.
    #[zbus(property)]
    fn language(&self) -> &str {
        self.controls.language().as_str()
    }

    #[zbus(property)]
    fn set_language(&self, language: &str) -> fdo::Result<()> {
        self.controls.set_language(parse_language(language)?);
        Ok(())
    }

    /// Words were recognised, or typed. Timings are milliseconds by stage.
    #[zbus(signal)]
    async fn heard(
        emitter: &SignalEmitter<'_>,
        utterance: &str,
        text: &str,
        language: &str,
        confidence: f64,
        timings: HashMap<String, f64>,
    ) -> zbus::Result<()>;

    /// It was decided what they mean: the JSON of `codriverctl explain`.
    #[zbus(signal)]
    async fn understood(
        emitter: &SignalEmitter<'_>,
        utterance: &str,
        json: &str,
    ) -> zbus::Result<()>;

    /// Commands were performed or refused.
    #[zbus(signal)]
    async fn acted(emitter: &SignalEmitter<'_>, utterance: &str, json: &str) -> zbus::Result<()>;

    /// The reply; every heard utterance ends with one. Its text is empty when nothing is
    /// answered, since nobody asked.
    #[zbus(signal)]
    async fn said(
        emitter: &SignalEmitter<'_>,
        utterance: &str,
        text: &str,
        language: &str,
    ) -> zbus::Result<()>;
}

/// `org.codriver.Diagnostics1`: what `codriverctl status` shows.
pub struct Diagnostics {
    report: Box<dyn Fn() -> String + Send + Sync>,
}

#[interface(name = "org.codriver.Diagnostics1")]
impl Diagnostics {
    /// Models with their execution providers, microphone, speech output, versions; as JSON.
    fn status(&self) -> String {
        (self.report)()
    }
}

/// Connects to the bus. The objects are there before anybody can see our name.
///
/// # Errors
/// [`Error::BusAddress`], [`Error::BusUnreachable`].
pub async fn connect(
    bus: &BusChoice,
    controls: Arc<Controls>,
    state: watch::Receiver<State>,
    report: impl Fn() -> String + Send + Sync + 'static,
) -> Result<Connection, Error> {
    let unreachable = |source| Error::BusUnreachable {
        bus: bus.to_string(),
        source,
    };
    let diagnostics = Diagnostics {
        report: Box::new(report),
    };
    let log = correction_log::Service::new(controls.log.clone());
    connection::Builder::address(bus.address()?)
        .serve_at(PATH, Assistant { controls, state })
        .serve_at(PATH, diagnostics)
        .serve_at(PATH, log)
        .build()
        .await
        .map_err(unreachable)
}

/// Takes our name, without queueing for it.
///
/// # Errors
/// [`Error::NameTaken`] when another process has it.
pub async fn own_name(connection: &Connection) -> Result<(), Error> {
    match connection
        .request_name_with_flags(NAME, fdo::RequestNameFlags::DO_NOT_QUEUE)
        .await
    {
        Ok(_) => Ok(()),
        Err(zbus::Error::NameTaken) => Err(Error::NameTaken { name: NAME }),
        Err(error) => Err(Error::bus(format!("requesting the name {NAME}"), error)),
    }
}

/// Turns notices into signals until the pipeline ends.
pub async fn signal(
    connection: Connection,
    mut events: mpsc::Receiver<Event>,
    state: watch::Sender<State>,
) {
    while let Some(event) = events.recv().await {
        if let Err(error) = deliver(&connection, event, &state).await {
            tracing::warn!(%error, "a signal could not be sent");
        }
    }
}

async fn deliver(
    connection: &Connection,
    event: Event,
    state: &watch::Sender<State>,
) -> zbus::Result<()> {
    let object = connection
        .object_server()
        .interface::<_, Assistant>(PATH)
        .await?;
    let emitter = object.signal_emitter();
    match event {
        Event::State(now) => {
            if state.send_replace(now) != now {
                object.get().await.state_changed(emitter).await?;
            }
            Ok(())
        }
        Event::Heard {
            utterance,
            text,
            language,
            confidence,
            timings,
        } => {
            let id = utterance.to_string();
            let timings = timings.to_map();
            Assistant::heard(emitter, &id, &text, language.code(), confidence, timings).await
        }
        Event::Understood { utterance, json } => {
            Assistant::understood(emitter, &utterance.to_string(), &json).await
        }
        Event::Acted { utterance, json } => {
            Assistant::acted(emitter, &utterance.to_string(), &json).await
        }
        Event::Said {
            utterance,
            text,
            language,
        } => Assistant::said(emitter, &utterance.to_string(), &text, language.code()).await,
    }
}

fn parse_language(language: &str) -> fdo::Result<LanguageChoice> {
    language.parse().map_err(fdo::Error::InvalidArgs)
}

fn refused(refused: crate::pipeline::Refused) -> fdo::Error {
    use crate::pipeline::Refused::{Busy, Deaf, Empty, Muted, TooLong};
    match refused {
        Empty | TooLong => fdo::Error::InvalidArgs(refused.to_string()),
        Busy => fdo::Error::LimitsExceeded(refused.to_string()),
        Muted | Deaf => fdo::Error::Failed(refused.to_string()),
    }
}
