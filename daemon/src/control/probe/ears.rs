//! What this machine can hear with: every installed recogniser, its time, memory, and what to take.

use std::time::{Duration, Instant};

use codriver_asr::{Whisper, WhisperOptions};
use codriver_catalog::Language;
use codriver_models::{ModelPack, PackKind};
use serde::Serialize;

use super::process;
use crate::Error;
use crate::minds::store;
use crate::pipeline::milliseconds;
use crate::settings::{Endpoint, Settings, Tier};

/// The speech that is timed: a request of middling length, and its text.
const SPEECH: Duration = Duration::from_secs(3);
const TOKENS: usize = 12;
/// The first run warms up; of the others the middle one counts.
const RUNS: usize = 3;
/// What lies between the speaker's last sound and the frame beside recognition and silence: the
/// sound server's and our own buffers, windows of voice activity, D-Bus. Measured with
/// codriver-latency as what is left over.
const BETWEEN: Duration = Duration::from_millis(75);
/// Half of the requests shall move the car within this.
const TARGET: Duration = Duration::from_millis(650);
/// Threads that have the machine to themselves use more of their processors than this.
const BUSY: f64 = 0.6;
/// Recognisers of configs/models.toml, from the one that errs least.
const RANKED: [&str; 3] = [
    "whisper-base-q8_0",
    "whisper-base-q5_1",
    "whisper-tiny.en-q8_0",
];

/// The ears of this machine.
#[derive(Debug, Serialize)]
pub struct Ears {
    /// Processors that this process may use.
    pub processors: usize,
    /// Of them the recogniser is told to use.
    pub threads: u16,
    /// The length of the speech that was timed.
    pub speech_ms: f64,
    /// Memory that was free before anything was loaded, in MB.
    pub available_mb: Option<f64>,
    /// Every recogniser that can be used.
    pub recognisers: Vec<Measured>,
    /// Every one that cannot, and why.
    pub unusable: Vec<Unusable>,
    /// What to write into codriver.toml.
    pub advice: Advice,
}

/// One recogniser on this machine.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Its model pack.
    pub pack: String,
    /// What it can hear.
    pub languages: Vec<String>,
    /// Whether it can hear everything that `recogniser.languages` names.
    pub knows_configured_languages: bool,
    /// How long it took to load.
    pub load_ms: f64,
    /// What it takes, in MB.
    pub memory_mb: f64,
    /// Listening to the speech.
    pub encode_ms: f64,
    /// Writing the text down.
    pub write_ms: f64,
    /// From the speaker's last sound to the frame, where the request is complete.
    pub speech_to_frame_ms: f64,
    /// How much of the processors that it may use it had, 0 to 1; the rest had other programs, or
    /// the threads waited for each other.
    pub processor_share: f64,
}

/// A recogniser that cannot be used.
#[derive(Debug, Clone, Serialize)]
pub struct Unusable {
    /// Its model pack.
    pub pack: String,
    /// Why.
    pub problem: String,
}

/// What to write into codriver.toml.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// `recogniser.pack`; none when no recogniser fits.
    pub recogniser: Option<String>,
    /// `understanding.tier`.
    pub tier: Tier,
    /// Why.
    pub why: String,
}

/// What the language model takes of this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mind {
    /// Its memory, in MB.
    pub memory_mb: f64,
    /// One sentence.
    pub answer: Duration,
}

/// What the recommendation looks at beside the recognisers.
#[derive(Debug, Clone, Copy)]
struct Machine {
    available_mb: Option<f64>,
    mind: Option<Mind>,
    /// A sentence that takes the language model longer is given up.
    budget: Duration,
}

/// Times every installed recogniser with the configured threads.
///
/// # Errors
/// The model store cannot be listed.
pub fn probe(
    settings: &Settings,
    available_mb: Option<f64>,
    mind: Option<Mind>,
) -> Result<Ears, Error> {
    let mut recognisers = Vec::new();
    let mut unusable = Vec::new();
    for opened in store(settings)?.list()? {
        // What is wrong with other packs is for `codriverctl models verify`.
        let Ok(pack) = opened else { continue };
        if !matches!(pack.kind(), PackKind::SpeechRecognition(_)) {
            continue;
        }
        match measure(&pack, settings) {
            Ok(measured) => recognisers.push(measured),
            Err(error) => unusable.push(Unusable {
                pack: pack.name().to_owned(),
                problem: error.to_string(),
            }),
        }
    }
    recognisers.sort_by_key(|one| rank(&one.pack, &settings.recogniser.pack));
    let machine = Machine {
        available_mb,
        mind,
        budget: Duration::from_millis(settings.understanding.budget_ms.into()),
    };
    let advice = advise(&recognisers, &machine);
    Ok(Ears {
        processors: processors(),
        threads: settings.recogniser.threads,
        speech_ms: milliseconds(SPEECH),
        available_mb,
        recognisers,
        unusable,
        advice,
    })
}

fn measure(pack: &ModelPack, settings: &Settings) -> Result<Measured, Error> {
    let configured = &settings.recogniser.languages;
    let knows = |language: &Language| pack.languages().iter().any(|l| l == language.code());
    let mut languages: Vec<Language> = configured.iter().copied().filter(knows).collect();
    if languages.is_empty() {
        languages = Language::ALL.into_iter().filter(knows).collect();
    }
    let options = WhisperOptions {
        languages,
        threads: settings.recogniser.threads,
        ..WhisperOptions::default()
    };
    let memory_before = process::used_mb();
    let begun = Instant::now();
    let mut recogniser = Whisper::load(pack, options)?;
    let loaded = begun.elapsed();
    let mut runs = Vec::new();
    recogniser.rehearse(SPEECH, TOKENS)?;
    let (began, worked_before) = (Instant::now(), process::processor_time());
    for _ in 0..RUNS {
        runs.push(recogniser.rehearse(SPEECH, TOKENS)?);
    }
    let worked = process::processor_time().saturating_sub(worked_before);
    let threads = usize::from(settings.recogniser.threads).min(processors());
    let could = began.elapsed().as_secs_f64() * threads as f64;
    runs.sort_by_key(|run| run.encode + run.write);
    let run = runs.get(RUNS / 2).copied().unwrap_or_default();
    let used = process::used_mb().zip(memory_before);
    Ok(Measured {
        pack: pack.name().to_owned(),
        languages: pack.languages().to_vec(),
        knows_configured_languages: configured.iter().all(knows),
        load_ms: milliseconds(loaded),
        memory_mb: used.map_or(0.0, |(after, before)| (after - before).max(0.0)),
        encode_ms: milliseconds(run.encode),
        write_ms: milliseconds(run.write),
        speech_to_frame_ms: milliseconds(speech_to_frame(
            run.encode + run.write,
            &settings.endpoint,
        )),
        processor_share: (worked.as_secs_f64() / could.max(f64::EPSILON) * 1e2).round() / 1e2,
    })
}

/// Processors that this process may use.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// From the speaker's last sound to the frame: the silence that ends a complete request is waited
/// for, and what was said is recognised from the first pause on.
fn speech_to_frame(recognition: Duration, endpoint: &Endpoint) -> Duration {
    let milliseconds = |ms: u32| Duration::from_millis(ms.into());
    let recognised = milliseconds(endpoint.pause_ms) + recognition;
    milliseconds(endpoint.hangover_complete_ms).max(recognised) + BETWEEN
}

/// The order in which recognisers are recommended. One that the project does not know is taken
/// for the best where it is configured, and for the last where it is not.
fn rank(pack: &str, configured: &str) -> usize {
    match RANKED.iter().position(|known| *known == pack) {
        Some(position) => position + 1,
        None if pack == configured => 0,
        None => RANKED.len() + 1,
    }
}

/// The first recogniser, best first, that is quick enough and fits into half of the memory that is
/// free, with the language model where that goes; the quickest where none is.
fn advise(recognisers: &[Measured], machine: &Machine) -> Advice {
    let half = machine.available_mb.map_or(f64::INFINITY, |mb| mb / 2.0);
    let fits = |one: &Measured, mind_mb: f64| one.memory_mb + mind_mb <= half;
    let quick = |one: &&Measured| one.speech_to_frame_ms <= milliseconds(TARGET);
    let able = || {
        let knows = |one: &&Measured| one.knows_configured_languages;
        recognisers.iter().filter(knows)
    };
    let mind = machine.mind.filter(|mind| mind.answer <= machine.budget);
    let with_mind = mind.and_then(|mind| {
        let found = able().find(|one| quick(one) && fits(one, mind.memory_mb))?;
        Some((found, mind))
    });
    if let Some((found, mind)) = with_mind {
        return Advice {
            recogniser: Some(found.pack.clone()),
            tier: Tier::Both,
            why: format!(
                "about {:.0} ms from speech to frame, {:.0} ms for a sentence that the language \
                 model reads; {:.0} MB together",
                found.speech_to_frame_ms,
                milliseconds(mind.answer),
                found.memory_mb + mind.memory_mb
            ),
        };
    }
    let alone = |found: &Measured, why: String| Advice {
        recogniser: Some(found.pack.clone()),
        tier: Tier::Patterns,
        why,
    };
    if let Some(found) = able().find(|one| quick(one) && fits(one, 0.0)) {
        let ms = found.speech_to_frame_ms;
        let reason = match machine.mind {
            None => "there is no language model here",
            Some(mind) if mind.answer > machine.budget => {
                "the language model takes longer than understanding.budget_ms"
            }
            Some(_) => "there is no room for the language model",
        };
        return alone(found, format!("about {ms:.0} ms; {reason}"));
    }
    let by_time = |one: &&Measured, other: &&Measured| {
        one.speech_to_frame_ms.total_cmp(&other.speech_to_frame_ms)
    };
    match able().min_by(by_time) {
        Some(nearest) => alone(
            nearest,
            format!(
                "the quickest, with about {:.0} ms; {} ms are wanted. Free a processor, give \
                 recogniser.threads more of them, or hear English alone: {} with \
                 recogniser.languages = [\"en\"]",
                nearest.speech_to_frame_ms,
                TARGET.as_millis(),
                RANKED[2]
            ),
        ),
        None => Advice {
            recogniser: None,
            tier: Tier::Patterns,
            why: format!(
                "no recogniser that is installed knows recogniser.languages; run `codriverctl \
                 models install {}`",
                RANKED[0]
            ),
        },
    }
}

/// The same for people.
pub fn lines(ears: &Ears) -> Vec<String> {
    let mut lines = Vec::new();
    for one in &ears.recognisers {
        lines.push(format!(
            "{} ({}): {:.0} s of speech in {:.0} ms ({:.0} listening, {:.0} writing), to the \
             frame about {:.0} ms; {:.0} MB, loaded in {:.0} ms",
            one.pack,
            one.languages.join(", "),
            ears.speech_ms / 1e3,
            one.encode_ms + one.write_ms,
            one.encode_ms,
            one.write_ms,
            one.speech_to_frame_ms,
            one.memory_mb,
            one.load_ms
        ));
        if !one.knows_configured_languages {
            lines.push("    it does not know all of recogniser.languages".into());
        }
        if one.processor_share < BUSY {
            let percent = one.processor_share * 100.0;
            lines.push(format!(
                "    it had {percent:.0} % of its processors: run this again while nothing else runs"
            ));
        }
    }
    for one in &ears.unusable {
        lines.push(format!("not {}: {}", one.pack, one.problem));
    }
    lines.push(format!(
        "{} of {} processors{}",
        ears.threads,
        ears.processors,
        ears.available_mb
            .map_or_else(String::new, |mb| format!(", {mb:.0} MB of memory free"))
    ));
    let tier = match ears.advice.tier {
        Tier::Patterns => "patterns",
        Tier::Model => "model",
        Tier::Both => "both",
    };
    let pack = match &ears.advice.recogniser {
        Some(pack) => format!("recogniser.pack = \"{pack}\""),
        None => "no recogniser".into(),
    };
    lines.push(format!(
        "advice: {pack}, understanding.tier = \"{tier}\": {}",
        ears.advice.why
    ));
    let label = |(index, line): (usize, String)| match index {
        0 => format!("ears        {line}"),
        _ => format!("            {line}"),
    };
    lines.into_iter().enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(pack: &str, languages: &[&str], memory_mb: f64, ms: f64) -> Measured {
        Measured {
            pack: pack.into(),
            languages: languages.iter().map(|l| (*l).to_owned()).collect(),
            knows_configured_languages: languages.len() == 2,
            load_ms: 0.0,
            memory_mb,
            encode_ms: 0.0,
            write_ms: 0.0,
            speech_to_frame_ms: ms,
            processor_share: 1.0,
        }
    }

    const BOTH: [&str; 2] = ["en", "zh"];

    fn machine(available_mb: f64, answer_ms: u64) -> Machine {
        Machine {
            available_mb: Some(available_mb),
            mind: Some(Mind {
                memory_mb: 340.0,
                answer: Duration::from_millis(answer_ms),
            }),
            budget: Duration::from_secs(2),
        }
    }

    fn advised(recognisers: &[Measured], machine: &Machine) -> (Option<String>, Tier) {
        let advice = advise(recognisers, machine);
        (advice.recogniser, advice.tier)
    }

    #[test]
    fn with_room_and_time_the_best_recogniser_and_the_model_are_advised() {
        let packs = [
            measured(RANKED[0], &BOTH, 150.0, 480.0),
            measured(RANKED[1], &BOTH, 120.0, 560.0),
        ];
        let expected = (Some(RANKED[0].to_owned()), Tier::Both);
        assert_eq!(advised(&packs, &machine(8_000.0, 100)), expected);
    }

    #[test]
    fn with_less_memory_the_smaller_recogniser_and_then_the_patterns_alone_are_advised() {
        let packs = [
            measured(RANKED[0], &BOTH, 150.0, 480.0),
            measured(RANKED[1], &BOTH, 120.0, 560.0),
        ];
        let smaller = (Some(RANKED[1].to_owned()), Tier::Both);
        assert_eq!(advised(&packs, &machine(940.0, 100)), smaller);
        let alone = (Some(RANKED[0].to_owned()), Tier::Patterns);
        assert_eq!(advised(&packs, &machine(400.0, 100)), alone);
    }

    #[test]
    fn a_model_that_never_answers_in_time_is_advised_against() {
        let packs = [measured(RANKED[0], &BOTH, 150.0, 480.0)];
        let alone = (Some(RANKED[0].to_owned()), Tier::Patterns);
        assert_eq!(advised(&packs, &machine(8_000.0, 2_500)), alone);
    }

    #[test]
    fn a_slow_machine_is_told_the_quickest_recogniser_and_what_else_helps() {
        let packs = [
            measured(RANKED[0], &BOTH, 150.0, 1_400.0),
            measured(RANKED[1], &BOTH, 120.0, 1_900.0),
            measured(RANKED[2], &["en"], 80.0, 500.0),
        ];
        let advice = advise(&packs, &machine(8_000.0, 100));
        assert_eq!(advice.recogniser.as_deref(), Some(RANKED[0]));
        assert!(advice.why.contains("recogniser.languages"), "{advice:?}");
    }

    #[test]
    fn a_recogniser_of_another_language_is_never_advised() {
        let packs = [measured(RANKED[2], &["en"], 80.0, 400.0)];
        let advice = advise(&packs, &machine(8_000.0, 100));
        assert_eq!(advice.recogniser, None);
        assert!(advice.why.contains("models install"), "{advice:?}");
    }

    #[test]
    fn silence_is_waited_for_even_where_recognition_takes_no_time() {
        let endpoint = Endpoint::default();
        let took = |ms| speech_to_frame(Duration::from_millis(ms), &endpoint);
        assert_eq!(took(0), Duration::from_millis(250) + BETWEEN);
        assert_eq!(took(310), Duration::from_millis(96 + 310) + BETWEEN);
    }

    #[test]
    fn the_carmakers_own_recogniser_comes_first_only_where_it_is_configured() {
        assert!(rank("own", "own") < rank(RANKED[0], "own"));
        assert!(rank("own", RANKED[0]) > rank(RANKED[2], RANKED[0]));
    }
}
