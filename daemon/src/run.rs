//! `codriverd`: starts everything, runs it, ends it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Parser;
use codriver_asr::{
    Ahead, AudioHost as SoundHost, Earcons, Listener, ListenerOptions, Microphone,
    MicrophoneOptions, Source,
};
use codriver_catalog::Language;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use zbus::Connection;

use crate::attention::{self, Attention};
use crate::car::Car;
use crate::correction_log::CorrectionLog;
use crate::dialogue::Dialogue;
use crate::directory::LocalDirectory;
use crate::expectations::Expectations;
use crate::knowledge::{self, Knowledge};
use crate::minds::{Ears, Mind, MindStatus};
use crate::pipeline::{
    Actor, Controls, Events, Heartbeat, Judge, Phrases, Queue, Recognising, Request, State, Status,
    Understands, WAITING_ACTIONS, WAITING_UTTERANCES,
};
use crate::settings::{Activation, AudioHost, Layers, Settings, load};
use crate::speech::{Voice, VoiceThread};
use crate::{Error, assistant, logging, service_manager};

/// The longest single piece of work of a model's thread: a long utterance on a slow machine.
const LONGEST_WORK: Duration = Duration::from_secs(30);
/// Everything that does not run a model answers within this.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
/// The end must be quick: the service manager kills what takes longer.
const STOP_WITHIN: Duration = Duration::from_millis(1500);

/// The voice daemon of Codriver, the offline voice assistant.
#[derive(Debug, Parser)]
#[command(name = "codriverd", version)]
pub struct Arguments {
    /// Read this configuration in place of /etc/codriver.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the daemon of this process until it is told to end.
pub fn main() -> ExitCode {
    if let Some(answered) = codriver_models::answer_plugin_check() {
        return answered;
    }
    let arguments = Arguments::parse();
    let ended = logging::start_daemon().and_then(|()| run(&arguments));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            service_manager::status(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let layers = Layers::chosen(arguments.config.as_deref());
    let settings = load(&layers)?;
    // Models first, while this is the only thread: the runtime's library is
    // told by an environment variable to send nothing anywhere.
    let knowledge = Arc::new(Knowledge::load(&settings)?);
    let mind = Mind::with(&settings, Arc::clone(&knowledge.catalog))?;
    let names = Arc::new(LocalDirectory::of(&settings));
    let expectations = Arc::new(Expectations::new(&settings, &knowledge.catalog, &names));
    let ears = match settings.audio.host {
        AudioHost::None => None,
        _ => Some(Ears::load(&settings, &expectations)?),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| Error::system("starting the runtime", source))?;
    let ended = runtime.block_on(serve(layers, settings, knowledge, mind, ears, expectations));
    runtime.shutdown_timeout(Duration::from_millis(300));
    ended
}

async fn serve(
    layers: Layers,
    settings: Settings,
    knowledge: Arc<Knowledge>,
    mind: Mind,
    ears: Option<Ears>,
    expectations: Arc<Expectations>,
) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let (events, delivered) = Events::channel();
    let (requests, taken) = mpsc::channel(WAITING_ACTIONS);
    let (state, state_seen) = watch::channel(State::Idle);
    let speech_pulse = Heartbeat::new("speech", LONGEST_SILENCE);
    let (voice, voice_thread) = Voice::start(&settings.speech, speech_pulse.clone())?;
    let log = CorrectionLog::start(&settings.correction_log)?;
    let controls = Arc::new(Controls::new(
        Arc::new(Queue::new(WAITING_UTTERANCES)),
        requests,
        events,
        voice,
        Attention::new(&settings),
        log,
        settings.privacy.log_text,
    ));
    let microphone = Status::new("none");
    let mind_status = MindStatus::of(&mind);
    let report = report(
        &settings,
        &knowledge,
        &mind_status,
        ears.as_ref(),
        &controls,
        &microphone,
    );
    let connection = assistant::connect(
        &settings.dbus.bus,
        Arc::clone(&controls),
        state_seen,
        report,
    )
    .await?;
    let names = Arc::clone(expectations.directory());
    let car = Arc::new(Car::new(&connection, &settings, names).await);
    let mind = Arc::new(Mutex::new(mind));
    let phrases = Phrases::of(&knowledge.catalog)?;

    let mut threads = Threads::new(voice_thread, speech_pulse);
    threads.understand(Understands {
        mind: Arc::clone(&mind),
        controls: Arc::clone(&controls),
        car: Arc::clone(&car),
        runtime: tokio::runtime::Handle::current(),
    })?;
    if let Some(ears) = ears {
        let expectations = Arc::clone(&expectations);
        threads.hear(
            ears,
            phrases.clone(),
            expectations,
            &settings,
            &controls,
            microphone,
        )?;
    }
    let actor = Actor {
        dialogue: Dialogue::new(Duration::from_millis(
            settings.dialogue.answer_within_ms.into(),
        )),
        knowledge,
        car,
        controls: Arc::clone(&controls),
        last_reply: None,
        last_language: settings
            .recogniser
            .languages
            .first()
            .copied()
            .unwrap_or(Language::English),
    };
    let acting = tokio::spawn(actor.run(taken));
    let buttons = watch_buttons(&settings, &connection, &controls);
    let signalling = tokio::spawn(assistant::signal(connection.clone(), delivered, state));

    // Only now can anybody find us: everything is loaded and running.
    assistant::own_name(&connection).await?;
    let watching = tokio::spawn(service_manager::watch(threads.pulses()));
    service_manager::ready();
    tracing::info!(bus = %settings.dbus.bus, "ready");

    let made_of_packs = MadeOfPacks {
        mind,
        mind_status,
        phrases,
        expectations,
    };
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.reload.recv() => {
                reload(&layers, &made_of_packs, &controls).await;
            }
            () = gone(&connection) => {
                return Err(Error::Unsuccessful("the D-Bus connection is gone; ending".into()));
            }
        }
    }
    tracing::info!("ending");
    service_manager::stopping();
    controls.cancel();
    controls.sentences.close();
    watching.abort();
    acting.abort();
    signalling.abort();
    buttons.iter().for_each(tokio::task::JoinHandle::abort);
    let _released =
        tokio::time::timeout(LONGEST_SILENCE, connection.release_name(assistant::NAME)).await;
    tokio::task::spawn_blocking(move || threads.stop())
        .await
        .map_err(|error| Error::Stage {
            stage: "stopping",
            problem: error.to_string(),
        })
}

/// Watches the buttons that the configuration names.
fn watch_buttons(
    settings: &Settings,
    connection: &Connection,
    controls: &Arc<Controls>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let listening = &settings.listening;
    let mut watching = Vec::new();
    if !listening.button_path.is_empty() {
        let path = listening.button_path.clone();
        watching.push(tokio::spawn(attention::watch_wheel(
            connection.clone(),
            path,
            listening.hold,
            Arc::clone(controls),
        )));
    }
    if let Some(key) = attention::parse_key(&listening.key) {
        let device = listening.key_device.clone();
        watching.push(tokio::spawn(attention::watch_key(
            device,
            key,
            listening.hold,
            Arc::clone(controls),
        )));
    }
    watching
}

/// Ends when the bus has closed the connection.
async fn gone(connection: &Connection) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = zbus::fdo::DBusProxy::new(connection).await;
        let answered = match asked {
            Ok(bus) => bus.get_id().await.map(|_| ()).map_err(zbus::Error::from),
            Err(error) => Err(error),
        };
        if let Err(zbus::Error::InputOutput(_)) = answered {
            return;
        }
    }
}

/// What is made of the packs, and made anew with them.
#[derive(Clone)]
struct MadeOfPacks {
    mind: Arc<Mutex<Mind>>,
    mind_status: MindStatus,
    phrases: Phrases,
    expectations: Arc<Expectations>,
}

impl MadeOfPacks {
    /// Blocking.
    fn replace(&self, settings: &Settings) -> Result<Arc<Knowledge>, Error> {
        let knowledge = Arc::new(Knowledge::load(settings)?);
        let renewed = Mind::with(settings, Arc::clone(&knowledge.catalog))?;
        self.phrases.replace(&knowledge.catalog)?;
        self.expectations.replace(&knowledge.catalog);
        self.mind_status.replace(&renewed);
        *self.mind.lock().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(knowledge)
    }
}

/// Reads the packs again. What is wrong with them is logged, and the old ones stay.
async fn reload(layers: &Layers, made_of_packs: &MadeOfPacks, controls: &Controls) {
    let layers = layers.clone();
    let made_of_packs = made_of_packs.clone();
    let learned = tokio::task::spawn_blocking(move || made_of_packs.replace(&load(&layers)?));
    match learned.await {
        Ok(Ok(knowledge)) => {
            let commands = knowledge.catalog.commands.len();
            if controls
                .requests
                .send(Request::Learn(knowledge))
                .await
                .is_ok()
            {
                tracing::info!(commands, "packs reloaded");
            }
        }
        Ok(Err(error)) => tracing::error!("packs not reloaded, the old ones stay: {error}"),
        Err(error) => tracing::error!("packs not reloaded, the old ones stay: {error}"),
    }
}

/// What `codriverctl status` shows of this process.
fn report(
    settings: &Settings,
    knowledge: &Knowledge,
    mind: &MindStatus,
    ears: Option<&Ears>,
    controls: &Arc<Controls>,
    microphone: &Status,
) -> impl Fn() -> String + Send + Sync + use<> {
    let of_ears = ears.map(|ears| ears.models.clone()).unwrap_or_default();
    let mind = mind.clone();
    let models = move || -> Vec<_> {
        let all = of_ears.iter().cloned().chain(mind.get());
        all.map(|model| model.now()).collect()
    };
    for model in models() {
        let name = model.get("model").and_then(serde_json::Value::as_str);
        let provider = model.get("chosen").and_then(serde_json::Value::as_str);
        let rejected = model.get("rejected").map(ToString::to_string);
        tracing::info!(model = name, provider, rejected, "execution provider");
    }
    let controls = Arc::clone(controls);
    let microphone = microphone.clone();
    let fixed = json!({
        "versions": {"codriverd": env!("CARGO_PKG_VERSION")},
        "bus": settings.dbus.bus.to_string(),
        "tier": settings.understanding.tier,
        "commands": knowledge.catalog.commands.len(),
        "configs": knowledge::directory(settings).unwrap_or_default(),
        "wake": ears.map(|ears| &ears.wake),
    });
    move || {
        let mut report = fixed.clone();
        if let Some(report) = report.as_object_mut() {
            report.insert("models".into(), json!(models()));
            report.insert("microphone".into(), json!(microphone.get()));
            if let Some(counters) = controls.counters() {
                let counted = json!({
                    "utterances": counters.utterances,
                    "dropped_utterances": counters.dropped_utterances,
                    "overrun_samples": counters.overrun_samples,
                    "opened": counters.opened,
                });
                report.insert("captured".into(), counted);
            }
            report.insert("speech".into(), json!(controls.voice.status()));
            report.insert("correction_log".into(), json!(controls.log.report()));
            report.insert(
                "utterances".into(),
                json!({
                    "recognitions": controls.counts.recognised(),
                    "passed_over": controls.counts.passed_over(),
                    "calls": controls.counts.calls(),
                }),
            );
        }
        report.to_string()
    }
}

/// The signals that matter, caught from the very beginning.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    reload: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let catching = |source| Error::system("catching signals", source);
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(catching)?,
            interrupt: signal(SignalKind::interrupt()).map_err(catching)?,
            reload: signal(SignalKind::hangup()).map_err(catching)?,
        })
    }
}

/// The threads of the pipeline.
struct Threads {
    voice: VoiceThread,
    pulses: Vec<Heartbeat>,
    running: Vec<(&'static str, JoinHandle<()>)>,
}

impl Threads {
    fn new(voice: VoiceThread, speech_pulse: Heartbeat) -> Self {
        let pulses = if voice.is_running() {
            vec![speech_pulse]
        } else {
            Vec::new()
        };
        Self {
            voice,
            pulses,
            running: Vec::new(),
        }
    }

    fn understand(&mut self, stage: Understands) -> Result<(), Error> {
        self.start("understanding", move |pulse| stage.run(&pulse))
    }

    fn hear(
        &mut self,
        ears: Ears,
        phrases: Phrases,
        expectations: Arc<Expectations>,
        settings: &Settings,
        controls: &Arc<Controls>,
        microphone: Status,
    ) -> Result<(), Error> {
        let options = microphone_options(settings);
        let host = options.host;
        let open = move || {
            let microphone = Microphone::open(&options)?;
            Ok(Box::new(microphone) as Box<dyn Source>)
        };
        let front_end = ears.front_end.with_zones(settings.audio.zones.clone());
        let options = ListenerOptions {
            activation: match settings.listening.activation {
                Activation::PushToTalk => codriver_asr::Activation::PushToTalk,
                Activation::Wake | Activation::Always => codriver_asr::Activation::Always,
            },
            ..ListenerOptions::default()
        };
        let listener = Listener::start(open, front_end, options)?;
        let listener = Arc::new(listener);
        controls.attach(Arc::clone(&listener));
        let told = Arc::downgrade(controls);
        controls.voice.on_speaking(move |speaking| {
            if let Some(controls) = told.upgrade() {
                controls.speaking(speaking);
            }
        });
        if settings.speech.earcons {
            let told = Arc::downgrade(&listener);
            controls.attach_earcons(Earcons::start(host, move |sounding| {
                if let Some(listener) = told.upgrade() {
                    listener.set_earcon(sounding);
                }
            })?);
        }
        let told = Arc::downgrade(controls);
        listener.on_speech(move || {
            if let Some(controls) = told.upgrade() {
                controls.spoken_over();
            }
        });
        microphone.set("opening");
        let judge = Judge {
            phrases,
            attention: Arc::clone(&controls.attention),
        };
        let stage = Recognising {
            listener,
            recogniser: Ahead::new(ears.recogniser, Box::new(judge)),
            languages: settings.recogniser.languages.clone(),
            expectations,
            told: ears.told,
            controls: Arc::clone(controls),
            microphone,
            language: settings
                .recogniser
                .languages
                .first()
                .copied()
                .unwrap_or(Language::English),
        };
        self.start("recogniser", move |pulse| stage.run(&pulse))
    }

    fn start(
        &mut self,
        name: &'static str,
        work: impl FnOnce(Heartbeat) + Send + 'static,
    ) -> Result<(), Error> {
        let pulse = Heartbeat::new(name, LONGEST_WORK);
        let beating = pulse.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || work(beating))
            .map_err(|source| Error::system(format!("starting the {name} thread"), source))?;
        self.pulses.push(pulse);
        self.running.push((name, thread));
        Ok(())
    }

    fn pulses(&self) -> Vec<Heartbeat> {
        self.pulses.clone()
    }

    /// Waits for the threads, but not for a model that is in the middle of its
    /// work: the process ends under it, and nothing it finds could act any more.
    fn stop(self) {
        let deadline = Instant::now() + STOP_WITHIN;
        for (name, thread) in self.running {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            if !thread.is_finished() {
                tracing::info!(thread = name, "still at work; not waited for");
            } else if thread.join().is_err() {
                tracing::error!(thread = name, "had panicked");
            }
        }
        drop(self.voice);
    }
}

fn microphone_options(settings: &Settings) -> MicrophoneOptions {
    MicrophoneOptions {
        host: match settings.audio.host {
            AudioHost::Auto | AudioHost::None => SoundHost::Auto,
            AudioHost::Pulseaudio => SoundHost::PulseAudio,
            AudioHost::Alsa => SoundHost::Alsa,
        },
        device: settings.audio.device.clone(),
        // More seats than a device can have channels were refused with the settings.
        channels: u16::try_from(settings.audio.zones.len().max(1)).unwrap_or(u16::MAX),
        buffer_frames: settings.audio.buffer_frames,
        ..MicrophoneOptions::default()
    }
}
