//! A telephone: oFono, and behind it a modem that knows just the AT commands oFono needs.

use std::{
    collections::HashMap,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use zbus::{
    Connection, Message,
    wire::{OwnedObjectPath, OwnedVariant, Variant},
};

use crate::{Child, Error, PrivateBus};

const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Where oFono's simulator of modems looks for its list; the package brings one.
const MODEM_LIST: &str = "/etc/ofono/phonesim.conf";
/// The modem's path, from its name in that list.
const MODEM: &str = "/phonesim";

/// How a call stands, with the number of 3GPP TS 27.007 (+CLCC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// Both talk.
    Active = 0,
    /// We called, and it rings there.
    Alerting = 3,
    /// It rings here.
    Incoming = 4,
}

/// A call in the simulated network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The other side.
    pub number: String,
    /// How it stands.
    pub state: CallState,
    /// Whether they called us.
    incoming: bool,
}

/// oFono with a simulated modem and network; ends when dropped.
#[derive(Debug)]
pub struct Telephone {
    network: Arc<Network>,
    ofono: Child,
    bus: Connection,
}

#[derive(Debug, Default)]
struct Network {
    /// At most one call at a time.
    call: Mutex<Option<Call>>,
    dialled: Mutex<Vec<String>>,
    /// To oFono.
    line: Mutex<Option<TcpStream>>,
}

impl Telephone {
    /// Starts oFono on `bus` and waits until calls can be made.
    ///
    /// # Errors
    /// oFono or unshare is missing or not allowed, or the modem is not ready in time: with the
    /// end of the log.
    pub async fn start(bus: &PrivateBus, directory: &Path) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let network = Arc::new(Network::default());
        let serving = Arc::clone(&network);
        // Ends when oFono does: that closes the line.
        thread::spawn(move || {
            if let Ok((line, _)) = listener.accept() {
                serving.serve(line);
            }
        });
        let list = directory.join("phonesim.conf");
        let text = format!("[phonesim]\nAddress=127.0.0.1\nPort={port}\n");
        fs::write(&list, text).map_err(|source| Error::File {
            path: list.clone(),
            source,
        })?;
        // The list's place is fixed, so oFono gets to see ours there, and nobody else does.
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--map-current-user", "--keep-caps", "sh", "-c"])
            .arg(format!(
                "mount --bind \"$0\" {MODEM_LIST} && exec ofonod -n --plugin=phonesim,atmodem"
            ))
            .arg(&list)
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address());
        let mut ofono = Child::start(command, directory, false)?;
        bus.wait_for_name("org.ofono", &mut ofono, READY_WITHIN)
            .await?;
        let mut telephone = Self {
            network,
            ofono,
            bus: bus.connection().clone(),
        };
        telephone.switch_on(bus.connection()).await?;
        Ok(telephone)
    }

    async fn switch_on(&mut self, bus: &Connection) -> Result<(), Error> {
        let deadline = Instant::now() + READY_WITHIN;
        let interface = "org.ofono.Modem";
        for property in ["Powered", "Online"] {
            let body = (property, Variant::from(true));
            // oFono refuses until the step before is complete.
            while let Err(error) = call(bus, interface, "SetProperty", &body).await {
                self.wait(deadline, &format!("the modem, {property}: {error}"))
                    .await?;
            }
        }
        while call(bus, "org.ofono.VoiceCallManager", "GetCalls", &())
            .await
            .is_err()
        {
            self.wait(deadline, "calls of the modem").await?;
        }
        Ok(())
    }

    async fn wait(&mut self, deadline: Instant, what: &str) -> Result<(), Error> {
        self.ofono.check()?;
        if Instant::now() >= deadline {
            return Err(Error::Deadline {
                what: what.to_owned(),
                seconds: READY_WITHIN.as_secs_f64(),
                log: self.ofono.log_tail(),
            });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        Ok(())
    }

    /// Every number that was dialled, in order.
    pub fn dialled(&self) -> Vec<String> {
        held(&self.network.dialled).clone()
    }

    /// The present call.
    pub fn call(&self) -> Option<Call> {
        held(&self.network.call).clone()
    }

    /// The states of the calls that oFono shows; it follows the network a little later.
    ///
    /// # Errors
    /// oFono is gone.
    pub async fn shown_calls(&self) -> Result<Vec<String>, Error> {
        let reply = call(&self.bus, "org.ofono.VoiceCallManager", "GetCalls", &()).await?;
        let calls: Vec<(OwnedObjectPath, HashMap<String, OwnedVariant>)> =
            reply.body().deserialize()?;
        let state = |call: &HashMap<String, OwnedVariant>| {
            let state = call
                .get("State")
                .and_then(|state| state.downcast_ref().ok());
            state.unwrap_or_default()
        };
        Ok(calls.iter().map(|(_, call)| state(call)).collect())
    }

    /// The other side takes our call.
    pub fn pick_up(&self) {
        if let Some(call) = held(&self.network.call).as_mut() {
            call.state = CallState::Active;
        }
    }

    /// Somebody calls.
    ///
    /// # Errors
    /// oFono is gone.
    pub fn ring(&self, number: &str) -> Result<(), Error> {
        *held(&self.network.call) = Some(Call {
            number: number.to_owned(),
            state: CallState::Incoming,
            incoming: true,
        });
        self.network.say("RING")?;
        Ok(self.network.say(&format!("+CLIP: \"{number}\",145"))?)
    }

    /// Ends oFono as a crash would.
    ///
    /// # Errors
    /// As [`Child::kill`].
    pub fn kill(&mut self) -> Result<(), Error> {
        self.ofono.kill()
    }
}

async fn call<B>(bus: &Connection, interface: &str, member: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::wire::DynamicType + Sync,
{
    bus.call_method(Some("org.ofono"), MODEM, Some(interface), member, body)
        .await
}

impl Network {
    fn serve(&self, mut line: TcpStream) {
        *held(&self.line) = line.try_clone().ok();
        let mut received = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = line.read(&mut buffer) {
            received.extend(buffer.iter().take(count));
            while let Some(end) = received.iter().position(|byte| *byte == b'\r') {
                let command: Vec<u8> = received.drain(..=end).collect();
                let command = String::from_utf8_lossy(&command).trim().to_uppercase();
                if !command.is_empty() && self.obey(&command).is_err() {
                    return;
                }
            }
        }
    }

    fn obey(&self, command: &str) -> std::io::Result<()> {
        if let Some(number) = command.strip_prefix("ATD") {
            let number = number.trim_end_matches(';').to_owned();
            held(&self.dialled).push(number.clone());
            *held(&self.call) = Some(Call {
                number,
                state: CallState::Alerting,
                incoming: false,
            });
        } else if command == "ATA" {
            if let Some(call) = held(&self.call).as_mut() {
                call.state = CallState::Active;
            }
        } else if command == "AT+CHUP" {
            held(&self.call).take();
            self.say("OK")?;
            return self.say("NO CARRIER");
        } else if command == "AT+CLCC" {
            if let Some(call) = held(&self.call).clone() {
                let (direction, state) = (u8::from(call.incoming), call.state as u8);
                self.say(&format!(
                    "+CLCC: 1,{direction},{state},0,0,\"{}\",145",
                    call.number
                ))?;
            }
        } else if UNKNOWN.iter().any(|start| command.starts_with(start)) {
            return self.say("ERROR");
        } else if let Some((_, answer)) = ANSWERS.iter().find(|(asked, _)| *asked == command) {
            self.say(answer)?;
        }
        self.say("OK")
    }

    fn say(&self, text: &str) -> std::io::Result<()> {
        match held(&self.line).as_mut() {
            Some(line) => line.write_all(format!("\r\n{text}\r\n").as_bytes()),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Commands of this modem that are none.
const UNKNOWN: &[&str] = &["AT+CRSM", "AT+CUSATA", "AT+CUSATT", "AT+CGDCONT?"];

/// A modem with a SIM card in a network, as the commands of TS 27.007 tell it.
const ANSWERS: &[(&str, &str)] = &[
    ("AT+CGMI", "Codriver"),
    ("AT+CGMM", "Simulated modem"),
    ("AT+CGMR", "1"),
    ("AT+CGSN", "490154203237518"),
    ("AT+CPIN?", "+CPIN: READY"),
    ("AT+CIMI", "262011234567890"),
    ("AT+CFUN?", "+CFUN: 1"),
    ("AT+CREG?", "+CREG: 2,1,\"00AA\",\"0000CCCC\",7"),
    ("AT+CREG=?", "+CREG: (0-2)"),
    ("AT+CGREG=?", "+CGREG: (0-2)"),
    ("AT+CSQ", "+CSQ: 20,99"),
    ("AT+COPS?", "+COPS: 0,2,\"26201\",7"),
    (
        "AT+CLCK=?",
        "+CLCK: (\"SC\",\"FD\",\"PN\",\"PU\",\"PP\",\"PC\",\"PF\")",
    ),
    ("AT+CSMS?", "+CSMS: 1,1,1,1"),
    ("AT+CSMS=?", "+CSMS: (0,1)"),
    (
        "AT+CPMS=?",
        "+CPMS: (\"ME\",\"SM\"),(\"ME\",\"SM\"),(\"ME\",\"SM\")",
    ),
    ("AT+CNMI=?", "+CNMI: (0-2),(0-3),(0-3),(0-2),(0,1)"),
    ("AT+CMGF=?", "+CMGF: (0,1)"),
    ("AT+CHLD=?", "+CHLD: (0,1,1x,2,2x,3,4)"),
    ("AT+CSCS=?", "+CSCS: (\"UCS2\",\"GSM\")"),
    ("AT+CSCS?", "+CSCS: \"GSM\""),
    (
        "AT+CIND=?",
        "+CIND: (\"battchg\",(0-5)),(\"signal\",(0-5)),(\"service\",(0-1)),(\"call\",(0-1)),(\"callsetup\",(0-3))",
    ),
    ("AT+CIND?", "+CIND: 5,4,1,0,0"),
    ("AT+VTS=?", "+VTS: (0-9)"),
];
