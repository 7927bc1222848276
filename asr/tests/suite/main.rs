//! codriver-asr from the outside, with the real models and a real sound server.

mod endpointing;
mod listening;
mod microphone;
mod noise;
mod recognition;
mod recordings;
mod resampling;
mod support;
mod voice;
