//! A CAN bus for this machine: a socketcand server in raw mode for any number of clients.
//!
//! Every client sees the frames of all others and of the simulated car, not its own.
//! A client that does not read is disconnected when it lags [`BACKLOG`] frames.

use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use codriver_vehicle_bus::frame::{CanFrame, CanId};
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
/// Longest socketcand command: a frame with 64 bytes fits.
const LONGEST_COMMAND: usize = 512;
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
            let command = commands.next(reading).await?;
            let words: Vec<_> = command.split_whitespace().collect();
            match words[..] {
                ["open", bus] if bus == self.name => writing.write_all(b"< ok >").await?,
                ["rawmode"] => {
                    writing.write_all(b"< ok >").await?;
                    return Ok(commands);
                }
                ["echo"] => writing.write_all(b"< echo >").await?,
                ["open", _] => writing.write_all(b"< error could not open bus >").await?,
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
            let command = commands.next(&mut reading).await?;
            if let Some(frame) = parse_send(&command) {
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
            Ok((_, frame)) => writing.write_all(format_frame(&frame).as_bytes()).await?,
            Err(_) => return Ok(()),
        }
    }
}

/// `< frame 123 1700000000.123456 AABB >`
fn format_frame(frame: &CanFrame) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let data: String = frame
        .payload()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    format!(
        "< frame {} {}.{:06} {data} >",
        frame.id(),
        now.as_secs(),
        now.subsec_micros()
    )
}

/// `send 123 2 AA BB`; 8 digits mean an extended identifier.
fn parse_send(command: &str) -> Option<CanFrame> {
    let mut words = command.split_whitespace();
    if words.next()? != "send" {
        return None;
    }
    let id = words.next()?;
    let number = u32::from_str_radix(id, 16).ok()?;
    let id = if id.len() == 8 {
        CanId::extended(number)?
    } else {
        CanId::standard(u16::try_from(number).ok()?)?
    };
    let length: usize = words.next()?.parse().ok()?;
    let payload = words
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect::<Option<Vec<_>>>()?;
    (payload.len() == length).then(|| CanFrame::new(id, &payload).ok())?
}

/// Splits what comes in at `<` and `>`.
#[derive(Debug, Default)]
struct Commands {
    buffer: String,
}

impl Commands {
    async fn next(&mut self, reading: &mut OwnedReadHalf) -> std::io::Result<String> {
        loop {
            if let Some((command, rest)) = self.buffer.split_once('>') {
                let command = command.trim_start().trim_start_matches('<').to_owned();
                self.buffer = rest.to_owned();
                return Ok(command);
            }
            if self.buffer.len() > LONGEST_COMMAND {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            let mut bytes = [0; 4096];
            let count = reading.read(&mut bytes).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let bytes = bytes.get(..count).unwrap_or_default();
            self.buffer.push_str(&String::from_utf8_lossy(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_command_becomes_a_frame_only_when_it_is_whole() {
        assert_eq!(
            parse_send(" send 321 3 00 10 2B ").unwrap().to_string(),
            "321#00102B"
        );
        assert!(parse_send("send 18DAF110 1 09").unwrap().id().is_extended());
        for wrong in [
            "send 321 3 00 10",
            "send 800 1 00",
            "send 321 1 0G",
            "send",
            "frame 1 2 3",
        ] {
            assert_eq!(parse_send(wrong), None, "{wrong}");
        }
    }
}
