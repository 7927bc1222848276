//! Spoken replies through speech-dispatcher, over its Unix socket.
//!
//! Speaking happens on a thread of its own and never holds anything up: a reply
//! that cannot be spoken now is dropped, since it was already signalled as text.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use codriver_catalog::Language;
use ssip_client::{
    ClientError, ClientName, ClientScope, EventType, MessageScope, NotificationType, Priority, fifo,
};

use crate::Error;
use crate::pipeline::{Heartbeat, IDLE_WAIT, Next, Queue, Status};
use crate::settings::{BargeIn, Speech, SpeechOutput};

/// How long speech-dispatcher may take to answer one request.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// How soon [`Voice::hush`] is noticed while a reply is spoken.
const HUSH_WITHIN: Duration = Duration::from_millis(50);
/// No reply is longer than this; after it the END event is taken as lost.
const LONGEST_REPLY: Duration = Duration::from_secs(20);
/// How long a reply is still heard in the cabin after speech-dispatcher has sent its last sample.
const LINGERS: Duration = Duration::from_millis(200);
/// Replies that wait to be spoken.
const WAITING: usize = 2;

/// The voice. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Voice {
    orders: Arc<Queue<Order>>,
    /// Replies that are being spoken or wait to be.
    unspoken: Arc<AtomicUsize>,
    listener: Arc<OnceLock<Listening>>,
    /// How often silence was asked for: what was to be said before that is not said any more.
    hushed: Arc<AtomicU64>,
    barge_in: BargeIn,
    status: Status,
}

/// Who is told when the assistant begins to speak, and when it is silent again.
struct Listening(Box<dyn Fn(bool) + Send + Sync>);

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listening")
    }
}

#[derive(Debug)]
struct Order {
    text: String,
    language: Language,
    /// How often silence had been asked for before.
    hushed: u64,
}

/// The voice's thread.
#[derive(Debug)]
pub struct VoiceThread {
    voice: Voice,
    thread: Option<JoinHandle<()>>,
}

impl Voice {
    /// Starts the voice. With `output = "off"` it stays silent.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(settings: &Speech, heartbeat: Heartbeat) -> Result<(Self, VoiceThread), Error> {
        let voice = Self {
            orders: Arc::new(Queue::new(WAITING)),
            unspoken: Arc::default(),
            listener: Arc::default(),
            hushed: Arc::default(),
            barge_in: settings.barge_in,
            status: Status::new("off"),
        };
        let thread = if settings.output == SpeechOutput::Off {
            voice.orders.close();
            // Nothing to watch: a voice that is off is never silent by mistake.
            None
        } else {
            let mut speaker = Speaker::new(settings, voice.clone());
            let started = std::thread::Builder::new()
                .name("speech".into())
                .spawn(move || speaker.run(&heartbeat))
                .map_err(|source| Error::system("starting the speech thread", source))?;
            Some(started)
        };
        let owner = VoiceThread {
            voice: voice.clone(),
            thread,
        };
        Ok((voice, owner))
    }

    /// Speaks `text` after what is being spoken now. Never blocks.
    pub fn say(&self, text: &str, language: Language) {
        self.unspoken.fetch_add(1, Ordering::AcqRel);
        // What falls out of the queue was signalled as text already.
        let displaced = self.orders.push(Order {
            text: text.to_owned(),
            language,
            hushed: self.hushed.load(Ordering::Acquire),
        });
        self.dropped(usize::from(displaced.is_some()));
    }

    /// Has `told` called with true before a reply sounds and with false when it does no more,
    /// on the voice's thread. Only once.
    pub fn on_speaking(&self, told: impl Fn(bool) + Send + Sync + 'static) {
        let _first = self.listener.set(Listening(Box::new(told)));
    }

    fn tell(&self, speaking: bool) {
        if let Some(listener) = self.listener.get() {
            (listener.0)(speaking);
        }
    }

    fn dropped(&self, orders: usize) {
        self.unspoken.fetch_sub(orders, Ordering::AcqRel);
    }

    /// Stops speaking and forgets what waits to be spoken.
    pub fn hush(&self) {
        self.hushed.fetch_add(1, Ordering::AcqRel);
        self.dropped(self.orders.drain().len());
    }

    fn is_hushed(&self, order: &Order) -> bool {
        self.hushed.load(Ordering::Acquire) != order.hushed
    }

    /// What stops a reply that is being spoken.
    pub fn barge_in(&self) -> BargeIn {
        self.barge_in
    }

    /// Whether a reply is being spoken or waits to be.
    pub fn is_busy(&self) -> bool {
        self.unspoken.load(Ordering::Acquire) > 0
    }

    /// `off`, `ready`, or why nothing is spoken.
    pub fn status(&self) -> String {
        self.status.get()
    }
}

impl VoiceThread {
    /// Whether there is a thread whose pulse must be watched.
    pub fn is_running(&self) -> bool {
        self.thread.is_some()
    }
}

impl Drop for VoiceThread {
    fn drop(&mut self) {
        self.voice.hush();
        self.voice.orders.close();
        if let Some(thread) = self.thread.take() {
            // It wakes at the latest after its idle wait.
            let _ended = thread.join();
        }
    }
}

type Client = ssip_client::Client<fifo::UnixStream>;

struct Speaker {
    voice: Voice,
    socket: Option<PathBuf>,
    wanted: bool,
    client: Option<Client>,
    next_attempt: Instant,
}

impl Speaker {
    /// Between two attempts to reach speech-dispatcher.
    const RETRY_AFTER: Duration = Duration::from_secs(10);

    fn new(settings: &Speech, voice: Voice) -> Self {
        Self {
            voice,
            socket: socket(&settings.socket),
            wanted: settings.output == SpeechOutput::On,
            client: None,
            next_attempt: Instant::now(),
        }
    }

    fn run(&mut self, heartbeat: &Heartbeat) {
        self.connect();
        loop {
            heartbeat.beat();
            match self.voice.orders.pop(IDLE_WAIT) {
                Next::Item(order) => {
                    self.speak(&order, heartbeat);
                    self.voice.dropped(1);
                    // Also when it could not be spoken: somebody may wait for it to be over.
                    if !self.voice.is_busy() {
                        self.voice.tell(false);
                    }
                }
                Next::Nothing => {}
                Next::Closed => break,
            }
        }
        if let Some(mut client) = self.client.take() {
            let _closed = client.quit();
        }
    }

    fn connect(&mut self) {
        if self.client.is_some() || Instant::now() < self.next_attempt {
            return;
        }
        self.next_attempt = Instant::now() + Self::RETRY_AFTER;
        match open(self.socket.as_deref()) {
            Ok(client) => {
                self.client = Some(client);
                self.voice.status.set("ready");
            }
            Err(problem) => self.unavailable(&problem),
        }
    }

    fn unavailable(&mut self, problem: &str) {
        self.client = None;
        if self.voice.status.set(problem) {
            if self.wanted {
                tracing::warn!(
                    problem,
                    "replies cannot be spoken; is speech-dispatcher running?"
                );
            } else {
                tracing::info!(problem, "replies are not spoken");
            }
        }
    }

    fn speak(&mut self, order: &Order, heartbeat: &Heartbeat) {
        if self.voice.is_hushed(order) {
            return;
        }
        self.connect();
        let Some(client) = &mut self.client else {
            return;
        };
        self.voice.tell(true);
        let spoken = speak(client, order, &self.voice, heartbeat);
        if matches!(spoken, Ok(Spoken::Ended)) {
            std::thread::sleep(LINGERS);
        }
        match spoken {
            Ok(Spoken::Ended) => {}
            Ok(Spoken::Hushed) => {
                self.client = None;
                self.next_attempt = Instant::now();
            }
            Err(error) => self.unavailable(&format!("speech-dispatcher: {error}")),
        }
    }
}

/// The configured socket, else the user's.
fn socket(configured: &Path) -> Option<PathBuf> {
    if !configured.as_os_str().is_empty() {
        return Some(configured.to_owned());
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")?;
    Some(Path::new(&runtime).join("speech-dispatcher/speechd.sock"))
}

fn open(socket: Option<&Path>) -> Result<Client, String> {
    let path = socket.ok_or("no socket: set speech.socket or XDG_RUNTIME_DIR")?;
    let mut client = fifo::Builder::new()
        .path(path)
        .timeout(HUSH_WITHIN)
        .build()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    prepare(&mut client).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(client)
}

/// Whether nothing came within the socket's patience. The client says `NotReady` only of what it
/// writes; of what it reads it hands the socket's own error on.
fn is_late(error: &ClientError) -> bool {
    match error {
        ClientError::NotReady => true,
        ClientError::Io(problem) => {
            matches!(problem.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        }
        _ => false,
    }
}

/// Asks again while there is no answer yet: the socket's patience is that with a hush.
fn answered<T>(mut receive: impl FnMut() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    loop {
        match receive() {
            Err(error) if is_late(&error) && Instant::now() < deadline => {}
            other => return other,
        }
    }
}

fn prepare(client: &mut Client) -> Result<(), ClientError> {
    let has_status = |client: &mut Client, code| answered(|| client.check_status(code).map(|_| ()));
    client.set_client_name(ClientName::new("codriver", "replies"))?;
    has_status(client, ssip_client::OK_CLIENT_NAME_SET)?;
    client.set_priority(Priority::Message)?;
    has_status(client, ssip_client::OK_PRIORITY_SET)?;
    for event in [NotificationType::End, NotificationType::Cancel] {
        client.set_notification(event, true)?;
        has_status(client, ssip_client::OK_NOTIFICATION_SET)?;
    }
    Ok(())
}

/// Speaks one reply and waits until it has ended, was hushed, or takes too long.
fn speak(
    client: &mut Client,
    order: &Order,
    voice: &Voice,
    heartbeat: &Heartbeat,
) -> Result<Spoken, ClientError> {
    client.set_language(ClientScope::Current, order.language.code())?;
    answered(|| {
        client
            .check_status(ssip_client::OK_LANGUAGE_SET)
            .map(|_| ())
    })?;
    client.speak()?;
    answered(|| client.check_receiving_data().map(|_| ()))?;
    client.send_line(&order.text)?;
    answered(|| client.receive_message_id())?;
    let deadline = Instant::now() + LONGEST_REPLY;
    while Instant::now() < deadline {
        heartbeat.beat();
        if voice.is_hushed(order) {
            client.cancel(MessageScope::Last)?.quit()?;
            return Ok(Spoken::Hushed);
        }
        match client.receive_event() {
            Ok(event) if matches!(event.ntype, EventType::End | EventType::Cancel) => break,
            // Another event, or nothing within the time-out.
            Ok(_) => {}
            Err(error) if is_late(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Spoken::Ended)
}

enum Spoken {
    Ended,
    /// Stopped half-way; the connection is closed, since the answer to the
    /// cancellation and the events of the message arrive in no fixed order.
    Hushed,
}
