//! The simulated car: ECUs that answer a vehicle description's requests with status messages.
//!
//! Prints `bus ADDRESS` when it is ready, then takes orders from standard input, one a line, each
//! answered by `ok` or `error: ...`:
//! `set PATH VALUE`, `refuse PATH|SIGNAL`, `accept PATH|SIGNAL`, `silent MESSAGE`,
//! `resume MESSAGE`, `damage MESSAGE`, `repair MESSAGE`, `delay MS`. The end of standard input ends the orders, not the car.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use codriver_vehicle_bus::transport::Address;
use stage::{
    Error,
    simulation::{Car, Faults, Order, serve_hub, serve_interface},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
};

/// A simulated car on a bus of this machine. Never installed in a car.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    /// socketcand:127.0.0.1:0/sim0 hosts a bus (port 0: any free one); socketcan:vcan0 joins one
    #[arg(long, default_value = "socketcand:127.0.0.1:0/sim0")]
    bus: Address,
    /// Directory of the vehicle description (vehicle.toml and its DBC)
    #[arg(long, default_value_os_t = stage::configs_directory().join("vehicles/demo"))]
    vehicle: PathBuf,
    /// Refuse requests for a VSS path or a request signal; may be repeated
    #[arg(long, value_name = "PATH|SIGNAL")]
    refuse: Vec<String>,
    /// Never send a status message; may be repeated
    #[arg(long, value_name = "MESSAGE")]
    silent: Vec<String>,
    /// Milliseconds added to every reaction
    #[arg(long, value_name = "MS", default_value_t = 0)]
    delay: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::from)
        .and_then(|runtime| {
            let ended = runtime.block_on(run(options));
            // Its thread at standard input comes back only with the next line.
            runtime.shutdown_background();
            ended
        });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("codriver-vehicle-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Error> {
    let mut car = Car::load(&options.vehicle, Faults::default(), Instant::now())?;
    let faults = (options.refuse.into_iter().map(Order::Refuse))
        .chain(options.silent.into_iter().map(Order::Silent))
        .chain([Order::Delay(Duration::from_millis(options.delay))]);
    for order in faults {
        let shown = format!("{order:?}");
        car.obey(order, Instant::now())
            .map_err(|answer| Error::Order {
                order: shown,
                answer,
            })?;
    }
    let (sender, orders) = mpsc::channel(16);
    tokio::spawn(read_orders(sender));
    let ready = |address: &Address| println!("bus {address}");
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let serve = async {
        match &options.bus {
            Address::Socketcand { server, bus } => {
                serve_hub(car, *server, bus, orders, ready).await
            }
            address => serve_interface(car, address, orders, ready).await,
        }
    };
    tokio::select! {
        ended = serve => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

async fn read_orders(car: mpsc::Sender<(Order, oneshot::Sender<Result<(), String>>)>) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.parse() {
            Ok(order) => {
                let (sender, answer) = oneshot::channel();
                if car.send((order, sender)).await.is_err() {
                    return;
                }
                answer
                    .await
                    .unwrap_or_else(|_| Err("the car is gone".to_owned()))
            }
            Err(problem) => Err(problem),
        };
        match answer {
            Ok(()) => println!("ok"),
            Err(problem) => println!("error: {problem}"),
        }
    }
}
