//! The socketcand protocol in raw mode: `< word word ... >` in ASCII over TCP.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Fault, Received};
use crate::{
    Error,
    frame::{CanFrame, CanId},
};

/// How long a server may take for each step of opening.
const OPENING: Duration = Duration::from_secs(2);
/// Longer than any message of the protocol; what is longer is garbage.
const LONGEST: usize = 512;

/// One message of the protocol, either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// `< hi >`: the server's greeting.
    Hi,
    /// `< ok >`.
    Ok,
    /// `< error text >`.
    Error(String),
    /// `< open bus >`.
    Open(String),
    /// `< rawmode >`.
    RawMode,
    /// `< echo >`.
    Echo,
    /// `< send id length byte... >`, for CAN FD `< fdsend id flags length byte... >`: from client
    /// to bus.
    Send(CanFrame),
    /// `< frame id seconds data >`, for CAN FD `< fdframe id flags seconds data >`: from bus to
    /// client.
    Frame(CanFrame),
    /// `< error id seconds >`: an error frame, by the class in its identifier.
    ErrorFrame(u32),
    /// Anything else, to be answered with an error or ignored.
    Unknown(String),
}

/// Cuts a byte stream into messages; garbage between and inside them is skipped.
#[derive(Debug, Default)]
pub struct Parser {
    inside: Option<Vec<u8>>,
}

impl Parser {
    /// Takes bytes as they arrive and returns the messages they complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for byte in bytes {
            match (byte, &mut self.inside) {
                (b'<', inside) => *inside = Some(Vec::new()),
                (b'>', inside) => {
                    if let Some(text) = inside.take() {
                        messages.push(read(&String::from_utf8_lossy(&text)));
                    }
                }
                (byte, Some(text)) if text.len() < LONGEST => text.push(*byte),
                (_, inside) => *inside = None,
            }
        }
        messages
    }
}

/// `< send id length byte... >`, or `< fdsend id flags length byte... >` with the flag of the
/// faster data phase; the identifier has 3 hex digits, or 8 when extended.
pub fn send_text(frame: &CanFrame) -> String {
    let (word, flags) = if frame.is_fd() {
        ("fdsend", " 01")
    } else {
        ("send", "")
    };
    let length = frame.payload().len();
    let mut text = format!("< {word} {}{flags} {length}", frame.id());
    for byte in frame.payload() {
        text.push_str(&format!(" {byte:02X}"));
    }
    text.push_str(" >");
    text
}

/// `< frame id seconds data >`, or `< fdframe id flags seconds data >`; `seconds` since the epoch.
pub fn frame_text(frame: &CanFrame, seconds: f64) -> String {
    let (word, flags) = if frame.is_fd() {
        ("fdframe", " 01")
    } else {
        ("frame", "")
    };
    let data: String = frame
        .payload()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    format!("< {word} {}{flags} {seconds:.6} {data} >", frame.id())
}

fn read(text: &str) -> Message {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let message = match words.as_slice() {
        ["hi"] => Some(Message::Hi),
        ["ok"] => Some(Message::Ok),
        ["echo"] => Some(Message::Echo),
        ["rawmode"] => Some(Message::RawMode),
        ["open", bus] => Some(Message::Open((*bus).to_owned())),
        // The class has the kernel's flag of error frames, which no text has.
        ["error", class, _seconds] if error_class(class).is_some() => {
            error_class(class).map(Message::ErrorFrame)
        }
        ["error", rest @ ..] => Some(Message::Error(rest.join(" "))),
        ["send", id, length, data @ ..] => whole(length, classic(id, data)).map(Message::Send),
        ["fdsend", id, _flags, length, data @ ..] => whole(length, fd(id, data)).map(Message::Send),
        ["frame", id, _seconds, data @ ..] => classic(id, data).map(Message::Frame),
        ["fdframe", id, _flags, _seconds, data @ ..] => fd(id, data).map(Message::Frame),
        _ => None,
    };
    message.unwrap_or_else(|| Message::Unknown(words.join(" ")))
}

/// The error class of an identifier with the kernel's error flag, 0x20000000.
fn error_class(id: &str) -> Option<u32> {
    const ERROR_FLAG: u32 = 0x2000_0000;
    let id = u32::from_str_radix(id, 16).ok()?;
    (id & ERROR_FLAG != 0).then_some(id & !ERROR_FLAG)
}

fn whole(length: &str, frame: Option<CanFrame>) -> Option<CanFrame> {
    // Decimal as socketcand reads it; python-can writes hex digits, the same up to 8.
    frame.filter(|frame| length.parse() == Ok(frame.payload().len()))
}

fn classic(id: &str, data: &[&str]) -> Option<CanFrame> {
    let frame = CanFrame::new(identifier(id)?, &bytes(data)?).ok()?;
    (!frame.is_fd()).then_some(frame)
}

fn fd(id: &str, data: &[&str]) -> Option<CanFrame> {
    CanFrame::fd(identifier(id)?, &bytes(data)?).ok()
}

fn identifier(id: &str) -> Option<CanId> {
    match id.len() {
        8 => CanId::extended(u32::from_str_radix(id, 16).ok()?),
        1..=3 => CanId::standard(u16::from_str_radix(id, 16).ok()?),
        _ => None,
    }
}

/// Data comes as one word of hex digits (socketcand) or as a word a byte.
fn bytes(data: &[&str]) -> Option<Vec<u8>> {
    let mut payload = Vec::with_capacity(8);
    for word in data {
        let digits = word.as_bytes();
        if digits.len() == 1 {
            payload.push(hex(b'0', *digits.first()?)?);
            continue;
        }
        for pair in digits.chunks(2) {
            let [high, low] = pair else { return None };
            payload.push(hex(*high, *low)?);
        }
    }
    Some(payload)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// A connection to a socketcand server, in raw mode.
#[derive(Debug)]
pub struct Client {
    address: String,
    stream: TcpStream,
    parser: Parser,
    waiting: std::collections::VecDeque<Message>,
}

impl Client {
    pub(super) async fn open(server: SocketAddr, bus: &str) -> Result<Self, Error> {
        let address = format!("socketcand:{server}/{bus}");
        let failed = |problem: String| Error::Transport {
            address: address.clone(),
            problem,
        };
        let stream = timeout(OPENING, TcpStream::connect(server))
            .await
            .map_err(|_| failed("the server does not answer".into()))?
            .map_err(|error| failed(format!("cannot connect: {error}")))?;
        stream
            .set_nodelay(true)
            .map_err(|error| failed(error.to_string()))?;
        let mut client = Self {
            address: address.clone(),
            stream,
            parser: Parser::default(),
            waiting: Default::default(),
        };
        let handshake = async {
            client.expect(Message::Hi).await?;
            client.write(&format!("< open {bus} >")).await?;
            client.expect(Message::Ok).await?;
            client.write("< rawmode >").await?;
            client.expect(Message::Ok).await
        };
        timeout(OPENING, handshake)
            .await
            .map_err(|_| failed("the server does not speak socketcand".into()))??;
        Ok(client)
    }

    pub(super) async fn receive(&mut self) -> Result<Received, Error> {
        loop {
            match self.next().await? {
                Message::Frame(frame) => return Ok(Received::Frame(frame)),
                Message::Error(text) => return Err(self.failed(text)),
                Message::ErrorFrame(class) => match Fault::of_class(class) {
                    Some(Ok(fault)) => return Ok(Received::Fault(fault)),
                    Some(Err(_)) => {
                        return Err(self.failed("bus off: the controller left the bus".into()));
                    }
                    None => tracing::debug!(class, "no error frame has this class, skipped"),
                },
                Message::Unknown(text) => tracing::debug!(text, "not understood, skipped"),
                _ => {}
            }
        }
    }

    pub(super) async fn send(&mut self, frame: &CanFrame) -> Result<(), Error> {
        self.write(&send_text(frame)).await
    }

    async fn expect(&mut self, wanted: Message) -> Result<(), Error> {
        match self.next().await? {
            got if got == wanted => Ok(()),
            Message::Error(text) => Err(self.failed(format!("the server refuses: {text}"))),
            other => Err(self.failed(format!("expected {wanted:?}, got {other:?}"))),
        }
    }

    async fn next(&mut self) -> Result<Message, Error> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(message);
            }
            let mut bytes = [0; 4096];
            let read = self.stream.read(&mut bytes).await;
            let length = read.map_err(|error| self.failed(error.to_string()))?;
            if length == 0 {
                return Err(self.failed("the server closed the connection".into()));
            }
            let received = bytes.get(..length).unwrap_or_default();
            self.waiting.extend(self.parser.take(received));
        }
    }

    async fn write(&mut self, text: &str) -> Result<(), Error> {
        self.stream
            .write_all(text.as_bytes())
            .await
            .map_err(|error| self.failed(format!("cannot send: {error}")))
    }

    fn failed(&self, problem: String) -> Error {
        Error::Transport {
            address: self.address.clone(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_survive_garbage_and_any_cut() {
        let text = b"\xFF\x00< hi >junk< error 20000040 1.5 >< frame 3F1 1.5 2CFF >< frame 1ABCDEF0 2 01 02 >< frame < frame 0 1  >";
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let messages: Vec<_> = text
                .chunks(size)
                .flat_map(|part| parser.take(part))
                .collect();
            let frame = |id: CanId, data: &[u8]| Message::Frame(CanFrame::new(id, data).unwrap());
            assert_eq!(
                messages,
                [
                    Message::Hi,
                    Message::ErrorFrame(0x40),
                    frame(CanId::standard(0x3F1).unwrap(), &[0x2C, 0xFF]),
                    frame(CanId::extended(0x1ABC_DEF0).unwrap(), &[1, 2]),
                    frame(CanId::standard(0).unwrap(), &[]),
                ]
            );
        }
    }

    #[test]
    fn a_malformed_frame_is_unknown_rather_than_another_frame() {
        for text in [
            "frame 800 1 00",
            "frame 123 1 0",
            "send 123 2 00",
            "send 123 9 0 0 0 0 0 0 0 0 0",
            "send 123 12 0 0 0 0 0 0 0 0 0 0 0 0",
            "fdsend 123 01 13 0 0 0 0 0 0 0 0 0 0 0 0 0",
            "fdsend 123 01 2 0",
        ] {
            let mut parser = Parser::default();
            let messages = parser.take(format!("< {text} >").as_bytes());
            let odd = text == "frame 123 1 0";
            assert_eq!(messages.len(), 1);
            assert_eq!(matches!(messages[0], Message::Unknown(_)), !odd, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(id in 0u32..0x2000_0000, fd in any::<bool>(), payload in prop::collection::vec(any::<u8>(), 0..=8)) {
            let id = CanId::extended(id).unwrap();
            let frame = if fd {
                CanFrame::fd(id, &payload.repeat(8)).unwrap_or(CanFrame::fd(id, &payload).unwrap())
            } else {
                CanFrame::new(id, &payload).unwrap()
            };
            let mut parser = Parser::default();
            prop_assert_eq!(parser.take(send_text(&frame).as_bytes()), [Message::Send(frame.clone())]);
            prop_assert_eq!(parser.take(frame_text(&frame, 1.0).as_bytes()), [Message::Frame(frame)]);
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            Parser::default().take(&bytes);
        }
    }
}
