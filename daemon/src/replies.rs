//! What is answered, in the language of the utterance.
//!
//! A command's own reply comes from its intent pack; what all commands share
//! comes from `configs/replies.toml`. No sentence is written in code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use codriver_catalog::{ArgumentKind, Catalog, Command, Language, Value};
use jiff::ZonedDateTime;
use serde::Deserialize;

use crate::Error;
use crate::clock::{Moment, Wording};

/// The texts of `replies.toml`, checked.
#[derive(Debug, Clone)]
pub struct Replies {
    languages: BTreeMap<Language, Texts>,
}

/// One language's texts. `{reason}` stands for why, `{examples}` for things that can be said.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// A command without a reply of its own was done.
    pub done: String,
    /// The car, or the assistant, said no: `{reason}`.
    pub refused: String,
    /// It did not work: `{reason}`.
    pub failed: String,
    /// It was sent, and the car has not confirmed it.
    pub unconfirmed: String,
    /// Not understood.
    pub rejected: String,
    /// Something is missing, and the speaker is asked: `{reason}`.
    pub clarify: String,
    /// The speaker is asked before a command acts.
    pub confirm: String,
    /// The speaker said no.
    pub denied: String,
    /// Yes or no was said, and nothing was asked.
    pub nothing_asked: String,
    /// What was pending is dropped.
    pub cancelled: String,
    /// The last change was taken back.
    pub undone: String,
    /// There is no change to take back.
    pub nothing_to_undo: String,
    /// Nothing was said yet.
    pub nothing_to_repeat: String,
    /// What can be said: `{examples}`.
    pub help: String,
    /// Between two examples.
    pub joint: String,
    /// Between two replies in one breath.
    pub pause: String,
    /// How a flag is said: on, off.
    pub on: String,
    /// How a flag is said: on, off.
    pub off: String,
    /// How time and date are said.
    pub clock: Wording,
    /// Why, by the stable word of the reason: `out_of_range`. `{choices}` stands
    /// for the names between which the speaker must choose.
    pub reasons: BTreeMap<String, String>,
}

/// How one command ended, as far as a reply cares.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// `done`, `refused`, `failed` or `unconfirmed`.
    pub outcome: &'a str,
    /// The stable word of the reason; empty when done.
    pub reason: &'a str,
    /// What was read, for commands that ask the car something.
    pub value: Option<&'a Value>,
    /// Why a rule of the car stood against it: a whole sentence in the speaker's language.
    pub sentence: Option<&'a str>,
    /// The names between which the speaker must choose, when one was not enough.
    pub choices: &'a [String],
}

impl Replies {
    /// Reads `replies.toml`.
    ///
    /// # Errors
    /// [`Error::Replies`] naming file, line and key.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Replies {
            path: path.to_owned(),
            problem,
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            wrong(format!(
                "cannot be read: {error}; it belongs beside the commands folder"
            ))
        })?;
        let languages: BTreeMap<Language, Texts> =
            toml::from_str(&text).map_err(|error| Error::Replies {
                path: at_line(path, &text, &error),
                problem: error.message().replace('\n', " "),
            })?;
        for (language, texts) in &languages {
            texts
                .check()
                .map_err(|problem| wrong(format!("[{language}]: {problem}")))?;
        }
        if !languages.contains_key(&Language::English) {
            return Err(wrong(
                "section [en] is missing; it is the last resort of every language".into(),
            ));
        }
        Ok(Self { languages })
    }

    /// The shared texts of a language; English where a language has none.
    pub fn texts(&self, language: Language) -> &Texts {
        self.languages
            .get(&language)
            .or_else(|| self.languages.get(&Language::English))
            .unwrap_or(&EMPTY)
    }

    /// The reply to one command.
    pub fn of_command(
        &self,
        catalog: &Catalog,
        command: &Command,
        language: Language,
        ending: Ending<'_>,
    ) -> String {
        // The car's own rule says best why.
        if let Some(sentence) = ending.sentence {
            return sentence.to_owned();
        }
        let texts = self.texts(language);
        let own = |key: &str| self.own(catalog, command, language, key);
        // "Locked" and "not locked" read better than "locked: off".
        let by_flag = match (ending.outcome, ending.value) {
            ("done", Some(Value::Flag(true))) => own("done_true"),
            ("done", Some(Value::Flag(false))) => own("done_false"),
            _ => None,
        };
        let own = by_flag.or_else(|| own(ending.outcome));
        let template = own.unwrap_or(match ending.outcome {
            "done" => &texts.done,
            "refused" => &texts.refused,
            "unconfirmed" => &texts.unconfirmed,
            _ => &texts.failed,
        });
        let text = fill(template, |slot| match slot {
            "reason" => Some(texts.reason(ending.reason, ending.choices)),
            "value" => ending.value.map(|value| texts.plain(value)),
            argument => self.argument(catalog, command, language, argument),
        });
        capitalised(&text)
    }

    /// The question that is asked before a command acts.
    pub fn confirmation(&self, catalog: &Catalog, command: &Command, language: Language) -> String {
        let template = self
            .own(catalog, command, language, "confirm")
            .unwrap_or(&self.texts(language).confirm);
        capitalised(&fill(template, |slot| {
            self.argument(catalog, command, language, slot)
        }))
    }

    /// The question for what is missing.
    pub fn clarification(
        &self,
        catalog: &Catalog,
        about: Option<&Command>,
        reason: &str,
        language: Language,
    ) -> String {
        let texts = self.texts(language);
        let own = about.and_then(|command| self.own(catalog, command, language, "clarify"));
        capitalised(&fill(own.unwrap_or(&texts.clarify), |slot| match slot {
            "reason" => Some(texts.reason(reason, &[])),
            argument => self.argument(catalog, about?, language, argument),
        }))
    }

    fn own<'a>(
        &self,
        catalog: &'a Catalog,
        command: &Command,
        language: Language,
        key: &str,
    ) -> Option<&'a String> {
        catalog
            .command(command.name.as_str())?
            .replies
            .get(&language)?
            .get(key)
    }

    /// An argument's value as it is said in the language.
    fn argument(
        &self,
        catalog: &Catalog,
        command: &Command,
        language: Language,
        name: &str,
    ) -> Option<String> {
        let value = command.arguments.get(name)?;
        let said = match value {
            Value::Zone(zone) => catalog
                .languages
                .get(&language)
                .and_then(|words| words.zones.get(zone))
                .and_then(|words| words.first().cloned()),
            Value::Choice(chosen) => {
                let argument = catalog.command(command.name.as_str())?.argument(name)?;
                match &argument.kind {
                    ArgumentKind::Choice { choices } => choices
                        .iter()
                        .find(|choice| choice.name == *chosen)
                        .and_then(|choice| choice.words.get(&language)?.first().cloned()),
                    _ => None,
                }
            }
            _ => None,
        };
        Some(said.unwrap_or_else(|| self.texts(language).plain(value)))
    }
}

impl Texts {
    /// Why, in words; the stable word itself, made readable, where no text is written for it.
    pub fn reason(&self, word: &str, choices: &[String]) -> String {
        match self.reasons.get(word) {
            Some(text) => fill(text, |slot| {
                (slot == "choices").then(|| choices.join(&self.joint))
            }),
            None => word.replace('_', " "),
        }
    }

    /// The answer to a sentence that is not acted on: why, where a text is written for that.
    pub fn rejection(&self, reason: &str) -> String {
        if self.reasons.contains_key(reason) {
            self.not_done("refused", reason)
        } else {
            self.rejected.clone()
        }
    }

    /// `refused`, `failed` or `unconfirmed`, with why.
    pub fn not_done(&self, outcome: &str, reason: &str) -> String {
        let template = match outcome {
            "refused" => &self.refused,
            "unconfirmed" => &self.unconfirmed,
            _ => &self.failed,
        };
        fill(template, |slot| {
            (slot == "reason").then(|| self.reason(reason, &[]))
        })
    }

    /// The help text with examples of what can be said.
    pub fn help(&self, examples: &[String]) -> String {
        fill(&self.help, |slot| {
            (slot == "examples").then(|| examples.join(&self.joint))
        })
    }

    /// What the clock says.
    pub fn moment(&self, asked: Moment, now: &ZonedDateTime) -> String {
        let text = self.clock.text(asked, now);
        fill(text, |slot| self.clock.slot(slot, now))
    }

    fn plain(&self, value: &Value) -> String {
        match value {
            Value::Flag(true) => self.on.clone(),
            Value::Flag(false) => self.off.clone(),
            // Sensors report more digits than anybody wants to hear.
            Value::Number(number) => Value::Number((number * 10.0).round() / 10.0).to_string(),
            other => other.to_string(),
        }
    }

    /// Every `{slot}` must be one that is filled for its text.
    fn check(&self) -> Result<(), String> {
        let reasons = self.reasons.iter();
        let reasons = reasons.map(|(key, text)| (key.as_str(), text.as_str(), &["choices"][..]));
        let clock = self.clock.texts().into_iter();
        for (key, text, allowed) in [
            ("done", self.done.as_str(), &[][..]),
            ("refused", &self.refused, &["reason"]),
            ("failed", &self.failed, &["reason"]),
            ("unconfirmed", &self.unconfirmed, &["reason"]),
            ("rejected", self.rejected.as_str(), &[][..]),
            ("clarify", &self.clarify, &["reason"]),
            ("confirm", self.confirm.as_str(), &[][..]),
            ("denied", self.denied.as_str(), &[][..]),
            ("nothing_asked", self.nothing_asked.as_str(), &[][..]),
            ("cancelled", self.cancelled.as_str(), &[][..]),
            ("undone", self.undone.as_str(), &[][..]),
            ("nothing_to_undo", self.nothing_to_undo.as_str(), &[][..]),
            (
                "nothing_to_repeat",
                self.nothing_to_repeat.as_str(),
                &[][..],
            ),
            ("help", &self.help, &["examples"]),
        ]
        .into_iter()
        .chain(reasons)
        .chain(clock)
        {
            if let Some(slot) = slots(text).find(|slot| !allowed.contains(slot)) {
                return Err(format!(
                    "{key} has the slot {{{slot}}}, which nothing fills; remove it"
                ));
            }
        }
        Ok(())
    }
}

static EMPTY: Texts = Texts {
    done: String::new(),
    refused: String::new(),
    failed: String::new(),
    unconfirmed: String::new(),
    rejected: String::new(),
    clarify: String::new(),
    confirm: String::new(),
    denied: String::new(),
    nothing_asked: String::new(),
    cancelled: String::new(),
    undone: String::new(),
    nothing_to_undo: String::new(),
    nothing_to_repeat: String::new(),
    help: String::new(),
    joint: String::new(),
    pause: String::new(),
    on: String::new(),
    off: String::new(),
    clock: Wording::EMPTY,
    reasons: BTreeMap::new(),
};

fn at_line(path: &Path, text: &str, error: &toml::de::Error) -> PathBuf {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| before.matches('\n').count() + 1);
    match line {
        Some(line) => format!("{}:{line}", path.display()).into(),
        None => path.to_owned(),
    }
}

/// Replaces each `{slot}`; one that has no value is left out.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        match after.split_once('}') {
            Some((slot, after)) => {
                text.push_str(&value(slot).unwrap_or_default());
                rest = after;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn slots(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}').map(|(slot, _)| slot))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");

    fn replies() -> Replies {
        Replies::load(&Path::new(CONFIGS).join("replies.toml")).unwrap()
    }

    #[test]
    fn the_shipped_texts_know_every_language() {
        let replies = replies();
        for language in Language::ALL {
            assert!(replies.languages.contains_key(&language), "{language}");
        }
    }

    #[test]
    fn every_reason_has_a_text_in_every_language() {
        let replies = replies();
        let english = &replies.texts(Language::English).reasons;
        let mandarin = &replies.texts(Language::Mandarin).reasons;
        assert!(english.contains_key("out_of_range"));
        assert_eq!(
            english.keys().collect::<Vec<_>>(),
            mandarin.keys().collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_time_and_the_date_are_said_as_each_language_says_them() {
        let replies = replies();
        let said = |language, moment, at: &str| {
            let at = at.parse().unwrap();
            replies.texts(language).moment(moment, &at)
        };
        let evening = "2026-11-27T22:05+08:00[Asia/Shanghai]";
        let noon = "2026-03-01T12:00+01:00[Europe/Berlin]";
        let night = "2026-03-01T00:40+01:00[Europe/Berlin]";
        use Language::{English, Mandarin};
        use Moment::{Date, Time};
        assert_eq!(said(English, Time, evening), "10:05 pm");
        assert_eq!(said(English, Time, noon), "12 pm");
        assert_eq!(said(English, Time, night), "12:40 am");
        assert_eq!(said(English, Date, evening), "Friday, November 27, 2026");
        assert_eq!(said(Mandarin, Time, evening), "22点05分");
        assert_eq!(said(Mandarin, Time, noon), "12点整");
        assert_eq!(said(Mandarin, Time, night), "0点40分");
        assert_eq!(said(Mandarin, Date, noon), "2026年3月1日，星期日");
    }

    #[test]
    fn slots_are_filled_and_unknown_ones_left_out() {
        let text = fill("{a} and {b}, {", |slot| (slot == "a").then(|| "one".into()));
        assert_eq!(text, "one and , {");
    }

    #[test]
    fn a_text_with_a_slot_that_nothing_fills_is_refused_by_name() {
        let good = std::fs::read_to_string(Path::new(CONFIGS).join("replies.toml")).unwrap();
        let bad = good.replacen("done = \"", "done = \"{nonsense} ", 1);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bad).unwrap();
        let message = Replies::load(file.path()).unwrap_err().to_string();
        assert!(
            message.contains("done") && message.contains("{nonsense}"),
            "{message}"
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[en]\nhello = \"hi\"\n").unwrap();
        let message = Replies::load(file.path()).unwrap_err().to_string();
        assert!(
            message.contains(":2") && message.contains("hello"),
            "{message}"
        );
    }
}
