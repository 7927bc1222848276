//! One request as a readable block.

use std::{collections::HashMap, io::IsTerminal, time::Duration};

use serde_json::Value as Json;

use super::width::{columns, wrap};
use crate::{Event, Performance, Seen};

const LABEL_COLUMNS: usize = 12;
const DEFAULT_COLUMNS: usize = 100;
/// The usual receiver, left out for brevity.
const GATEWAY: &str = "gateway: org.codriver.Vehicle ";
const NARROWEST: usize = 40;
/// Stages in the order of the way.
const STAGES: [&str; 4] = ["endpoint", "recognise", "understand", "act"];

/// Where blocks are printed: standard output.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    colour: bool,
    columns: usize,
}

impl Screen {
    /// Colour and width only where standard output is a terminal.
    pub fn of_this_terminal() -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self {
            colour: terminal && std::env::var_os("NO_COLOR").is_none(),
            columns: terminal_columns()
                .filter(|_| terminal)
                .unwrap_or(DEFAULT_COLUMNS),
        }
    }

    /// A remark between the blocks.
    pub fn note(&self, text: &str) {
        println!("{}", self.paint("2", &format!("· {text}")));
    }

    /// The first line of a block: a sentence and how it came.
    pub fn heading(&self, sentence: &str, how: &str) {
        let gap = self
            .columns
            .saturating_sub(columns(sentence) + columns(how) + 4);
        let gap = " ".repeat(gap.max(2));
        println!(
            "\n{}{gap}{}",
            self.paint("1", &format!("“{sentence}”")),
            self.paint("2", how)
        );
    }

    /// All that came of it.
    pub fn show(&self, performance: &Performance) {
        for happening in &performance.happenings {
            match &happening.event {
                Event::Heard {
                    text,
                    language,
                    confidence,
                    ..
                } => {
                    self.line(
                        "heard",
                        &format!("{text}  ({language}, {:.0} %)", confidence * 100.0),
                    );
                }
                Event::Understood(json) => self.understood(json),
                Event::Acted(json) => self.acted(json, performance),
                Event::Said { text, .. } => {
                    if !text.is_empty() {
                        self.line("replied", text);
                    }
                    self.times(performance);
                }
            }
        }
    }

    fn understood(&self, json: &Json) {
        let commands: Vec<_> = json["commands"]
            .as_array()
            .into_iter()
            .flatten()
            .map(command)
            .collect();
        let commands = match commands.is_empty() {
            true => "nothing to do".to_owned(),
            false => commands.join(" + "),
        };
        self.line(
            "understood",
            &format!(
                "{commands}  ({}, by {}, {:.0} %)",
                word(&json["decision"]),
                word(&json["source"]),
                json["confidence"].as_f64().unwrap_or_default() * 100.0
            ),
        );
    }

    fn acted(&self, json: &Json, performance: &Performance) {
        let outcomes: Vec<_> = json["outcomes"].as_array().into_iter().flatten().collect();
        for call in outcomes
            .iter()
            .flat_map(|o| o["calls"].as_array().into_iter().flatten())
        {
            let call = call.as_str().unwrap_or_default();
            self.line("D-Bus call", call.strip_prefix(GATEWAY).unwrap_or(call));
        }
        for frame in performance.requests() {
            self.line("CAN sent", &framed(frame));
        }
        for (frame, more) in by_message(performance.answers()) {
            let more = if more > 0 {
                format!("  (after {more} on the way)")
            } else {
                String::new()
            };
            self.line("CAN answer", &format!("{}{more}", framed(frame)));
        }
        for outcome in outcomes {
            let kind = word(&outcome["outcome"]);
            let why = [word(&outcome["reason"]), word(&outcome["message"])];
            let why: Vec<_> = why.into_iter().filter(|part| !part.is_empty()).collect();
            let colour = if kind == "done" { "32" } else { "33" };
            let name = word(&outcome["command"]["name"]);
            let text = match why.is_empty() {
                true => format!("{kind}: {name}"),
                false => format!("{kind}: {name} ({})", why.join(": ")),
            };
            self.coloured("the car", &text, colour);
        }
    }

    fn times(&self, performance: &Performance) {
        let mut stages: HashMap<String, f64> = HashMap::new();
        for happening in &performance.happenings {
            match &happening.event {
                Event::Heard { timings, .. } => stages.extend(timings.clone()),
                Event::Acted(json) => stages.extend(numbers(&json["stages_ms"])),
                Event::Understood(json) => {
                    let took = json["ms"].as_f64().unwrap_or_default();
                    stages.entry("understand".to_owned()).or_insert(took);
                }
                Event::Said { .. } => {}
            }
        }
        let mut parts: Vec<_> = STAGES
            .iter()
            .filter_map(|stage| Some(format!("{stage} {}", milliseconds(stages.remove(*stage)?))))
            .collect();
        let mut others: Vec<_> = stages.into_iter().collect();
        others.sort_by(|a, b| a.0.cmp(&b.0));
        parts.extend(
            others
                .iter()
                .map(|(stage, ms)| format!("{stage} {}", milliseconds(*ms))),
        );
        self.line("times", &parts.join(" · "));
        if let Some(took) = performance.speech_to_frame() {
            self.line(
                "",
                &format!("end of speech to first CAN frame {}", seconds(took)),
            );
        }
    }

    fn line(&self, label: &str, text: &str) {
        self.coloured(label, text, "0");
    }

    fn coloured(&self, label: &str, text: &str, colour: &str) {
        let width = self.columns.max(NARROWEST) - LABEL_COLUMNS - 2;
        for (number, line) in wrap(text, width).iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            let label = self.paint("2", &format!("{label:<LABEL_COLUMNS$}"));
            println!("  {label}{}", self.paint(colour, line));
        }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// `climate.set_temperature temperature=22 zone=all`
fn command(json: &Json) -> String {
    let arguments = json.get("arguments").or_else(|| json.get("args"));
    let arguments = arguments.and_then(Json::as_object).into_iter().flatten();
    let mut text = word(&json["name"]);
    for (name, value) in arguments {
        text.push_str(&format!(" {name}={}", word(value)));
    }
    text
}

fn framed(frame: &Seen) -> String {
    format!("{}  {}", frame.frame, frame.text)
}

/// The last frame of each message, in order of first appearance, and how many came before it.
fn by_message<'a>(frames: impl Iterator<Item = &'a Seen>) -> Vec<(&'a Seen, usize)> {
    let mut last: Vec<(&Seen, usize)> = Vec::new();
    for frame in frames {
        match last
            .iter_mut()
            .find(|(seen, _)| seen.message == frame.message)
        {
            Some((seen, before)) => {
                *seen = frame;
                *before += 1;
            }
            None => last.push((frame, 0)),
        }
    }
    last
}

fn word(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

fn numbers(json: &Json) -> HashMap<String, f64> {
    let fields = json.as_object().into_iter().flatten();
    fields
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
        .collect()
}

fn milliseconds(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn terminal_columns() -> Option<usize> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes one winsize, which outlives the call.
    let asked = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}
