//! A bus with one ECU, over socketcand on a free port: reports the status of a demo car and obeys,
//! refuses or ignores requests as told. Protected requests are obeyed only when they pass.

// Each user needs another part of it.
#![allow(dead_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    Outcome, Reason, Value,
    description::{Description, Statuses},
    end_to_end::{Receiver, Verdict},
    frame::{CanFrame, CanId},
    gateway::Request,
    transport::{
        Address,
        socketcand::{self, Message, Parser},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::UnboundedReceiver,
    task::JoinHandle,
    time::{interval, sleep, timeout},
};

/// The longest that a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until it holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

/// A request of one caller, with five seconds to live.
pub fn request(path: &str, value: Value, id: &str) -> Request {
    Request {
        path: path.into(),
        value,
        time_to_live: Duration::from_secs(5),
        request_id: id.into(),
        caller: ":1.1".into(),
    }
}

/// How it ended and the stable word why.
pub fn reason(outcome: &Outcome) -> (&str, &str) {
    (
        outcome.as_str(),
        outcome.reason().map_or("", Reason::as_str),
    )
}

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
    status: Arc<Mutex<Statuses>>,
    forgotten: Arc<Mutex<BTreeSet<CanId>>>,
    vehicle: Arc<Description>,
    damage: Arc<Mutex<Damage>>,
    extra: tokio::sync::mpsc::UnboundedSender<String>,
    task: JoinHandle<()>,
}

/// What happens to status frames on their way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Damage {
    None,
    /// A bit flips in every one.
    Flipped,
    /// The same frame comes again and again.
    Repeated,
}

pub fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/vehicles/demo")
}

pub fn demo_fd() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/vehicles/demo-fd")
}

impl Ecu {
    pub async fn start(manner: Manner) -> Self {
        Self::start_at(0, manner).await
    }

    pub async fn start_at(port: u16, manner: Manner) -> Self {
        Self::of(&demo(), port, manner).await
    }

    /// The ECU of another vehicle.
    pub async fn of(vehicle: &Path, port: u16, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let vehicle = Arc::new(Description::load(vehicle).unwrap());
        let mut status = Statuses::new(&vehicle);
        for entry in vehicle.entries() {
            let (low, _) = entry.status.signal.limits();
            status.set(entry, low.max(0.0)).unwrap();
        }
        let (extra, extras) = tokio::sync::mpsc::unbounded_channel();
        let mut ecu = Self {
            port: listener.local_addr().unwrap().port(),
            manner: Arc::new(Mutex::new(manner)),
            requests: Arc::default(),
            arrived: Arc::default(),
            status: Arc::new(Mutex::new(status)),
            forgotten: Arc::default(),
            vehicle,
            damage: Arc::new(Mutex::new(Damage::None)),
            extra,
            task: tokio::spawn(async {}),
        };
        ecu.task = tokio::spawn(ecu.clone_parts(extras).accept(listener));
        ecu
    }

    /// Puts a text of the protocol on the line, such as an error frame.
    pub fn inject(&self, text: impl Into<String>) {
        self.extra.send(text.into()).unwrap();
    }

    /// What happens to status frames from now on.
    pub fn damage(&self, damage: Damage) {
        *self.damage.lock().unwrap() = damage;
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
        self.status.lock().unwrap().set(entry, value).unwrap();
    }

    /// From now on nothing is reported of the path, nor of what its status message has besides.
    pub fn forget(&self, path: &str) {
        let entry = self.vehicle.entry(path).unwrap();
        let id = entry.status.message.id();
        self.forgotten.lock().unwrap().insert(id);
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

    fn clone_parts(&self, extras: UnboundedReceiver<String>) -> Parts {
        Parts {
            manner: Arc::clone(&self.manner),
            requests: Arc::clone(&self.requests),
            arrived: Arc::clone(&self.arrived),
            status: Arc::clone(&self.status),
            forgotten: Arc::clone(&self.forgotten),
            damage: Arc::clone(&self.damage),
            extras,
            kept: BTreeMap::new(),
            receivers: self
                .vehicle
                .protections()
                .map(|each| (each.message().id(), each.receiver()))
                .collect(),
            vehicle: Arc::clone(&self.vehicle),
        }
    }
}

struct Parts {
    manner: Arc<Mutex<Manner>>,
    requests: Arc<Mutex<Vec<CanFrame>>>,
    arrived: Arc<Mutex<Option<Instant>>>,
    status: Arc<Mutex<Statuses>>,
    forgotten: Arc<Mutex<BTreeSet<CanId>>>,
    vehicle: Arc<Description>,
    damage: Arc<Mutex<Damage>>,
    extras: UnboundedReceiver<String>,
    /// The last frame of each message, for repetition.
    kept: BTreeMap<CanId, CanFrame>,
    receivers: BTreeMap<CanId, Receiver>,
}

impl Parts {
    async fn accept(mut self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = self.serve(stream).await;
        }
    }

    async fn serve(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
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
                Some(text) = self.extras.recv() => stream.write_all(text.as_bytes()).await?,
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

    fn reports(&mut self) -> String {
        if *self.manner.lock().unwrap() == Manner::Silent {
            return String::new();
        }
        let mut status = self.status.lock().unwrap();
        let ids: Vec<CanId> = status.messages().map(|message| message.id()).collect();
        let damage = *self.damage.lock().unwrap();
        let forgotten = self.forgotten.lock().unwrap().clone();
        ids.into_iter()
            .filter(|id| !forgotten.contains(id))
            .map(|id| {
                let mut frame = status.frame(id).unwrap();
                match damage {
                    Damage::None => {}
                    Damage::Flipped => {
                        let mut payload = frame.payload().to_vec();
                        *payload.last_mut().unwrap() ^= 1;
                        frame = with_payload(&frame, &payload);
                    }
                    Damage::Repeated => frame = self.kept.get(&id).unwrap_or(&frame).clone(),
                }
                self.kept.insert(id, frame.clone());
                socketcand::frame_text(&frame, 1.0)
            })
            .collect()
    }

    fn take(&mut self, frame: CanFrame) -> String {
        *self.arrived.lock().unwrap() = Some(Instant::now());
        self.requests.lock().unwrap().push(frame.clone());
        let manner = *self.manner.lock().unwrap();
        let mut answer = String::new();
        let passes = self.receivers.get_mut(&frame.id()).is_none_or(|receiver| {
            receiver.check(frame.payload(), Instant::now()) == Verdict::Accepted
        });
        if !passes {
            return answer;
        }
        for (entry, value) in self.vehicle.requested(&frame) {
            match manner {
                Manner::Obey => {
                    let physical = entry.physical(&value).unwrap();
                    let mut status = self.status.lock().unwrap();
                    status.set(entry, physical).unwrap();
                    let report = status.frame(entry.status.message.id()).unwrap();
                    answer.push_str(&socketcand::frame_text(&report, 1.0));
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

fn with_payload(frame: &CanFrame, payload: &[u8]) -> CanFrame {
    if frame.is_fd() {
        CanFrame::fd(frame.id(), payload).unwrap()
    } else {
        CanFrame::new(frame.id(), payload).unwrap()
    }
}
