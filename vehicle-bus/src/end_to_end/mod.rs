//! AUTOSAR end-to-end protection: a message carries a counter and a checksum over its data and its
//! identity, so that the receiver notices what was damaged, lost, repeated, delayed or misdirected
//! on the way.
//!
//! It is no authentication: whoever can write to the bus and knows the profile and the data id
//! (which are no secrets) can send messages that pass every check. Against that there is AUTOSAR
//! SecOC, which this gateway does not speak.
//!
//! Layouts and checksums are those of the crate autosar-e2e, held against the examples that AUTOSAR
//! publishes. Its counter rules are not used: its receivers take a counter that stands still for a
//! good one when they hear it first. The rules here, and the supervision of a whole reception, are
//! [`Receiver`]'s.

mod profile;
mod receiver;

pub use profile::{DataId, Misplaced, Profile, Protection, Sender};
pub use receiver::{Fault, Receiver, Rules, Verdict};
