//! What the CAN controller reports in error frames.

use std::fmt;

use socketcan::{CanError, CanErrorFrame, errors::ControllerProblems};

/// One error frame, by the worst that it says. Losing the bus is no fault but an error of
/// [`super::Transport::receive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The controller joined the bus again after it had left it (bus off).
    Restarted,
    /// Frames were lost, because they came or were to leave faster than they were taken.
    Overflow,
    /// Nobody acknowledges what we send: the controller sends it again and again.
    Unacknowledged,
    /// Many errors: the controller no longer marks faulty frames of others.
    Passive,
    /// Errors mount up.
    Warning,
    /// The errors are over.
    Recovered,
    /// A frame was disturbed, or lost its arbitration.
    Disturbed,
}

/// The controller left the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BusOff;

impl Fault {
    /// Reads an error frame.
    pub(super) fn of(error: &CanError) -> Result<Self, BusOff> {
        if error.is_bus_off() {
            return Err(BusOff);
        }
        if error.is_restarted() {
            return Ok(Self::Restarted);
        }
        let controller = error.controller().unwrap_or(ControllerProblems::empty());
        let says = |flags: ControllerProblems| controller.intersects(flags);
        Ok(
            if says(ControllerProblems::RX_OVERFLOW | ControllerProblems::TX_OVERFLOW) {
                Self::Overflow
            } else if error.is_no_ack() || says(ControllerProblems::TX_PASSIVE) {
                // The only way to many errors in sending without leaving the bus.
                Self::Unacknowledged
            } else if says(ControllerProblems::RX_PASSIVE) {
                Self::Passive
            } else if says(ControllerProblems::RX_WARNING | ControllerProblems::TX_WARNING) {
                Self::Warning
            } else if says(ControllerProblems::ACTIVE) {
                Self::Recovered
            } else {
                Self::Disturbed
            },
        )
    }

    /// Reads the class of an error frame whose data are not known; None when it is none.
    pub(super) fn of_class(class: u32) -> Option<Result<Self, BusOff>> {
        let frame = CanErrorFrame::new_error(class, &[0; 8]).ok()?;
        Some(Self::of(&CanError::from(frame)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restarted => "the controller was restarted",
            Self::Overflow => "frames were lost: too many at once",
            Self::Unacknowledged => "nobody acknowledges our frames",
            Self::Passive => "error passive",
            Self::Warning => "errors mount up",
            Self::Recovered => "the errors are over",
            Self::Disturbed => "a frame was disturbed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_that_an_error_frame_says_counts() {
        let read = |class: u32, controller: u8| {
            let data = [0, controller, 0, 0, 0, 0, 0, 0];
            Fault::of(&CanErrorFrame::new_error(class, &data).unwrap().into_error())
        };
        assert_eq!(read(0x40, 0), Err(BusOff));
        assert_eq!(read(0x140, 0), Err(BusOff), "bus off and restarted");
        assert_eq!(read(0x100, 0), Ok(Fault::Restarted));
        assert_eq!(read(0x04, 0x01), Ok(Fault::Overflow));
        assert_eq!(read(0x04, 0x14), Ok(Fault::Passive));
        assert_eq!(read(0x04, 0x34), Ok(Fault::Unacknowledged));
        assert_eq!(read(0x04, 0x0C), Ok(Fault::Warning));
        assert_eq!(read(0x04, 0x40), Ok(Fault::Recovered));
        assert_eq!(read(0x08, 0), Ok(Fault::Disturbed));
        assert_eq!(read(0x02, 0), Ok(Fault::Disturbed));
        assert_eq!(read(0x20, 0), Ok(Fault::Unacknowledged));
    }
}
