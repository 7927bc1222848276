//! `codriverctl wake`: what in recordings would wake the assistant, stage by stage.

use std::ffi::OsStr;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use codriver_asr::{
    Call, Pace, Recognition, SAMPLE_RATE_HZ, Utterance, Verdict, WakeScore, WavSource,
    utterances_of,
};
use codriver_catalog::Catalog;
use codriver_nlu::opening::OpeningPhrase;
use serde_json::{Value, json};

use super::{Wake, output};
use crate::Error;
use crate::attention::request_after_call;
use crate::directory::LocalDirectory;
use crate::expectations::Expectations;
use crate::knowledge;
use crate::minds::Ears;
use crate::pipeline::milliseconds;
use crate::settings::{Activation, Settings};

/// Shows each file's utterances: how much each resembles a wake phrase, and for what the heads let
/// pass also the words, as the daemon would hear them.
pub fn run(mut settings: Settings, options: Wake) -> Result<(), Error> {
    settings.listening.activation = Activation::Wake;
    let catalog = Arc::new(Catalog::load(&knowledge::directory(&settings)?)?);
    let directory = Arc::new(LocalDirectory::of(&settings));
    let expectations = Expectations::new(&settings, &catalog, &directory);
    let mut ears = Ears::load(&settings, &expectations)?;
    let phrases: Vec<_> = settings
        .listening
        .wake_phrases
        .iter()
        .filter_map(|phrase| OpeningPhrase::new(phrase).ok())
        .collect();
    let mut unread = 0;
    let mut show = |file: &Path| -> Result<(), Error> {
        let report = heard(&mut ears, &phrases, file, options.heads).unwrap_or_else(|error| {
            unread += 1;
            json!({"file": file.to_string_lossy(), "error": error.to_string()})
        });
        output::json(&report)
    };
    if options.lines {
        for line in std::io::stdin().lock().split(b'\n') {
            let line = line.map_err(|source| Error::system("reading standard input", source))?;
            show(Path::new(OsStr::from_bytes(&line)))?;
        }
    }
    for file in &options.files {
        show(file)?;
    }
    match unread {
        0 => Ok(()),
        unread => Err(Error::Unsuccessful(format!(
            "{unread} recordings could not be heard"
        ))),
    }
}

fn heard(
    ears: &mut Ears,
    phrases: &[OpeningPhrase],
    file: &Path,
    heads_only: bool,
) -> Result<Value, Error> {
    let mut source = WavSource::open(file, Pace::Unpaced)?;
    let before = ears.front_end.busy();
    let (utterances, duration) = utterances_of(&mut source, &mut ears.front_end)?;
    let spent = ears.front_end.busy().saturating_sub(before);
    let mut reports = Vec::new();
    for utterance in &utterances {
        let mut report = scored(utterance);
        let woken = utterance.wake.as_ref().is_none_or(WakeScore::is_woken);
        if woken
            && !heads_only
            && let Recognition::Heard(transcript) =
                ears.recogniser.recognise(utterance, &|| true)?
        {
            let call = transcript.call.as_ref();
            let request = request_after_call(phrases, &transcript.text, call);
            report["transcript"] = json!(transcript.text);
            report["confirmed"] = json!(request.is_some());
            report["request"] = json!(request);
            report["call"] = json!(call.map(verdict_on));
        }
        reports.push(report);
    }
    Ok(json!({
        "file": file.to_string_lossy(),
        "audio_ms": milliseconds(duration),
        "front_end_ms": milliseconds(spent),
        "utterances": reports,
    }))
}

fn verdict_on(call: &Call) -> Value {
    let (verdict, less_probable_by) = match call.verdict {
        Verdict::Written => ("written", None),
        Verdict::Believed { less_probable_by } => ("believed", Some(less_probable_by)),
        Verdict::Refused { less_probable_by } => ("refused", less_probable_by),
    };
    json!({"phrase": &*call.phrase, "verdict": verdict, "less_probable_by": less_probable_by})
}

fn scored(utterance: &Utterance) -> Value {
    let at = |sample: u64| sample as f64 * 1000.0 / f64::from(SAMPLE_RATE_HZ);
    let score = utterance.wake.as_ref();
    json!({
        "began_ms": at(utterance.started_at_sample),
        "ended_ms": at(utterance.ended_at_sample),
        "phrase": score.map(|score| &*score.phrase),
        "probability": score.map(|score| score.probability),
        "woken": score.map(WakeScore::is_woken),
    })
}
