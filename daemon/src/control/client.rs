//! The running daemon, seen from the command line.

use std::collections::HashMap;
use std::time::Duration;

use zbus::proxy::CacheProperties;
use zbus::{Connection, connection, fdo, proxy};

use crate::Error;
use crate::assistant::NAME;
use crate::settings::Settings;

/// No answer takes longer; what does is reported instead of waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// `org.codriver.Assistant1`.
#[proxy(
    interface = "org.codriver.Assistant1",
    default_service = "org.codriver.Assistant",
    default_path = "/org/codriver/Assistant"
)]
pub trait Assistant {
    fn submit_text(&self, text: &str, language: &str) -> zbus::Result<String>;

    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn muted(&self) -> zbus::Result<bool>;
    #[zbus(property)]
    fn set_muted(&self, muted: bool) -> zbus::Result<()>;
    #[zbus(property)]
    fn language(&self) -> zbus::Result<String>;

    #[zbus(signal)]
    fn heard(
        &self,
        utterance: String,
        text: String,
        language: String,
        confidence: f64,
        timings: HashMap<String, f64>,
    ) -> zbus::Result<()>;
    #[zbus(signal)]
    fn understood(&self, utterance: String, json: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn acted(&self, utterance: String, json: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn said(&self, utterance: String, text: String, language: String) -> zbus::Result<()>;
}

/// `org.codriver.Diagnostics1`.
#[proxy(
    interface = "org.codriver.Diagnostics1",
    default_service = "org.codriver.Assistant",
    default_path = "/org/codriver/Assistant"
)]
pub trait Diagnostics {
    fn status(&self) -> zbus::Result<String>;
}

/// `org.codriver.CorrectionLog1`.
#[proxy(
    interface = "org.codriver.CorrectionLog1",
    default_service = "org.codriver.Assistant",
    default_path = "/org/codriver/Assistant"
)]
pub trait CorrectionLog {
    fn read(&self, after: u64) -> zbus::Result<Vec<String>>;
    fn erase(&self, before: &str) -> zbus::Result<u64>;
    fn status(&self) -> zbus::Result<String>;
}

/// Connects to the configured bus.
pub async fn connect(settings: &Settings) -> Result<Connection, Error> {
    let bus = &settings.dbus.bus;
    connection::Builder::address(bus.address()?)
        .method_timeout(ANSWER_WITHIN)
        .build()
        .await
        .map_err(|source| Error::BusUnreachable {
            bus: bus.to_string(),
            source,
        })
}

/// The daemon, when it runs.
pub async fn assistant(
    connection: &Connection,
    settings: &Settings,
) -> Result<AssistantProxy<'static>, Error> {
    if !is_running(connection, NAME).await? {
        return Err(Error::Unsuccessful(format!(
            "codriverd does not run on the {} bus; start it, or choose its bus with --bus",
            settings.dbus.bus
        )));
    }
    AssistantProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .map_err(|error| Error::bus("reaching codriverd", error))
}

/// Whether somebody owns `name` now; nobody is started for it.
pub async fn is_running(connection: &Connection, name: &'static str) -> Result<bool, Error> {
    let asking = |error: zbus::Error| Error::bus("asking the bus who is there", error);
    let bus = fdo::DBusProxy::new(connection).await.map_err(asking)?;
    let name = zbus::names::BusName::try_from(name).map_err(asking)?;
    bus.name_has_owner(name)
        .await
        .map_err(|error| Error::bus("asking the bus who is there", error))
}

/// A failed call to the daemon, in its own words.
pub fn failed(what: &'static str) -> impl Fn(zbus::Error) -> Error {
    move |error| match error {
        zbus::Error::MethodError(_, Some(message), _) => {
            Error::Unsuccessful(format!("{what}: {message}"))
        }
        error => Error::bus(what, error),
    }
}
