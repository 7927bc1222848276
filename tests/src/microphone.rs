//! A microphone without a sound card: a private PulseAudio whose microphone hears what is played.

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

const RATE_HZ: u32 = 16_000;
const START_WITHIN: Duration = Duration::from_secs(10);
/// Longest recording that is played: five minutes and a little.
const LONGEST_RECORDING: Duration = Duration::from_secs(330);
/// The loudness of speech begins here: -40 dBFS.
const LOUD: u16 = 327;

/// The socket is the last module: when it is there, the devices are.
const SCRIPT: &str = "\
load-module module-null-sink sink_name=mic_feed rate=16000 channels=1 format=s16le
load-module module-null-sink sink_name=speaker rate=24000 channels=1
load-module module-remap-source source_name=car_mic master=mic_feed.monitor channels=1
set-default-source car_mic
set-default-sink speaker
load-module module-native-protocol-unix auth-anonymous=1 socket=@SOCKET@
";

/// A PulseAudio server with the microphone `car_mic`; ends when dropped.
#[derive(Debug)]
pub struct VirtualMicrophone {
    ear: Ear,
    directory: PathBuf,
    _server: Child,
}

impl VirtualMicrophone {
    /// Starts the server; everything of it lies in `directory`.
    ///
    /// # Errors
    /// PulseAudio is missing or does not start.
    pub fn start(directory: &Path) -> Result<Self, Error> {
        let directory = directory.join("sound");
        let file = |path: &Path, source| Error::File {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(&directory).map_err(|source| file(&directory, source))?;
        let socket = directory.join("pulse.sock");
        let script = directory.join("script.pa");
        fs::write(
            &script,
            SCRIPT.replace("@SOCKET@", &socket.to_string_lossy()),
        )
        .map_err(|source| file(&script, source))?;
        let mut command = Command::new("pulseaudio");
        command
            .args([
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--use-pid-file=no",
            ])
            .args(["--disallow-exit", "--disallow-module-loading=no", "-F"])
            .arg(&script)
            .env("XDG_RUNTIME_DIR", &directory)
            .env("HOME", &directory)
            .env_remove("PULSE_SERVER")
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        let mut server = Child::start(command, &directory, false)?;
        let deadline = Instant::now() + START_WITHIN;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            server.check()?;
            if Instant::now() >= deadline {
                return Err(Error::Deadline {
                    what: "the socket of PulseAudio".to_owned(),
                    seconds: START_WITHIN.as_secs_f64(),
                    log: server.log_tail(),
                });
            }
            thread::sleep(Duration::from_millis(20));
        }
        let ear = Ear::start(&directory)?;
        Ok(Self {
            ear,
            directory,
            _server: server,
        })
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
        let output = Command::new("pactl")
            .args(["list", "short", "source-outputs"])
            .envs(self.environment())
            .output()?;
        if !output.status.success() {
            return Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().count())
    }

    /// When the microphone last heard something as loud as speech, to about 10 ms.
    pub fn last_sound(&self) -> Option<Instant> {
        *self
            .ear
            .last_sound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn environment(directory: &Path) -> [(&'static str, String); 2] {
    let socket = directory.join("pulse.sock");
    [
        ("PULSE_SERVER", format!("unix:{}", socket.display())),
        ("XDG_RUNTIME_DIR", directory.to_string_lossy().into_owned()),
    ]
}

/// A second listener at the same microphone, which knows when sound arrived.
#[derive(Debug)]
struct Ear {
    last_sound: Arc<Mutex<Option<Instant>>>,
    _recorder: Child,
}

impl Ear {
    fn start(directory: &Path) -> Result<Self, Error> {
        let mut command = Command::new("parec");
        command
            .args([
                "--device=car_mic",
                "--format=s16le",
                "--channels=1",
                "--raw",
            ])
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
