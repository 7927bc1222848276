//! Which D-Bus is used. Only Unix sockets: the daemon opens nothing else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zbus::Address;
use zbus::address::Transport;

use crate::Error;

/// The bus that the daemon and the command line talk on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BusChoice {
    /// The machine's bus, as on a car.
    #[default]
    System,
    /// The user's bus, as on a desk.
    Session,
    /// A bus at `unix:path=...`.
    Address(String),
}

impl BusChoice {
    /// The address to connect to.
    ///
    /// # Errors
    /// [`Error::BusAddress`] when it is not a Unix socket, also when the
    /// environment's `DBUS_SESSION_BUS_ADDRESS` says so.
    pub fn address(&self) -> Result<Address, Error> {
        let refused = |_| Error::BusAddress {
            address: self.to_string(),
        };
        let address = match self {
            Self::System => Address::system(),
            Self::Session => Address::session(),
            Self::Address(text) => Address::from_str(text),
        }
        .map_err(refused)?;
        match address.transport() {
            Transport::Unix(_) => Ok(address),
            _ => Err(Error::BusAddress {
                address: address.to_string(),
            }),
        }
    }
}

impl FromStr for BusChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "system" => Ok(Self::System),
            "session" => Ok(Self::Session),
            address if address.starts_with("unix:") => Ok(Self::Address(address.to_owned())),
            other => Err(format!(
                "\"{other}\" is not a bus; use \"system\", \"session\" or \"unix:path=...\""
            )),
        }
    }
}

impl TryFrom<String> for BusChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<BusChoice> for String {
    fn from(choice: BusChoice) -> Self {
        choice.to_string()
    }
}

impl fmt::Display for BusChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Session => f.write_str("session"),
            Self::Address(address) => f.write_str(address),
        }
    }
}
