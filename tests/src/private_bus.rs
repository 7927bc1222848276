//! A D-Bus of its own: system and session bus in one, for one scene.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use tokio::time::timeout;
use zbus::{Connection, connection, fdo};

use crate::{Child, Error};

const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=@SOCKET@</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#;
const START_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A private bus; ends when dropped.
#[derive(Debug)]
pub struct PrivateBus {
    connection: Connection,
    socket: PathBuf,
    daemon: Child,
}

impl PrivateBus {
    /// Starts a bus whose socket lies in `directory`.
    ///
    /// # Errors
    /// dbus-daemon is missing, or does not answer.
    pub async fn start(directory: &Path) -> Result<Self, Error> {
        let socket = directory.join("bus");
        let file = directory.join("bus.conf");
        let text = CONFIGURATION.replace("@SOCKET@", &socket.to_string_lossy());
        fs::write(&file, text).map_err(|source| Error::File {
            path: file.clone(),
            source,
        })?;
        let mut command = Command::new("dbus-daemon");
        command
            .arg("--nofork")
            .arg("--nopidfile")
            .arg("--config-file")
            .arg(&file);
        let mut daemon = Child::start(command, directory, false)?;
        let address = format!("unix:path={}", socket.display());
        let deadline = Instant::now() + START_WITHIN;
        let connection = loop {
            match connect(&address).await {
                Ok(connection) => break connection,
                Err(error) if Instant::now() >= deadline => return Err(error.into()),
                Err(_) => {
                    daemon.check()?;
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        };
        Ok(Self {
            connection,
            socket,
            daemon,
        })
    }

    /// `unix:path=...`
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }

    /// A connection of the scene's own.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Another connection, for a peer that may vanish.
    ///
    /// # Errors
    /// The bus does not answer.
    pub async fn connect(&self) -> Result<Connection, Error> {
        Ok(connect(&self.address()).await?)
    }

    /// Waits until `owner` has taken `name`.
    ///
    /// # Errors
    /// `owner` ended, or did not do it in time: with the end of its log.
    pub async fn wait_for_name(
        &self,
        name: &'static str,
        owner: &mut Child,
        within: Duration,
    ) -> Result<(), Error> {
        let bus = fdo::DBusProxy::new(&self.connection).await?;
        let mut changes = bus.receive_name_owner_changed().await?;
        let deadline = Instant::now() + within;
        while !bus
            .name_has_owner(name.try_into()?)
            .await
            .map_err(zbus::Error::from)?
        {
            owner.check()?;
            if Instant::now() >= deadline {
                return Err(Error::Deadline {
                    what: format!("the D-Bus name {name}"),
                    seconds: within.as_secs_f64(),
                    log: owner.log_tail(),
                });
            }
            // Any change is a reason to look; without one we look whether the owner still lives.
            let _ = timeout(LOOK_AGAIN, changes.next()).await;
        }
        Ok(())
    }

    /// Ends the bus, as a crash would.
    ///
    /// # Errors
    /// As [`Child::kill`].
    pub fn kill(&mut self) -> Result<(), Error> {
        self.daemon.kill()
    }
}

async fn connect(address: &str) -> zbus::Result<Connection> {
    connection::Builder::address(address).build().await
}
