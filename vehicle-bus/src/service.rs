//! `org.codriver.Vehicle1` on D-Bus: the gateway's only door.
//!
//! A Set may wait seconds for its confirmation, so each call has its own task, and a Get never
//! waits behind it. Order is kept where it matters: the gateway's daemon runs on one thread, where
//! tasks are first polled in the order of their messages; they wait for their turn in that order,
//! and everything up to the actuator's queue happens in the turn.

mod wire;

use std::{collections::BTreeMap, sync::Arc};

use codriver_catalog::Language;
use tokio::{
    sync::{Mutex, broadcast::error::RecvError},
    time::{Duration, Instant},
};
use zbus::{
    Connection, OwnedVariant, Variant, connection, fdo, fdo::RequestNameFlags, interface,
    message::Header, object_server::SignalEmitter,
};

pub use self::wire::{Options, context, from_variant};
use self::wire::{Row, row, to_variant};
pub(crate) use self::wire::{options, variant};
use crate::{
    Error, Outcome, Reason,
    description::Class,
    gateway::{Context, Event, Gateway, Request},
    permission::{Permissions, Settings},
    subscribers::Subscribers,
};

/// Well-known name.
pub const NAME: &str = "org.codriver.Vehicle";
/// Object path.
pub const PATH: &str = "/org/codriver/Vehicle";
/// Interface.
pub const INTERFACE: &str = "org.codriver.Vehicle1";

/// Puts the gateway on a bus: "system", "session", or an address such as `unix:path=...`, with
/// the default permissions.
///
/// # Errors
/// As [`serve_with`].
pub async fn serve(gateway: Gateway, bus: &str) -> Result<Connection, Error> {
    serve_with(gateway, bus, &Settings::default()).await
}

/// Puts the gateway on a bus: "system", "session", or an address such as `unix:path=...`.
///
/// # Errors
/// [`Error::Dbus`] when there is no bus, or the name is taken or not permitted.
pub async fn serve_with(
    gateway: Gateway,
    bus: &str,
    permissions: &Settings,
) -> Result<Connection, Error> {
    let connection = builder(bus).build().await?;
    let subscribers = Subscribers::start(&connection).await?;
    let vehicle = Vehicle1 {
        gateway: gateway.clone(),
        permissions: Arc::new(Permissions::new(&connection, permissions).await?),
        subscribers: Arc::clone(&subscribers),
        turn: Arc::default(),
    };
    connection.object_server().at(PATH, vehicle).await?;
    connection
        .request_name_with_flags(NAME, RequestNameFlags::DO_NOT_QUEUE)
        .await?;
    tokio::spawn(forward_events(
        gateway.clone(),
        connection.clone(),
        subscribers,
    ));
    tokio::spawn(forward_bus(gateway, connection.clone()));
    Ok(connection)
}

pub(crate) fn builder(bus: &str) -> connection::Builder<'_> {
    match bus {
        "system" => connection::Builder::system(),
        "session" => connection::Builder::session(),
        address => connection::Builder::address(address),
    }
}

struct Vehicle1 {
    gateway: Gateway,
    permissions: Arc<Permissions>,
    subscribers: Arc<Subscribers>,
    /// Requests pass the permission check one after the other, so that they are queued in the
    /// order in which they came even when polkit takes its time.
    turn: Arc<Mutex<()>>,
}

/// How D-Bus carries an outcome.
type Answer = (String, String, String);

#[interface(name = "org.codriver.Vehicle1")]
impl Vehicle1 {
    /// Asks for a value; answers with the one outcome.
    #[zbus(out_args("outcome", "reason", "message"))]
    async fn set(
        &self,
        path: String,
        value: Variant<'_>,
        time_to_live_ms: u32,
        request_id: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Answer {
        let asked = (path, value, time_to_live_ms, request_id);
        let outcome = self.ask(asked, Ok(Context::default()), &header).await;
        answer(&outcome)
    }

    /// As Set, with what is known about the asking:
    /// `speaker_zone` (s): the seat or seats of the one who asks, as "driver" or "rear_left";
    /// `confirmed` (b): somebody was asked, and said yes;
    /// `language` (s): of a refusal's sentence for the driver, "en" or "zh".
    #[zbus(out_args("outcome", "reason", "message"))]
    async fn set_with(
        &self,
        path: String,
        value: Variant<'_>,
        time_to_live_ms: u32,
        request_id: String,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Answer {
        let asked = (path, value, time_to_live_ms, request_id);
        let outcome = self.ask(asked, context(&options), &header).await;
        answer(&outcome)
    }

    /// The value the car last reported, and its age. A stale value is an error, never returned.
    #[zbus(out_args("value", "age_ms"))]
    async fn get(
        &self,
        path: &str,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<(OwnedVariant, u32)> {
        self.may_read(&header).await?;
        self.read(path, Language::English)
    }

    /// As Get, with `language` (s) of the sentence about what the car lacks, "en" or "zh".
    #[zbus(out_args("value", "age_ms"))]
    async fn get_with(
        &self,
        path: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<(OwnedVariant, u32)> {
        self.may_read(&header).await?;
        let context = context(&options).map_err(fdo::Error::InvalidArgs)?;
        self.read(path, context.language.unwrap_or(Language::English))
    }

    /// From now on the caller gets the signals `Changed` and `FrameSent`, until it leaves the bus or
    /// unsubscribes. Nobody else does: they say what Get says, and need the same permission.
    async fn subscribe(&self, #[zbus(header)] header: Header<'_>) -> fdo::Result<()> {
        self.may_read(&header).await?;
        match header.sender() {
            Some(caller) => self.subscribers.add(caller).await,
            None => Err(fdo::Error::AccessDenied(
                "The caller has no name on the bus.".into(),
            )),
        }
    }

    /// Ends what `Subscribe` began.
    async fn unsubscribe(&self, #[zbus(header)] header: Header<'_>) {
        if let Some(caller) = header.sender() {
            self.subscribers.remove(caller);
        }
    }

    /// Every path: path, type, writable, min, max, unit. Booleans have false and true, choices
    /// all their words twice, colors the texts #000000 and #FFFFFF.
    #[zbus(out_args("paths"))]
    async fn list(&self, #[zbus(header)] header: Header<'_>) -> fdo::Result<Vec<Row>> {
        self.may_read(&header).await?;
        self.gateway.description().entries().map(row).collect()
    }

    /// Vehicle name of the description.
    #[zbus(property(emits_changed_signal = "const"))]
    async fn vehicle(&self) -> String {
        self.gateway.description().name().to_owned()
    }

    /// "up", "silent", or "down: why".
    #[zbus(property)]
    async fn bus(&self) -> String {
        self.gateway.bus().borrow().to_string()
    }

    /// What was counted on the bus since the gateway began: frames_received, frames_sent,
    /// frames_rejected, error_frames, overflows, controller_restarts, bus_lost.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn bus_counters(&self) -> BTreeMap<String, u64> {
        let counters = self.gateway.counters().list();
        counters
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect()
    }

    /// A path has another value. For subscribers.
    #[zbus(signal)]
    async fn changed(
        emitter: &SignalEmitter<'_>,
        path: &str,
        value: Variant<'_>,
    ) -> zbus::Result<()>;

    /// A request frame left for the bus. For subscribers.
    #[zbus(signal)]
    async fn frame_sent(
        emitter: &SignalEmitter<'_>,
        path: &str,
        message: &str,
        id: u32,
        data: &[u8],
        decoded: &str,
    ) -> zbus::Result<()>;
}

impl Vehicle1 {
    async fn ask(
        &self,
        (path, value, time_to_live_ms, request_id): (String, Variant<'_>, u32, String),
        context: Result<Context, String>,
        header: &Header<'_>,
    ) -> Outcome {
        let received = Instant::now();
        let Some(value) = from_variant(&value) else {
            let message = "A value is a boolean, a number or a text.";
            return Outcome::refused(Reason::WrongType, message);
        };
        let context = match context {
            Ok(context) => context,
            Err(problem) => return Outcome::refused(Reason::BadRequest, problem),
        };
        let class = self.gateway.description().policy().class(&path);
        let turn = self.turn.lock().await;
        let user = match self.permissions.check(header.sender(), class).await {
            Ok(user) => user,
            Err(outcome) => {
                tracing::warn!(caller = ?header.sender(), path, %outcome, "not permitted");
                return outcome;
            }
        };
        let name = header
            .sender()
            .map(|name| name.as_str())
            .unwrap_or_default();
        let request = Request {
            path,
            value,
            time_to_live: Duration::from_millis(time_to_live_ms.into()),
            request_id,
            caller: format!("{user}{name}"),
        };
        let outcome = self.gateway.submit(request, context, received);
        drop(turn);
        outcome.await
    }

    fn read(&self, path: &str, language: Language) -> fdo::Result<(OwnedVariant, u32)> {
        match self.gateway.get(path) {
            None => {
                let outcome = self.gateway.description().missing(path, language);
                let message = outcome.message().to_owned();
                Err(match outcome.reason() {
                    Some(Reason::NotFitted) => fdo::Error::NotSupported(message),
                    _ => fdo::Error::InvalidArgs(message),
                })
            }
            Some(None) => Err(fdo::Error::Failed(format!(
                "The car does not report {path} now."
            ))),
            Some(Some(reading)) => Ok((
                to_variant(reading.value)?,
                u32::try_from(reading.age.as_millis()).unwrap_or(u32::MAX),
            )),
        }
    }

    async fn may_read(&self, header: &Header<'_>) -> fdo::Result<()> {
        match self
            .permissions
            .check(header.sender(), Class::Reading)
            .await
        {
            Ok(_) => Ok(()),
            Err(outcome) => Err(fdo::Error::AccessDenied(outcome.message().to_owned())),
        }
    }
}

fn answer(outcome: &Outcome) -> Answer {
    let reason = outcome.reason().map(Reason::to_string).unwrap_or_default();
    (outcome.as_str().into(), reason, outcome.message().into())
}

/// Turns events into signals until the gateway or the bus is gone.
async fn forward_events(gateway: Gateway, connection: Connection, subscribers: Arc<Subscribers>) {
    let mut events = gateway.events();
    drop(gateway);
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(lost, "signals came too fast for D-Bus; the oldest are lost");
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        for subscriber in subscribers.all() {
            let Ok(emitter) = SignalEmitter::new(&connection, PATH) else {
                return;
            };
            let emitter = emitter.set_destination(subscriber.into());
            if let Err(error) = tell(&emitter, &event).await {
                tracing::warn!(%error, "a signal could not be emitted");
                if connection.is_closed() {
                    return;
                }
            }
        }
    }
}

async fn tell(emitter: &SignalEmitter<'_>, event: &Event) -> zbus::Result<()> {
    match event {
        Event::Changed {
            path,
            value: Some(value),
        } => Vehicle1::changed(emitter, path, variant(value.clone())).await,
        Event::FrameSent {
            path,
            message,
            id,
            payload,
            decoded,
        } => Vehicle1::frame_sent(emitter, path, message, *id, payload, decoded).await,
        Event::Changed { value: None, .. } | Event::Refused(_) => Ok(()),
    }
}

async fn forward_bus(gateway: Gateway, connection: Connection) {
    let mut bus = gateway.bus();
    drop(gateway);
    while bus.changed().await.is_ok() {
        let server = connection.object_server();
        let Ok(vehicle) = server.interface::<_, Vehicle1>(PATH).await else {
            return;
        };
        let interface = vehicle.get().await;
        if let Err(error) = interface.bus_changed(vehicle.signal_emitter()).await {
            tracing::warn!(%error, "a change of the bus could not be emitted");
        }
    }
}
