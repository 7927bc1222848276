//! A CAN bus for this machine: a socketcand server in raw mode for any number of clients.
//!
//! Every client sees the frames of all others and of the simulated car, not its own.
//! A client that does not read is disconnected when it lags [`BACKLOG`] frames.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use codriver_vehicle_bus::{
    frame::CanFrame,
    transport::socketcand::{Message, Parser, frame_text},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::broadcast,
};

/// Frames kept for a slow client.
const BACKLOG: usize = 4096;
/// The simulated car's own number among the senders.
const CAR: u64 = 0;

/// The bus. Cloning gives another handle on the same one.
#[derive(Debug, Clone)]
pub struct Hub {
    name: String,
    frames: broadcast::Sender<(u64, CanFrame)>,
}

impl Hub {
    /// A bus called `name`, such as sim0.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            frames: broadcast::channel(BACKLOG).0,
        }
    }

    /// Puts a frame of the simulated car on the bus.
    pub fn send(&self, frame: CanFrame) {
        // No client is no error: nobody listens.
        let _ = self.frames.send((CAR, frame));
    }

    /// The frames of all clients.
    pub fn requests(&self) -> Requests {
        Requests(self.frames.subscribe())
    }

    /// Binds a loopback port (0: any free one) for [`Hub::accept`].
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub async fn bind(server: SocketAddr) -> std::io::Result<TcpListener> {
        TcpListener::bind(server).await
    }

    /// Serves clients until the listener fails.
    ///
    /// # Errors
    /// The listener's.
    pub async fn accept(&self, listener: TcpListener) -> std::io::Result<()> {
        let mut number = CAR;
        loop {
            let (stream, _) = listener.accept().await?;
            number += 1;
            tokio::spawn(self.clone().client(stream, number));
        }
    }

    async fn client(self, stream: TcpStream, number: u64) {
        let frames = self.frames.subscribe();
        let (mut reading, mut writing) = {
            // Without this a status frame waits for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            stream.into_split()
        };
        // An error on either side is the end of this client and of nothing else.
        let Ok(rest) = self.handshake(&mut reading, &mut writing).await else {
            return;
        };
        tokio::select! {
            _ = self.read_frames(reading, rest, number) => {}
            _ = write_frames(writing, frames, number) => {}
        }
    }

    /// `< hi >`, then open and rawmode, each answered by `< ok >`.
    async fn handshake(
        &self,
        reading: &mut OwnedReadHalf,
        writing: &mut OwnedWriteHalf,
    ) -> std::io::Result<Commands> {
        writing.write_all(b"< hi >").await?;
        let mut commands = Commands::default();
        loop {
            match commands.next(reading).await? {
                Message::Open(bus) if bus == self.name => writing.write_all(b"< ok >").await?,
                Message::RawMode => {
                    writing.write_all(b"< ok >").await?;
                    return Ok(commands);
                }
                Message::Echo => writing.write_all(b"< echo >").await?,
                Message::Open(_) => writing.write_all(b"< error could not open bus >").await?,
                _ => writing.write_all(b"< error unknown command >").await?,
            }
        }
    }

    async fn read_frames(
        &self,
        mut reading: OwnedReadHalf,
        mut commands: Commands,
        number: u64,
    ) -> std::io::Result<()> {
        loop {
            if let Message::Send(frame) = commands.next(&mut reading).await? {
                let _ = self.frames.send((number, frame));
            }
        }
    }
}

/// The clients' frames, as the simulated car receives them.
#[derive(Debug)]
pub struct Requests(broadcast::Receiver<(u64, CanFrame)>);

impl Requests {
    /// The next one; None when the bus is gone. Frames lost to lag are gone, as on a real bus.
    pub async fn next(&mut self) -> Option<CanFrame> {
        loop {
            match self.0.recv().await {
                Ok((CAR, _)) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Ok((_, frame)) => return Some(frame),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

async fn write_frames(
    mut writing: OwnedWriteHalf,
    mut frames: broadcast::Receiver<(u64, CanFrame)>,
    number: u64,
) -> std::io::Result<()> {
    loop {
        match frames.recv().await {
            Ok((sender, _)) if sender == number => {}
            Ok((_, frame)) => {
                let text = frame_text(&frame, seconds());
                writing.write_all(text.as_bytes()).await?;
            }
            Err(_) => return Ok(()),
        }
    }
}

/// Since the epoch.
fn seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// What a client says, message by message.
#[derive(Debug, Default)]
struct Commands {
    parser: Parser,
    waiting: VecDeque<Message>,
}

impl Commands {
    async fn next(&mut self, reading: &mut OwnedReadHalf) -> std::io::Result<Message> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(message);
            }
            let mut bytes = [0; 4096];
            let count = reading.read(&mut bytes).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let bytes = bytes.get(..count).unwrap_or_default();
            self.waiting.extend(self.parser.take(bytes));
        }
    }
}
