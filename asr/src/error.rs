//! Everything that can go wrong between the microphone and the words.

use std::path::PathBuf;
use std::time::Duration;

/// What went wrong while turning sound into text, where, and what to do about it.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read at all.
    #[error("{}: cannot be read: {reason}; check that the file exists and may be read", .path.display())]
    FileUnreadable {
        /// The file asked for.
        path: PathBuf,
        /// The operating system's reason.
        reason: std::io::Error,
    },

    /// The file is not a WAV file, or its header is broken.
    #[error("{}: not a readable WAV file: {reason}; export it again as PCM WAV", .path.display())]
    WavMalformed {
        /// The file asked for.
        path: PathBuf,
        /// What the header gets wrong.
        reason: String,
    },

    /// The header promises more samples than the file holds.
    #[error(
        "{}: is truncated: {found} of {expected} samples are there; copy or record the file again",
        .path.display()
    )]
    WavTruncated {
        /// The file asked for.
        path: PathBuf,
        /// Samples (of all channels) that could be read.
        found: u64,
        /// Samples (of all channels) that the header promises.
        expected: u64,
    },

    /// The file is a WAV file without a single sample.
    #[error("{}: holds no audio (its data chunk is empty); record the file again", .path.display())]
    WavEmpty {
        /// The file asked for.
        path: PathBuf,
    },

    /// The sample rate or channel count is outside what speech can be taken from.
    #[error(
        "{place}: {channels} channels at {rate_hz} Hz cannot be used; \
         give 1 to 64 channels at 4000 to 768000 Hz"
    )]
    FormatUnusable {
        /// The file or device.
        place: String,
        /// Channels found.
        channels: u16,
        /// Sample rate found, in hertz.
        rate_hz: u32,
    },

    /// The device has fewer channels than there are seats with a microphone.
    #[error(
        "the microphone has {channels} channels, but audio.zones names {}: {}; \
         name one seat a channel, or choose another audio.device",
        .zones.len(), .zones.join(", ")
    )]
    SeatsMissing {
        /// Channels found.
        channels: usize,
        /// The seats that should have one each.
        zones: Vec<&'static str>,
    },

    /// The resampler refused its parameters or its input.
    #[error("resampling from {rate_hz} Hz failed: {reason}; this is a defect, please report it")]
    Resampler {
        /// Input sample rate in hertz.
        rate_hz: u32,
        /// The resampler's own words.
        reason: String,
    },

    /// No audio host (sound server or kernel subsystem) answers.
    #[error(
        "audio host \"{host}\" is not available: {reason}; \
         start the sound server or set another audio.host (auto, pulseaudio, alsa); \
         PulseAudio also wants its cookie of 256 bytes (~/.config/pulse/cookie or PULSE_COOKIE)"
    )]
    HostUnavailable {
        /// The host asked for.
        host: String,
        /// The audio library's reason.
        reason: String,
    },

    /// No input device's name contains the pattern.
    #[error(
        "no microphone matches \"{pattern}\" on audio host \"{host}\"; \
         set audio.device to a part of one of: {}", .present.join(", ")
    )]
    DeviceNotFound {
        /// The pattern looked for; empty means the default device.
        pattern: String,
        /// The host searched.
        host: String,
        /// The names of the input devices there are.
        present: Vec<String>,
    },

    /// The device is there but does not open.
    #[error("microphone \"{device}\" does not open: {reason}; is another program holding it?")]
    DeviceRefused {
        /// The device's name.
        device: String,
        /// The audio library's reason.
        reason: String,
    },

    /// The device went away while capturing.
    #[error("microphone \"{device}\" was lost: {reason}; it is opened again when it comes back")]
    DeviceLost {
        /// The device's name.
        device: String,
        /// The audio library's reason.
        reason: String,
    },

    /// The device is open but has delivered nothing for too long.
    #[error(
        "microphone \"{device}\" has delivered no audio for {} ms; \
         check the cable or the sound server", .waited.as_millis()
    )]
    DeviceSilent {
        /// The device's name.
        device: String,
        /// How long nothing came.
        waited: Duration,
    },

    /// No sound can be played.
    #[error(
        "no sound can be played through audio host \"{host}\": {reason}; \
         set a default output, or switch speech.earcons off"
    )]
    NotPlayed {
        /// The host asked for.
        host: String,
        /// What is in the way.
        reason: String,
    },

    /// An option has a value that cannot work.
    #[error("option \"{option}\": {reason}")]
    OptionUnusable {
        /// The option's name as configuration spells it.
        option: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },

    /// A model pack is missing, broken, or will not build.
    #[error(transparent)]
    Models(#[from] codriver_models::Error),

    /// The voice activity model ran but failed or answered in another shape.
    #[error(
        "voice activity model: {reason}; run `codriverctl models verify`, \
         and `codriverctl models install` if it complains"
    )]
    VoiceActivity {
        /// What failed.
        reason: String,
    },

    /// A graph of the wake words failed, or has another shape than it should.
    #[error("wake words: {what}: {reason}; {remedy}")]
    WakeWord {
        /// The graph: a file, or the backbone.
        what: String,
        /// What failed.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },

    /// The speech recognition model did not load.
    #[error(
        "{}: the speech model does not load: {reason}; run `codriverctl models install`",
        .path.display()
    )]
    SpeechModelUnusable {
        /// The model file.
        path: PathBuf,
        /// What failed.
        reason: String,
    },

    /// The speech recognition model failed while running.
    #[error("recognition failed: {reason}")]
    Recognition {
        /// What failed.
        reason: String,
    },

    /// The processor lacks instructions this program was compiled to use.
    #[error(
        "this processor has no {}, which this build of the recogniser uses; \
         install a build for this processor (GGML_NATIVE=OFF with the GGML_* switches it has)",
        .missing.join(", ")
    )]
    ProcessorTooOld {
        /// The instruction sets that are missing.
        missing: Vec<&'static str>,
    },

    /// A thread of the listener could not be started.
    #[error("cannot start the thread \"{name}\": {reason}; raise the limit of tasks (TasksMax)")]
    ThreadNotStarted {
        /// The thread's name.
        name: &'static str,
        /// The operating system's reason.
        reason: std::io::Error,
    },
}
