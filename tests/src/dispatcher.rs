//! speech-dispatcher with espeak-ng, which speaks into a private PulseAudio.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{Child, Error, VirtualMicrophone};

const START_WITHIN: Duration = Duration::from_secs(10);
/// Where Debian puts what its modules are told.
const MODULES: &str = "/etc/speech-dispatcher/modules";

/// A speech-dispatcher of its own; ends when dropped.
#[derive(Debug)]
pub struct SpeechDispatcher {
    socket: PathBuf,
    _process: Child,
}

impl SpeechDispatcher {
    /// Starts it; what it speaks goes to the default sink of `sound`.
    ///
    /// # Errors
    /// speech-dispatcher or its module for espeak-ng is missing or does not start.
    pub fn start(directory: &Path, sound: &VirtualMicrophone) -> Result<Self, Error> {
        let directory = directory.join("speech");
        let modules = directory.join("modules");
        let written = |path: PathBuf| move |source| Error::File { path, source };
        fs::create_dir_all(&modules).map_err(written(modules.clone()))?;
        let module = Path::new(MODULES).join("espeak-ng.conf");
        fs::copy(&module, modules.join("espeak-ng.conf")).map_err(written(module))?;
        let main = format!(
            "LogLevel 3\nLogDir \"{}\"\nDisableAutoSpawn\nAudioOutputMethod \"pulse\"\n\
             AddModule \"espeak-ng\" \"sd_espeak-ng\" \"espeak-ng.conf\"\n\
             DefaultModule espeak-ng\n",
            directory.display()
        );
        let main_file = directory.join("speechd.conf");
        fs::write(&main_file, main).map_err(written(main_file))?;
        let socket = directory.join("speechd.sock");
        let mut command = Command::new("speech-dispatcher");
        command
            .args(["-s", "-t", "0", "-c", "unix_socket", "-C"])
            .arg(&directory)
            .arg("-P")
            .arg(directory.join("speechd.pid"))
            .arg("-S")
            .arg(&socket)
            .envs(sound.environment())
            .env("HOME", &directory);
        let mut process = Child::start(command, &directory, false)?;
        let deadline = Instant::now() + START_WITHIN;
        while UnixStream::connect(&socket).is_err() {
            process.check()?;
            if Instant::now() >= deadline {
                return Err(Error::Deadline {
                    what: "the socket of speech-dispatcher".to_owned(),
                    seconds: START_WITHIN.as_secs_f64(),
                    log: process.log_tail(),
                });
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            socket,
            _process: process,
        })
    }

    /// Where clients reach it.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}
