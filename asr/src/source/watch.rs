//! Whether the sound server still takes the capture from the device that it was opened on.
//!
//! When a source goes away, PulseAudio (and PipeWire's service of that name) moves its captures
//! to another one, be it the monitor of a loudspeaker: what the radio says would be heard as the
//! driver's words. It tells only the owner of the stream, and cpal tells nobody. So a second
//! connection asks, on a thread of its own.

use std::ffi::{CStr, CString};
use std::io::{self, BufReader};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, CommandReply, MAX_VERSION, Prop, Props, ProtocolError,
    SetClientNameReply, SourceInfoList, SourceOutputInfoList, read_reply_message,
    write_command_message,
};

use crate::Error;

/// How often it is asked; what is heard from elsewhere meanwhile is forgotten with the utterance.
const EVERY: Duration = Duration::from_millis(500);
/// A server that does not answer for so long is as good as lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Where a capture may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed {
    /// This source alone, by its name.
    Only(String),
    /// What the server thinks best, but what a loudspeaker plays.
    AnyMicrophone,
}

impl Allowed {
    /// Whether the source `name` is one.
    pub(super) fn takes(&self, name: &str) -> bool {
        match self {
            Self::Only(wanted) => name == wanted,
            Self::AnyMicrophone => !is_monitor(name),
        }
    }
}

/// Whether the source `name` is what a loudspeaker plays: servers of both kinds name it after it.
pub(super) fn is_monitor(name: &str) -> bool {
    name.ends_with(".monitor")
}

/// Asks until it is dropped, or the capture comes from elsewhere.
pub(super) struct Watch {
    lost: Receiver<String>,
    _stop: SyncSender<()>,
}

impl Watch {
    /// Watches the captures of this process, of which one must come from where it may.
    pub(super) fn start(allowed: Allowed) -> Result<Self, Error> {
        let (tell, lost) = sync_channel(1);
        let (stop, stopped) = sync_channel(0);
        let name = "codriver-source";
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                if let Some(reason) = watch(&allowed, &stopped) {
                    // Nobody to tell: the microphone has been closed.
                    let _ = tell.try_send(reason);
                }
            })
            .map_err(|reason| Error::ThreadNotStarted { name, reason })?;
        Ok(Self { lost, _stop: stop })
    }

    /// Why the capture must be closed, once that is so.
    pub(super) fn lost(&self) -> Option<String> {
        self.lost.try_recv().ok()
    }
}

/// Returns why the capture must be closed; None when it has been.
fn watch(allowed: &Allowed, stopped: &Receiver<()>) -> Option<String> {
    let unknown = |error: ProtocolError| {
        format!("the sound server does not say which source the capture comes from: {error}")
    };
    let mut server = match Server::connect() {
        Ok(server) => server,
        Err(error) => return Some(unknown(error)),
    };
    loop {
        match server.captured() {
            Ok(sources) if strayed(allowed, &sources) => {
                let sources = sources.join(", ");
                return Some(format!(
                    "the sound server went on with \"{sources}\" instead"
                ));
            }
            Ok(_) => {}
            Err(error) => return Some(unknown(error)),
        }
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Whether this process captures, but from nowhere that it may.
fn strayed(allowed: &Allowed, captured: &[String]) -> bool {
    !captured.is_empty() && !captured.iter().any(|name| allowed.takes(name))
}

/// A connection that asks.
struct Server {
    socket: BufReader<UnixStream>,
    version: u16,
    asked: u32,
}

impl Server {
    /// Connects to the server that cpal found, by the same rules.
    fn connect() -> Result<Self, ProtocolError> {
        let path = pulseaudio::socket_path_from_env().ok_or(io::ErrorKind::NotFound);
        let socket = UnixStream::connect(path.map_err(io::Error::from)?)?;
        socket.set_read_timeout(Some(ANSWER_WITHIN))?;
        socket.set_write_timeout(Some(ANSWER_WITHIN))?;
        let mut server = Self {
            socket: BufReader::new(socket),
            version: MAX_VERSION,
            asked: 0,
        };
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        let auth: AuthReply = server.ask(&Command::Auth(AuthParams {
            version: MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            cookie: cookie.unwrap_or_default(),
        }))?;
        server.version = MAX_VERSION.min(auth.version);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"codriver-source");
        let _named: SetClientNameReply = server.ask(&Command::SetClientName(props))?;
        Ok(server)
    }

    /// The names of the sources that this process captures from.
    fn captured(&mut self) -> Result<Vec<String>, ProtocolError> {
        let outputs: SourceOutputInfoList = self.ask(&Command::GetSourceOutputInfoList)?;
        let sources: SourceInfoList = self.ask(&Command::GetSourceInfoList)?;
        let this = std::process::id().to_string();
        let ours = |props: &Props| {
            let process = props.get(Prop::ApplicationProcessId).unwrap_or_default();
            CStr::from_bytes_until_nul(process).is_ok_and(|id| id.to_bytes() == this.as_bytes())
        };
        // A capture whose source is in no list hangs on nothing, and is found to be silent.
        let name_of = |index| sources.iter().find(|source| source.index == index);
        Ok(outputs
            .iter()
            .filter(|output| ours(&output.props))
            .filter_map(|output| name_of(output.source_index))
            .map(|source| text(&source.name))
            .collect())
    }

    fn ask<R: CommandReply>(&mut self, command: &Command) -> Result<R, ProtocolError> {
        self.asked = self.asked.wrapping_add(1);
        write_command_message(self.socket.get_mut(), self.asked, command, self.version)?;
        let (answered, reply) = read_reply_message(&mut self.socket, self.version)?;
        match answered == self.asked {
            true => Ok(reply),
            false => Err(ProtocolError::Invalid(format!(
                "answer {answered} to question {}",
                self.asked
            ))),
        }
    }
}

fn text(name: &CString) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Allowed, strayed};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_capture_from_the_named_source_has_not_strayed_and_from_any_other_it_has() {
        let allowed = Allowed::Only("car_mic".to_owned());
        assert!(!strayed(&allowed, &names(&["car_mic"])));
        assert!(strayed(&allowed, &names(&["car_mic_2"])));
        assert!(strayed(&allowed, &names(&["speaker.monitor"])));
        // Another microphone of the same process, or none yet.
        assert!(!strayed(&allowed, &names(&["other_mic", "car_mic"])));
        assert!(!strayed(&allowed, &[]));
    }

    #[test]
    fn without_a_name_any_microphone_will_do_but_not_what_a_loudspeaker_plays() {
        let allowed = Allowed::AnyMicrophone;
        assert!(!strayed(&allowed, &names(&["other_mic"])));
        assert!(strayed(&allowed, &names(&["speaker.monitor"])));
    }
}
