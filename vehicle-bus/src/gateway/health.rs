//! How the bus is: up, silent or down, and what was counted on it since the gateway began.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::transport::Fault;

/// Whether the bus can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusState {
    /// Frames go and come.
    Up,
    /// It is open, but no frame has come for two seconds. Requests leave all the same.
    Silent,
    /// Nobody acknowledges our frames, and the controller sends the last one again and again.
    /// Requests are refused, and cyclic frames held back: what waits behind it would leave
    /// whenever somebody listens again, long past its time to live. Up again with the next frame
    /// that is heard.
    Unacknowledged,
    /// Why it cannot be used.
    Down(String),
}

impl fmt::Display for BusState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Silent => f.write_str("silent"),
            Self::Unacknowledged => f.write_str("unacknowledged"),
            Self::Down(why) => write!(f, "down: {why}"),
        }
    }
}

/// Counters of the bus; they only grow.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) lost_bus: AtomicU64,
    errors: AtomicU64,
    overflows: AtomicU64,
    restarts: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, fault: Fault) {
        add(&self.errors);
        match fault {
            Fault::Overflow => add(&self.overflows),
            Fault::Restarted => add(&self.restarts),
            Fault::Unacknowledged
            | Fault::Passive
            | Fault::Warning
            | Fault::Recovered
            | Fault::Disturbed => {}
        }
    }

    /// Each counter with its name:
    /// `frames_received`, `frames_sent`;
    /// `frames_rejected`, by end-to-end protection;
    /// `error_frames`, and among them `overflows` (frames were lost) and `controller_restarts`
    /// (after bus off);
    /// `bus_lost`, how often the open bus went down.
    pub fn list(&self) -> [(&'static str, u64); 7] {
        [
            ("frames_received", self.received.load(Relaxed)),
            ("frames_sent", self.sent.load(Relaxed)),
            ("frames_rejected", self.rejected.load(Relaxed)),
            ("error_frames", self.errors.load(Relaxed)),
            ("overflows", self.overflows.load(Relaxed)),
            ("controller_restarts", self.restarts.load(Relaxed)),
            ("bus_lost", self.lost_bus.load(Relaxed)),
        ]
    }
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
