//! The sound servers that a virtual microphone may belong to.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use super::Cabin;
use crate::{Child, Error};

const START_WITHIN: Duration = Duration::from_secs(10);

/// Which sound server a cabin has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SoundServer {
    /// PulseAudio.
    #[default]
    PulseAudio,
    /// PipeWire with WirePlumber, and its PulseAudio service.
    PipeWire,
}

/// The programs of a sound server, which end when this is dropped.
#[derive(Debug)]
pub(super) struct Servers(Vec<Child>);

impl Servers {
    /// Starts them, and waits until the devices of `cabin` are there.
    pub(super) fn start(directory: &Path, cabin: Cabin) -> Result<Self, Error> {
        match cabin.server {
            SoundServer::PulseAudio => pulseaudio(directory, cabin),
            SoundServer::PipeWire => pipewire(directory, cabin),
        }
    }

    pub(super) fn kill(&mut self) -> Result<(), Error> {
        self.0.iter_mut().try_for_each(Child::kill)
    }
}

/// Where clients reach the server.
pub(super) fn socket(directory: &Path) -> PathBuf {
    directory.join("pulse.sock")
}

/// The environment that makes a program use the server in `directory`.
pub(super) fn environment(directory: &Path) -> [(&'static str, String); 2] {
    [
        (
            "PULSE_SERVER",
            format!("unix:{}", socket(directory).display()),
        ),
        ("XDG_RUNTIME_DIR", directory.to_string_lossy().into_owned()),
    ]
}

/// Asks the server in `directory` for something.
pub(super) fn pactl(directory: &Path, arguments: &[&str]) -> Result<String, Error> {
    let output = asked(directory, arguments)?;
    if !output.status.success() {
        return Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn asked(directory: &Path, arguments: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new("pactl");
    command
        .args(arguments)
        .envs(environment(directory))
        .output()
}

fn pulseaudio(directory: &Path, cabin: Cabin) -> Result<Servers, Error> {
    let script = directory.join("script.pa");
    // The socket is the last module: when it is there, the devices are.
    let mut lines = cabin.script();
    lines.push(format!(
        "load-module module-native-protocol-unix auth-anonymous=1 socket={}",
        socket(directory).display()
    ));
    fs::write(&script, lines.join("\n") + "\n").map_err(|source| Error::File {
        path: script.clone(),
        source,
    })?;
    let mut command = Command::new("pulseaudio");
    command
        .args([
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
        ])
        .args(["--disallow-exit", "--disallow-module-loading=no", "-F"])
        .arg(script);
    let mut server = Child::start(at_home(command, directory), directory, false)?;
    let answers = || UnixStream::connect(socket(directory)).is_ok();
    until(&mut server, "the socket of PulseAudio", answers)?;
    Ok(Servers(vec![server]))
}

fn pipewire(directory: &Path, cabin: Cabin) -> Result<Servers, Error> {
    let start = |program: &[&str]| {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]);
        Child::start(at_home(command, directory), directory, false)
    };
    let mut graph = start(&["pipewire"])?;
    let there = || UnixStream::connect(directory.join("pipewire-0")).is_ok();
    until(&mut graph, "the socket of PipeWire", there)?;
    // WirePlumber gives up without a session bus.
    let mut manager = start(&["dbus-run-session", "--", "wireplumber"])?;
    let mut service = start(&["pipewire-pulse"])?;
    let link = socket(directory);
    let linked = match std::os::unix::fs::symlink(directory.join("pulse/native"), &link) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    linked.map_err(|source| Error::File { path: link, source })?;
    let answers = || UnixStream::connect(socket(directory)).is_ok();
    until(&mut service, "the PulseAudio service of PipeWire", answers)?;
    for line in cabin.script() {
        let order: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
        // The manager may not know of a device yet.
        let done = || asked(directory, &order).is_ok_and(|output| output.status.success());
        until(&mut manager, "a device of PipeWire", done)?;
    }
    Ok(Servers(vec![service, manager, graph]))
}

/// With nothing of the machine's own sound.
fn at_home(mut command: Command, directory: &Path) -> Command {
    command
        .env("XDG_RUNTIME_DIR", directory)
        .env("XDG_STATE_HOME", directory.join("state"))
        .env("HOME", directory)
        .env_remove("PULSE_SERVER")
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    command
}

fn until(server: &mut Child, what: &str, there: impl Fn() -> bool) -> Result<(), Error> {
    let deadline = Instant::now() + START_WITHIN;
    while !there() {
        server.check()?;
        if Instant::now() >= deadline {
            return Err(Error::Deadline {
                what: what.to_owned(),
                seconds: START_WITHIN.as_secs_f64(),
                log: server.log_tail(),
            });
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
