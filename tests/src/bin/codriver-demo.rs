//! Shows spoken sentences move the simulated car, then takes yours.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use clap::Parser;
use stage::{
    Assistant, Error, Event, Observer, Performance, Scene, SceneOptions, Sound,
    demo::{Act, Screen, programme},
    recordings,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    signal::unix::{SignalKind, signal},
};

/// A request with a language model on a busy machine.
const REPLY_WITHIN: Duration = Duration::from_secs(30);
/// An order shows on the bus by then.
const CHANGE_WITHIN: Duration = Duration::from_millis(200);
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A spoken sentence becomes a CAN frame, on this machine alone.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    /// Listen to the machine's microphone in place of the bundled recordings
    #[arg(long)]
    microphone: bool,
    /// What understands: patterns, model or both
    #[arg(long, default_value = "both")]
    tier: String,
}

// One thread, the main one: what it starts ends with it.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let ended = async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            ended = run(Options::parse()) => ended,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    };
    let code = match ended.await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("codriver-demo: {error}");
            1
        }
    };
    // Not by returning: standard input may still be read by a thread that nothing can wake.
    std::process::exit(code)
}

async fn run(options: Options) -> Result<(), Error> {
    let screen = Screen::of_this_terminal();
    let begun = Instant::now();
    screen.note("starting a private D-Bus, the simulated car, the CAN gateway and the assistant");
    let mut scene = Scene::start(SceneOptions {
        sound: if options.microphone {
            Sound::Microphone
        } else {
            Sound::Virtual
        },
        tier: options.tier,
        ..SceneOptions::default()
    })
    .await?;
    let mut assistant = scene.assistant().await?;
    let mut observer = scene.observer().await?;
    screen.note(&format!(
        "ready after {:.1} s; car {}; logs {}",
        begun.elapsed().as_secs_f64(),
        scene.car.address,
        scene.directory().display()
    ));
    if !options.microphone {
        for act in programme() {
            match act {
                Act::Say(name) => {
                    let recording = recordings::named(name)?;
                    screen.heading(&recording.text, "spoken");
                    let performance = Performance::spoken(
                        &scene,
                        &mut assistant,
                        &mut observer,
                        &recording.file,
                        REPLY_WITHIN,
                    )
                    .await?;
                    screen.show(&performance);
                }
                Act::Order { order, note } => {
                    scene.car.order(order)?;
                    observer.next(CHANGE_WITHIN).await;
                    screen.note(note);
                }
            }
        }
    }
    converse(&screen, &scene, &mut assistant, &mut observer).await
}

/// Typed sentences, and spoken ones with a microphone, until the end of standard input.
async fn converse(
    screen: &Screen,
    scene: &Scene,
    assistant: &mut Assistant,
    observer: &mut Observer,
) -> Result<(), Error> {
    if std::io::stdin().is_terminal() {
        screen.note("type a sentence, in English or Mandarin; Ctrl-C ends");
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut happenings = Vec::new();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                None => return Ok(()),
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    screen.heading(line.trim(), "typed");
                    let sentence = (line.trim(), "auto");
                    match Performance::typed(scene, assistant, observer, sentence, REPLY_WITHIN).await {
                        Ok(performance) => screen.show(&performance),
                        Err(Error::Dbus(error)) => screen.note(&error.to_string()),
                        Err(error) => return Err(error),
                    }
                }
            },
            Some(happening) = assistant.next(A_DAY) => {
                let said = matches!(happening.event, Event::Said { .. });
                happenings.push(happening);
                if said {
                    let happenings = std::mem::take(&mut happenings);
                    let performance = Performance::seen(happenings, observer, None).await;
                    screen.heading(performance.heard().unwrap_or_default(), "spoken");
                    screen.show(&performance);
                }
            }
        }
    }
}
