//! A microphone without a sound card: a private sound server whose microphone hears what is played.

mod servers;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{ChildStdout, Command},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{Child, Error};
use servers::{Servers, environment, pactl};

pub use servers::SoundServer;

const RATE_HZ: u32 = 16_000;
/// Longest recording that is played: five minutes and a little.
const LONGEST_RECORDING: Duration = Duration::from_secs(330);
/// The loudness of speech begins here: -40 dBFS.
const LOUD: u16 = 327;

/// What a virtual microphone stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cabin {
    /// Channels of the microphone, up to four: front left, front right, rear left, rear right.
    pub seats: usize,
    /// Whether the microphone hears the loudspeaker, 10 dB weaker and 100 ms later as where a sound
    /// system buffers much, and PulseAudio's module-echo-cancel takes that out again.
    pub echo: bool,
    /// Whose devices they are.
    pub server: SoundServer,
}

impl Default for Cabin {
    fn default() -> Self {
        Self {
            seats: 1,
            echo: false,
            server: SoundServer::default(),
        }
    }
}

const SEATS: [&str; 4] = ["front-left", "front-right", "rear-left", "rear-right"];

impl Cabin {
    fn channel_map(self) -> String {
        match SEATS.get(..self.seats) {
            Some(seats) if self.seats > 1 => seats.join(","),
            _ => "mono".to_owned(),
        }
    }

    /// What makes its devices, as orders to PulseAudio.
    fn script(self) -> Vec<String> {
        let (channels, map) = (self.seats, self.channel_map());
        let mut lines = vec![format!(
            "load-module module-null-sink sink_name=mic_feed rate=16000 format=s16le \
             channels={channels} channel_map={map}"
        )];
        let remap = |name: &str| format!("load-module {}", self.remap(name));
        let sink = |name: &str| {
            format!("load-module module-null-sink sink_name={name} rate=16000 channels=1")
        };
        if self.echo {
            lines.extend([
                sink("loudspeaker"),
                // It would move to another sink with the default, and howl.
                "load-module module-loopback source=loudspeaker.monitor sink=mic_feed \
                 latency_msec=100 sink_dont_move=true source_dont_move=true"
                    .to_owned(),
                // Cubic: -10 dB.
                "set-sink-input-volume 0 44650".to_owned(),
                remap("raw_mic"),
                "load-module module-echo-cancel source_name=car_mic source_master=raw_mic \
                 sink_name=speaker sink_master=loudspeaker aec_method=webrtc rate=16000 channels=1 \
                 aec_args=\"analog_gain_control=0 digital_gain_control=0 extended_filter=1\""
                    .to_owned(),
            ]);
        } else {
            lines.extend([sink("speaker"), remap("car_mic")]);
        }
        lines.extend([
            "set-default-source car_mic".to_owned(),
            "set-default-sink speaker".to_owned(),
        ]);
        lines
    }

    /// The module that makes a microphone of what is played into `mic_feed`.
    fn remap(self, name: &str) -> String {
        let (channels, map) = (self.seats, self.channel_map());
        format!(
            "module-remap-source source_name={name} master=mic_feed.monitor \
             channels={channels} channel_map={map} master_channel_map={map} remix=no"
        )
    }

    /// What the loudspeaker plays.
    fn loudspeaker(self) -> &'static str {
        if self.echo {
            "loudspeaker.monitor"
        } else {
            "speaker.monitor"
        }
    }
}

/// A sound server with the microphone `car_mic`; ends when dropped.
#[derive(Debug)]
pub struct VirtualMicrophone {
    ear: Ear,
    cabin: Cabin,
    directory: PathBuf,
    servers: Servers,
}

impl VirtualMicrophone {
    /// Starts the server; everything of it lies in `directory`.
    ///
    /// # Errors
    /// The sound server is missing or does not start.
    pub fn start(directory: &Path, cabin: Cabin) -> Result<Self, Error> {
        Self::start_in(directory.join("sound"), cabin)
    }

    fn start_in(directory: PathBuf, cabin: Cabin) -> Result<Self, Error> {
        let file = |path: &Path, source| Error::File {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(&directory).map_err(|source| file(&directory, source))?;
        let servers = Servers::start(&directory, cabin)?;
        let ear = Ear::start(&directory, "car_mic")?;
        Ok(Self {
            ear,
            cabin,
            directory,
            servers,
        })
    }

    /// The sound server is killed; everything that captures from it loses it.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.servers.kill()
    }

    /// Starts the server again after [`kill`](Self::kill).
    ///
    /// # Errors
    /// As [`VirtualMicrophone::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        *self = Self::start_in(self.directory.clone(), self.cabin)?;
        Ok(())
    }

    /// Suspends the microphone, or lets it go on: while suspended it delivers nothing.
    ///
    /// # Errors
    /// pactl is missing or fails.
    pub fn suspend(&self, suspended: bool) -> Result<(), Error> {
        let word = if suspended { "1" } else { "0" };
        self.pactl(&["suspend-source", "car_mic", word])?;
        Ok(())
    }

    /// Somebody pulls the microphone out; the server stays.
    ///
    /// # Errors
    /// pactl is missing or fails.
    pub fn unplug(&self) -> Result<(), Error> {
        let modules = self.pactl(&["list", "short", "modules"])?;
        let plugged = |line: &&str| line.contains("source_name=car_mic ");
        let module = modules.lines().find(plugged).unwrap_or_default();
        let number = module.split('\t').next().unwrap_or_default();
        self.pactl(&["unload-module", number])?;
        Ok(())
    }

    /// Plugs the microphone in again after [`unplug`](Self::unplug).
    ///
    /// # Errors
    /// As [`VirtualMicrophone::unplug`].
    pub fn plug_in(&mut self) -> Result<(), Error> {
        let module = self.cabin.remap("car_mic");
        let arguments = module.split(' ').filter(|argument| !argument.is_empty());
        let arguments: Vec<&str> = ["load-module"].into_iter().chain(arguments).collect();
        self.pactl(&arguments)?;
        self.ear = Ear::start(&self.directory, "car_mic")?;
        Ok(())
    }

    /// The environment that makes a program use this server.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        environment(&self.directory)
    }

    /// Somebody speaks: begins to play `recording` into the microphone. The child ends when it
    /// was played.
    ///
    /// # Errors
    /// paplay is missing.
    pub fn begin(&self, recording: &Path) -> Result<Child, Error> {
        let mut command = Command::new("paplay");
        command
            .arg("--device=mic_feed")
            .arg(format!("--channel-map={}", self.cabin.channel_map()))
            .arg(recording)
            .envs(self.environment());
        Child::start(command, &self.directory, false)
    }

    /// Plays `recording` to its end.
    ///
    /// # Errors
    /// As [`VirtualMicrophone::begin`], and a recording that cannot be played.
    pub async fn say(&self, recording: &Path) -> Result<(), Error> {
        let mut player = self.begin(recording)?;
        let deadline = Instant::now() + LONGEST_RECORDING;
        while player.wait(Duration::ZERO).is_err() {
            if Instant::now() > deadline {
                player.wait(Duration::ZERO)?;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match player.wait(Duration::ZERO)?.success() {
            true => Ok(()),
            false => player.check(),
        }
    }

    /// How many programs capture from this server at this moment.
    ///
    /// # Errors
    /// pactl is missing or fails.
    pub fn captures(&self) -> Result<usize, Error> {
        let listed = self.pactl(&["list", "short", "source-outputs"])?;
        Ok(listed.lines().count())
    }

    fn pactl(&self, arguments: &[&str]) -> Result<String, Error> {
        pactl(&self.directory, arguments)
    }

    /// When the microphone last heard something as loud as speech, to about 10 ms.
    pub fn last_sound(&self) -> Option<Instant> {
        self.ear.last_sound()
    }

    /// Begins to listen to what the loudspeaker plays.
    ///
    /// # Errors
    /// parec is missing.
    pub fn at_the_loudspeaker(&self) -> Result<Ear, Error> {
        Ear::start(&self.directory, self.cabin.loudspeaker())
    }
}

/// A listener of the test's own, who knows when sound arrived.
#[derive(Debug)]
pub struct Ear {
    last_sound: Arc<Mutex<Option<Instant>>>,
    _recorder: Child,
}

impl Ear {
    fn start(directory: &Path, device: &str) -> Result<Self, Error> {
        let mut command = Command::new("parec");
        command
            .arg(format!("--device={device}"))
            .args(["--format=s16le", "--channels=1", "--raw"])
            .arg(format!("--rate={RATE_HZ}"))
            .arg("--latency-msec=10")
            .envs(environment(directory));
        let mut recorder = Child::start(command, directory, true)?;
        let last_sound = Arc::new(Mutex::new(None));
        if let Some((_, output)) = recorder.take_pipes() {
            let last_sound = Arc::clone(&last_sound);
            thread::spawn(move || hear(output, &last_sound));
        }
        Ok(Self {
            last_sound,
            _recorder: recorder,
        })
    }
}

impl Ear {
    /// When something as loud as speech was last heard, to about 10 ms.
    pub fn last_sound(&self) -> Option<Instant> {
        *self
            .last_sound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the recorder ends.
fn hear(mut output: ChildStdout, last_sound: &Mutex<Option<Instant>>) {
    let mut bytes = [0; 8192];
    while let Ok(count @ 1..) = output.read(&mut bytes) {
        let arrived = Instant::now();
        let samples: Vec<i16> = bytes
            .get(..count)
            .unwrap_or_default()
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        if let Some(last) = samples
            .iter()
            .rposition(|sample| sample.unsigned_abs() > LOUD)
        {
            let after = Duration::from_secs(1) * (samples.len() - last) as u32 / RATE_HZ;
            *last_sound.lock().unwrap_or_else(PoisonError::into_inner) = arrived.checked_sub(after);
        }
    }
}
