//! `org.codriver.CorrectionLog1`: the log for its owner.
//!
//! The installed D-Bus policy lets only root and the daemon's own user call it, not the
//! applications that may press the button. The daemon asks the bus once more who calls, so that
//! a bus with another policy gives nothing away.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;
use zbus::message::Header;
use zbus::{Connection, fdo, interface};

use super::CorrectionLog;

/// The bus says within this who calls, or the caller is refused.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
const ROOT: u32 = 0;

/// The log on D-Bus.
#[derive(Debug)]
pub struct Service {
    log: CorrectionLog,
}

impl Service {
    /// This log.
    pub fn new(log: CorrectionLog) -> Self {
        Self { log }
    }
}

#[interface(name = "org.codriver.CorrectionLog1")]
impl Service {
    /// Entries with a number beyond `after` as JSON, oldest first; a page of them, none when
    /// there are no more.
    #[zbus(out_args("entries"))]
    async fn read(
        &self,
        after: u64,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<Vec<String>> {
        permit(&header, connection).await?;
        self.log.read(after).await.map_err(failed)
    }

    /// Erases the entries from before a moment (RFC 3339), or all where it is empty. How many
    /// that were.
    #[zbus(out_args("erased"))]
    async fn erase(
        &self,
        before: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<u64> {
        permit(&header, connection).await?;
        let before = match before {
            "" => None,
            moment => Some(moment.parse::<Timestamp>().map_err(|error| {
                fdo::Error::InvalidArgs(format!("\"{moment}\" is no moment: {error}"))
            })?),
        };
        let erased = self.log.erase(before).await.map_err(failed)?;
        tracing::info!(erased, "entries of the correction log erased");
        Ok(erased)
    }

    /// How the log is, as JSON.
    #[zbus(out_args("json"))]
    async fn status(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<String> {
        permit(&header, connection).await?;
        let report = self.log.surveyed().await.map_err(failed)?;
        serde_json::to_string(&report).map_err(|error| fdo::Error::Failed(error.to_string()))
    }
}

/// Root and the daemon's own user may.
async fn permit(header: &Header<'_>, connection: &Connection) -> fdo::Result<()> {
    let denied = |why: String| fdo::Error::AccessDenied(why);
    let caller = header
        .sender()
        .ok_or_else(|| denied("the caller has no name on the bus".into()))?;
    let bus = fdo::DBusProxy::new(connection).await?;
    let asked = bus.get_connection_unix_user(caller.clone().into());
    let user = timeout(ANSWER_WITHIN, asked)
        .await
        .map_err(|_| denied("the bus does not say whose call this is".into()))??;
    // SAFETY: a plain system call.
    let own = unsafe { libc::geteuid() };
    match user == ROOT || user == own {
        true => Ok(()),
        false => Err(denied(format!(
            "user {user} may not see the correction log; root may"
        ))),
    }
}

fn failed(error: crate::Error) -> fdo::Error {
    fdo::Error::Failed(error.to_string())
}
