//! Puts the car on a bus and keeps it in time.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    frame::CanFrame,
    transport::{Address, Received, Transport},
};
use tokio::{sync::mpsc, time::sleep_until};

use super::{Car, Hub, Order};
use crate::Error;

/// With nothing to do the car still looks after its orders.
const LONGEST_IDLE: Duration = Duration::from_secs(1);

/// An order and where its answer goes.
type Ordered = (Order, tokio::sync::oneshot::Sender<Result<(), String>>);

/// Hosts a bus `name` at `server` (port 0: any free one) with the car on it; `ready` is told the
/// address that clients use.
///
/// # Errors
/// The address is taken; the listener fails.
pub async fn serve_hub(
    mut car: Car,
    server: SocketAddr,
    name: &str,
    mut orders: mpsc::Receiver<Ordered>,
    ready: impl FnOnce(&Address),
) -> Result<(), Error> {
    let hub = Hub::new(name);
    let listener = Hub::bind(server).await?;
    let mut requests = hub.requests();
    ready(&Address::Socketcand {
        server: listener.local_addr()?,
        bus: name.to_owned(),
    });
    let accepting = hub.clone();
    let accept = accepting.accept(listener);
    tokio::pin!(accept);
    loop {
        for frame in car.advance(Instant::now()) {
            hub.send(frame);
        }
        tokio::select! {
            ended = &mut accept => return Ok(ended?),
            Some(frame) = requests.next() => car.receive(&frame, Instant::now()),
            Some(order) = orders.recv() => obey(&mut car, order),
            () = sleep_until(next(&car)) => {}
        }
    }
}

/// Attaches the car to a CAN interface of the kernel, such as vcan0.
///
/// # Errors
/// The interface cannot be opened, or is lost.
pub async fn serve_interface(
    mut car: Car,
    address: &Address,
    mut orders: mpsc::Receiver<Ordered>,
    ready: impl FnOnce(&Address),
) -> Result<(), Error> {
    let mut transport = Transport::open(address).await?;
    ready(address);
    loop {
        let frames: Vec<CanFrame> = car.advance(Instant::now());
        for frame in &frames {
            transport.send(frame).await?;
        }
        tokio::select! {
            received = transport.receive() => if let Received::Frame(frame) = received? {
                car.receive(&frame, Instant::now());
            },
            Some(order) = orders.recv() => obey(&mut car, order),
            () = sleep_until(next(&car)) => {}
        }
    }
}

fn obey(car: &mut Car, (order, answer): Ordered) {
    // Who asked may be gone; the order is carried out all the same.
    let _ = answer.send(car.obey(order, Instant::now()));
}

fn next(car: &Car) -> tokio::time::Instant {
    car.next_due()
        .unwrap_or_else(|| Instant::now() + LONGEST_IDLE)
        .into()
}
