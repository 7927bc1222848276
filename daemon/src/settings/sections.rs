//! The sections of codriver.toml. Each key's meaning and range is its documentation.

use std::path::PathBuf;

use codriver_catalog::{Language, Zone};
use codriver_models::CandidateSettings;
use codriver_nlu::model::Preference;
use serde::{Deserialize, Serialize};

use super::BusChoice;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where sound comes from.
    pub audio: Audio,
    /// When a frame counts as speech.
    pub voice_activity: VoiceActivity,
    /// Where an utterance begins and ends.
    pub endpoint: Endpoint,
    /// What makes speech a request.
    pub listening: Listening,
    /// Sound to text.
    pub recogniser: Recogniser,
    /// Text to commands.
    pub understanding: Understanding,
    /// Confirming, asking back.
    pub dialogue: Dialogue,
    /// Where model packs are.
    pub models: Models,
    /// What runs the models, best first.
    pub execution_provider: Vec<CandidateSettings>,
    /// The message bus.
    pub dbus: Dbus,
    /// Where commands, words and replies are.
    pub configs: Configs,
    /// The address book.
    pub contacts: Contacts,
    /// Places with names of their own.
    pub places: Places,
    /// Spoken replies.
    pub speech: Speech,
    /// What may be kept.
    pub privacy: Privacy,
    /// What was misunderstood, kept on this machine.
    pub correction_log: CorrectionLog,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            audio: Audio::default(),
            voice_activity: VoiceActivity::default(),
            endpoint: Endpoint::default(),
            listening: Listening::default(),
            recogniser: Recogniser::default(),
            understanding: Understanding::default(),
            dialogue: Dialogue::default(),
            models: Models::default(),
            execution_provider: vec![CandidateSettings {
                name: "cpu".into(),
                ..CandidateSettings::default()
            }],
            dbus: Dbus::default(),
            configs: Configs::default(),
            contacts: Contacts::default(),
            places: Places::default(),
            speech: Speech::default(),
            privacy: Privacy::default(),
            correction_log: CorrectionLog::default(),
        }
    }
}

/// Where sound comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audio {
    /// Which sound system.
    pub host: AudioHost,
    /// Part of the device's name; empty takes the host's default input.
    pub device: String,
    /// Samples a channel in one capture buffer, 64 to 8192.
    pub buffer_frames: u32,
    /// The seat of each of the device's first channels; empty for one microphone.
    pub zones: Vec<Zone>,
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            host: AudioHost::Auto,
            device: String::new(),
            buffer_frames: 512,
            zones: Vec::new(),
        }
    }
}

/// A sound system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioHost {
    /// PulseAudio (or PipeWire's emulation of it) where its socket answers, else ALSA.
    Auto,
    /// PulseAudio, or PipeWire's emulation of it.
    Pulseaudio,
    /// ALSA, straight to the sound card.
    Alsa,
    /// No microphone: typed requests only.
    None,
}

/// When a frame counts as speech.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceActivity {
    /// Model pack of the voice activity detector.
    pub pack: String,
    /// The execution provider that runs it; the CPU where it cannot.
    pub provider: String,
    /// Speech probability, 0 to 1, from which a window is speech.
    pub voiced_at: f64,
    /// The same while a reply sounds over which one may speak.
    pub voiced_at_over_reply: f64,
    /// Once speaking, a window stays speech down to this probability.
    pub unvoiced_below: f64,
}

impl Default for VoiceActivity {
    fn default() -> Self {
        Self {
            pack: "silero-vad".into(),
            provider: "cpu".into(),
            voiced_at: 0.5,
            voiced_at_over_reply: 0.9,
            unvoiced_below: 0.35,
        }
    }
}

/// Where an utterance begins and ends, in milliseconds of audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoint {
    /// Audio kept from before the onset, so that the first sound is not cut.
    pub pre_roll_ms: u32,
    /// Speech needed before an utterance begins.
    pub onset_ms: u32,
    /// The same while a reply sounds over which one may speak.
    pub onset_over_reply_ms: u32,
    /// Silence after which the words so far are recognised.
    pub pause_ms: u32,
    /// Silence needed before it ends.
    pub hangover_ms: u32,
    /// The same after a whole command.
    pub hangover_complete_ms: u32,
    /// The same after a whole command to which a value may be added.
    pub hangover_extensible_ms: u32,
    /// The same in the middle of a command.
    pub hangover_unfinished_ms: u32,
    /// Utterances with less speech in all are dropped: coughs, door slams.
    pub shortest_ms: u32,
    /// Hard cap on one utterance, 6000 to 29000.
    pub longest_ms: u32,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            pre_roll_ms: 300,
            onset_ms: 64,
            onset_over_reply_ms: 200,
            pause_ms: 96,
            hangover_ms: 700,
            hangover_complete_ms: 250,
            hangover_extensible_ms: 450,
            hangover_unfinished_ms: 1_200,
            shortest_ms: 160,
            longest_ms: 15_000,
        }
    }
}

/// What makes speech a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listening {
    /// Which speech is taken up without a button.
    pub activation: Activation,
    /// What a request begins with.
    pub wake_phrases: Vec<String>,
    /// Model pack of the speech embedding that their heads listen to; empty for none.
    pub wake_pack: String,
    /// The execution provider that runs embedding and heads; the CPU where it cannot.
    pub wake_provider: String,
    /// How long a request may be in coming after a button or the wake phrase, 1000 to 30000.
    pub window_ms: u32,
    /// How long more is listened for after a reply, 0 to 30000; 0 is not at all.
    pub follow_up_ms: u32,
    /// Whether a button is held while speaking.
    pub hold: bool,
    /// Part of the name of the input device with the push-to-talk key.
    pub key_device: String,
    /// The push-to-talk key as Linux calls it; empty for none.
    pub key: String,
    /// The VSS path of the push-to-talk button; empty for none.
    pub button_path: String,
}

impl Default for Listening {
    fn default() -> Self {
        Self {
            activation: Activation::Wake,
            wake_phrases: vec!["hello car".into(), "hey codriver".into(), "你好小车".into()],
            wake_pack: "speech-embedding".into(),
            wake_provider: "cpu".into(),
            window_ms: 8_000,
            follow_up_ms: 4_000,
            hold: false,
            key_device: String::new(),
            key: String::new(),
            button_path: String::new(),
        }
    }
}

/// Which speech is taken up without a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// What begins with a wake phrase.
    Wake,
    /// None.
    PushToTalk,
    /// All of it.
    Always,
}

/// Sound to text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recogniser {
    /// Model pack of the recogniser.
    pub pack: String,
    /// Languages that are recognised; with several, each utterance's is detected.
    pub languages: Vec<Language>,
    /// Processor threads, 1 to 64.
    pub threads: u16,
}

impl Default for Recogniser {
    fn default() -> Self {
        Self {
            pack: "whisper-base-q8_0".into(),
            languages: Language::ALL.to_vec(),
            threads: 2,
        }
    }
}

/// What an utterance's language is: given, or found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LanguageChoice {
    /// Detected for each utterance.
    Detected,
    /// Always this one.
    Always(Language),
}

impl LanguageChoice {
    /// As on D-Bus: `auto`, `en` or `zh`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detected => "auto",
            Self::Always(language) => language.code(),
        }
    }
}

impl std::str::FromStr for LanguageChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Detected),
            code => code.parse().map(Self::Always).map_err(|_| {
                format!("unknown language \"{text}\"; use \"auto\", \"en\" or \"zh\"")
            }),
        }
    }
}

/// Text to commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Understanding {
    /// Which tiers are used.
    pub tier: Tier,
    /// Model pack of the language model.
    pub pack: String,
    /// Processor threads of the language model, 1 to 64.
    pub threads: u16,
    /// The language model gives up after this time, 50 to 60000.
    pub budget_ms: u32,
}

impl Default for Understanding {
    fn default() -> Self {
        Self {
            tier: Tier::Both,
            pack: "codriver-intent-gemma3-270m-q8".into(),
            threads: 1,
            budget_ms: 2_000,
        }
    }
}

/// Which tiers of understanding are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The packs' phrases only; no language model is loaded.
    Patterns,
    /// The language model only.
    Model,
    /// The phrases first, the language model for what they do not match.
    Both,
}

impl Tier {
    /// Whether a language model is needed.
    pub fn uses_model(self) -> bool {
        self != Self::Patterns
    }
}

/// Confirming, asking back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialogue {
    /// How long a question to the speaker stays open, 1000 to 60000.
    pub answer_within_ms: u32,
    /// The VSS path that tells the speed, for commands confirmed only while driving.
    pub speed_path: String,
    /// Above this speed in km/h the car is driving. A speed that cannot be read counts as driving.
    pub driving_above_kmh: f64,
}

impl Default for Dialogue {
    fn default() -> Self {
        Self {
            answer_within_ms: 10_000,
            speed_path: "Vehicle.Speed".into(),
            driving_above_kmh: 5.0,
        }
    }
}

/// Where model packs are, and how an accelerator has to be to run one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// The model store; empty means `$CODRIVER_MODELS`, else the user's cache
    /// folder, else /var/lib/codriver/models.
    pub directory: PathBuf,
    /// The ONNX Runtime library; empty means that of the store.
    pub library: PathBuf,
    /// What makes an accelerator better than the CPU.
    pub prefer: Preference,
    /// How long an accelerator may take for one run of its graph, 10 to 60000.
    pub patience_ms: u32,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            directory: PathBuf::new(),
            library: PathBuf::new(),
            prefer: Preference::default(),
            patience_ms: 300,
        }
    }
}

/// The message bus.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dbus {
    /// `system`, `session` or `unix:path=...`.
    pub bus: BusChoice,
}

/// Where commands, words and replies are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configs {
    /// Holds commands/, languages/ and replies.toml. Empty means /etc/codriver,
    /// or the source tree's configs/ for a program run from there.
    pub directory: PathBuf,
}

/// The address book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contacts {
    /// Holds vCard files, *.vcf; it may be missing.
    pub directory: PathBuf,
}

impl Default for Contacts {
    fn default() -> Self {
        Self {
            directory: "/var/lib/codriver/contacts".into(),
        }
    }
}

/// Places with names of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Places {
    /// An SQLite file; it may be missing.
    pub file: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            file: "/var/lib/codriver/places.sqlite".into(),
        }
    }
}

/// Spoken replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speech {
    /// Whether replies are spoken.
    pub output: SpeechOutput,
    /// Speech-dispatcher's Unix socket; empty means the user's runtime folder.
    pub socket: PathBuf,
    /// What stops a reply that is being spoken.
    pub barge_in: BargeIn,
    /// Whether short tones tell how the assistant is.
    pub earcons: bool,
}

impl Default for Speech {
    fn default() -> Self {
        Self {
            output: SpeechOutput::Auto,
            socket: PathBuf::new(),
            barge_in: BargeIn::Button,
            earcons: false,
        }
    }
}

/// Whether replies are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeechOutput {
    /// Spoken where speech-dispatcher runs; its absence is no fault.
    Auto,
    /// Spoken; the absence of speech-dispatcher is logged as a warning.
    On,
    /// Text only.
    Off,
}

/// What stops a reply that is being spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BargeIn {
    /// A button. The microphone is not listened to meanwhile: half duplex.
    Button,
    /// A button, or anybody who speaks: the device is free of the loudspeakers' sound.
    Voice,
}

/// What may be kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// Write what was said into the log. Off: only identifiers, times and outcomes.
    pub log_text: bool,
}

/// What was misunderstood, kept on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorrectionLog {
    /// Whether every request is written down, with what was understood and done.
    pub enabled: bool,
    /// Where; made when it is needed, readable by nobody else.
    pub directory: PathBuf,
    /// The most that it may take, 65536 to 16777216 bytes; the oldest entries give way.
    pub most_bytes: u32,
}

impl Default for CorrectionLog {
    fn default() -> Self {
        Self {
            enabled: false,
            directory: "/var/lib/codriver/log".into(),
            most_bytes: 1_048_576,
        }
    }
}
