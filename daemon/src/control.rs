//! `codriverctl`: the command line for people and scripts.
//!
//! Exit codes: 0 only when what was asked succeeded, 1 when it did not, 2 for
//! a command line that cannot be understood.

mod client;
mod explain;
mod hear;
mod log;
mod models;
mod monitor;
mod mute;
mod output;
mod probe;
mod say;
mod signals;
mod status;
mod validate;
mod vehicle;
mod wake;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::settings::{BusChoice, Layers, Settings, Tier, load};
use crate::{Error, logging};

/// Talk to Codriver, the offline voice assistant, and look inside it.
#[derive(Debug, Parser)]
#[command(name = "codriverctl", version, propagate_version = true)]
pub struct Arguments {
    /// Read this configuration in place of /etc/codriver.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The D-Bus to use: system, session or unix:path=...
    #[arg(long, global = true, value_name = "BUS")]
    bus: Option<BusChoice>,
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Understand sentences without acting; needs no running daemon.
    Explain(Explain),
    /// Recognise and understand recordings without acting; needs no running daemon.
    Hear(Hear),
    /// Show what in recordings would wake the assistant, as JSON; needs no running daemon.
    Wake(Wake),
    /// Send a sentence to the running daemon and wait for what becomes of it.
    Say(Say),
    /// Show how the running daemon and the gateway are.
    Status(Json),
    /// Print what is heard, understood, done and said, until interrupted.
    Monitor(Json),
    /// Close or open the microphone of the running daemon.
    Mute(Mute),
    /// Look into the correction log, which the owner may switch on, and erase it.
    #[command(subcommand)]
    Log(Log),
    /// Install, list and check model packs.
    #[command(subcommand)]
    Models(Models),
    /// Try every configured execution provider with the language model; needs no running daemon.
    Probe(Json),
    /// Check the configuration, the intent packs, the replies and the vehicle.
    Validate(Validate),
    /// Read and write vehicle signals through the gateway.
    #[command(subcommand)]
    Vehicle(Vehicle),
}

impl Subcommands {
    fn loads_models(&self) -> bool {
        matches!(
            self,
            Self::Explain(_) | Self::Hear(_) | Self::Wake(_) | Self::Probe(_)
        )
    }
}

#[derive(Debug, Args)]
struct Explain {
    /// Print one JSON object a sentence.
    #[arg(long)]
    json: bool,
    /// Read one sentence a line from standard input, answer each with one JSON line.
    #[arg(long, conflicts_with = "text")]
    lines: bool,
    /// The configs folder (holding commands/ and languages/), or a folder of packs.
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
    /// Which tiers to ask; "patterns" loads no model. Default: as configured.
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// The sentences; put one of several words in quotes.
    #[arg(required_unless_present = "lines", value_name = "TEXT")]
    text: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
struct Hear {
    /// Print one JSON object a recording.
    #[arg(long)]
    json: bool,
    /// Read one file name a line from standard input, answer each with one JSON line.
    #[arg(long, conflicts_with = "files")]
    lines: bool,
    /// Recognise at every pause and end each utterance where the daemon would; without it,
    /// everything is heard to its end first.
    #[arg(long)]
    live: bool,
    /// The configs folder (holding commands/ and languages/), or a folder of packs.
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
    /// Which tiers to ask; "patterns" loads no language model. Default: as configured.
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// WAV files of any rate and channel count.
    #[arg(required_unless_present = "lines", value_name = "FILE.wav")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Wake {
    /// Ask the heads of the wake phrases only, not the recogniser.
    #[arg(long)]
    heads: bool,
    /// Read one file name a line from standard input, answer each with one line.
    #[arg(long, conflicts_with = "files")]
    lines: bool,
    /// WAV files of any rate and channel count.
    #[arg(required_unless_present = "lines", value_name = "FILE.wav")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Say {
    /// Print one JSON object a stage.
    #[arg(long)]
    json: bool,
    /// The sentence's language: auto, en or zh.
    #[arg(long, default_value = "auto")]
    language: crate::settings::LanguageChoice,
    /// How long to wait for the outcome, in seconds.
    #[arg(long, default_value = "15", value_parser = seconds, value_name = "SECONDS")]
    timeout: Duration,
    /// The sentence; several words need no quotes.
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
}

#[derive(Debug, Args)]
struct Json {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Mute {
    /// "on" closes the microphone, "off" opens it.
    #[arg(value_parser = on_or_off)]
    muted: OnOff,
}

/// clap turns a plain `bool` into a flag.
#[derive(Debug, Clone, Copy)]
struct OnOff(bool);

#[derive(Debug, Subcommand)]
enum Models {
    /// Fetch and convert the models that the configuration names; what is there already is kept.
    Install {
        /// Packs to install; all that are needed when none is named.
        #[arg(value_name = "PACK")]
        packs: Vec<String>,
    },
    /// List the packs in the store.
    List(Json),
    /// Check every file of every pack, or of the named ones, against its hash.
    Verify {
        /// Packs to check; all when none is named.
        #[arg(value_name = "PACK")]
        packs: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Log {
    /// Print the entries, oldest first.
    Show {
        /// Only those that the speaker put right.
        #[arg(long)]
        corrected: bool,
        /// Print one JSON object an entry.
        #[arg(long)]
        json: bool,
    },
    /// Write the entries into a new file, one JSON object a line.
    Export {
        /// The file, which must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Erase the entries.
    Erase {
        /// Only those from before this date (2026-03-31) or moment (2026-03-31T18:00:00Z).
        #[arg(long, value_name = "DATE")]
        before: Option<String>,
    },
    /// Show whether it is on, and what is in it.
    Status(Json),
}

#[derive(Debug, Args)]
struct Validate {
    /// The configs folder (holding commands/ and languages/). Default: as configured.
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
    /// The vehicle's folder (holding its DBC and signal map). Default: every one in vehicles/.
    #[arg(long, value_name = "DIR")]
    vehicle: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Vehicle {
    /// Print the present value of a signal.
    Get {
        /// The VSS path: Vehicle.Speed
        path: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Set an actuator; exits 0 only when the car has confirmed it.
    Set {
        /// The VSS path of an actuator.
        path: String,
        /// true, false, a number, or a word.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// List all signals with type, limits and unit.
    List(Json),
    /// Print signals whenever they change, until interrupted.
    Watch {
        /// Print only paths that begin so.
        #[arg(default_value = "")]
        prefix: String,
        /// Print one JSON object a change.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if let Some(answered) = codriver_models::answer_plugin_check() {
        return answered;
    }
    let arguments = Arguments::parse();
    let finished = logging::start_tool().and_then(|()| run(arguments));
    match finished {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough (`| head`) is no failure to report.
        Err(Error::System { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("codriverctl: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let config = arguments.config.as_deref();
    // Checking the configuration must also work on one that is wrong.
    if let Subcommands::Validate(options) = arguments.command {
        return validate::run(config, options);
    }
    let mut settings = load(&Layers::chosen(config))?;
    if let Some(bus) = arguments.bus {
        settings.dbus.bus = bus;
    }
    if arguments.command.loads_models() {
        output::keep_others_out()?;
    }
    match arguments.command {
        Subcommands::Explain(options) => explain::run(settings, options),
        Subcommands::Hear(options) => hear::run(settings, options),
        Subcommands::Wake(options) => wake::run(settings, options),
        Subcommands::Say(options) => block_on(say::run(&settings, options)),
        Subcommands::Status(options) => block_on(status::run(&settings, options.json)),
        Subcommands::Monitor(options) => block_on(monitor::run(&settings, options.json)),
        Subcommands::Mute(options) => block_on(mute::run(&settings, options.muted.0)),
        Subcommands::Log(command) => block_on(log::run(&settings, command)),
        Subcommands::Models(command) => models::run(&settings, command),
        Subcommands::Probe(options) => probe::run(settings, options.json),
        Subcommands::Vehicle(command) => block_on(vehicle::run(&settings, command)),
        Subcommands::Validate(_) => Ok(()),
    }
}

/// Settings with `--catalog` and `--tier` applied.
fn overridden(mut settings: Settings, catalog: Option<&Path>, tier: Option<Tier>) -> Settings {
    if let Some(directory) = catalog {
        settings.configs.directory = directory.to_owned();
    }
    if let Some(tier) = tier {
        settings.understanding.tier = tier;
    }
    settings
}

fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::system("starting the runtime", source))?
        .block_on(work)
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| *duration > Duration::ZERO && *duration <= Duration::from_secs(600))
        .ok_or_else(|| format!("\"{text}\" is not a number of seconds from 0 to 600"))
}

fn on_or_off(text: &str) -> Result<OnOff, String> {
    match text {
        "on" => Ok(OnOff(true)),
        "off" => Ok(OnOff(false)),
        other => Err(format!("\"{other}\" is neither \"on\" nor \"off\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_negative_number_is_a_value_not_an_option() {
        let arguments = Arguments::parse_from(["codriverctl", "vehicle", "set", "A.B", "-40"]);
        match arguments.command {
            Subcommands::Vehicle(Vehicle::Set { value, .. }) => assert_eq!(value, "-40"),
            other => panic!("{other:?}"),
        }
    }
}
