//! Everything that codriver.toml says, typed, with its defaults.
//!
//! `configs/codriver.toml` is the commented reference; a test keeps it equal
//! to the defaults written here.

mod bus;
mod check;
mod load;
mod providers;
mod sections;

pub use bus::BusChoice;
pub use load::{Layers, load};
pub use sections::{
    Activation, Audio, AudioHost, BargeIn, Configs, Contacts, CorrectionLog, Dbus, Dialogue,
    Endpoint, LanguageChoice, Listening, Models, Places, Privacy, Recogniser, Settings, Speech,
    SpeechOutput, Tier, Understanding, VoiceActivity,
};
