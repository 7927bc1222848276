//! One VSS path through the gateway, `org.codriver.Vehicle1`.

use std::time::Duration;

use codriver_catalog::Value;
use tokio::time::{Instant, timeout};
use zbus::wire::{OwnedVariant, Variant};
use zbus::{Connection, Message};

use super::journal::Previous;
use super::outcome::{CallMade, Outcome, Performed, Reason};
use super::plan::{Access, VehicleAccess};
use super::{Done, argument, remaining, stepped};

const NAME: &str = "org.codriver.Vehicle";
const OBJECT: &str = "/org/codriver/Vehicle";
const INTERFACE: &str = "org.codriver.Vehicle1";

/// A reading comes from the gateway's memory, so it comes at once.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// The gateway answers at the latest when the time to live is over; this is
/// for its answer to travel.
const ANSWER_GRACE: Duration = Duration::from_millis(500);

pub(super) async fn access(
    connection: Option<Connection>,
    wanted: VehicleAccess,
    request: String,
    deadline: Instant,
) -> Done {
    let Some(connection) = connection else {
        return Performed::ended(down("there is no connection to its bus")).into();
    };
    let VehicleAccess { path, access } = wanted;
    let mut calls = Vec::new();
    let present = get(&connection, &path, deadline, &mut calls).await;
    let (value, is_step) = match (access, &present) {
        (Access::Get, Ok(value)) => {
            return Performed {
                outcome: Outcome::Done,
                value: Some(value.clone()),
                calls,
            }
            .into();
        }
        (Access::Get | Access::Step(_), Err(outcome)) => {
            return Performed {
                outcome: outcome.clone(),
                value: None,
                calls,
            }
            .into();
        }
        (Access::Set(value), _) => (value, false),
        (Access::Step(delta), Ok(value)) => match stepped(value, delta) {
            Some(sum) => (sum, true),
            None => {
                let outcome = Outcome::refused(
                    Reason::WRONG_TYPE,
                    &format!("{path} is {value}, which cannot be stepped"),
                );
                return Performed {
                    outcome,
                    value: None,
                    calls,
                }
                .into();
            }
        },
    };
    let outcome = match set(&connection, &path, &value, &request, deadline, &mut calls).await {
        Outcome::Refused { reason, message } if is_step && reason.as_str() == "out_of_range" => {
            Outcome::refused(Reason::ALREADY_AT_LIMIT, &message)
        }
        outcome => outcome,
    };
    // What may have changed can be taken back, confirmed or not.
    let changed = matches!(outcome, Outcome::Done | Outcome::Unconfirmed { .. });
    let previous = present
        .ok()
        .filter(|present| changed && *present != value)
        .map(|value| Previous::Vehicle { path, value });
    Done {
        performed: Performed {
            outcome,
            value: None,
            calls,
        },
        previous,
    }
}

async fn get(
    connection: &Connection,
    path: &str,
    deadline: Instant,
    calls: &mut Vec<CallMade>,
) -> Result<Value, Outcome> {
    calls.push(call("Get", vec![path.to_owned()]));
    let within = remaining(deadline, READ_WITHIN);
    let arguments = (path,);
    let reply = timeout(
        within,
        connection.call_method(Some(NAME), OBJECT, Some(INTERFACE), "Get", &arguments),
    );
    let reply = match reply.await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => return Err(failure(&error)),
        Err(_) => {
            return Err(Outcome::failed(
                Reason::NO_ANSWER,
                "the gateway did not answer a reading",
            ));
        }
    };
    let (value, _age_ms): (OwnedVariant, u32) = body(&reply)?;
    argument::read(&value)
        .ok_or_else(|| Outcome::failed(Reason::WRONG_TYPE, &format!("{path} holds no plain value")))
}

async fn set(
    connection: &Connection,
    path: &str,
    value: &Value,
    request: &str,
    deadline: Instant,
    calls: &mut Vec<CallMade>,
) -> Outcome {
    let left = remaining(deadline, Duration::from_secs(60));
    let time_to_live_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
    if time_to_live_ms == 0 {
        return Outcome::refused(Reason::EXPIRED, &format!("too late to write {path}"));
    }
    calls.push(call("Set", vec![path.to_owned(), value.to_string()]));
    let arguments: (&str, Variant<'_>, u32, &str) =
        (path, argument::plain(value), time_to_live_ms, request);
    let reply = timeout(
        left + ANSWER_GRACE,
        connection.call_method(Some(NAME), OBJECT, Some(INTERFACE), "Set", &arguments),
    );
    let reply = match reply.await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => return failure(&error),
        // It may have acted: nobody knows.
        Err(_) => {
            return Outcome::unconfirmed(Reason::NO_ANSWER, "the gateway did not answer in time");
        }
    };
    let (outcome, reason, message): (String, String, String) = match body(&reply) {
        Ok(answer) => answer,
        Err(outcome) => return outcome,
    };
    match outcome.as_str() {
        "done" => Outcome::Done,
        "refused" => Outcome::refused(&reason, &message),
        "unconfirmed" => Outcome::unconfirmed(&reason, &message),
        _ => Outcome::failed(&reason, &message),
    }
}

fn call(member: &str, arguments: Vec<String>) -> CallMade {
    CallMade {
        bus: "gateway",
        destination: NAME.to_owned(),
        member: format!("{INTERFACE}.{member}"),
        arguments,
    }
}

fn body<T>(reply: &Message) -> Result<T, Outcome>
where
    T: for<'d> zbus::wire::DynamicDeserialize<'d>,
{
    reply.body().deserialize().map_err(|error| {
        Outcome::failed(
            Reason::INTERNAL,
            &format!("the gateway's answer is malformed: {error}"),
        )
    })
}

fn down(why: &str) -> Outcome {
    Outcome::failed(
        Reason::GATEWAY_DOWN,
        &format!("the vehicle gateway cannot be reached: {why}"),
    )
}

/// What an error of a call means. The gateway's own error names end in the
/// reason, in words run together: `org.codriver.Vehicle1.Error.UnknownPath`.
fn failure(error: &zbus::Error) -> Outcome {
    let zbus::Error::MethodError(name, detail, _) = error else {
        return down(&error.to_string());
    };
    let message = detail.as_deref().unwrap_or(name.as_str());
    match name.as_str().rsplit_once('.') {
        Some((prefix, word)) if prefix.starts_with("org.codriver.") => {
            Outcome::refused(&snake_case(word), message)
        }
        _ if name.as_str() == "org.freedesktop.DBus.Error.AccessDenied" => {
            Outcome::refused("not_allowed", message)
        }
        _ => down(message),
    }
}

fn snake_case(word: &str) -> String {
    let mut snake = String::new();
    for c in word.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
