//! A typed client of `org.codriver.Vehicle1`, every call with a deadline.

use std::{collections::HashMap, time::Duration};

use tokio::time::timeout;
use zbus::{Connection, OwnedVariant, Variant, fdo, proxy};

use crate::{
    Error, Outcome, Reason, Value,
    bus_error::BusError,
    gateway::Context,
    service::{builder, from_variant, options, variant},
};

/// How long a reading call may take.
const READING: Duration = Duration::from_secs(2);
/// What a confirmation may take beyond the time to live.
const CONFIRMING: Duration = Duration::from_secs(15);
const SILENT: &str = "The vehicle gateway does not answer.";

/// One path of the vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct PathInfo {
    /// VSS path.
    pub path: String,
    /// "boolean", "number", "choice" or "color".
    pub kind: String,
    /// Whether it can be set.
    pub writable: bool,
    /// Lowest value of a number.
    pub min: Option<f64>,
    /// Highest value of a number.
    pub max: Option<f64>,
    /// Unit, "" for none.
    pub unit: String,
}

/// The raw interface; [`VehicleClient`] wraps it. Its signal streams are for monitors.
#[proxy(
    interface = "org.codriver.Vehicle1",
    default_service = "org.codriver.Vehicle",
    default_path = "/org/codriver/Vehicle"
)]
pub trait Vehicle1 {
    /// Asks for a value; answers outcome, reason, message.
    fn set(
        &self,
        path: &str,
        value: &Variant<'_>,
        time_to_live_ms: u32,
        request_id: &str,
    ) -> zbus::Result<(String, String, String)>;

    /// As set, with options: speaker_zone (s), confirmed (b), language (s).
    fn set_with(
        &self,
        path: &str,
        value: &Variant<'_>,
        time_to_live_ms: u32,
        request_id: &str,
        options: &HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<(String, String, String)>;

    /// Value and age in milliseconds.
    fn get(&self, path: &str) -> zbus::Result<(OwnedVariant, u32)>;

    /// As get, with options: language (s).
    fn get_with(
        &self,
        path: &str,
        options: &HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<(OwnedVariant, u32)>;

    /// From now on changed and frame_sent come.
    fn subscribe(&self) -> zbus::Result<()>;

    /// They come no longer.
    fn unsubscribe(&self) -> zbus::Result<()>;

    /// Path, type, writable, min, max, unit.
    #[allow(clippy::type_complexity)]
    fn list(&self)
    -> zbus::Result<Vec<(String, String, bool, OwnedVariant, OwnedVariant, String)>>;

    /// A path has another value.
    #[zbus(signal)]
    fn changed(&self, path: String, value: OwnedVariant) -> zbus::Result<()>;

    /// A request frame left.
    #[zbus(signal)]
    fn frame_sent(
        &self,
        path: String,
        message: String,
        id: u32,
        data: Vec<u8>,
        decoded: String,
    ) -> zbus::Result<()>;

    /// "up", "silent" or "down: why".
    #[zbus(property)]
    fn bus(&self) -> zbus::Result<String>;

    /// What was counted on the bus since the gateway began.
    #[zbus(property(emits_changed_signal = "false"))]
    fn bus_counters(&self) -> zbus::Result<std::collections::HashMap<String, u64>>;

    /// Vehicle name.
    #[zbus(property(emits_changed_signal = "const"))]
    fn vehicle(&self) -> zbus::Result<String>;
}

/// A client of the gateway.
#[derive(Debug, Clone)]
pub struct VehicleClient {
    proxy: Vehicle1Proxy<'static>,
}

impl VehicleClient {
    /// Connects to "system", "session", or an address such as `unix:path=...`.
    ///
    /// # Errors
    /// [`Error::Dbus`] when there is no such bus.
    pub async fn connect(bus: &str) -> Result<Self, Error> {
        Self::new(&builder(bus).build().await?).await
    }

    /// Uses a connection. The gateway need not be there yet.
    ///
    /// # Errors
    /// [`Error::Dbus`].
    pub async fn new(connection: &Connection) -> Result<Self, Error> {
        let proxy = Vehicle1Proxy::builder(connection)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await?;
        Ok(Self { proxy })
    }

    /// The raw interface, for its signals and properties.
    pub fn proxy(&self) -> &Vehicle1Proxy<'static> {
        &self.proxy
    }

    /// Asks for a value. Whatever happens to gateway or bus is an outcome too.
    pub async fn set(
        &self,
        path: &str,
        value: Value,
        time_to_live: Duration,
        request_id: &str,
    ) -> Outcome {
        let milliseconds = milliseconds(time_to_live);
        let value = variant(value);
        let call = self.proxy.set(path, &value, milliseconds, request_id);
        answered(time_to_live, call).await
    }

    /// The same, with who asks and what was said about it.
    pub async fn set_with(
        &self,
        path: &str,
        value: Value,
        time_to_live: Duration,
        request_id: &str,
        context: Context,
    ) -> Outcome {
        let milliseconds = milliseconds(time_to_live);
        let (value, options) = (variant(value), options(context));
        let call = self
            .proxy
            .set_with(path, &value, milliseconds, request_id, &options);
        answered(time_to_live, call).await
    }

    /// The present value and its age.
    ///
    /// # Errors
    /// The outcome, which is never [`Outcome::Done`]: `unknown_path`, `not_fitted`, `no_answer` when
    /// the car does not report the path now, `not_allowed`, or `no_gateway`.
    pub async fn get(&self, path: &str) -> Result<(Value, Duration), Outcome> {
        self.get_with(path, Context::default()).await
    }

    /// The same for somebody who is answered in the language of `context`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_with(
        &self,
        path: &str,
        context: Context,
    ) -> Result<(Value, Duration), Outcome> {
        let options = options(Context {
            language: context.language,
            ..Context::default()
        });
        let call = self.proxy.get_with(path, &options);
        let (value, age_ms) = match timeout(READING, call).await {
            Ok(Ok(reading)) => reading,
            Ok(Err(error)) => return Err(unread(&error)),
            Err(_) => return Err(Outcome::failed(Reason::NoGateway, SILENT)),
        };
        let value = from_variant(&value).ok_or_else(|| {
            Outcome::failed(Reason::Internal, format!("{path} has an unknown type."))
        })?;
        Ok((value, Duration::from_millis(age_ms.into())))
    }

    /// Every path.
    ///
    /// # Errors
    /// [`Error::Dbus`].
    pub async fn list(&self) -> Result<Vec<PathInfo>, Error> {
        let number = |value: &OwnedVariant| match from_variant(value) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        };
        let rows = within(self.proxy.list()).await?;
        Ok(rows
            .into_iter()
            .map(|(path, kind, writable, min, max, unit)| PathInfo {
                path,
                kind,
                writable,
                min: number(&min),
                max: number(&max),
                unit,
            })
            .collect())
    }

    /// "up", "silent" or "down: why".
    ///
    /// # Errors
    /// [`Error::Dbus`].
    pub async fn bus(&self) -> Result<String, Error> {
        within(self.proxy.bus()).await
    }

    /// The vehicle's name.
    ///
    /// # Errors
    /// [`Error::Dbus`].
    pub async fn vehicle(&self) -> Result<String, Error> {
        within(self.proxy.vehicle()).await
    }
}

fn milliseconds(time_to_live: Duration) -> u32 {
    u32::try_from(time_to_live.as_millis()).unwrap_or(u32::MAX)
}

/// The outcome of a Set, whatever happens to it.
async fn answered(
    time_to_live: Duration,
    call: impl Future<Output = zbus::Result<(String, String, String)>>,
) -> Outcome {
    match timeout(time_to_live.saturating_add(CONFIRMING), call).await {
        Ok(Ok((outcome, reason, message))) => Outcome::from_words(&outcome, &reason, message)
            .unwrap_or_else(|| {
                let problem = format!("The gateway answered \"{outcome}\".");
                Outcome::unconfirmed(Reason::Internal, problem)
            }),
        Ok(Err(error)) => unreached(&error).unwrap_or_else(|| {
            let problem = format!("The vehicle gateway went away: {error}.");
            Outcome::unconfirmed(Reason::NoGateway, problem)
        }),
        Err(_) => Outcome::unconfirmed(Reason::NoGateway, SILENT),
    }
}

async fn within<T>(call: impl Future<Output = zbus::Result<T>>) -> Result<T, Error> {
    match timeout(READING, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(zbus::Error::Failure("the gateway does not answer".into()).into()),
    }
}

/// The outcome of a call that reached nobody; None where it may have.
fn unreached(error: &zbus::Error) -> Option<Outcome> {
    match BusError::from(error) {
        BusError::Nobody => Some(Outcome::failed(
            Reason::NoGateway,
            format!("The vehicle gateway is not running: {error}."),
        )),
        BusError::Denied => Some(Outcome::refused(
            Reason::NotAllowed,
            format!("The vehicle gateway may not be asked: {error}."),
        )),
        BusError::Lost | BusError::Answered => None,
    }
}

/// What the errors of Get mean; a reading that failed has changed nothing.
fn unread(error: &zbus::Error) -> Outcome {
    if let zbus::Error::FDO(error) = error {
        match &**error {
            fdo::Error::InvalidArgs(problem) => {
                return Outcome::refused(Reason::UnknownPath, problem);
            }
            fdo::Error::NotSupported(sentence) => {
                return Outcome::refused(Reason::NotFitted, sentence);
            }
            fdo::Error::Failed(problem) => return Outcome::failed(Reason::NoAnswer, problem),
            _ => {}
        }
    }
    unreached(error).unwrap_or_else(|| {
        let problem = format!("The vehicle gateway went away: {error}.");
        Outcome::failed(Reason::NoGateway, problem)
    })
}
