//! A car that loses requests, refuses them, answers late, falls silent, and whose bus goes down
//! and comes back, sometimes with a car that has forgotten everything. It notes what reached it.

use std::{
    collections::{BTreeMap, VecDeque},
    os::fd::AsFd,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    Value,
    description::Description,
    frame::{CanFrame, CanId},
    transport::{
        Address,
        socketcand::{Message, Parser, frame_text},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{interval, sleep},
};

use crate::random::Random;

const CYCLE: Duration = Duration::from_millis(50);
/// How long the bus is away; the gateway looks for it 100 ms after it went.
const AWAY: Duration = Duration::from_millis(50);
/// In so many of a hundred cases a request is lost, refused, or answered late.
const LOST: u64 = 2;
const REFUSED: u64 = 2;
const LATE: u64 = 4;
const LATEST_MS: u64 = 2500;

/// Something that reached the car.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// It was not there yet at this time: a task that had to wait for the processor finds what has
    /// come meanwhile, and cannot say when. Its own clock would then blame the gateway for a busy
    /// machine.
    pub after: Instant,
    pub at: Instant,
    pub path: String,
    pub value: Value,
}

/// What the car showed of each path, and since when; the latest few.
type History = BTreeMap<String, VecDeque<(Instant, f64)>>;

pub struct FaultyCar {
    port: u16,
    arrivals: Arc<Mutex<VecDeque<Arrival>>>,
    history: Arc<Mutex<History>>,
    task: JoinHandle<()>,
}

impl FaultyCar {
    /// A car whose bus goes down after every so many requests: by the clock a fast machine would be
    /// done before it goes.
    pub async fn start(vehicle: Description, stays_up_for: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrivals = Arc::<Mutex<VecDeque<Arrival>>>::default();
        let history = Arc::default();
        let mut ecus = Ecus {
            payloads: BTreeMap::new(),
            vehicle,
            late: Vec::new(),
            until_down: 0,
            arrivals: Arc::clone(&arrivals),
            history: Arc::clone(&history),
            random: Random::new(7),
        };
        ecus.park();
        Self {
            port,
            arrivals,
            history,
            task: tokio::spawn(live(ecus, listener, stays_up_for)),
        }
    }

    pub fn address(&self) -> Address {
        let address = format!("socketcand:127.0.0.1:{}/sim0", self.port);
        address.parse().unwrap()
    }

    /// Whether the car showed this physical value at some time between these.
    pub fn showed(&self, path: &str, physical: f64, from: Instant, until: Instant) -> bool {
        let history = self.history.lock().unwrap();
        let changes: Vec<_> = history.get(path).into_iter().flatten().collect();
        let ends = changes.iter().skip(1).map(|(at, _)| *at);
        let spans = changes.iter().zip(ends.chain([until]));
        spans
            .filter(|((begin, _), end)| *begin <= until && *end >= from)
            .any(|((_, shown), _)| (shown - physical).abs() < 1e-6)
    }

    /// What has arrived since the last call.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().drain(..).collect()
    }
}

impl Drop for FaultyCar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Ecus {
    vehicle: Description,
    payloads: BTreeMap<CanId, Vec<u8>>,
    late: Vec<(Instant, String, f64)>,
    /// Requests until the bus goes down.
    until_down: usize,
    arrivals: Arc<Mutex<VecDeque<Arrival>>>,
    history: Arc<Mutex<History>>,
    random: Random,
}

async fn live(mut ecus: Ecus, mut listener: TcpListener, stays_up_for: usize) {
    let port = listener.local_addr().unwrap().port();
    loop {
        ecus.until_down = stays_up_for;
        while ecus.until_down > 0 {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = ecus.serve(stream).await;
        }
        drop(listener);
        sleep(AWAY).await;
        if ecus.random.percent(50) {
            ecus.park();
        }
        listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    }
}

impl Ecus {
    /// Everything at 0, or at its lowest value, and nothing pending.
    fn park(&mut self) {
        self.late.clear();
        let entries: Vec<_> = self.vehicle.entries().cloned().collect();
        for entry in entries {
            let message = &entry.status.message;
            self.payloads
                .entry(message.id())
                .or_insert_with(|| message.start_payload());
            let (low, _) = entry.status.signal.limits();
            self.show(&entry.path, low.max(0.0));
        }
    }

    /// Until the connection is lost, or the bus goes down.
    async fn serve(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        stream.write_all(b"< hi >").await?;
        let mut parser = Parser::default();
        let mut raw = false;
        let mut cycle = interval(CYCLE);
        let mut bytes = [0; 4096];
        let socket = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        // Nothing that has not been read was there at this time.
        let mut emptied = Instant::now();
        while self.until_down > 0 {
            let looked = Instant::now();
            if socket.peek(&mut [0]).is_err() {
                emptied = looked;
            }
            tokio::select! {
                _ = cycle.tick() => {
                    let text = if raw { self.cycle() } else { String::new() };
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
                            Message::Send(frame) => self.take(&frame, emptied),
                            _ => String::new(),
                        };
                        stream.write_all(answer.as_bytes()).await?;
                        if self.until_down == 0 {
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Every status, now and then without one of them; and what was put off until now.
    fn cycle(&mut self) -> String {
        let now = Instant::now();
        let (due, late) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.late = late;
        for (_, path, physical) in due {
            self.show(&path, physical);
        }
        let mut text = String::new();
        for (id, payload) in &self.payloads {
            if !self.random.percent(5) {
                text.push_str(&frame_text(&CanFrame::new(*id, payload).unwrap(), 1.0));
            }
        }
        text
    }

    fn take(&mut self, frame: &CanFrame, after: Instant) -> String {
        self.until_down -= 1;
        let now = Instant::now();
        let asked: Vec<_> = self
            .vehicle
            .requested(frame)
            .into_iter()
            .map(|(entry, value)| (entry.clone(), value))
            .collect();
        let mut answer = String::new();
        for (entry, value) in asked {
            let physical = entry.physical(&value).unwrap();
            let chance = self.random.below(100);
            let obeyed = chance >= LOST + REFUSED + LATE;
            self.arrivals.lock().unwrap().push_back(Arrival {
                after,
                at: now,
                path: entry.path.clone(),
                value,
            });
            if obeyed {
                answer.push_str(&self.show(&entry.path, physical));
            } else if chance < REFUSED {
                let refusal = self.vehicle.refuse(&entry, 1.0).unwrap();
                answer.push_str(&frame_text(&refusal, 1.0));
            } else if chance < REFUSED + LATE {
                let delay = Duration::from_millis(self.random.below(LATEST_MS));
                self.late.push((now + delay, entry.path.clone(), physical));
            }
        }
        answer
    }

    fn show(&mut self, path: &str, physical: f64) -> String {
        let entry = self.vehicle.entry(path).unwrap();
        let id = entry.status.message.id();
        let payload = self.payloads.get_mut(&id).unwrap();
        entry.write_status(payload, physical).unwrap();
        let mut history = self.history.lock().unwrap();
        let changes = history.entry(path.to_owned()).or_default();
        changes.push_back((Instant::now(), physical));
        if changes.len() > 64 {
            changes.pop_front();
        }
        frame_text(&CanFrame::new(id, payload).unwrap(), 1.0)
    }
}
