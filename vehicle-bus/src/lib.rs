//! Commands to the car: route, policy, D-Bus call or CAN frame.

pub mod client;
pub mod config;
pub mod dbc;
pub mod description;
pub mod end_to_end;
pub mod frame;
pub mod gateway;
pub mod permission;
pub mod route;
pub mod service;
pub mod transport;

mod bus_error;
mod error;
mod outcome;
mod subscribers;
mod value;

pub use error::Error;
pub use outcome::{Outcome, Reason};
pub use value::Value;
