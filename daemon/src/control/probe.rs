//! `codriverctl probe`: what this machine makes of the language model and of the recognisers.

mod ears;
mod process;

use std::time::{Duration, Instant};

use serde_json::json;

use super::{output, status};
use crate::Error;
use crate::minds::Mind;
use crate::settings::{Settings, Tier};

/// What no phrase of the packs says, so that the language model has to read it.
const SENTENCES: [&str; 3] = [
    "it is like an oven in here",
    "my toes are turning blue",
    "i cannot see anything through the windshield",
];

/// Loads the language model as the daemon would and prints who runs it, how
/// well, and why no other provider does; then how long each recogniser takes, and what
/// this machine can carry. Succeeds only when the first provider of the list runs the model.
pub fn run(settings: Settings, json: bool) -> Result<(), Error> {
    let available_mb = process::available_mb();
    let mind = load(&settings);
    let measured = mind.as_ref().ok().map(|(_, measured)| *measured);
    let ears = ears::probe(&settings, available_mb, measured)?;
    let report = mind.as_ref().ok().and_then(|(mind, _)| mind.report());
    if json {
        // What can be said of the model stands at the top, as it always has.
        let mut whole = report.map_or_else(|| json!({}), |report| json!(report));
        whole["ears"] = json!(ears);
        if let (Some(measured), Some(_)) = (measured, report) {
            whole["memory_mb"] = json!(measured.memory_mb);
            whole["answer_ms"] = json!(measured.answer.as_millis());
        }
        output::json(&whole)?;
    } else {
        let mut lines = report.map_or_else(Vec::new, |report| status::model_lines(&json!(report)));
        if let Some(measured) = measured {
            let ms = measured.answer.as_millis();
            let mb = measured.memory_mb;
            lines.push(format!("            a sentence in {ms} ms; {mb:.0} MB"));
        }
        lines.extend(ears::lines(&ears));
        output::line(&lines.join("\n"))?;
    }
    let (mind, _) = mind?;
    let Some(report) = mind.report() else {
        return Err(Error::Unsuccessful("no language model was loaded".into()));
    };
    match &report.rejected[..] {
        [] => Ok(()),
        rejected => Err(Error::Unsuccessful(format!(
            "{} runs the model; {} better listed execution providers do not",
            report.chosen,
            rejected.len()
        ))),
    }
}

/// The language model alone, and what it takes.
fn load(settings: &Settings) -> Result<(Mind, ears::Mind), Error> {
    let mut settings = settings.clone();
    settings.understanding.tier = Tier::Model;
    let before = process::used_mb();
    let mut mind = Mind::load(&settings)?;
    let mut answers: Vec<Duration> = SENTENCES
        .iter()
        .map(|sentence| {
            let begun = Instant::now();
            mind.explain(sentence);
            begun.elapsed()
        })
        .collect();
    answers.sort();
    let used = process::used_mb().zip(before);
    let measured = ears::Mind {
        memory_mb: used.map_or(0.0, |(after, before)| after - before),
        answer: answers.get(answers.len() / 2).copied().unwrap_or_default(),
    };
    Ok((mind, measured))
}
