//! A reader at the bus that shares no code with this project: python-can and cantools.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ChildStdin, Command},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use codriver_vehicle_bus::transport::Address;
use serde::Deserialize;

use crate::{Child, Error, configs_directory};

const START_WITHIN: Duration = Duration::from_secs(30);

/// One request frame, decoded by cantools.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Decoded {
    /// Message name.
    pub message: String,
    /// Physical values by signal, idle ones included.
    pub signals: BTreeMap<String, f64>,
}

/// The Python program at the bus; ends when dropped.
#[derive(Debug)]
pub struct ThirdParty {
    lines: mpsc::Receiver<String>,
    process: Child,
    _input: ChildStdin,
}

impl ThirdParty {
    /// Attaches it to the bus and waits until it listens.
    ///
    /// # Errors
    /// The Python environment of `make test` is missing, or the bus is no socketcand.
    pub fn attach(address: &Address, directory: &Path) -> Result<Self, Error> {
        let Address::Socketcand { server, bus } = address else {
            return Err(Error::Address {
                address: address.to_string(),
                problem: "the third party reads socketcand only".to_owned(),
            });
        };
        let mut command = Command::new(python()?);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/read_bus.py"))
            .arg(server.ip().to_string())
            .arg(server.port().to_string())
            .arg(bus)
            .arg(configs_directory().join("vehicles/demo/demo.dbc"));
        let mut process = Child::start(command, directory, true)?;
        let (input, output) = process
            .take_pipes()
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::BrokenPipe))?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        if lines.recv_timeout(START_WITHIN).as_deref() != Ok("ready") {
            process.check()?;
            return Err(Error::Deadline {
                what: "python-can at the bus".to_owned(),
                seconds: START_WITHIN.as_secs_f64(),
                log: process.log_tail(),
            });
        }
        Ok(Self {
            lines,
            process,
            _input: input,
        })
    }

    /// Waits for a request in which `message` carries `signals`.
    ///
    /// # Errors
    /// [`Error::Deadline`] with the frames that came instead.
    pub fn wait_for(
        &self,
        message: &str,
        signals: &BTreeMap<String, f64>,
        within: Duration,
    ) -> Result<Decoded, Error> {
        let deadline = Instant::now() + within;
        let mut others = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                return Err(Error::Deadline {
                    what: format!("{message} with {signals:?}"),
                    seconds: within.as_secs_f64(),
                    log: format!("instead: {others:?}\n{}", self.process.log_tail()),
                });
            };
            if let Ok(frame) = serde_json::from_str::<Decoded>(&line) {
                let carries = signals
                    .iter()
                    .all(|(name, value)| frame.signals.get(name) == Some(value));
                if frame.message == message && carries {
                    return Ok(frame);
                }
            }
            others.push(line);
        }
    }
}

/// `CODRIVER_PYTHON`, or the environment that `make test` sets up.
fn python() -> Result<PathBuf, Error> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(home);
    let usual = cache.map(|cache| cache.join("codriver/venv/bin/python"));
    let given = env::var_os("CODRIVER_PYTHON").map(PathBuf::from);
    given
        .or(usual)
        .filter(|path| path.is_file())
        .ok_or_else(|| Error::Missing {
            program: "the Python environment with python-can and cantools".to_owned(),
            remedy: "run make test, or set CODRIVER_PYTHON to such an interpreter".to_owned(),
        })
}
