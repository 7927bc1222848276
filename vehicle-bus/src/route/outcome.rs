//! How a command ended, and what was called on the way.

use std::fmt;

use codriver_catalog::Value;

/// How a command ended. Exactly one per command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is so, as far as the car or the application tells.
    Done,
    /// Somebody said no, and nothing changed by this part.
    Refused {
        /// Why, as a stable word.
        reason: Reason,
        /// Why, as one English sentence for logs.
        message: String,
    },
    /// It could not be done.
    Failed {
        /// Why, as a stable word.
        reason: Reason,
        /// Why, as one English sentence for logs.
        message: String,
    },
    /// It was sent, and nobody confirmed it.
    Unconfirmed {
        /// Why, as a stable word.
        reason: Reason,
        /// Why, as one English sentence for logs.
        message: String,
    },
}

/// A stable word for why: `out_of_range`, `speed_interlock`, `no_service`.
/// Words that come from the gateway are passed on as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The application for it is not running.
    pub const NO_SERVICE: &'static str = "no_service";
    /// The application has nothing to act on: no modem, no call.
    pub const NO_OBJECT: &'static str = "no_object";
    /// The application did not answer in time.
    pub const PEER_TIMEOUT: &'static str = "peer_timeout";
    /// The application answered with an error.
    pub const PEER_ERROR: &'static str = "peer_error";
    /// The application vanished while it was asked.
    pub const PEER_GONE: &'static str = "peer_gone";
    /// The application shows another value than the one written.
    pub const NOT_CONFIRMED: &'static str = "not_confirmed";
    /// A step that begins at the end of the range, or leads beyond it.
    pub const ALREADY_AT_LIMIT: &'static str = "already_at_limit";
    /// The gateway is not on the bus.
    pub const GATEWAY_DOWN: &'static str = "gateway_down";
    /// The gateway did not answer in time.
    pub const NO_ANSWER: &'static str = "no_answer";
    /// A value of another type than the path or property.
    pub const WRONG_TYPE: &'static str = "wrong_type";
    /// The catalogue has no such command, or no such route for it.
    pub const NOT_AVAILABLE: &'static str = "not_available";
    /// Its time to live ran out before it was sent.
    pub const EXPIRED: &'static str = "expired";
    /// A mistake of this program.
    pub const INTERNAL: &'static str = "internal";

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Outcome {
    /// `done`, `refused`, `failed` or `unconfirmed`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
            Self::Unconfirmed { .. } => "unconfirmed",
        }
    }

    /// Why, unless it is done.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Done => None,
            Self::Refused { reason, .. }
            | Self::Failed { reason, .. }
            | Self::Unconfirmed { reason, .. } => Some(reason),
        }
    }

    /// Why, as one English sentence; empty when done.
    pub fn message(&self) -> &str {
        match self {
            Self::Done => "",
            Self::Refused { message, .. }
            | Self::Failed { message, .. }
            | Self::Unconfirmed { message, .. } => message,
        }
    }

    pub(super) fn refused(reason: &str, message: &str) -> Self {
        Self::Refused {
            reason: Reason(reason.into()),
            message: message.into(),
        }
    }

    pub(super) fn failed(reason: &str, message: &str) -> Self {
        Self::Failed {
            reason: Reason(reason.into()),
            message: message.into(),
        }
    }

    pub(super) fn unconfirmed(reason: &str, message: &str) -> Self {
        Self::Unconfirmed {
            reason: Reason(reason.into()),
            message: message.into(),
        }
    }

    /// The worse an outcome, the more the speaker must hear of it.
    fn severity(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unconfirmed { .. } => 1,
            Self::Refused { .. } => 2,
            Self::Failed { .. } => 3,
        }
    }

    fn with_message(self, message: String) -> Self {
        match self {
            Self::Done => Self::Done,
            Self::Refused { reason, .. } => Self::Refused { reason, message },
            Self::Failed { reason, .. } => Self::Failed { reason, message },
            Self::Unconfirmed { reason, .. } => Self::Unconfirmed { reason, message },
        }
    }
}

/// One D-Bus call that was made for a command, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallMade {
    /// `gateway`, `session` or `system`.
    pub bus: &'static str,
    /// The peer's name.
    pub destination: String,
    /// Interface and member, or interface and property.
    pub member: String,
    /// The arguments as text.
    pub arguments: Vec<String>,
}

impl fmt::Display for CallMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = self.arguments.join(", ");
        write!(
            f,
            "{}: {} {}({arguments})",
            self.bus, self.destination, self.member
        )
    }
}

/// Everything about a performed command.
#[derive(Debug, Clone, PartialEq)]
pub struct Performed {
    /// How it ended.
    pub outcome: Outcome,
    /// What was read, for a command that asks. Of several paths: the largest
    /// number, or whether all flags are true.
    pub value: Option<Value>,
    /// What was called.
    pub calls: Vec<CallMade>,
}

impl Performed {
    pub(super) fn ended(outcome: Outcome) -> Self {
        Self {
            outcome,
            value: None,
            calls: Vec::new(),
        }
    }
}

/// One outcome for all parts: the worst, saying which part it was and how many others are done.
pub(super) fn combine(parts: impl Iterator<Item = (String, Performed)>) -> Performed {
    let mut whole = Performed::ended(Outcome::Done);
    let mut complaints = Vec::new();
    let mut count = 0;
    for (subject, part) in parts {
        count += 1;
        whole.calls.extend(part.calls);
        whole.value = match (whole.value, part.value) {
            (Some(one), Some(other)) => Some(together(one, other)),
            (one, other) => one.or(other),
        };
        if part.outcome != Outcome::Done {
            complaints.push(format!("{subject}: {}", part.outcome.message()));
        }
        if part.outcome.severity() > whole.outcome.severity() {
            whole.outcome = part.outcome;
        }
    }
    if count > 1 && !complaints.is_empty() {
        let done = count - complaints.len();
        let message = format!("{done} of {count} done; {}", complaints.join("; "));
        whole.outcome = whole.outcome.with_message(message);
    }
    whole
}

fn together(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Value::Number(one.max(other)),
        (Value::Flag(one), Value::Flag(other)) => Value::Flag(one && other),
        (one, other) if one == other => one,
        (one, other) => Value::Text(format!("{one}, {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(outcome: Outcome, value: Option<Value>) -> (String, Performed) {
        (
            "A.B".into(),
            Performed {
                value,
                ..Performed::ended(outcome)
            },
        )
    }

    #[test]
    fn all_parts_done_is_done() {
        let whole = combine([part(Outcome::Done, None), part(Outcome::Done, None)].into_iter());
        assert_eq!(whole.outcome, Outcome::Done);
    }

    #[test]
    fn one_refused_part_is_a_refusal_that_says_which() {
        let no = Outcome::refused("out_of_range", "31 is above 30");
        let whole = combine([part(Outcome::Done, None), part(no, None)].into_iter());
        assert_eq!(whole.outcome.as_str(), "refused");
        assert_eq!(whole.outcome.message(), "1 of 2 done; A.B: 31 is above 30");
    }

    #[test]
    fn a_door_group_is_locked_only_when_every_door_is() {
        let flag = |flag| part(Outcome::Done, Some(Value::Flag(flag)));
        let whole = combine([flag(true), flag(false)].into_iter());
        assert_eq!(whole.value, Some(Value::Flag(false)));
    }
}
