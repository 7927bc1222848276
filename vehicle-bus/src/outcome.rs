//! What became of a request or command: exactly one outcome each.

use std::{fmt, str::FromStr};

/// The one outcome of a request to the gateway, or of a whole command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is so, as the car's status or the application shows.
    Done,
    /// The gateway or the application said no; nothing changed by it.
    Refused {
        /// Why, as a stable word.
        reason: Reason,
        /// Why, as an English sentence.
        message: String,
    },
    /// Sending failed, or the car refused.
    Failed {
        /// Why, as a stable word.
        reason: Reason,
        /// Why, as an English sentence.
        message: String,
    },
    /// It was sent, but nobody showed the value in time.
    Unconfirmed {
        /// Why, as a stable word.
        reason: Reason,
        /// Why, as an English sentence.
        message: String,
    },
}

impl Outcome {
    /// "done", "refused", "failed" or "unconfirmed".
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
            Self::Unconfirmed { .. } => "unconfirmed",
        }
    }

    /// The reason; None when done.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Done => None,
            Self::Refused { reason, .. }
            | Self::Failed { reason, .. }
            | Self::Unconfirmed { reason, .. } => Some(reason),
        }
    }

    /// The English sentence, "" when done.
    pub fn message(&self) -> &str {
        match self {
            Self::Done => "",
            Self::Refused { message, .. }
            | Self::Failed { message, .. }
            | Self::Unconfirmed { message, .. } => message,
        }
    }

    /// Puts the three texts of D-Bus back together; None for an unknown outcome word.
    pub fn from_words(outcome: &str, reason: &str, message: String) -> Option<Self> {
        let reason: Reason = match reason.parse() {
            Ok(reason) => reason,
            Err(never) => match never {},
        };
        match outcome {
            "done" => Some(Self::Done),
            "refused" => Some(Self::Refused { reason, message }),
            "failed" => Some(Self::Failed { reason, message }),
            "unconfirmed" => Some(Self::Unconfirmed { reason, message }),
            _ => None,
        }
    }

    /// The same with another sentence; done has none.
    pub(crate) fn with_message(self, message: String) -> Self {
        match self {
            Self::Done => Self::Done,
            Self::Refused { reason, .. } => Self::Refused { reason, message },
            Self::Failed { reason, .. } => Self::Failed { reason, message },
            Self::Unconfirmed { reason, .. } => Self::Unconfirmed { reason, message },
        }
    }

    pub(crate) fn refused(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Refused { reason, message }
    }

    pub(crate) fn failed(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Failed { reason, message }
    }

    pub(crate) fn unconfirmed(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Unconfirmed { reason, message }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            None => f.write_str(self.as_str()),
            Some(reason) => write!(f, "{} ({reason}): {}", self.as_str(), self.message()),
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Why a request was not done.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $name,)*
            /// A word of another release.
            Other(String),
        }

        impl Reason {
            /// The stable snake_case word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl FromStr for Reason {
            type Err = std::convert::Infallible;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Ok(match word {
                    $($word => Self::$name,)*
                    other => Self::Other(other.to_owned()),
                })
            }
        }
    };
}

reasons! {
    /// The vehicle description does not list the path.
    UnknownPath = "unknown_path",
    /// The vehicle description says that this car does not have it.
    NotFitted = "not_fitted",
    /// The path is a sensor, or D-Bus does not let the caller ask.
    NotAllowed = "not_allowed",
    /// A boolean, number or text where another is needed.
    WrongType = "wrong_type",
    /// Outside the limits, off the step, or not among the words.
    OutOfRange = "out_of_range",
    /// Not while the car moves, or may move.
    SpeedInterlock = "speed_interlock",
    /// Not in this gear, or in none that is known.
    GearInterlock = "gear_interlock",
    /// Not from the back while the child lock is on.
    ChildLock = "child_lock",
    /// Not from the seat of who asks.
    NotYourSeat = "not_your_seat",
    /// Something else in the car stands against it.
    Conflict = "conflict",
    /// Somebody must say yes to it first.
    ConfirmationNeeded = "confirmation_needed",
    /// The time to live ran out before it could be sent.
    Expired = "expired",
    /// This request_id is in use, or was used for something else.
    DuplicateRequest = "duplicate_request",
    /// The caller, or everybody together, asks too often.
    RateLimited = "rate_limited",
    /// Too many requests wait for this actuator.
    Busy = "busy",
    /// request_id or time to live make no sense.
    BadRequest = "bad_request",
    /// No CAN bus.
    BusDown = "bus_down",
    /// The ECU refused.
    EcuRefused = "ecu_refused",
    /// No status was heard, or none since the request.
    NoAnswer = "no_answer",
    /// The status or property kept showing another value.
    NotConfirmed = "not_confirmed",
    /// The gateway is not on D-Bus, or went away.
    NoGateway = "no_gateway",
    /// A step that begins at the end of the range, or leads beyond it.
    AlreadyAtLimit = "already_at_limit",
    /// Nobody knows how it was before, or nothing brings it back.
    CannotUndo = "cannot_undo",
    /// The catalogue has no such command.
    NotAvailable = "not_available",
    /// The application for it is not running.
    NoService = "no_service",
    /// The application has nothing to act on: no modem, no call.
    NoObject = "no_object",
    /// The application answered with an error.
    PeerError = "peer_error",
    /// The application vanished while it was asked.
    PeerGone = "peer_gone",
    /// The application did not answer in time.
    PeerTimeout = "peer_timeout",
    /// Nobody in the address book is called so.
    UnknownContact = "unknown_contact",
    /// The name stands for several people or places.
    SeveralMatches = "several_matches",
    /// The address book has no number of this person.
    NoNumber = "no_number",
    /// A mistake in this software; the log says more.
    Internal = "internal",
}

impl Reason {
    /// Whether only the vehicle description gives it, by a rule or by what the car lacks; the message
    /// is then a sentence for the driver.
    pub fn is_the_cars(&self) -> bool {
        matches!(
            self,
            Self::SpeedInterlock
                | Self::GearInterlock
                | Self::ChildLock
                | Self::NotYourSeat
                | Self::Conflict
                | Self::ConfirmationNeeded
                | Self::NotFitted
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
