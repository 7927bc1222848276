//! The whole assistant among talk and noise that is not meant for it, at real pace through the
//! virtual microphone: what it does, which should be nothing, and what it takes.
//!
//! Writes target/bench/soak-ears.json and prints the same. It fails where anything was done or
//! where memory has grown.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use serde_json::json;
use stage::{
    Assistant, Error, Event, Observer, Scene, SceneOptions, Sound, Taken, configs_directory,
};

/// Silence in which it is seen what listening alone takes.
const IDLE: Duration = Duration::from_secs(60);
/// More between the middle of the time and its end is growth. Before, parts of the daemon are
/// used for the first time: the recogniser when somebody says something like a wake phrase, the
/// language model when it takes that for one.
const GROWTH_KIB: u64 = 4 * 1024;

/// Plays what is not meant for the car, and watches.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    /// A folder of recordings (*.wav), played in order, again and again
    #[arg(long)]
    sounds: PathBuf,
    /// How long
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// When speech is taken up: wake, always or push_to_talk
    #[arg(long, default_value = "wake")]
    activation: String,
    /// Where the figures go [default: target/bench/soak-ears.json]
    #[arg(long)]
    output: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("codriver-soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was seen.
#[derive(Default)]
struct Noticed {
    heard: Vec<String>,
    done: Vec<String>,
    frames: usize,
}

async fn run(options: Options) -> Result<bool, Error> {
    let recordings = recordings_in(&options.sounds)?;
    let scene = Scene::start(SceneOptions {
        sound: Sound::Virtual,
        settings: vec![(
            "CODRIVER__LISTENING__ACTIVATION".to_owned(),
            options.activation.clone(),
        )],
        ..SceneOptions::default()
    })
    .await?;
    let Some(microphone) = &scene.microphone else {
        return Ok(false);
    };
    let mut assistant = scene.assistant().await?;
    let mut observer = scene.observer().await?;
    let daemon = scene.voice.id();
    let mut seen = Noticed::default();

    let before = Taken::by(daemon)?;
    watch(&mut assistant, &mut seen, IDLE).await;
    let idle = share(before, Taken::by(daemon)?, IDLE);

    let begun = Instant::now();
    let length = Duration::try_from_secs_f64(options.minutes * 60.0).unwrap_or(IDLE);
    let start = Taken::by(daemon)?;
    let (mut warm_kib, mut most_kib, mut next_line) = (None, start.resident_kib, Duration::ZERO);
    for recording in recordings.iter().cycle() {
        let playing = microphone.say(recording);
        tokio::pin!(playing);
        loop {
            tokio::select! {
                played = &mut playing => break played?,
                () = watch(&mut assistant, &mut seen, Duration::from_millis(200)) => {}
            }
        }
        seen.frames += requests(&mut observer);
        let (spent, taken) = (begun.elapsed(), Taken::by(daemon)?);
        most_kib = most_kib.max(taken.resident_kib);
        if spent >= length / 2 {
            warm_kib.get_or_insert(taken.resident_kib);
        }
        if spent >= next_line {
            next_line = spent + Duration::from_secs(600);
            let (minutes, mib) = (spent.as_secs() / 60, taken.resident_kib / 1024);
            eprintln!(
                "{minutes} min: {mib} MiB, heard {}, done {}",
                seen.heard.len(),
                seen.done.len()
            );
        }
        if spent >= length {
            break;
        }
    }
    let spent = begun.elapsed();
    let end = Taken::by(daemon)?;
    let status = assistant.status().await?;
    let warm_kib = warm_kib.unwrap_or(end.resident_kib);
    let grown = end.resident_kib > warm_kib + GROWTH_KIB;
    let report = json!({
        "minutes": spent.as_secs_f64() / 60.0,
        "activation": options.activation,
        "captured": status["captured"],
        "heard": seen.heard,
        "done": seen.done,
        "frames": seen.frames,
        "cpu_percent_of_a_core": { "silence": idle, "talk_and_noise": share(start, end, spent) },
        "resident_mib": { "warm": warm_kib / 1024, "end": end.resident_kib / 1024, "most": most_kib / 1024 },
    });
    println!("{report:#}");
    let output = options.output;
    let output =
        output.unwrap_or_else(|| configs_directory().join("../target/bench/soak-ears.json"));
    let file = |source| Error::File {
        path: output.clone(),
        source,
    };
    if let Some(directory) = output.parent() {
        fs::create_dir_all(directory).map_err(file)?;
    }
    fs::write(&output, format!("{report:#}\n")).map_err(file)?;
    Ok(!grown && seen.done.is_empty() && seen.frames == 0)
}

fn recordings_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let file = |source| Error::File {
        path: folder.to_owned(),
        source,
    };
    let mut recordings = Vec::new();
    for entry in fs::read_dir(folder).map_err(file)? {
        let path = entry.map_err(file)?.path();
        if path.extension().is_some_and(|extension| extension == "wav") {
            recordings.push(path);
        }
    }
    recordings.sort();
    match recordings.is_empty() {
        false => Ok(recordings),
        true => Err(file(std::io::Error::other("holds no *.wav"))),
    }
}

/// Notes what the assistant signals within `time`.
async fn watch(assistant: &mut Assistant, seen: &mut Noticed, time: Duration) {
    let until = Instant::now() + time;
    while let Some(happening) = assistant
        .next(until.saturating_duration_since(Instant::now()))
        .await
    {
        match happening.event {
            Event::Heard { text, .. } => seen.heard.push(text),
            Event::Acted(acted) => seen.done.push(acted.to_string()),
            Event::Understood(_) | Event::Said { .. } => {}
        }
    }
}

fn requests(observer: &mut Observer) -> usize {
    let frames = observer.drain();
    frames.iter().filter(|frame| frame.is_request()).count()
}

/// Processor time between two readings, in per cent of one core.
fn share(before: Taken, after: Taken, time: Duration) -> f64 {
    let spent = after.processor.saturating_sub(before.processor);
    100.0 * spent.as_secs_f64() / time.as_secs_f64()
}
