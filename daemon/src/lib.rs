//! Wires the rooms: `codriverd` and `codriverctl`.
//!
//! The daemon hears, understands, asks back and replies; what it wants done
//! leaves over D-Bus only. It opens no socket but Unix sockets and runs no
//! other program.

pub mod assistant;
mod attention;
mod car;
pub mod clock;
pub mod control;
mod correction_log;
pub mod dialogue;
mod directory;
mod error;
mod expectations;
mod gateway;
mod knowledge;
mod logging;
mod minds;
mod model_status;
mod patience;
pub mod pipeline;
pub mod replies;
pub mod run;
mod service_manager;
pub mod settings;
pub mod speech;
mod wake;

pub use error::Error;
pub use patience::wait_asleep;
