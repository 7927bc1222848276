//! The way to the bus: SocketCAN, or socketcand on this machine only.

mod fault;
mod socketcan;
pub mod socketcand;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

pub use fault::Fault;

use crate::{Error, frame::CanFrame};

/// Which bus, by which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `socketcan:can0`: a CAN interface of the kernel.
    SocketCan {
        /// Interface name.
        interface: String,
    },
    /// `socketcand:127.0.0.1:29536/sim0`: a socketcand server. For development and tests: loopback
    /// addresses only, because whoever reaches the port reaches the bus.
    Socketcand {
        /// Server, always a loopback address.
        server: SocketAddr,
        /// Name of the bus at the server.
        bus: String,
    },
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(address: &str) -> Result<Self, Error> {
        let wrong = |problem: &str| Error::Address {
            address: address.to_owned(),
            problem: problem.to_owned(),
        };
        match address.split_once(':') {
            Some(("socketcan", interface)) if is_name(interface, 15) => Ok(Self::SocketCan {
                interface: interface.to_owned(),
            }),
            Some(("socketcan", _)) => Err(wrong("needs an interface name, as in socketcan:can0")),
            Some(("socketcand", rest)) => {
                let form = "must be socketcand:IP:PORT/BUS, as in socketcand:127.0.0.1:29536/sim0";
                let (server, bus) = rest.split_once('/').ok_or_else(|| wrong(form))?;
                let server: SocketAddr = server.parse().map_err(|_| wrong(form))?;
                if !is_name(bus, 64) {
                    return Err(wrong(form));
                }
                if !is_loopback(server.ip()) {
                    return Err(wrong(
                        "socketcand is allowed on loopback addresses only (127.0.0.1 or [::1]); \
                         use socketcan: in a car",
                    ));
                }
                Ok(Self::Socketcand {
                    server,
                    bus: bus.to_owned(),
                })
            }
            _ => Err(wrong("must begin with socketcan: or socketcand:")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SocketCan { interface } => write!(f, "socketcan:{interface}"),
            Self::Socketcand { server, bus } => write!(f, "socketcand:{server}/{bus}"),
        }
    }
}

/// What comes from an open bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A data frame.
    Frame(CanFrame),
    /// An error frame.
    Fault(Fault),
}

/// An open bus.
#[derive(Debug)]
pub enum Transport {
    /// Of the kernel.
    SocketCan(socketcan::Interface),
    /// Of a socketcand server.
    Socketcand(socketcand::Client),
}

impl Transport {
    /// Opens the bus; a server that does not answer within two seconds is an error.
    ///
    /// # Errors
    /// [`Error::Transport`], saying what is missing.
    pub async fn open(address: &Address) -> Result<Self, Error> {
        match address {
            Address::SocketCan { interface } => {
                socketcan::Interface::open(interface).map(Self::SocketCan)
            }
            Address::Socketcand { server, bus } => socketcand::Client::open(*server, bus)
                .await
                .map(Self::Socketcand),
        }
    }

    /// The next data frame or error frame. Cancel safe.
    ///
    /// # Errors
    /// [`Error::Transport`] when the bus is lost: its link went down, its controller left it (bus
    /// off), the server closed the connection. Drop the transport and open another one.
    pub async fn receive(&mut self) -> Result<Received, Error> {
        match self {
            Self::SocketCan(interface) => interface.receive().await,
            Self::Socketcand(client) => client.receive().await,
        }
    }

    /// Hands one frame to the bus. When this is cancelled or fails the transport must be dropped:
    /// half a frame may have left.
    ///
    /// # Errors
    /// [`Error::Transport`].
    pub async fn send(&mut self, frame: &CanFrame) -> Result<(), Error> {
        match self {
            Self::SocketCan(interface) => interface.send(frame).await,
            Self::Socketcand(client) => client.send(frame).await,
        }
    }
}

fn is_name(name: &str, longest: usize) -> bool {
    (1..=longest).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Loopback, also where IPv6 carries an IPv4 address.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back() {
        for address in [
            "socketcan:can0",
            "socketcand:127.0.0.1:29536/sim0",
            "socketcand:[::1]:1/sim0",
        ] {
            assert_eq!(address.parse::<Address>().unwrap().to_string(), address);
        }
    }

    #[test]
    fn socketcand_beyond_loopback_is_refused() {
        for address in [
            "socketcand:192.168.0.1:29536/can0",
            "socketcand:0.0.0.0:1/can0",
            "socketcand:[::]:1/can0",
        ] {
            let error = address.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("loopback"), "{error}");
        }
    }

    #[test]
    fn malformed_addresses_are_errors_that_show_the_form() {
        for address in [
            "",
            "can0",
            "socketcan:",
            "socketcan:a b",
            "socketcand:localhost:1/x",
            "socketcand:127.0.0.1/x",
            "socketcand:127.0.0.1:1/",
            "socketcand:127.0.0.1:1/a > < send",
        ] {
            assert!(address.parse::<Address>().is_err(), "{address}");
        }
    }
}
