//! What is written down about one request.

use std::time::Instant;

use codriver_catalog::{Command, Decision, Language, LanguageWords, Zone};
use codriver_nlu::Interpretation;
use jiff::Timestamp;
use serde::Serialize;

use super::Correction;
use crate::attention::Origin;
use crate::dialogue::{Answer, Step};
use crate::pipeline::{CommandReport, Doubt, Sentence, UnderstoodReport, milliseconds};

/// One request, before it has its number and its place among the others.
#[derive(Debug, Clone)]
pub struct Draft {
    /// When the speaker fell silent.
    pub at: Timestamp,
    /// What it is to the request before it.
    pub turn: Turn,
    /// What is kept of it.
    pub content: Content,
}

/// What a request is to the one before it, as far as it says so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A request like any other.
    Plain,
    /// Another try at an answer: its words were joined with those of an open question.
    Joined,
    /// It takes the last change back.
    Undo,
    /// It drops what is under way.
    Cancel,
    /// It says no to a question.
    Denial,
    /// It begins as one does who was misunderstood: "no, ...".
    Objection,
}

/// One line of the log.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Counted from one, never given twice while older entries are there.
    pub entry: u64,
    /// When the speaker fell silent, as RFC 3339 has it, in UTC.
    pub at: String,
    /// Which earlier entry the speaker puts right with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Correction>,
    /// The request.
    #[serde(flatten)]
    pub content: Content,
}

/// What is kept of a request.
#[derive(Debug, Clone, Serialize)]
pub struct Content {
    /// Its name in the journal of the same run.
    pub utterance: String,
    /// How it came in.
    pub by: By,
    /// The language it was taken for, or that of the reply.
    pub language: Language,
    /// The words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
    /// What they mean, by tier, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub understood: Option<UnderstoodReport>,
    /// How each command ended.
    pub did: Vec<Ended>,
    /// The reply.
    pub replied: String,
    /// From the end of speech until the reply, in milliseconds.
    pub total_ms: f64,
}

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Spoken.
    Voice,
    /// Typed.
    Text,
    /// A button.
    Button,
}

/// What was heard.
#[derive(Debug, Clone, Serialize)]
pub struct Heard {
    /// The words, without the wake phrase; with those of the question's request before them
    /// where they answer a question.
    pub text: String,
    /// How sure the recogniser was, 0 to 1.
    pub confidence: f64,
    /// Where it was least sure, and how sure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// The seat of the speaker, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Zone>,
}

/// How a command ended.
#[derive(Debug, Clone, Serialize)]
pub struct Ended {
    /// Which command.
    #[serde(flatten)]
    pub command: Command,
    /// done, refused, failed or unconfirmed.
    pub outcome: &'static str,
    /// A stable word that says why; empty when done.
    pub reason: String,
}

impl From<&CommandReport> for Ended {
    fn from(report: &CommandReport) -> Self {
        Self {
            command: report.command.clone(),
            outcome: report.outcome,
            reason: report.reason.clone(),
        }
    }
}

impl Draft {
    /// What a sentence led to.
    pub fn of_sentence(
        sentence: &Sentence,
        interpretation: &Interpretation,
        turn: Turn,
        outcomes: &[CommandReport],
        replied: &str,
    ) -> Self {
        Self {
            at: moment(sentence.ended),
            turn,
            content: Content {
                utterance: sentence.id.to_string(),
                by: match sentence.origin {
                    Origin::Typed => By::Text,
                    Origin::Asked | Origin::Unasked => By::Voice,
                },
                language: interpretation.language,
                heard: Some(Heard {
                    text: sentence.text.clone(),
                    confidence: rounded(sentence.confidence),
                    doubts: sentence.doubts.clone(),
                    speaker: sentence.speaker,
                }),
                understood: Some(UnderstoodReport::from(interpretation)),
                did: outcomes.iter().map(Into::into).collect(),
                replied: replied.to_owned(),
                total_ms: milliseconds(sentence.ended.elapsed()),
            },
        }
    }

    /// What the button that takes back the last change led to.
    pub fn of_button(utterance: String, asked: Instant, language: Language, replied: &str) -> Self {
        Self {
            at: moment(asked),
            turn: Turn::Undo,
            content: Content {
                utterance,
                by: By::Button,
                language,
                heard: None,
                understood: None,
                did: Vec::new(),
                replied: replied.to_owned(),
                total_ms: milliseconds(asked.elapsed()),
            },
        }
    }
}

impl Turn {
    /// What a sentence is to the one before it, by the steps that the dialogue takes.
    pub fn of(sentence: &Sentence, steps: &[Step], words: Option<&LanguageWords>) -> Self {
        let any = |wanted: fn(&Step) -> bool| steps.iter().any(wanted);
        if any(|step| matches!(step, Step::Undo)) {
            Self::Undo
        } else if any(|step| matches!(step, Step::Cancel)) {
            Self::Cancel
        } else if any(|step| matches!(step, Step::Say(Answer::Denied))) {
            Self::Denial
        } else if words.is_some_and(|words| opens_with(&sentence.text, &words.corrections)) {
            Self::Objection
        } else if sentence.joined {
            Self::Joined
        } else {
            Self::Plain
        }
    }
}

impl Content {
    /// Whether anything was done, or may have been.
    pub(super) fn has_acted(&self) -> bool {
        let acted = |ended: &Ended| matches!(ended.outcome, "done" | "unconfirmed");
        self.did.iter().any(acted)
    }

    /// Whether the reply was a question.
    pub(super) fn has_asked(&self) -> bool {
        let decision = self.understood.as_ref().map(|report| report.decision);
        matches!(decision, Some(Decision::Confirm | Decision::Clarify))
            || self
                .did
                .iter()
                .any(|ended| ended.reason == "confirmation_needed")
    }

    /// Whether the speaker asked for something and got nothing.
    pub(super) fn was_in_vain(&self) -> bool {
        let decision = self.understood.as_ref().map(|report| report.decision);
        let refused = !self.did.is_empty() && !self.has_acted();
        refused || matches!(decision, Some(Decision::Reject | Decision::Clarify))
    }
}

/// A moment of this run on the wall clock.
fn moment(then: Instant) -> Timestamp {
    let now = Timestamp::now();
    now.checked_sub(then.elapsed()).unwrap_or(now)
}

fn rounded(probability: f64) -> f64 {
    (probability * 1e3).round() / 1e3
}

/// Whether a text begins with one of these, as whole words where words have spaces between them.
fn opens_with(text: &str, openers: &[String]) -> bool {
    let text = text.trim_start().to_lowercase();
    openers
        .iter()
        .filter_map(|opener| Some((opener, text.strip_prefix(opener.as_str())?)))
        .any(|(opener, rest)| {
            let spaced = opener.chars().next_back().is_some_and(|c| c.is_ascii());
            !spaced || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '\'')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objection_is_known_by_its_first_words() {
        let english = ["no", "i meant"].map(str::to_owned);
        for text in [
            "No, the other side",
            " no the left one",
            "I meant mine",
            "no",
        ] {
            assert!(opens_with(text, &english), "{text}");
        }
        for text in ["now open it", "north please", "say no", "i meantime", ""] {
            assert!(!opens_with(text, &english), "{text}");
        }
        let mandarin = ["不对".to_owned()];
        assert!(opens_with("不对，是右边", &mandarin));
        assert!(!opens_with("不要开窗", &mandarin));
    }
}
