//! `org.codriver.Vehicle1` on D-Bus: the gateway's only door.
//!
//! A Set may wait seconds for its confirmation, so each call has its own task, and a Get never
//! waits behind it. Order is kept where it matters: everything in [`Gateway::set`] up to the
//! actuator's queue happens at the first poll, and the gateway's daemon runs on one thread, where
//! tasks are first polled in the order of their messages.

use std::collections::BTreeMap;

use tokio::{sync::broadcast::error::RecvError, time::Duration};
use zbus::{
    Connection, OwnedVariant, Variant, connection, fdo, interface, message::Header,
    object_server::SignalEmitter,
};

use crate::{
    Error, Reason, Value,
    description::{Entry, Kind},
    gateway::{Event, Gateway, Request},
};

/// Well-known name.
pub const NAME: &str = "org.codriver.Vehicle";
/// Object path.
pub const PATH: &str = "/org/codriver/Vehicle";
/// Interface.
pub const INTERFACE: &str = "org.codriver.Vehicle1";

/// Puts the gateway on a bus: "system", "session", or an address such as `unix:path=...`.
///
/// # Errors
/// [`Error::Dbus`] when there is no bus, or the name is taken or not permitted.
pub async fn serve(gateway: Gateway, bus: &str) -> Result<Connection, Error> {
    let connection = builder(bus)
        .serve_at(
            PATH,
            Vehicle1 {
                gateway: gateway.clone(),
            },
        )
        .allow_name_replacements(false)
        .replace_existing_names(false)
        .name(NAME)
        .build()
        .await?;
    tokio::spawn(forward_events(gateway.clone(), connection.clone()));
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
}

/// A row of `List`: path, type, writable, min, max, unit.
type Row = (String, String, bool, OwnedVariant, OwnedVariant, String);

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
    ) -> (String, String, String) {
        let Some(value) = from_variant(&value) else {
            return (
                "refused".into(),
                Reason::WrongType.to_string(),
                "A value is a boolean, a number or a text.".into(),
            );
        };
        let caller = header.sender().map(|sender| sender.to_string());
        let outcome = self
            .gateway
            .set(Request {
                path,
                value,
                time_to_live: Duration::from_millis(time_to_live_ms.into()),
                request_id,
                caller: caller.unwrap_or_default(),
            })
            .await;
        let reason = outcome.reason().map(Reason::to_string).unwrap_or_default();
        (outcome.as_str().into(), reason, outcome.message().into())
    }

    /// The value the car last reported, and its age. A stale value is an error, never returned.
    #[zbus(out_args("value", "age_ms"))]
    async fn get(&self, path: &str) -> fdo::Result<(OwnedVariant, u32)> {
        match self.gateway.get(path) {
            None => Err(fdo::Error::InvalidArgs(
                self.gateway.description().missing(path),
            )),
            Some(None) => Err(fdo::Error::Failed(format!(
                "The car does not report {path} now."
            ))),
            Some(Some(reading)) => Ok((
                to_variant(reading.value)?,
                u32::try_from(reading.age.as_millis()).unwrap_or(u32::MAX),
            )),
        }
    }

    /// Every path: path, type, writable, min, max, unit. Booleans have false and true, choices
    /// all their words twice, colors the texts #000000 and #FFFFFF.
    #[zbus(out_args("paths"))]
    async fn list(&self) -> fdo::Result<Vec<Row>> {
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

    /// A path has another value.
    #[zbus(signal)]
    async fn changed(
        emitter: &SignalEmitter<'_>,
        path: &str,
        value: Variant<'_>,
    ) -> zbus::Result<()>;

    /// A request frame left for the bus.
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

/// A boolean, any number, or a text; None for anything else.
pub(crate) fn from_variant(value: &Variant<'_>) -> Option<Value> {
    Some(match value {
        Variant::Bool(flag) => Value::Flag(*flag),
        Variant::F64(number) => Value::Number(*number),
        Variant::U8(number) => Value::Number((*number).into()),
        Variant::I16(number) => Value::Number((*number).into()),
        Variant::U16(number) => Value::Number((*number).into()),
        Variant::I32(number) => Value::Number((*number).into()),
        Variant::U32(number) => Value::Number((*number).into()),
        Variant::I64(number) => Value::Number(*number as f64),
        Variant::U64(number) => Value::Number(*number as f64),
        Variant::Str(text) => Value::Text(text.to_string()),
        Variant::Variant(inner) => return from_variant(inner),
        _ => return None,
    })
}

/// b, d or s.
pub(crate) fn variant(value: Value) -> Variant<'static> {
    match value {
        Value::Flag(flag) => Variant::from(flag),
        Value::Number(number) => Variant::from(number),
        Value::Text(text) => Variant::from(text),
    }
}

fn to_variant(value: Value) -> fdo::Result<OwnedVariant> {
    owned(variant(value))
}

fn owned(variant: Variant<'static>) -> fdo::Result<OwnedVariant> {
    OwnedVariant::try_from(variant).map_err(|error| fdo::Error::Failed(error.to_string()))
}

fn row(entry: &Entry) -> fdo::Result<Row> {
    let words = |words: &BTreeMap<String, i64>| {
        owned(Variant::from(words.keys().cloned().collect::<Vec<_>>()))
    };
    let text = |text: &str| to_variant(Value::Text(text.into()));
    let (min, max) = match &entry.kind {
        Kind::Boolean => (
            to_variant(Value::Flag(false))?,
            to_variant(Value::Flag(true))?,
        ),
        Kind::Number { min, max, .. } => (
            to_variant(Value::Number(*min))?,
            to_variant(Value::Number(*max))?,
        ),
        Kind::Choice(choices) => (words(choices)?, words(choices)?),
        Kind::Color => (text("#000000")?, text("#FFFFFF")?),
    };
    let writable = entry.actuator.is_some();
    let kind = entry.kind.name().to_owned();
    Ok((
        entry.path.clone(),
        kind,
        writable,
        min,
        max,
        entry.unit.clone(),
    ))
}

/// Turns events into signals until the gateway or the bus is gone.
async fn forward_events(gateway: Gateway, connection: Connection) {
    let mut events = gateway.events();
    drop(gateway);
    let Ok(emitter) = SignalEmitter::new(&connection, PATH) else {
        return;
    };
    loop {
        let sent = match events.recv().await {
            Ok(Event::Changed {
                path,
                value: Some(value),
            }) => Vehicle1::changed(&emitter, &path, variant(value)).await,
            Ok(Event::FrameSent {
                path,
                message,
                id,
                payload,
                decoded,
            }) => Vehicle1::frame_sent(&emitter, &path, &message, id, &payload, &decoded).await,
            Ok(_) => Ok(()),
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(lost, "signals came too fast for D-Bus; the oldest are lost");
                Ok(())
            }
            Err(RecvError::Closed) => return,
        };
        if let Err(error) = sent {
            tracing::warn!(%error, "a signal could not be emitted");
            if connection.is_closed() {
                return;
            }
        }
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
