//! The CAN gateway daemon: owns the CAN socket and offers `org.codriver.Vehicle1`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use codriver_vehicle_bus::{
    Error, config::Config, description::Description, gateway::Gateway, service,
};
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{interval, timeout},
};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};
use zbus::Connection;

const DEFAULT_CONFIG: &str = "/etc/codriver/gateway.toml";

/// The CAN gateway of Codriver: D-Bus in, checked CAN frames out.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Configuration file [default: /etc/codriver/gateway.toml where it exists]
    #[arg(long)]
    config: Option<PathBuf>,
    /// Directory of the vehicle description
    #[arg(long)]
    vehicle: Option<PathBuf>,
    /// D-Bus: system, session, or an address such as unix:path=...
    #[arg(long)]
    bus: Option<String>,
    /// CAN: socketcan:can0, or socketcand:127.0.0.1:29536/sim0
    #[arg(long)]
    can: Option<String>,
}

// One thread: requests are admitted in the order of their messages.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    log_to_journal_or_stderr();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let default = PathBuf::from(DEFAULT_CONFIG);
    let file = options
        .config
        .or_else(|| default.exists().then_some(default));
    let mut config = Config::load(file.as_deref())?;
    config.vehicle = options.vehicle.unwrap_or(config.vehicle);
    config.bus = options.bus.unwrap_or(config.bus);
    if let Some(can) = options.can {
        config.can = can.parse()?;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let description = Description::load(&config.vehicle)?;
    tracing::info!(vehicle = description.name(), can = %config.can, bus = config.bus, "starting");
    let gateway = Gateway::start(description, config.can, config.limits);
    let connection = service::serve_with(gateway.clone(), &config.bus, &config.permissions).await?;
    notify(&[NotifyState::Ready]);
    tracing::info!(name = service::NAME, "ready");

    let watchdog = tokio::spawn(watchdog(gateway, connection.clone()));
    let lost = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = connection.closed() => true,
    };
    watchdog.abort();
    notify(&[NotifyState::Stopping]);
    if lost {
        return Err(Error::Dbus(zbus::Error::Failure("the bus went away".into())).into());
    }
    tracing::info!("stopped");
    Ok(())
}

/// Feeds systemd's watchdog, but only while the service answers through D-Bus and the bus task
/// takes orders.
async fn watchdog(gateway: Gateway, connection: Connection) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = interval((limit / 3).max(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        let ping = connection.call_method(
            Some(service::NAME),
            service::PATH,
            Some("org.freedesktop.DBus.Peer"),
            "Ping",
            &(),
        );
        let answers = matches!(timeout(limit / 3, ping).await, Ok(Ok(_)));
        if answers && gateway.is_alive(limit / 3).await {
            notify(&[NotifyState::Watchdog]);
        } else {
            tracing::error!("the service does not answer itself; the watchdog is not fed");
        }
    }
}

fn notify(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

fn log_to_journal_or_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    // systemd sets JOURNAL_STREAM where stderr goes to its journal.
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    match journal {
        Some(journal) => registry.with(journal).init(),
        None => registry
            .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
            .init(),
    }
}
