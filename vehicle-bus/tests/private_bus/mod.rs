//! A D-Bus daemon of a test's own; everything started on it ends with it.

// Each user needs another part of it.
#![allow(dead_code)]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use zbus::Connection;

pub const DEADLINE: Duration = Duration::from_secs(10);

pub struct PrivateBus {
    address: String,
    processes: Vec<Child>,
    folder: tempfile::TempDir,
}

impl PrivateBus {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("bus");
        let listen = format!("--address=unix:path={}", socket.display());
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1", &listen])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon must be installed (apt package dbus)");
        let mut address = String::new();
        let mut lines = BufReader::new(bus.stdout.take().unwrap());
        lines.read_line(&mut address).unwrap();
        Self {
            address: address.trim().to_owned(),
            processes: vec![bus],
            folder,
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn run(&mut self, program: &str, arguments: &[&str]) {
        let child = Command::new(program)
            .args(arguments)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} must be installed: {error}"));
        self.processes.push(child);
    }

    pub async fn connect(&self) -> Connection {
        let bus = zbus::conn::Builder::address(self.address.as_str());
        bus.build().await.unwrap()
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        for child in self.processes.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until somebody whose name begins so is on the bus.
pub async fn wait_for_name(bus: &Connection, prefix: &str) {
    let proxy = zbus::fdo::DBusProxy::new(bus).await.unwrap();
    let until = Instant::now() + DEADLINE;
    let begins = |names: Vec<zbus::names::OwnedBusName>| {
        names.iter().any(|name| name.as_str().starts_with(prefix))
    };
    while !begins(proxy.list_names().await.unwrap()) {
        assert!(Instant::now() < until, "{prefix} did not come up");
        sleep(Duration::from_millis(30)).await;
    }
}
