//! A bus with one ECU, over socketcand on a free port: reports the status of the demo car and
//! obeys, refuses or ignores requests as told.

// Each user needs another part of it.
#![allow(dead_code)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    description::Description,
    frame::{CanFrame, CanId},
    transport::{
        Address,
        socketcand::{self, Message, Parser},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::interval,
};

/// How the ECU takes requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Manner {
    Obey,
    Refuse,
    /// Reports, but changes nothing.
    Ignore,
    /// Reports nothing at all.
    Silent,
}

pub struct Ecu {
    pub port: u16,
    pub manner: Arc<Mutex<Manner>>,
    pub requests: Arc<Mutex<Vec<CanFrame>>>,
    arrived: Arc<Mutex<Option<Instant>>>,
    status: Arc<Mutex<BTreeMap<CanId, Vec<u8>>>>,
    vehicle: Arc<Description>,
    task: JoinHandle<()>,
}

pub fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/vehicles/demo")
}

impl Ecu {
    pub async fn start(manner: Manner) -> Self {
        Self::start_at(0, manner).await
    }

    pub async fn start_at(port: u16, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let vehicle = Arc::new(Description::load(&demo()).unwrap());
        let mut status = BTreeMap::new();
        for entry in vehicle.entries() {
            let message = &entry.status.message;
            let payload = status
                .entry(message.id())
                .or_insert_with(|| message.start_payload());
            let (low, _) = entry.status.signal.limits();
            entry.write_status(payload, low.max(0.0)).unwrap();
        }
        let mut ecu = Self {
            port: listener.local_addr().unwrap().port(),
            manner: Arc::new(Mutex::new(manner)),
            requests: Arc::default(),
            arrived: Arc::default(),
            status: Arc::new(Mutex::new(status)),
            vehicle,
            task: tokio::spawn(async {}),
        };
        ecu.task = tokio::spawn(ecu.clone_parts().accept(listener));
        ecu
    }

    pub fn address(&self) -> Address {
        format!("socketcand:127.0.0.1:{}/sim0", self.port)
            .parse()
            .unwrap()
    }

    pub fn drive(&self, kmh: f64) {
        self.report("Vehicle.Speed", kmh);
    }

    /// From now on the path is reported with this physical value.
    pub fn report(&self, path: &str, value: f64) {
        let entry = self.vehicle.entry(path).unwrap();
        let mut status = self.status.lock().unwrap();
        let payload = status.get_mut(&entry.status.message.id()).unwrap();
        entry.write_status(payload, value).unwrap();
    }

    /// From now on nothing is reported of the path, nor of what its status message has besides.
    pub fn forget(&self, path: &str) {
        let entry = self.vehicle.entry(path).unwrap();
        let mut status = self.status.lock().unwrap();
        status.remove(&entry.status.message.id());
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// When the last request arrived.
    pub fn arrived(&self) -> Instant {
        self.arrived.lock().unwrap().unwrap()
    }

    /// Closes the bus for everybody.
    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    fn clone_parts(&self) -> Parts {
        Parts {
            manner: Arc::clone(&self.manner),
            requests: Arc::clone(&self.requests),
            arrived: Arc::clone(&self.arrived),
            status: Arc::clone(&self.status),
            vehicle: Arc::clone(&self.vehicle),
        }
    }
}

struct Parts {
    manner: Arc<Mutex<Manner>>,
    requests: Arc<Mutex<Vec<CanFrame>>>,
    arrived: Arc<Mutex<Option<Instant>>>,
    status: Arc<Mutex<BTreeMap<CanId, Vec<u8>>>>,
    vehicle: Arc<Description>,
}

impl Parts {
    async fn accept(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = self.serve(stream).await;
        }
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        stream.write_all(b"< hi >").await?;
        let mut parser = Parser::default();
        let mut raw = false;
        let mut cycle = interval(Duration::from_millis(20));
        let mut bytes = [0; 1024];
        loop {
            tokio::select! {
                _ = cycle.tick() => {
                    let text = if raw { self.reports() } else { String::new() };
                    stream.write_all(text.as_bytes()).await?;
                }
                length = stream.read(&mut bytes) => {
                    let length = length?;
                    if length == 0 {
                        return Ok(());
                    }
                    for message in parser.take(&bytes[..length]) {
                        let answer = match message {
                            Message::Open(_) => "< ok >".to_owned(),
                            Message::RawMode => { raw = true; "< ok >".to_owned() }
                            Message::Send(frame) => self.take(frame),
                            _ => String::new(),
                        };
                        stream.write_all(answer.as_bytes()).await?;
                    }
                }
            }
        }
    }

    fn reports(&self) -> String {
        if *self.manner.lock().unwrap() == Manner::Silent {
            return String::new();
        }
        let status = self.status.lock().unwrap();
        status
            .iter()
            .map(|(id, payload)| socketcand::frame_text(&CanFrame::new(*id, payload).unwrap(), 1.0))
            .collect()
    }

    fn take(&self, frame: CanFrame) -> String {
        *self.arrived.lock().unwrap() = Some(Instant::now());
        self.requests.lock().unwrap().push(frame.clone());
        let manner = *self.manner.lock().unwrap();
        let mut answer = String::new();
        for (entry, value) in self.vehicle.requested(&frame) {
            match manner {
                Manner::Obey => {
                    let mut status = self.status.lock().unwrap();
                    let Some(payload) = status.get_mut(&entry.status.message.id()) else {
                        continue;
                    };
                    entry
                        .write_status(payload, entry.physical(&value).unwrap())
                        .unwrap();
                }
                Manner::Refuse => {
                    let refusal = self.vehicle.refuse(entry, 1.0).unwrap();
                    answer.push_str(&socketcand::frame_text(&refusal, 1.0));
                }
                Manner::Ignore | Manner::Silent => {}
            }
        }
        answer
    }
}
