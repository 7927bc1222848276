//! Everything together: bus, sound, car, gateway and voice, ready when [`Scene::start`] returns.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, Command},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{client::VehicleClient, description::Description, transport::Address};
use tempfile::TempDir;

use crate::{
    Assistant, Cabin, Child, Error, Observer, PrivateBus, SpeechDispatcher, VirtualMicrophone,
    configs_directory, program,
};

const START_WITHIN: Duration = Duration::from_secs(20);
/// Models are loaded and checked first; on a busy machine that takes a while.
const VOICE_WITHIN: Duration = Duration::from_secs(120);
const ORDER_WITHIN: Duration = Duration::from_secs(5);

/// Where the assistant listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// Typed sentences only.
    None,
    /// The virtual microphone of a private PulseAudio.
    Virtual,
    /// The same in another cabin.
    In(Cabin),
    /// The machine's own microphone.
    Microphone,
}

/// How the stage is set.
#[derive(Debug, Clone)]
pub struct SceneOptions {
    /// Where the assistant listens.
    pub sound: Sound,
    /// patterns, model or both.
    pub tier: String,
    /// Threads of the recogniser; None for the configuration's. Several wait for each other in
    /// busy loops, which makes a loaded machine many times slower than one.
    pub recogniser_threads: Option<u32>,
    /// Holds commands/, languages/ and vehicles/.
    pub configs: PathBuf,
    /// Which car, by the name of its directory in vehicles/.
    pub vehicle: String,
    /// Further arguments of the simulated car.
    pub car: Vec<String>,
    /// Whether replies are spoken, through the private PulseAudio.
    pub spoken: bool,
    /// The text of codriver.toml: what cannot be said by `settings`.
    pub config: String,
    /// Further settings of codriverd: `CODRIVER__SECTION__KEY` and its value.
    pub settings: Vec<(String, String)>,
}

impl Default for SceneOptions {
    fn default() -> Self {
        Self {
            sound: Sound::None,
            tier: "patterns".to_owned(),
            recogniser_threads: None,
            configs: configs_directory(),
            vehicle: "demo".to_owned(),
            car: Vec::new(),
            spoken: false,
            config: String::new(),
            settings: Vec::new(),
        }
    }
}

/// A running system. Dropping it ends every program it started, in this order.
#[derive(Debug)]
pub struct Scene {
    /// codriverd.
    pub voice: Child,
    /// codriver-gatewayd.
    pub gateway: Child,
    /// The simulated car.
    pub car: SimulatedCar,
    /// Where recordings are played.
    pub microphone: Option<VirtualMicrophone>,
    _dispatcher: Option<SpeechDispatcher>,
    /// The private bus.
    pub bus: PrivateBus,
    vehicle: PathBuf,
    directory: TempDir,
}

impl Scene {
    /// Starts everything and waits until both daemons own their names.
    ///
    /// # Errors
    /// A program is missing, ends early, or is not ready in time: with the end of its log.
    pub async fn start(options: SceneOptions) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("codriver-").tempdir()?;
        let here = directory.path();
        let bus = PrivateBus::start(here).await?;
        let microphone = match options.sound {
            Sound::Virtual => Some(VirtualMicrophone::start(here, Cabin::default())?),
            Sound::In(cabin) => Some(VirtualMicrophone::start(here, cabin)?),
            _ => None,
        };
        let vehicle = options.configs.join("vehicles").join(&options.vehicle);
        let car = SimulatedCar::start(here, &vehicle, &options.car)?;

        let mut command = Command::new(program("codriver-gatewayd")?);
        let config = configs_directory().join("gateway.toml");
        command
            .arg("--config")
            .arg(config)
            .arg("--vehicle")
            .arg(&vehicle);
        command.args(["--bus", &bus.address(), "--can", &car.address.to_string()]);
        command.env_remove("JOURNAL_STREAM");
        let mut gateway = Child::start(command, here, false)?;
        bus.wait_for_name("org.codriver.Vehicle", &mut gateway, START_WITHIN)
            .await?;
        know_the_car(&bus, &gateway, &vehicle).await?;

        let config = here.join("codriver.toml");
        fs::write(&config, options.config).map_err(|source| Error::File {
            path: config.clone(),
            source,
        })?;
        let mut command = Command::new(program("codriverd")?);
        command
            .arg("--config")
            .arg(&config)
            .env("CODRIVER__DBUS__BUS", bus.address())
            .env("CODRIVER__CONFIGS__DIRECTORY", &options.configs)
            .env("CODRIVER__UNDERSTANDING__TIER", &options.tier)
            .env("CODRIVER__SPEECH__OUTPUT", "off")
            // The recordings are requests as they are; a scene about waking says so.
            .env("CODRIVER__LISTENING__ACTIVATION", "always")
            .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address())
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET")
            // As it is on a desk: the daemon sees to its threads itself.
            .env_remove("OMP_WAIT_POLICY");
        if let Some(threads) = options.recogniser_threads {
            command.env("CODRIVER__RECOGNISER__THREADS", threads.to_string());
        }
        match &microphone {
            Some(microphone) => {
                command
                    .env("CODRIVER__AUDIO__HOST", "pulseaudio")
                    .envs(microphone.environment());
            }
            None if options.sound == Sound::None => {
                command.env("CODRIVER__AUDIO__HOST", "none");
            }
            None => {}
        }
        let dispatcher = match &microphone {
            Some(microphone) if options.spoken => {
                let dispatcher = SpeechDispatcher::start(here, microphone)?;
                command
                    .env("CODRIVER__SPEECH__OUTPUT", "on")
                    .env("CODRIVER__SPEECH__SOCKET", dispatcher.socket());
                Some(dispatcher)
            }
            _ => None,
        };
        command.envs(options.settings);
        let mut voice = Child::start(command, here, false)?;
        bus.wait_for_name("org.codriver.Assistant", &mut voice, VOICE_WITHIN)
            .await?;
        Ok(Self {
            voice,
            gateway,
            car,
            microphone,
            _dispatcher: dispatcher,
            bus,
            vehicle,
            directory,
        })
    }

    /// A client of the assistant.
    ///
    /// # Errors
    /// The bus does not answer.
    pub async fn assistant(&self) -> Result<Assistant, Error> {
        Assistant::attach(self.bus.connection()).await
    }

    /// A third party at the CAN bus.
    ///
    /// # Errors
    /// The bus does not answer.
    pub async fn observer(&self) -> Result<Observer, Error> {
        Observer::attach(&self.car.address, Description::load(&self.vehicle)?).await
    }

    /// The ends of all logs, for a failure message.
    pub fn logs(&self) -> String {
        [
            self.voice.log_tail(),
            self.gateway.log_tail(),
            self.car.process.log_tail(),
        ]
        .join("\n")
    }

    /// The scene's folder, which holds sockets and logs.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

/// Waits until the gateway has heard every state of the car, as it has long
/// before anybody speaks in a real one. What is asked for the moment only may
/// have no state in between.
async fn know_the_car(bus: &PrivateBus, gateway: &Child, vehicle: &Path) -> Result<(), Error> {
    let description = Description::load(vehicle)?;
    let rests = |path: &str| {
        let actuator = description.entry(path).and_then(|e| e.actuator.as_ref());
        actuator.is_none_or(|actuator| actuator.transmission.momentary.is_none())
    };
    let client = VehicleClient::new(bus.connection()).await?;
    let deadline = Instant::now() + START_WITHIN;
    let listed = client.list().await?;
    for known in listed.iter().filter(|known| rests(&known.path)) {
        while client.get(&known.path).await.is_err() {
            if Instant::now() >= deadline {
                return Err(Error::Deadline {
                    what: format!("the state of {}", known.path),
                    seconds: START_WITHIN.as_secs_f64(),
                    log: gateway.log_tail(),
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

/// The simulated car's process, which takes orders.
#[derive(Debug)]
pub struct SimulatedCar {
    /// Where others reach its bus.
    pub address: Address,
    /// Its process.
    pub process: Child,
    orders: ChildStdin,
    answers: mpsc::Receiver<String>,
}

impl SimulatedCar {
    fn start(
        directory: &std::path::Path,
        vehicle: &std::path::Path,
        arguments: &[String],
    ) -> Result<Self, Error> {
        let mut command = Command::new(program("codriver-vehicle-sim")?);
        command.arg("--vehicle").arg(vehicle).args(arguments);
        let mut process = Child::start(command, directory, true)?;
        let (orders, output) = process
            .take_pipes()
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::BrokenPipe))?;
        let (sender, answers) = mpsc::sync_channel(16);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let first = answers.recv_timeout(START_WITHIN).unwrap_or_default();
        let Some(address) = first.strip_prefix("bus ") else {
            process.check()?;
            return Err(Error::Deadline {
                what: "the address of the simulated bus".to_owned(),
                seconds: START_WITHIN.as_secs_f64(),
                log: process.log_tail(),
            });
        };
        Ok(Self {
            address: address.parse()?,
            process,
            orders,
            answers,
        })
    }

    /// Gives an order, such as `set Vehicle.Speed 80`, and waits until it is carried out.
    ///
    /// # Errors
    /// [`Error::Order`] with the car's answer.
    pub fn order(&mut self, order: &str) -> Result<(), Error> {
        writeln!(self.orders, "{order}")?;
        match self.answers.recv_timeout(ORDER_WITHIN).as_deref() {
            Ok("ok") => Ok(()),
            Ok(answer) => Err(Error::Order {
                order: order.to_owned(),
                answer: answer.to_owned(),
            }),
            Err(_) => Err(Error::Order {
                order: order.to_owned(),
                answer: "nothing".to_owned(),
            }),
        }
    }
}
