//! Applies the vehicle's rules to requests: once at admission, and again just before the frame
//! leaves. Nothing happens between that last look and the sending, and what is being asked of
//! the car counts as if it were so already: of two requests that exclude each other, the second
//! is refused even when the car has not shown the first yet.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use codriver_catalog::{Language, Zone};
use tokio::time::Instant;

use super::{lock, state::State};
use crate::{
    Outcome, Reason, Value,
    description::{Condition, Description, Effect, Rule, policy::overlap},
};

/// Requests of one path whose times are kept; no rule counts more.
const REMEMBERED: usize = 1000;

/// Who asks, and what was said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    /// Where the one sits who asks; None: nobody knows.
    pub speaker: Option<Zone>,
    /// Somebody has been asked and said yes.
    pub confirmed: bool,
    /// The language of sentences for the driver; None: English.
    pub language: Option<Language>,
}

/// One look at a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) path: &'a str,
    pub(super) value: &'a Value,
    pub(super) context: Context,
}

#[derive(Debug)]
pub(super) struct Guard {
    description: Arc<Description>,
    state: Arc<State>,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    /// What was sent and is not settled yet.
    under_way: BTreeMap<String, Value>,
    /// When requests for a path were let through, oldest first.
    admitted: BTreeMap<String, VecDeque<Instant>>,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    No,
    Yes,
    /// It counts as holding, because nobody knows.
    Unknown,
}

impl Guard {
    pub(super) fn new(description: Arc<Description>, state: Arc<State>) -> Self {
        Self {
            description,
            state,
            notes: Mutex::default(),
        }
    }

    /// Lets a new request in and counts it, or refuses it.
    pub(super) fn admit(&self, asked: Asked<'_>, now: Instant) -> Result<(), Outcome> {
        let mut notes = lock(&self.notes);
        self.judge(asked, &notes, Some(now))?;
        let times = notes.admitted.entry(asked.path.to_owned()).or_default();
        times.push_back(now);
        if times.len() > REMEMBERED {
            times.pop_front();
        }
        Ok(())
    }

    /// The last look: from here until [`Guard::settled`] the value counts as asked for. How often
    /// was asked is not looked at again.
    pub(super) fn leave(&self, asked: Asked<'_>) -> Result<(), Outcome> {
        let mut notes = lock(&self.notes);
        self.judge(asked, &notes, None)?;
        notes
            .under_way
            .insert(asked.path.to_owned(), asked.value.clone());
        Ok(())
    }

    /// Whether a request whose first frame has left may be repeated.
    pub(super) fn may_go_on(&self, asked: Asked<'_>) -> bool {
        self.judge(asked, &lock(&self.notes), None).is_ok()
    }

    /// A request of the path has come to its end; from now on the car's reports count alone.
    pub(super) fn settled(&self, path: &str) {
        lock(&self.notes).under_way.remove(path);
    }

    /// A refusal goes before a question: nobody is asked for a yes to what is refused then.
    fn judge(&self, asked: Asked<'_>, notes: &Notes, now: Option<Instant>) -> Result<(), Outcome> {
        let mut question = None;
        for rule in self
            .description
            .policy()
            .concerning(asked.path, asked.value)
        {
            let holds = self.fires(rule, asked, notes, now);
            if holds == Holds::No {
                continue;
            }
            let outcome = |reason: &Reason| {
                tracing::info!(rule = rule.name, path = asked.path, ?holds, "a rule fires");
                Outcome::refused(reason.clone(), sentence(rule, asked.context, holds))
            };
            match &rule.effect {
                Effect::Refuse(reason) => return Err(outcome(reason)),
                Effect::Confirm if asked.context.confirmed || question.is_some() => {}
                Effect::Confirm => question = Some(outcome(&Reason::ConfirmationNeeded)),
            }
        }
        question.map_or(Ok(()), Err)
    }

    /// A rule fires when all its conditions hold.
    fn fires(&self, rule: &Rule, asked: Asked<'_>, notes: &Notes, now: Option<Instant>) -> Holds {
        let mut all = Holds::Yes;
        for condition in &rule.when {
            match self.holds(condition, asked, notes, now) {
                Holds::No => return Holds::No,
                Holds::Unknown => all = Holds::Unknown,
                Holds::Yes => {}
            }
        }
        all
    }

    fn holds(
        &self,
        condition: &Condition,
        asked: Asked<'_>,
        notes: &Notes,
        now: Option<Instant>,
    ) -> Holds {
        match condition {
            Condition::SpeedAbove(limit) => match self.state.speed() {
                // Written so that a speed which is no number holds as well.
                Some(speed) if speed <= *limit => Holds::No,
                Some(_) => Holds::Yes,
                None => Holds::Unknown,
            },
            Condition::State { paths, test } => {
                let mut known = true;
                for path in paths {
                    let reported = self.state.get(path).flatten().map(|reading| reading.value);
                    known &= reported.is_some();
                    let mut values = notes.under_way.get(path).into_iter().chain(&reported);
                    if values.any(|value| test.has(value)) {
                        return Holds::Yes;
                    }
                }
                if known { Holds::No } else { Holds::Unknown }
            }
            Condition::Speaker { zones, unknown } => {
                let there = match asked.context.speaker {
                    Some(speaker) => zones.iter().any(|zone| overlap(*zone, speaker)),
                    None => *unknown,
                };
                if there { Holds::Yes } else { Holds::No }
            }
            Condition::Requests { count, within } => match now {
                Some(now) if recent(notes, asked.path, now, *within) >= *count => Holds::Yes,
                _ => Holds::No,
            },
        }
    }
}

fn recent(notes: &Notes, path: &str, now: Instant, within: Duration) -> usize {
    let times = notes.admitted.get(path).into_iter().flatten();
    times
        .filter(|at| now.saturating_duration_since(**at) < within)
        .count()
}

/// Why, for the driver; with a remark where a state is only feared.
fn sentence(rule: &Rule, context: Context, holds: Holds) -> String {
    let language = context.language.unwrap_or(Language::English);
    let says = rule.says(language);
    let remark = match (holds, language) {
        (Holds::Unknown, Language::English) => " The car does not report it at the moment.",
        (Holds::Unknown, Language::Mandarin) => "车辆目前没有报告这一状态。",
        (Holds::Yes | Holds::No, _) => "",
    };
    format!("{says}{remark}")
}

#[cfg(test)]
mod tests;
