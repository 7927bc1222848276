//! `codriverctl explain`: what sentences mean, without acting on them.

use std::io::BufRead;

use serde::Serialize;
use serde_json::json;

use super::signals::{tier_lines, understood_line};
use super::{Explain, output, overridden};
use crate::Error;
use crate::minds::Mind;
use crate::pipeline::{LONGEST_TEXT_BYTES, UnderstoodReport};
use crate::settings::Settings;

/// Explains each sentence. Succeeds when every one could be read; one that is
/// no command is explained as rejected, which is an answer too.
pub fn run(settings: Settings, options: Explain) -> Result<(), Error> {
    let settings = overridden(settings, options.catalog.as_deref(), options.tier);
    let mut mind = Mind::load(&settings)?;
    if options.lines {
        return explain_lines(&mut mind);
    }
    for text in options.text {
        let answer = explain(&mut mind, text.as_encoded_bytes());
        if options.json {
            output::json(&answer)?;
        } else {
            output::line(&readable(&answer)?)?;
        }
    }
    Ok(())
}

/// One answer for each line of standard input, in order, empty lines included.
fn explain_lines(mind: &mut Mind) -> Result<(), Error> {
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input
            .read_until(b'\n', &mut line)
            .map_err(|source| Error::system("reading standard input", source))?;
        if read == 0 {
            return Ok(());
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        output::json(&explain(mind, text))?;
    }
}

/// The understanding of a sentence, or why it is none.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Understood(Box<UnderstoodReport>),
    Unreadable(serde_json::Value),
}

fn explain(mind: &mut Mind, bytes: &[u8]) -> Answer {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() > LONGEST_TEXT_BYTES => {
            let shown: String = text.chars().take(80).collect();
            let message = format!(
                "the sentence has {} bytes, more than the {LONGEST_TEXT_BYTES} a request may have",
                text.len()
            );
            unreadable(&shown, "too_long", &message)
        }
        Ok(text) => Answer::Understood(Box::new(mind.explain(text))),
        Err(error) => {
            let message = format!("not UTF-8 from byte {} on", error.valid_up_to());
            unreadable(&String::from_utf8_lossy(bytes), "invalid_utf8", &message)
        }
    }
}

fn unreadable(text: &str, code: &str, message: &str) -> Answer {
    Answer::Unreadable(json!({
        "text": text,
        "decision": "reject",
        "commands": [],
        "confidence": 0,
        "source": "none",
        "ms": 0,
        "reason": {"code": code, "message": message},
    }))
}

fn readable(answer: &Answer) -> Result<String, Error> {
    let report = serde_json::to_value(answer)
        .map_err(|error| Error::Unsuccessful(format!("cannot be shown: {error}")))?;
    let text = report.get("text").and_then(serde_json::Value::as_str);
    let mut lines = vec![
        format!("\"{}\"", text.unwrap_or_default()),
        format!("  {}", understood_line(&report)),
    ];
    lines.extend(tier_lines(&report).iter().map(|line| format!("    {line}")));
    Ok(lines.join("\n"))
}
