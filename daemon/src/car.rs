//! The way out: commands through the router, the car's speed, and what was done last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use codriver_catalog::{Catalog, Command, Value};
use codriver_vehicle_bus::route::{Context, Performed, RequestId, Router};
use zbus::proxy::CacheProperties;
use zbus::{Connection, connection};

use crate::directory::LocalDirectory;
use crate::gateway::{VehicleProxy, to_value};
use crate::settings::{BusChoice, Settings};

/// Commands remembered for follow-ups such as "a bit more".
const RECENT: usize = 3;
/// A bus that does not answer within this is taken as absent.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Everything the daemon needs of the car.
#[derive(Debug)]
pub struct Car {
    router: Router,
    gateway: Connection,
    speed_path: String,
    driving_above_kmh: f64,
    recent: Mutex<VecDeque<Command>>,
}

impl Car {
    /// The car behind the gateway on `connection`, and the applications on the
    /// session and system buses where there are such.
    pub async fn new(
        connection: &Connection,
        settings: &Settings,
        names: Arc<LocalDirectory>,
    ) -> Self {
        let Settings { dialogue, .. } = settings;
        let own = &settings.dbus.bus;
        let read = Arc::clone(&names);
        // The first name that is said need not wait for the files.
        drop(tokio::task::spawn_blocking(move || read.known()));
        let (session, system) = tokio::join!(
            bus(connection, own, &BusChoice::Session),
            bus(connection, own, &BusChoice::System)
        );
        Self {
            router: Router::new(Some(connection.clone()), session, system).with_directory(names),
            gateway: connection.clone(),
            speed_path: dialogue.speed_path.clone(),
            driving_above_kmh: dialogue.driving_above_kmh,
            recent: Mutex::default(),
        }
    }

    /// Why a command cannot be done whatever the speaker agrees to; `None` when
    /// nothing is known against it.
    pub async fn objection(&self, catalog: &Catalog, command: &Command) -> Option<Performed> {
        self.router.objection(catalog, command).await
    }

    /// Performs one command, at the latest until `deadline`, at most once a request.
    pub async fn perform(
        &self,
        catalog: &Catalog,
        command: &Command,
        request: RequestId,
        deadline: Instant,
        context: Context,
    ) -> Performed {
        let performed = self
            .router
            .perform(catalog, command, request, deadline.into(), context)
            .await;
        if performed.outcome.as_str() == "done" {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.push_front(command.clone());
            recent.truncate(RECENT);
        }
        performed
    }

    /// Takes back what the last utterance changed; `None` when there is nothing.
    pub async fn undo(
        &self,
        request: RequestId,
        deadline: Instant,
        context: Context,
    ) -> Option<Performed> {
        self.router.undo(request, deadline.into(), context).await
    }

    /// What was done last, newest first.
    pub fn recent(&self) -> Vec<Command> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().cloned().collect()
    }

    /// Whether the car moves; `None` when nobody knows.
    pub async fn is_moving(&self) -> Option<bool> {
        let gateway = VehicleProxy::builder(&self.gateway)
            .cache_properties(CacheProperties::No)
            .build()
            .await
            .ok()?;
        let (value, _) = gateway.get(&self.speed_path).await.ok()?;
        match to_value(&value)? {
            Value::Number(speed) => Some(speed.abs() > self.driving_above_kmh),
            _ => None,
        }
    }
}

/// A connection to `wanted`, our own where it is the same; `None` where there
/// is no such bus, which is no fault: a head unit may have no user session.
async fn bus(own: &Connection, chosen: &BusChoice, wanted: &BusChoice) -> Option<Connection> {
    if chosen == wanted {
        return Some(own.clone());
    }
    let address = wanted.address().ok()?;
    let connecting = connection::Builder::address(address).build();
    match tokio::time::timeout(CONNECT_WITHIN, connecting).await {
        Ok(Ok(connection)) => Some(connection),
        Ok(Err(error)) => {
            tracing::info!(bus = %wanted, %error, "no such bus; its applications cannot be asked");
            None
        }
        Err(_) => {
            tracing::warn!(bus = %wanted, "does not answer; its applications cannot be asked");
            None
        }
    }
}
