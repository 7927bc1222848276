//! Sound to text: source, resample, voice activity, endpoint, recogniser.
//!
//! ```text
//! Source ----> FrontEnd ----------------------------------> Utterance ----> Recogniser
//! microphone   to 16 kHz mono, voice activity, endpoint     + id, clock     Transcript or why not
//! or WAV       (all on the Listener's thread)                               (on the caller's)
//! ```
//!
//! A [`Listener`] runs the left half for as long as the car is on; [`hear_file`] runs all of it
//! over a recording. Recognition blocks for half a second or so: give it a thread of its own.
//!
//! ```no_run
//! use std::time::Duration;
//! use codriver_asr::{
//!     EndpointOptions, Event, Expected, Format, FrontEnd, Listener, ListenerOptions, Microphone,
//!     MicrophoneOptions, Names, Next, Recogniser, Recognition, SileroVad, Source, Whisper,
//!     WhisperOptions,
//! };
//! use codriver_catalog::{Catalog, Language};
//! use codriver_models::{Placement, Runtime, Store};
//!
//! # fn main() -> Result<(), codriver_asr::Error> {
//! let store = Store::from_environment()?;
//! let runtime = Runtime::from_store(&store)?;
//! let vad = SileroVad::load(runtime, &store.open("silero-vad")?, &Placement::cpu())?;
//! let front_end = FrontEnd::new(Format::SPEECH, Box::new(vad), EndpointOptions::default())?;
//!
//! let mut whisper =
//!     Whisper::load(&store.open("whisper-base-q8_0")?, WhisperOptions::default())?;
//! let catalog = Catalog::load("configs".as_ref()).expect("packs");
//! whisper.expect(Expected::from_catalog(&catalog, Language::English, &Names::default()));
//!
//! let open = || {
//!     let microphone = Microphone::open(&MicrophoneOptions::default())?;
//!     Ok(Box::new(microphone) as Box<dyn Source>)
//! };
//! let listener = Listener::start(open, front_end, ListenerOptions::default())?;
//! loop {
//!     match listener.next(Duration::from_secs(1)) {
//!         Next::Event(Event::Utterance(utterance)) => match whisper.recognise(&utterance, &|| true)? {
//!             Recognition::Heard(transcript) => println!("{}: {}", utterance.id, transcript.text),
//!             Recognition::Rejected { reason, .. } => println!("{}: {reason}", utterance.id),
//!         },
//!         Next::Event(other) => println!("{other:?}"),
//!         Next::Nothing => {}
//!         Next::Ended => break,
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod ahead;
mod audio;
mod earcon;
mod endpoint;
mod error;
mod expected;
mod front_end;
mod hear;
mod listener;
mod playback;
mod queue;
mod recogniser;
mod resample;
mod seats;
mod source;
mod utterance;
mod voice_activity;
mod wake;

pub use ahead::{Ahead, Pauses, Recognised, Sense};
pub use audio::{Format, SAMPLE_RATE_HZ};
pub use earcon::{Earcon, Earcons, NoteFilter};
pub use endpoint::{Boundary, Completeness, EndpointOptions, Endpointer, Segment};
pub use error::Error;
pub use expected::{Expected, Names};
pub use front_end::{FrontEnd, Noticed};
pub use hear::{Hearing, hear_file, utterances_of};
pub use listener::{Activation, Counters, Event, Listener, ListenerOptions, Next, RELEASE_TAIL};
pub use playback::play;
pub use recogniser::{
    BiasWeights, Call, CallOptions, GuardOptions, Recogniser, Recognition, Rehearsal, Rejected,
    SearchOptions, Timings, Token, Transcript, Verdict, Whisper, WhisperOptions,
};
pub use resample::ToSpeech;
pub use source::{
    AudioHost, Microphone, MicrophoneOptions, Pace, Read, Source, WavSource, input_devices,
};
pub use utterance::{EndOfSpeech, Utterance};
pub use voice_activity::{SileroVad, VoiceActivity};
pub use wake::{WakeScore, WakeWords};
