//! How a command ended, and what was called on the way.

use std::fmt;

use codriver_catalog::Value;

use crate::Outcome;

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
    /// The names between which the speaker must choose, when a name was not
    /// enough; at most three.
    pub choices: Vec<String>,
    /// What was called.
    pub calls: Vec<CallMade>,
    /// Why the car stood against it, by one of its rules or by lacking it, as a whole sentence for the speaker, in the
    /// language of the request.
    pub sentence: Option<String>,
}

impl Performed {
    pub(super) fn ended(outcome: Outcome) -> Self {
        Self {
            sentence: outcome
                .reason()
                .filter(|reason| reason.is_the_cars())
                .map(|_| outcome.message().to_owned()),
            outcome,
            value: None,
            choices: Vec::new(),
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
            let message = part.outcome.message();
            complaints.push(match message.starts_with(subject.as_str()) {
                true => message.to_owned(),
                false => format!("{subject}: {message}"),
            });
        }
        if severity(&part.outcome) > severity(&whole.outcome) {
            whole.outcome = part.outcome;
            whole.sentence = part.sentence;
        }
    }
    if count > 1 && !complaints.is_empty() {
        let done = count - complaints.len();
        let message = format!("{done} of {count} done; {}", complaints.join("; "));
        whole.outcome = whole.outcome.with_message(message);
    }
    whole
}

/// The worse an outcome, the more the speaker must hear of it.
fn severity(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Unconfirmed { .. } => 1,
        Outcome::Refused { .. } => 2,
        Outcome::Failed { .. } => 3,
    }
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
    use crate::Reason;

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
        let no = Outcome::refused(Reason::OutOfRange, "31 is above 30");
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
