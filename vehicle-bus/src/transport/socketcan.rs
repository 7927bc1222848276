//! A CAN interface of the kernel.

use std::{fs, io, time::Duration};

use socketcan::{
    CanAnyFrame, CanDataFrame, CanError, CanFdFrame, EmbeddedFrame, ExtendedId, Id, ShouldRetry,
    SocketOptions, StandardId, tokio::CanFdSocket,
};
use tokio::time::{sleep, timeout};

use super::{Fault, Received};
use crate::{
    Error,
    frame::{CanFrame, CanId},
};

/// How often a silent interface is asked whether its link still is up: taking an interface down
/// wakes no reader.
const LINK_CHECK: Duration = Duration::from_secs(1);
/// Wait before a frame is offered again to a full transmit queue; the caller's deadline ends it.
const QUEUE_FULL: Duration = Duration::from_millis(1);

/// One CAN interface, raw frames.
pub struct Interface {
    name: String,
    socket: CanFdSocket,
}

impl std::fmt::Debug for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Interface({})", self.name)
    }
}

impl Interface {
    pub(super) fn open(name: &str) -> Result<Self, Error> {
        let failed = |problem: String| Error::Transport {
            address: format!("socketcan:{name}"),
            problem,
        };
        probe_af_can().map_err(&failed)?;
        let socket = CanFdSocket::open(name).map_err(|error| {
            failed(format!(
                "cannot be opened: {error}; `ip link show {name}` says whether it exists"
            ))
        })?;
        socket
            .set_error_filter_accept_all()
            .map_err(|error| failed(format!("error frames cannot be had: {error}")))?;
        let interface = Self {
            name: name.to_owned(),
            socket,
        };
        interface.check_link()?;
        Ok(interface)
    }

    pub(super) async fn receive(&mut self) -> Result<Received, Error> {
        loop {
            let frame = match timeout(LINK_CHECK, self.socket.read_frame()).await {
                Err(_silent) => {
                    self.check_link()?;
                    continue;
                }
                Ok(Err(error)) if error.should_retry() => continue,
                Ok(frame) => frame.map_err(|error| self.failed(error.to_string()))?,
            };
            let received = match &frame {
                CanAnyFrame::Normal(frame) => {
                    from_id(frame.id()).map(|id| CanFrame::new(id, frame.data()))
                }
                CanAnyFrame::Fd(frame) => {
                    from_id(frame.id()).map(|id| CanFrame::fd(id, frame.data()))
                }
                CanAnyFrame::Remote(_) => None,
                CanAnyFrame::Error(error) => {
                    return match Fault::of(&CanError::from(*error)) {
                        Ok(fault) => Ok(Received::Fault(fault)),
                        Err(_) => Err(self.failed("bus off: the controller left the bus".into())),
                    };
                }
            };
            if let Some(frame) = received {
                return frame.map(Received::Frame);
            }
        }
    }

    pub(super) async fn send(&mut self, frame: &CanFrame) -> Result<(), Error> {
        let nonsense = || self.failed(format!("{frame} is no frame"));
        let id = to_id(frame.id()).ok_or_else(nonsense)?;
        loop {
            let sent = if frame.is_fd() {
                let mut frame = CanFdFrame::new(id, frame.payload()).ok_or_else(nonsense)?;
                // The faster data phase is what CAN FD is used for; a bus without one ignores it.
                frame.set_brs(true);
                self.socket.write_frame(&frame).await
            } else {
                let frame = CanDataFrame::new(id, frame.payload()).ok_or_else(nonsense)?;
                self.socket.write_frame(&frame).await
            };
            match sent {
                // A full transmit queue of the interface does not make the socket wait.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    sleep(QUEUE_FULL).await;
                }
                sent => {
                    return sent.map_err(|error| self.failed(format!("cannot send: {error}")));
                }
            }
        }
    }

    fn check_link(&self) -> Result<(), Error> {
        const IFF_UP: u32 = 1;
        let text = fs::read_to_string(format!("/sys/class/net/{}/flags", self.name))
            .map_err(|error| self.failed(format!("interface is gone: {error}")))?;
        let flags = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap_or(0);
        if flags & IFF_UP == 0 {
            let name = &self.name;
            return Err(self.failed(format!(
                "link is down; `ip link set {name} up` brings it up"
            )));
        }
        // A controller that left the bus keeps its link up, but has no carrier.
        let carrier = fs::read_to_string(format!("/sys/class/net/{}/carrier", self.name));
        if carrier.is_ok_and(|carrier| carrier.trim() == "0") {
            let name = &self.name;
            return Err(self.failed(format!(
                "bus off: the controller left the bus and was not restarted; \
                 `ip link set {name} type can restart-ms 100` lets it restart by itself"
            )));
        }
        Ok(())
    }

    fn failed(&self, problem: String) -> Error {
        Error::Transport {
            address: format!("socketcan:{}", self.name),
            problem,
        }
    }
}

/// Opening an interface on a kernel without CAN says only "no such device".
fn probe_af_can() -> Result<(), String> {
    // SAFETY: plain system calls without pointers; the descriptor is ours and closed once.
    let descriptor = unsafe { libc::socket(libc::AF_CAN, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 1) };
    if descriptor >= 0 {
        // SAFETY: as above.
        unsafe { libc::close(descriptor) };
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT) => Err(
            "this kernel has no CAN (AF_CAN): load the modules can and can_raw, or use a \
             simulated bus with socketcand:127.0.0.1:PORT/BUS"
                .into(),
        ),
        _ => Err(format!("a CAN socket cannot be made: {error}")),
    }
}

fn to_id(id: CanId) -> Option<Id> {
    match id {
        CanId::Standard(_) => StandardId::new(u16::try_from(id.raw()).ok()?).map(Id::Standard),
        CanId::Extended(_) => ExtendedId::new(id.raw()).map(Id::Extended),
    }
}

fn from_id(id: Id) -> Option<CanId> {
    match id {
        Id::Standard(id) => CanId::standard(id.as_raw()),
        Id::Extended(id) => CanId::extended(id.as_raw()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_interface_or_kernel_without_can_is_said_clearly() {
        let error = Interface::open("nocan9").unwrap_err().to_string();
        assert!(
            error.starts_with("socketcan:nocan9: ")
                && (error.contains("this kernel has no CAN") || error.contains("cannot be opened")),
            "{error}"
        );
    }
}
