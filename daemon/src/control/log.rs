//! `codriverctl log show|export|erase|status`: the correction log, for root and the daemon's user.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use zbus::proxy::CacheProperties;

use super::client::{self, CorrectionLogProxy};
use super::{Log, output};
use crate::Error;
use crate::settings::Settings;

/// Runs one of the four.
pub async fn run(settings: &Settings, command: Log) -> Result<(), Error> {
    let connection = client::connect(settings).await?;
    // Only for its word on a daemon that does not run.
    client::assistant(&connection, settings).await?;
    let log = CorrectionLogProxy::builder(&connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .map_err(|error| Error::bus("reaching codriverd", error))?;
    match command {
        Log::Show { corrected, json } => show(&log, corrected, json).await,
        Log::Export { file } => export(&log, &file).await,
        Log::Erase { before } => erase(&log, before.as_deref()).await,
        Log::Status(options) => status(&log, options.json).await,
    }
}

async fn show(log: &CorrectionLogProxy<'_>, corrected: bool, json: bool) -> Result<(), Error> {
    let mut entries = entries(log).await?;
    if corrected {
        entries.retain(|entry| entry.get("corrected").is_some());
    }
    for entry in &entries {
        match json {
            true => output::json(entry)?,
            false => output::line(&readable(entry))?,
        }
    }
    Ok(())
}

/// Writes the entries into a new file, one a line, which only its owner may read.
async fn export(log: &CorrectionLogProxy<'_>, file: &Path) -> Result<(), Error> {
    let entries = entries(log).await?;
    let failed = |source| {
        let hint = "it must be a new file in a folder that is there";
        Error::system(format!("writing {} ({hint})", file.display()), source)
    };
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    let mut out = BufWriter::new(created);
    for entry in &entries {
        writeln!(out, "{entry}").map_err(failed)?;
    }
    out.into_inner()
        .map_err(|error| error.into_error())
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    output::line(&format!(
        "{} entries are in {}",
        entries.len(),
        file.display()
    ))
}

async fn erase(log: &CorrectionLogProxy<'_>, before: Option<&str>) -> Result<(), Error> {
    let before = match before {
        Some(text) => moment(text)?.to_string(),
        None => String::new(),
    };
    let erased = log
        .erase(&before)
        .await
        .map_err(client::failed("erasing the correction log"))?;
    output::line(&format!("{erased} entries are erased"))
}

async fn status(log: &CorrectionLogProxy<'_>, json: bool) -> Result<(), Error> {
    let report = log
        .status()
        .await
        .map_err(client::failed("asking for the correction log"))?;
    let report: Value = parsed(&report)?;
    match json {
        true => output::json(&report),
        false => output::line(&status_lines(&report).join("\n")),
    }
}

/// How the log is, for people: one line, and what is wrong with it.
pub(super) fn status_lines(report: &Value) -> Vec<String> {
    let number = |key: &str| report.get(key).and_then(Value::as_u64).unwrap_or(0);
    let entries = number("entries");
    let enabled = report.get("enabled") == Some(&Value::Bool(true));
    let what = match (enabled, entries) {
        (true, _) => format!(
            "on: {entries} entries, {} of at most {} bytes, in {}",
            number("bytes"),
            number("most_bytes"),
            text(report, "directory")
        ),
        (false, 0) => "off".into(),
        (false, _) => format!(
            "off; {entries} entries from before are in {}: `codriverctl log erase` erases them",
            text(report, "directory")
        ),
    };
    let mut lines = vec![format!("log         {what}")];
    let mut add = |line: String| lines.push(format!("            {line}"));
    if let (Some(oldest), Some(newest)) = (report["oldest"].as_str(), report["newest"].as_str()) {
        add(format!("from {oldest} to {newest}"));
    }
    if number("damaged") > 0 {
        add(format!("{} damaged lines, passed over", number("damaged")));
    }
    if number("lost") > 0 {
        add(format!("{} entries could not be written", number("lost")));
    }
    if let Some(problem) = report.get("problem").and_then(Value::as_str) {
        add(problem.to_owned());
    }
    lines
}

/// All entries, oldest first; each that was put right later says by which and how.
async fn entries(log: &CorrectionLogProxy<'_>) -> Result<Vec<Value>, Error> {
    let mut entries = Vec::new();
    let mut last = 0;
    loop {
        let page = log
            .read(last)
            .await
            .map_err(client::failed("reading the correction log"))?;
        let before = last;
        for entry in &page {
            let entry = parsed(entry)?;
            last = entry.get("entry").and_then(Value::as_u64).unwrap_or(last);
            entries.push(entry);
        }
        // A page that leads no further would be read for ever.
        if last <= before {
            mark_corrected(&mut entries);
            return Ok(entries);
        }
    }
}

fn mark_corrected(entries: &mut [Value]) {
    let corrections: BTreeMap<u64, Value> = entries
        .iter()
        .filter_map(|later| {
            let corrects = later.get("corrects")?;
            let mark = json!({"by": later.get("entry"), "how": corrects.get("how")});
            Some((corrects.get("entry")?.as_u64()?, mark))
        })
        .collect();
    for entry in entries {
        let number = entry.get("entry").and_then(Value::as_u64);
        if let Some(mark) = number.and_then(|number| corrections.get(&number)) {
            entry["corrected"] = mark.clone();
        }
    }
}

/// `17 2026-11-28T09:05:12Z en voice "open the window" (83 %)`, then what came of it.
fn readable(entry: &Value) -> String {
    let heard = match entry.get("heard") {
        Some(heard) => {
            let percent = heard["confidence"].as_f64().unwrap_or(0.0) * 100.0;
            format!("\"{}\" ({percent:.0} %)", text(heard, "text"))
        }
        None => "undo".into(),
    };
    let mut lines = vec![format!(
        "{} {} {} {} {heard}",
        text(entry, "entry"),
        text(entry, "at"),
        text(entry, "language"),
        text(entry, "by"),
    )];
    let mut add = |line: String| lines.push(format!("    {line}"));
    let understood = &entry["understood"];
    if let Some(tiers) = understood.get("tiers").and_then(Value::as_array) {
        for tier in tiers {
            let percent = tier["confidence"].as_f64().unwrap_or(0.0) * 100.0;
            add(format!(
                "{} understood {} ({percent:.0} %)",
                text(tier, "source"),
                commands(&tier["commands"], "args")
            ));
        }
        let because = text(understood, "why");
        add(format!("{}: {because}", text(understood, "decision")));
    }
    for ended in entry["did"].as_array().into_iter().flatten() {
        add(format!(
            "{} {} {}",
            command(ended, "arguments"),
            text(ended, "outcome"),
            text(ended, "reason")
        ));
    }
    add(format!("replied \"{}\"", text(entry, "replied")));
    if let Some(correction) = entry.get("corrected") {
        add(format!(
            "corrected by {}: {}",
            text(correction, "by"),
            text(correction, "how")
        ));
    }
    lines.join("\n")
}

fn commands(list: &Value, arguments: &str) -> String {
    let named: Vec<String> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| command(one, arguments))
        .collect();
    match named.is_empty() {
        true => "nothing".into(),
        false => named.join(", "),
    }
}

fn command(one: &Value, arguments: &str) -> String {
    let values: Vec<String> = one
        .get(arguments)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{}({})", text(one, "name"), values.join(", "))
}

fn text(object: &Value, key: &str) -> String {
    match object.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "-".into(),
    }
}

fn parsed(json: &str) -> Result<Value, Error> {
    serde_json::from_str(json).map_err(|error| {
        Error::Unsuccessful(format!("what codriverd says cannot be read: {error}"))
    })
}

/// A date, from its beginning where this machine is, or a moment.
fn moment(text: &str) -> Result<Timestamp, Error> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let wrong = || {
        Error::Unsuccessful(format!(
            "\"{text}\" is no date; write 2026-03-31, or 2026-03-31T18:00:00Z"
        ))
    };
    let date: Date = text.parse().map_err(|_| wrong())?;
    let midnight = date.to_zoned_datetime(TimeZone::system());
    midnight.map(|there| there.timestamp()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_beginning_and_a_moment_is_itself() {
        let exact = moment("2026-03-31T18:00:00Z").unwrap();
        assert_eq!(exact.to_string(), "2026-03-31T18:00:00Z");
        let date = moment("2026-03-31").unwrap();
        let there = date.to_zoned_datetime(TimeZone::system());
        assert_eq!((there.hour(), there.minute()), (0, 0));
        for wrong in ["yesterday", "", "2026-13-01"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_entry_says_by_which_later_one_it_was_put_right() {
        let mut entries = vec![
            json!({"entry": 4}),
            json!({"entry": 5, "corrects": {"entry": 4, "how": "undone"}}),
            // The one it corrects has given way already.
            json!({"entry": 6, "corrects": {"entry": 1, "how": "objected"}}),
        ];
        mark_corrected(&mut entries);
        assert_eq!(entries[0]["corrected"], json!({"by": 5, "how": "undone"}));
        assert!(entries[1].get("corrected").is_none());
    }

    #[test]
    fn what_is_left_of_a_log_that_is_off_is_said() {
        let report = |enabled: bool, entries: u64| {
            status_lines(&json!({"enabled": enabled, "entries": entries, "directory": "/d"}))
                .join("\n")
        };
        assert!(report(false, 0).ends_with("off"));
        let left = report(false, 3);
        assert!(
            left.contains("3 entries from before") && left.contains("erase"),
            "{left}"
        );
        assert!(report(true, 3).contains("on: 3 entries"));
    }
}
