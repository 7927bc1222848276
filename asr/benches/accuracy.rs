//! What the recogniser makes of many recordings: wrong words, refusals, loops, and the time it took.
//!
//! ```text
//! cargo bench --workspace --bench accuracy -- LIST [--pack NAME] [--threads N] [--context N]
//!     [--bias BEGINNING,FOLLOWING,RECOVERED] [--search CONCESSION,CONFIDENCE]
//!     [--configs DIRECTORY] [--glance] [--heard]
//! ```
//! LIST has a line for each recording: its path, `en` or `zh`, a name of the conditions it was made
//! in, and what is said in it, parted by tabs. The bias leans the recogniser towards the packs in
//! DIRECTORY, those that are shipped unless another is named.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use codriver_asr::{
    BiasWeights, EndpointOptions, Error, Expected, Format, FrontEnd, Names, Recogniser,
    Recognition, SearchOptions, SileroVad, Utterance, Whisper, WhisperOptions, hear_file,
};
use codriver_catalog::{Catalog, Language};
use codriver_models::{Placement, Runtime, Store};

#[derive(Default)]
struct Tally {
    said: usize,
    wrong: usize,
    exact: usize,
    refused: usize,
    encodes: u32,
    recordings: usize,
    ms: Vec<f64>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let Some(list) = arguments.first().filter(|first| !first.starts_with("--")) else {
        eprintln!("accuracy: give a list of recordings; the head of benches/accuracy.rs says how");
        return;
    };
    let list = std::fs::read_to_string(list).unwrap();
    let languages: Vec<Language> = Language::ALL
        .into_iter()
        .filter(|language| list.contains(&format!("\t{}\t", language.code())))
        .collect();
    let store = Store::from_environment().unwrap();
    let runtime = Runtime::from_store(&store).unwrap();
    let vad = SileroVad::load(
        runtime,
        &store.open("silero-vad").unwrap(),
        &Placement::cpu(),
    )
    .unwrap();
    let mut front_end =
        FrontEnd::new(Format::SPEECH, Box::new(vad), EndpointOptions::default()).unwrap();
    let usual = WhisperOptions::default();
    let whisper_languages = languages.clone();
    let options = WhisperOptions {
        languages,
        threads: value("--threads").map_or(usual.threads, |n| n.parse().unwrap()),
        least_audio_context: value("--context")
            .map_or(usual.least_audio_context, |n| n.parse().unwrap()),
        bias: value("--bias").map_or(usual.bias, |weights| {
            let mut weights = weights.split(',').map(|w| w.parse().unwrap());
            let mut weight = || weights.next().unwrap();
            BiasWeights {
                beginning: weight(),
                following: weight(),
                recovered: weight(),
            }
        }),
        search: value("--search").map_or(usual.search, |search| {
            let (concession, confidence) = search.split_once(',').unwrap();
            SearchOptions {
                concession: concession.parse().unwrap(),
                min_confidence: confidence.parse().unwrap(),
                ..SearchOptions::default()
            }
        }),
        ..usual
    };
    let pack = value("--pack").unwrap_or_else(|| "whisper-base-q8_0".to_owned());
    let mut whisper = Whisper::load(&store.open(&pack).unwrap(), options).unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
    let configs = value("--configs").unwrap_or_else(|| shipped.to_owned());
    let catalog = Catalog::load(configs.as_ref()).unwrap();
    let calls = ["hello car", "hey codriver", "你好小车"].map(str::to_owned);
    let names = Names {
        calls: calls.to_vec(),
        ..Names::default()
    };
    for language in &whisper_languages {
        whisper.expect(Expected::from_catalog(&catalog, *language, &names));
    }

    let glancing = arguments.iter().any(|argument| argument == "--glance");
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let [path, language, conditions, said] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four fields, parted by tabs: {line}");
        };
        let hearing = match glancing {
            true => hear_file(Path::new(path), &mut front_end, &mut Glancing(&mut whisper)),
            false => hear_file(Path::new(path), &mut front_end, &mut whisper),
        }
        .unwrap();
        let mut heard = String::new();
        let tally = tallies
            .entry(format!("{language} {conditions}"))
            .or_default();
        tally.recordings += 1;
        for (_, recognition) in hearing.heard {
            tally
                .ms
                .push(recognition.timings().total.as_secs_f64() * 1e3);
            tally.encodes += recognition.timings().encodes;
            match recognition {
                Recognition::Heard(transcript) => heard = format!("{heard} {}", transcript.text),
                Recognition::Rejected { reason, .. } => {
                    tally.refused += 1;
                    eprintln!("{conditions}\t{said}\trefused: {reason}");
                }
            }
        }
        let (said_units, heard_units) = (units(said), units(&heard));
        let wrong = distance(&said_units, &heard_units);
        tally.said += said_units.len();
        tally.wrong += wrong;
        tally.exact += usize::from(wrong == 0);
        if wrong > 0 && arguments.iter().any(|argument| argument == "--heard") {
            eprintln!("{conditions}\t{said}\t{}", heard.trim());
        }
    }
    println!(
        "{:<24}{:>6}{:>8}{:>8}{:>9}{:>9}{:>9}{:>9}",
        "conditions", "n", "WER %", "exact", "refused", "encodes", "p50 ms", "p95 ms"
    );
    for (conditions, mut tally) in tallies {
        tally.ms.sort_by(f64::total_cmp);
        println!(
            "{conditions:<24}{:>6}{:>8.1}{:>8}{:>9}{:>9}{:>9.0}{:>9.0}",
            tally.recordings,
            tally.wrong as f64 * 100.0 / tally.said.max(1) as f64,
            tally.exact,
            tally.refused,
            tally.encodes,
            quantile(&tally.ms, 0.5),
            quantile(&tally.ms, 0.95),
        );
    }
}

/// A recogniser that only glances.
struct Glancing<'a>(&'a mut Whisper);

impl Recogniser for Glancing<'_> {
    fn set_languages(&mut self, languages: &[Language]) -> Result<(), Error> {
        self.0.set_languages(languages)
    }

    fn expect(&mut self, expected: Expected) {
        self.0.expect(expected);
    }

    fn glance(
        &mut self,
        utterance: &Utterance,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Recognition, Error> {
        self.0.glance(utterance, wanted)
    }

    fn recognise(
        &mut self,
        utterance: &Utterance,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Recognition, Error> {
        self.0.glance(utterance, wanted)
    }
}

/// English words, or Han characters one by one; numbers written out as they are said.
fn units(text: &str) -> Vec<String> {
    // Traditional characters are the same characters.
    let text = fast2s::convert(&text.to_lowercase())
        .replace('%', " percent ")
        .replace('°', " degrees ");
    let mut units: Vec<String> = Vec::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        let han = matches!(character, '\u{4e00}'..='\u{9fff}');
        if character.is_alphanumeric() && !han {
            word.push(character);
            continue;
        }
        if character == '\'' {
            continue;
        }
        match word.parse::<u32>() {
            Ok(number) if number < 1000 => units.extend(number_words(number)),
            _ if word.is_empty() => {}
            _ => units.push(std::mem::take(&mut word)),
        }
        word.clear();
        if han {
            units.push(character.to_string());
        }
    }
    units
}

fn number_words(number: u32) -> Vec<String> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = [
        "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let name = |table: &[&str], at: u32| table[at as usize].to_owned();
    match number {
        0..20 => vec![name(&SMALL, number)],
        20..100 if number.is_multiple_of(10) => vec![name(&TENS, number / 10)],
        20..100 => vec![name(&TENS, number / 10), name(&SMALL, number % 10)],
        _ => {
            let mut words = vec![name(&SMALL, number / 100), "hundred".to_owned()];
            if !number.is_multiple_of(100) {
                words.extend(number_words(number % 100));
            }
            words
        }
    }
}

/// Words to insert, delete or exchange.
fn distance(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, one) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let exchanged = diagonal + usize::from(one != other);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[heard.len()]
}

/// Nearest rank of sorted values; 0 for none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}
