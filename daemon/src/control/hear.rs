//! `codriverctl hear`: what recordings say and mean, without acting on them.

use std::ffi::OsStr;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use codriver_asr::{
    Ahead, FrontEnd, Hearing, Pace, Recogniser, Recognition, SAMPLE_RATE_HZ, Utterance, WavSource,
    hear_file, play,
};
use serde_json::{Map, Value, json};

use super::signals::understood_line;
use super::{Hear, output, overridden};
use crate::Error;
use crate::attention::Attention;
use crate::directory::LocalDirectory;
use crate::expectations::Expectations;
use crate::minds::{Ears, Mind};
use crate::pipeline::{Judge, Phrases, milliseconds};
use crate::settings::Settings;

/// Hears each file. Succeeds when every file could be read; one in which
/// nobody speaks is rejected, which is an answer too.
pub fn run(settings: Settings, options: Hear) -> Result<(), Error> {
    let settings = overridden(settings, options.catalog.as_deref(), options.tier);
    let mut mind = Mind::load(&settings)?;
    let directory = Arc::new(LocalDirectory::of(&settings));
    let expectations = Expectations::new(&settings, mind.catalog(), &directory);
    let ears = Ears::load(&settings, &expectations)?;
    let manner = match options.live {
        false => Manner::Patiently(ears.recogniser),
        true => {
            let judge = Judge {
                phrases: Phrases::of(mind.catalog())?,
                attention: Arc::new(Attention::new(&settings)),
            };
            Manner::Live(Box::new(Ahead::new(ears.recogniser, Box::new(judge))))
        }
    };
    let mut hearer = Hearer {
        front_end: ears.front_end,
        manner,
    };
    let (unread, all) = match options.lines {
        true => hear_lines(&mut hearer, &mut mind)?,
        false => hear_files(&mut hearer, &mut mind, &options)?,
    };
    match unread {
        0 => Ok(()),
        unread => Err(Error::Unsuccessful(format!(
            "{unread} of {all} recordings could not be heard"
        ))),
    }
}

/// Who hears the files.
struct Hearer {
    front_end: FrontEnd,
    manner: Manner,
}

/// When words are recognised.
enum Manner {
    /// When everything was said.
    Patiently(Box<dyn Recogniser>),
    /// At every pause, as the daemon does.
    Live(Box<Ahead>),
}

impl Hearer {
    fn hear(&mut self, file: &Path) -> Result<Hearing, Error> {
        let front_end = &mut self.front_end;
        Ok(match &mut self.manner {
            Manner::Patiently(recogniser) => hear_file(file, front_end, recogniser.as_mut())?,
            Manner::Live(ahead) => {
                play(&mut WavSource::open(file, Pace::Unpaced)?, front_end, ahead)?
            }
        })
    }
}

/// How many of the named files could not be heard, and how many there are.
fn hear_files(ears: &mut Hearer, mind: &mut Mind, options: &Hear) -> Result<(usize, usize), Error> {
    let mut unread = 0;
    for file in &options.files {
        match hear(ears, mind, file) {
            Ok(report) if options.json => output::json(&report)?,
            Ok(report) => output::line(&readable(&report))?,
            Err(error) => {
                unread += 1;
                eprintln!("codriverctl: {error}");
            }
        }
    }
    Ok((unread, options.files.len()))
}

/// The same for the file named in each line of standard input: one answer a line, in order,
/// so that a file that cannot be read is answered with its error.
fn hear_lines(ears: &mut Hearer, mind: &mut Mind) -> Result<(usize, usize), Error> {
    let (mut unread, mut all) = (0, 0);
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line.map_err(|source| Error::system("reading standard input", source))?;
        let file = Path::new(OsStr::from_bytes(&line));
        all += 1;
        match hear(ears, mind, file) {
            Ok(report) => output::json(&report)?,
            Err(error) => {
                unread += 1;
                let file = file.to_string_lossy();
                output::json(&json!({"file": file, "error": error.to_string()}))?;
            }
        }
    }
    Ok((unread, all))
}

/// One report a file. Several utterances in one file are one request with pauses.
fn hear(ears: &mut Hearer, mind: &mut Mind, file: &Path) -> Result<Value, Error> {
    let begins_at = ears.front_end.position();
    let hearing = ears.hear(file)?;
    let mut recognise_ms = 0.0;
    let mut words = Vec::new();
    let mut language = None;
    let mut confidence: Option<f32> = None;
    let mut rejected = None;
    for (_, recognition) in &hearing.heard {
        recognise_ms += milliseconds(recognition.timings().total);
        match recognition {
            Recognition::Heard(transcript) => {
                language.get_or_insert(transcript.language);
                let least = confidence.unwrap_or(1.0).min(transcript.confidence);
                confidence = Some(least);
                words.push(transcript.text.clone());
            }
            Recognition::Rejected { reason, .. } => rejected = Some(reason.to_string()),
        }
    }
    let transcript = words.join(" ");
    let report = mind.report_on(&transcript, language);
    let mut report = match serde_json::to_value(&report) {
        Ok(Value::Object(report)) => report,
        _ => Map::new(),
    };
    let understand_ms = report.get("ms").cloned().unwrap_or(json!(0));
    report.insert("file".into(), json!(file.to_string_lossy()));
    report.insert("transcript".into(), json!(transcript));
    report.insert("transcript_confidence".into(), json!(confidence));
    report.insert("language".into(), json!(language));
    let utterances = hearing.heard.iter();
    let utterances: Vec<_> = utterances
        .map(|heard| utterance(heard, begins_at))
        .collect();
    report.insert("utterances".into(), json!(utterances));
    // Several utterances are one request: what wakes is the first.
    let wake = hearing
        .heard
        .first()
        .and_then(|(said, _)| said.wake.as_ref());
    report.insert(
        "wake".into(),
        json!(wake.map(|score| json!({
            "phrase": &*score.phrase, "probability": score.probability, "woken": score.is_woken(),
        }))),
    );
    report.insert("audio_ms".into(), json!(milliseconds(hearing.duration)));
    report.insert(
        "ms".into(),
        json!({
            "front_end": milliseconds(hearing.front_end),
            "recognise": recognise_ms,
            "understand": understand_ms,
        }),
    );
    if words.is_empty() {
        let message = rejected.unwrap_or_else(|| "nobody speaks in it".into());
        report.insert(
            "reason".into(),
            json!({"code": "nothing_heard", "message": message}),
        );
    }
    Ok(Value::Object(report))
}

/// Where an utterance lies in its recording, which begins at a sample of the stream, and its words.
fn utterance((said, recognition): &(Utterance, Recognition), begins_at: u64) -> Value {
    let at = |sample: u64| {
        let samples = sample.saturating_sub(begins_at);
        1e3 * samples as f64 / f64::from(SAMPLE_RATE_HZ)
    };
    let words = match recognition {
        Recognition::Heard(transcript) => Some(&transcript.text),
        Recognition::Rejected { .. } => None,
    };
    json!({
        "transcript": words,
        "from_ms": at(said.started_at_sample),
        "last_voice_ms": at(said.end_of_speech.at_sample),
        "complete_ms": at(said.ended_at_sample),
    })
}

fn readable(report: &Value) -> String {
    let text = |pointer: &str| {
        report
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let ms = |pointer: &str| {
        report
            .pointer(pointer)
            .and_then(Value::as_f64)
            .unwrap_or_default()
    };
    // The line shows understanding's time, which is one of several here.
    let mut understood = report.clone();
    if let Some(object) = understood.as_object_mut() {
        object.insert("ms".into(), json!(ms("/ms/understand")));
    }
    format!(
        "{}\n  heard \"{}\" ({}; front end {:.0} ms, recognition {:.0} ms)\n  {}",
        text("/file"),
        text("/transcript"),
        text("/language"),
        ms("/ms/front_end"),
        ms("/ms/recognise"),
        understood_line(&understood)
    )
}
