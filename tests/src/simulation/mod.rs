//! A car to try things on: ECUs that answer requests, on a bus of their own.

mod car;
mod faults;
mod hub;
mod order;
mod serve;

pub use car::Car;
pub use faults::Faults;
pub use hub::Hub;
pub use order::Order;
pub use serve::{serve_hub, serve_interface};
