//! One VSS path through the gateway.

use std::time::Duration;

use tokio::time::Instant;
use zbus::Connection;

use super::journal::Change;
use super::performed::{CallMade, Performed};
use super::plan::{Access, Action, VehicleAccess};
use super::{Context, Done, remaining, scaled, stepped};
use crate::client::VehicleClient;
use crate::{Outcome, Reason, Value, service};

/// The gateway takes no longer time to live than this.
const LONGEST: Duration = Duration::from_secs(60);

/// Under which name, until when, and for whom something is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) request: &'a str,
    pub(super) deadline: Instant,
    pub(super) context: Context,
}

/// Reads or writes a path. A writing leaves before `deadline` or never; what became of it is
/// known at the latest when the client gives up waiting for the confirmation.
pub(super) async fn access(
    connection: Option<Connection>,
    wanted: VehicleAccess,
    asking: Asking<'_>,
) -> Done {
    let mut calls = Vec::new();
    let mut done = match client(connection).await {
        Ok(client) => act(&client, wanted, asking, &mut calls).await,
        Err(why) => {
            let message = format!("The vehicle gateway cannot be reached: {why}.");
            Performed::ended(Outcome::failed(Reason::NoGateway, message)).into()
        }
    };
    done.performed.calls = calls;
    done
}

async fn client(connection: Option<Connection>) -> Result<VehicleClient, String> {
    let connection = connection.ok_or("there is no connection to its bus")?;
    VehicleClient::new(&connection)
        .await
        .map_err(|error| error.to_string())
}

async fn act(
    client: &VehicleClient,
    wanted: VehicleAccess,
    asking: Asking<'_>,
    calls: &mut Vec<CallMade>,
) -> Done {
    let VehicleAccess { path, access } = wanted;
    calls.push(call("GetWith", vec![path.clone()]));
    let present = client
        .get_with(&path, asking.context)
        .await
        .map(|(value, _age)| value);
    let is_step = matches!(access, Access::Step(_));
    let value: Value = match (access, &present) {
        (Access::Set(value), _) => value.into(),
        (_, Err(outcome)) => return Performed::ended(outcome.clone()).into(),
        (Access::Get { scale }, Ok(present)) => {
            return Performed {
                value: Some(scaled(present.clone().into(), scale)),
                ..Performed::ended(Outcome::Done)
            }
            .into();
        }
        (Access::Step(delta), Ok(present)) => match stepped(&present.clone().into(), delta) {
            Some(sum) => sum.into(),
            None => {
                let message = format!("{path} is {present}, which cannot be stepped.");
                return Performed::ended(Outcome::refused(Reason::WrongType, message)).into();
            }
        },
    };
    let left = remaining(asking.deadline, LONGEST);
    if left.is_zero() {
        let message = format!("It is too late to write {path}.");
        return Performed::ended(Outcome::refused(Reason::Expired, message)).into();
    }
    calls.push(call("Set", vec![path.clone(), value.to_string()]));
    let outcome = client
        .set_with(&path, value.clone(), left, asking.request, asking.context)
        .await;
    let outcome = match outcome {
        Outcome::Refused {
            reason: Reason::OutOfRange,
            message,
        } if is_step => Outcome::refused(Reason::AlreadyAtLimit, message),
        outcome => outcome,
    };
    // What may have changed can be taken back, confirmed or not.
    let changed = matches!(outcome, Outcome::Done | Outcome::Unconfirmed { .. });
    let change = (changed && present.as_ref() != Ok(&value)).then(|| Change {
        target: path.clone(),
        restore: present.ok().map(|present| {
            Action::Vehicle(VehicleAccess {
                path,
                access: Access::Set(present.into()),
            })
        }),
    });
    Done {
        performed: Performed::ended(outcome),
        change,
    }
}

fn call(member: &str, arguments: Vec<String>) -> CallMade {
    CallMade {
        bus: "gateway",
        destination: service::NAME.to_owned(),
        member: format!("{}.{member}", service::INTERFACE),
        arguments,
    }
}
