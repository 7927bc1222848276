//! The stage for whole-system scenarios: a private D-Bus, a virtual microphone,
//! a simulated car and both daemons, all started and ended together.

pub mod accelerators;
pub mod demo;
pub mod recordings;
pub mod simulation;

mod assistant;
mod child;
mod dispatcher;
mod error;
mod head_unit;
mod microphone;
mod navigation;
mod observer;
mod performance;
mod private_bus;
mod process;
mod programs;
mod scene;
mod sockets;
mod telephone;
mod third_party;

pub use assistant::{Assistant, Event, Happening};
pub use child::Child;
pub use dispatcher::SpeechDispatcher;
pub use error::Error;
pub use head_unit::{HeadUnit, Report};
pub use microphone::{Cabin, Ear, SoundServer, VirtualMicrophone};
pub use navigation::Navigation;
pub use observer::{Observer, Seen};
pub use performance::Performance;
pub use private_bus::PrivateBus;
pub use process::Taken;
pub use programs::{configs_directory, program};
pub use scene::{Scene, SceneOptions, SimulatedCar, Sound};
pub use sockets::Sockets;
pub use telephone::{Call, CallState, Telephone};
pub use third_party::{Decoded, ThirdParty};
