//! codriver-asr from the outside, with the real models and a real sound server.

// Helpers outside of test functions may fail a test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ahead;
mod endpointing;
mod listening;
mod microphone;
mod noise;
mod recognition;
mod recordings;
mod resampling;
mod robustness;
mod seats;
mod small;
mod support;
mod voice;
mod wake;
