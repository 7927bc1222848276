//! Commands to the car: route, policy, D-Bus call or CAN frame.

pub mod dbc;
pub mod description;
pub mod frame;

mod error;
mod value;

pub use error::Error;
pub use value::Value;
