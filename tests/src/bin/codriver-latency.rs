//! End of speech to first CAN frame, at real pace through the virtual microphone.
//!
//! Writes target/bench/latency.json and prints a table. Every recording that must move the car is
//! played, again and again, until the wanted number is reached; one that moves nothing, or is not
//! answered at all, is counted as missed.

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use serde_json::json;
use stage::{Error, Event, Performance, Scene, SceneOptions, Sound, configs_directory, recordings};

const REPLY_WITHIN: Duration = Duration::from_secs(30);
/// A signal of the demo car that nothing else here uses stands for the button.
const BUTTON: &str = "Vehicle.Powertrain.TractionBattery.Charging.IsCharging";

/// Measures the whole way of spoken requests.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    /// Utterances to play
    #[arg(long, default_value_t = 33)]
    utterances: usize,
    /// What understands: patterns, model or both
    #[arg(long, default_value = "both")]
    tier: String,
    /// A setting of codriverd, as in CODRIVER__RECOGNISER__THREADS=1; may be given several times
    #[arg(long = "setting", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Hold the steering wheel's button while speaking; times count from letting go
    #[arg(long)]
    button: bool,
    /// What else the machine was doing, for the report
    #[arg(long, default_value = "")]
    load: String,
    /// Where the figures go [default: target/bench/latency.json]
    #[arg(long)]
    output: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("codriver-latency: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Error> {
    let recordings = recordings::load()?;
    // What asks back first has no frame to time.
    let moving: Vec<_> = recordings
        .iter()
        .filter(|recording| !recording.frames.is_empty())
        .filter(|recording| {
            recording
                .commands
                .iter()
                .all(|c| c.name != "doors.open_trunk")
        })
        .collect();
    let settings = options.settings.iter().map(|setting| {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        (name.to_owned(), value.to_owned())
    });
    let held = [
        ("CODRIVER__LISTENING__ACTIVATION", "push_to_talk"),
        ("CODRIVER__LISTENING__BUTTON_PATH", BUTTON),
        ("CODRIVER__LISTENING__HOLD", "true"),
    ];
    let held = held.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = held.into_iter().filter(|_| options.button).chain(settings);
    let mut scene = Scene::start(SceneOptions {
        sound: Sound::Virtual,
        tier: options.tier.clone(),
        settings: settings.collect(),
        ..SceneOptions::default()
    })
    .await?;
    let mut assistant = scene.assistant().await?;
    let mut observer = scene.observer().await?;

    let mut stages: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut missed = Vec::new();
    let mut wrong = Vec::new();
    for recording in moving.iter().cycle().take(options.utterances) {
        let name = recording
            .file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let file = &recording.file;
        let (assistant, observer) = (&mut assistant, &mut observer);
        let performance = if options.button {
            let held = (file.as_path(), BUTTON);
            Performance::held(&mut scene, assistant, observer, held, REPLY_WITHIN).await
        } else {
            Performance::spoken(&scene, assistant, observer, file, REPLY_WITHIN).await
        };
        let performance = match performance {
            Err(Error::Deadline { what, .. }) => {
                eprintln!(" missed     {name}: no sign of {what}");
                missed.push(json!({ "recording": name, "heard": null, "why": "unanswered" }));
                continue;
            }
            performance => performance?,
        };
        let meant: Vec<_> = recording.commands.iter().map(|c| c.name.as_str()).collect();
        let done = performance.command_names();
        if !done.is_empty() && done != meant {
            let heard = performance.heard().unwrap_or_default();
            eprintln!(" wrong      {name}: {heard:?} ({done:?})");
            wrong.push(json!({ "recording": name, "heard": heard, "done": done }));
        }
        match performance.speech_to_frame() {
            Some(took) => {
                let ms = took.as_secs_f64() * 1e3;
                eprintln!("{ms:7.0} ms  {name}");
                for (stage, took) in performance.stages() {
                    let figures = stages.entry(stage.to_owned()).or_default();
                    figures.push(took.as_secs_f64() * 1e3);
                }
            }
            None => {
                let heard = performance.heard().unwrap_or_default();
                let why = match performance.outcomes().first() {
                    Some(outcome) => &outcome["reason"],
                    None => &performance.understood()["decision"],
                };
                eprintln!(" missed     {name}: {heard:?} ({why})");
                missed.push(json!({ "recording": name, "heard": heard, "why": why }));
            }
        }
        for happening in &performance.happenings {
            if let Event::Acted(acted) = &happening.event {
                let fields = acted["stages_ms"].as_object().into_iter().flatten();
                for (stage, ms) in fields {
                    stages.entry(stage.clone()).or_default().extend(ms.as_f64());
                }
            }
        }
    }

    println!(
        "{:<18} {:>5} {:>9} {:>9} {:>9}",
        "stage", "n", "p50 ms", "p95 ms", "max ms"
    );
    let mut figures = serde_json::Map::new();
    for (stage, values) in &mut stages {
        values.sort_by(f64::total_cmp);
        let (p50, p95, max) = (
            quantile(values, 0.5),
            quantile(values, 0.95),
            quantile(values, 1.0),
        );
        println!(
            "{stage:<18} {:>5} {p50:>9.1} {p95:>9.1} {max:>9.1}",
            values.len()
        );
        histogram(values);
        figures.insert(
            stage.clone(),
            json!({ "n": values.len(), "p50_ms": p50, "p95_ms": p95, "max_ms": max, "values_ms": values }),
        );
    }
    println!(
        "played {}, missed {}, wrong {}",
        options.utterances,
        missed.len(),
        wrong.len()
    );
    let report = json!({
        "measure": match options.button {
            true => "button let go to first CAN frame",
            false => "end of speech in the fed audio to first CAN frame",
        },
        "utterances": options.utterances,
        "missed": missed,
        "wrong": wrong,
        "settings": options.settings,
        "load": options.load,
        "tier": options.tier,
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "stages": figures,
    });
    let output = options
        .output
        .unwrap_or_else(|| configs_directory().join("../target/bench/latency.json"));
    let file = |source| Error::File {
        path: output.clone(),
        source,
    };
    if let Some(directory) = output.parent() {
        fs::create_dir_all(directory).map_err(file)?;
    }
    fs::write(&output, format!("{report:#}\n")).map_err(file)
}

/// How often each 100 ms were taken.
fn histogram(values: &[f64]) {
    let mut bins: BTreeMap<u64, usize> = BTreeMap::new();
    for value in values {
        *bins.entry((value / 100.0) as u64).or_default() += 1;
    }
    // Stages that take less say all in their line of the table.
    if bins.len() > 1 {
        for (bin, count) in bins {
            println!(
                "{:>10} ms  {} {count}",
                bin * 100,
                "#".repeat(count.min(60))
            );
        }
    }
}

/// Nearest rank of sorted values; 0 for none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}
