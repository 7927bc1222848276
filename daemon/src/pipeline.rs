//! The way of one sentence through the daemon.
//!
//! ```text
//! capture thread -> [8] -> recogniser thread -> [4] -> understanding thread -> [8] -> actor task
//!   front end               whisper               ^      patterns, model               dialogue
//!                                     typed text -'                                    router, reply
//! ```
//! The recogniser begins at the first pause and tells the front end how complete the words are.
//! The numbers are the lengths of the queues. A full queue gives up the
//! utterance that has waited longest; whatever falls out, is cancelled, or
//! outlives its time to live is dropped before it acts.

mod actor;
mod cancellation;
mod controls;
mod counts;
mod event;
mod heartbeat;
mod outcome;
mod queue;
mod recognising;
mod sense;
mod sentence;
mod status;
mod timings;
mod understanding;

pub use actor::{Actor, Request};
pub use cancellation::Cancellation;
pub use controls::{Controls, LONGEST_TEXT_BYTES, Refused};
pub use counts::Counts;
pub use event::{Event, Events, State};
pub use heartbeat::{Heartbeat, IDLE_WAIT};
pub use outcome::{CommandReport, UnderstoodReport};
pub use queue::{Next, Queue};
pub use recognising::Recognising;
pub use sense::{Judge, Phrases};
pub use sentence::{Doubt, Sentence, Understood};
pub use status::Status;
pub use timings::{Timings, milliseconds};
pub use understanding::Understands;

/// Utterances that wait for a thread.
pub const WAITING_UTTERANCES: usize = 4;
/// Understood utterances that wait to act.
pub const WAITING_ACTIONS: usize = 8;
/// Notices that wait to be signalled.
pub const WAITING_EVENTS: usize = 256;
