//! The talk between speaker and assistant: confirming, asking back, repeating.
//!
//! A pure state machine: it is told what was understood and when, and answers
//! with the steps to take. Taking them is [`crate::pipeline`]'s work.

use std::time::{Duration, Instant};

use codriver_catalog::{AssistantAction, Catalog, Command, Decision, Language, Route};
use codriver_nlu::{Interpretation, Reason};

use crate::clock::Moment;

/// What to do next about an utterance, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Let these commands go to the car and to the cockpit apps.
    Perform(Vec<Command>),
    /// The same, after the car asked about them and the speaker said yes.
    Confirmed(Vec<Command>),
    /// Take the last change back.
    Undo,
    /// Drop everything that is under way.
    Cancel,
    /// Answer with this.
    Say(Answer),
    /// Tell the time or the date; the reply is the command's own.
    Tell(Moment, Command),
    /// Close the microphone; the reply is the command's own.
    CloseMicrophone(Command),
    /// Understand these words again: an open question's with its answer's.
    Again(String),
}

/// What is answered when nothing was performed.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Not understood; with the stable word of the reason.
    Rejected(&'static str),
    /// Something is missing; with the stable word of the reason, and the
    /// command it is missing from where that is known.
    Clarify(&'static str, Option<Command>),
    /// Shall these commands act?
    Confirm(Vec<Command>),
    /// The speaker said no.
    Denied,
    /// Yes or no, and nothing was asked.
    NothingAsked,
    /// The last reply once more.
    Repeat,
    /// What can be said.
    Help,
}

/// The state of the talk.
#[derive(Debug)]
pub struct Dialogue {
    open: Option<Question>,
    answer_within: Duration,
}

#[derive(Debug)]
struct Question {
    asked: Asked,
    language: Language,
    deadline: Instant,
}

#[derive(Debug)]
enum Asked {
    /// May these act?
    Confirmation(Vec<Command>),
    /// May these act, although the car has doubts?
    Doubt(Vec<Command>),
    /// What is missing from these words?
    Clarification(String),
}

impl Asked {
    /// Whether a yes lets something act.
    fn is_about_acting(&self) -> bool {
        matches!(self, Self::Confirmation(_) | Self::Doubt(_))
    }
}

impl Dialogue {
    /// A talk whose questions stay open for `answer_within`.
    pub fn new(answer_within: Duration) -> Self {
        Self {
            open: None,
            answer_within,
        }
    }

    /// Takes one understood utterance and says what to do.
    pub fn take(
        &mut self,
        interpretation: &Interpretation,
        catalog: &Catalog,
        now: Instant,
    ) -> Vec<Step> {
        let question = self.open.take().filter(|question| now < question.deadline);
        match interpretation.decision {
            Decision::Reject => self.not_understood(interpretation, question),
            Decision::Clarify => {
                if let Some(words) = together(question.as_ref(), interpretation) {
                    return vec![Step::Again(words)];
                }
                self.ask(
                    Asked::Clarification(interpretation.text.clone()),
                    interpretation.language,
                    now,
                );
                vec![Step::Say(clarification(interpretation))]
            }
            Decision::Confirm => {
                let commands = interpretation.commands.clone();
                self.ask(
                    Asked::Confirmation(commands.clone()),
                    interpretation.language,
                    now,
                );
                vec![Step::Say(Answer::Confirm(commands))]
            }
            Decision::Execute => execute(&interpretation.commands, catalog, question),
        }
    }

    /// Takes the second understanding of an utterance whose words were joined
    /// with those of an open question: it is never joined again.
    pub fn take_again(
        &mut self,
        interpretation: &Interpretation,
        catalog: &Catalog,
        now: Instant,
    ) -> Vec<Step> {
        self.open = None;
        self.take(interpretation, catalog, now)
    }

    /// The car wants a yes to these before it acts: its question has been said, and is open now.
    pub fn doubt(&mut self, commands: Vec<Command>, language: Language, now: Instant) {
        self.ask(Asked::Doubt(commands), language, now);
    }

    /// Whether a question waits for its answer.
    pub fn is_open(&self, now: Instant) -> bool {
        self.open
            .as_ref()
            .is_some_and(|question| now < question.deadline)
    }

    /// Forgets any open question. Whether there was one.
    pub fn forget(&mut self) -> bool {
        self.open.take().is_some()
    }

    fn ask(&mut self, asked: Asked, language: Language, now: Instant) {
        self.open = Some(Question {
            asked,
            language,
            deadline: now + self.answer_within,
        });
    }

    fn not_understood(
        &mut self,
        interpretation: &Interpretation,
        question: Option<Question>,
    ) -> Vec<Step> {
        if let Some(words) = together(question.as_ref(), interpretation) {
            return vec![Step::Again(words)];
        }
        // A question about acting stays open: a cough is no answer.
        self.open = question.filter(|question| question.asked.is_about_acting());
        let reason = interpretation.reason.as_ref().map_or("", Reason::code);
        vec![Step::Say(Answer::Rejected(reason))]
    }
}

/// What was asked for and then answered, as one sentence.
fn together(question: Option<&Question>, answer: &Interpretation) -> Option<String> {
    match question {
        Some(Question {
            asked: Asked::Clarification(words),
            language,
            ..
        }) if *language == answer.language => Some(format!("{words} {}", answer.text)),
        _ => None,
    }
}

fn clarification(interpretation: &Interpretation) -> Answer {
    let about = match &interpretation.reason {
        Some(Reason::Argument { proposal, .. }) => Some(Command {
            name: proposal.name.clone(),
            arguments: proposal.arguments.clone(),
        }),
        _ => None,
    };
    let reason = interpretation.reason.as_ref().map_or("", Reason::code);
    Answer::Clarify(reason, about)
}

fn execute(commands: &[Command], catalog: &Catalog, question: Option<Question>) -> Vec<Step> {
    let mut confirmation = question
        .map(|question| question.asked)
        .filter(Asked::is_about_acting);
    let mut steps = Vec::new();
    for command in commands {
        let route = catalog
            .command(command.name.as_str())
            .map(|definition| &definition.route);
        match route {
            Some(Route::Assistant(action)) => {
                steps.push(assist(*action, command, &mut confirmation));
            }
            // Also a command that a reload has just removed: performing it
            // ends in an outcome that says so.
            _ => match steps.last_mut() {
                Some(Step::Perform(together)) => together.push(command.clone()),
                _ => steps.push(Step::Perform(vec![command.clone()])),
            },
        }
    }
    steps
}

fn assist(action: AssistantAction, command: &Command, confirmation: &mut Option<Asked>) -> Step {
    match action {
        AssistantAction::Confirm => match confirmation.take() {
            Some(Asked::Confirmation(commands)) => Step::Perform(commands),
            Some(Asked::Doubt(commands)) => Step::Confirmed(commands),
            Some(Asked::Clarification(_)) | None => Step::Say(Answer::NothingAsked),
        },
        AssistantAction::Deny => match confirmation.take() {
            Some(_) => Step::Say(Answer::Denied),
            None => Step::Say(Answer::NothingAsked),
        },
        AssistantAction::Cancel => Step::Cancel,
        AssistantAction::Undo => Step::Undo,
        AssistantAction::Repeat => Step::Say(Answer::Repeat),
        AssistantAction::Help => Step::Say(Answer::Help),
        AssistantAction::Time => Step::Tell(Moment::Time, command.clone()),
        AssistantAction::Date => Step::Tell(Moment::Date, command.clone()),
        AssistantAction::MuteMicrophone => Step::CloseMicrophone(command.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codriver_nlu::Source;
    use std::collections::BTreeMap;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A catalogue of one lamp and one command for each assistant action.
    fn catalog() -> Catalog {
        let folder = tempfile::tempdir().unwrap();
        let commands = folder.path().join("commands");
        let languages = folder.path().join("languages");
        std::fs::create_dir_all(&commands).unwrap();
        std::fs::create_dir_all(&languages).unwrap();
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/languages/en.toml");
        std::fs::copy(shipped, languages.join("en.toml")).unwrap();
        let mut pack = String::from("[pack]\nname = \"test\"\nversion = \"1.0.0\"\n");
        let lamp = "vss = { operation = \"set\", value = true, paths = [\"A.Lamp\"] }";
        let assistant = [
            "confirm",
            "deny",
            "cancel",
            "undo",
            "repeat",
            "help",
            "time",
            "date",
            "mute_microphone",
        ];
        let routes = assistant.map(|action| (action, format!("assistant = \"{action}\"")));
        for (name, route) in routes.into_iter().chain([("lamp", lamp.to_owned())]) {
            pack.push_str(&format!(
                "[[command]]\nname = \"test.{name}\"\nsummary = \"Tests {name}\"\n\
                 [command.phrases]\nen = [\"{name} please now\"]\n[command.route]\n{route}\n\
                 [command.replies]\nen = {{ done = \"{name}.\" }}\n\
                 [[command.tests]]\nlanguage = \"en\"\ntext = \"{name} please now\"\n"
            ));
        }
        std::fs::write(commands.join("test.toml"), pack).unwrap();
        Catalog::load(folder.path()).unwrap()
    }

    fn command(name: &str) -> Command {
        Command {
            name: format!("test.{name}").parse().unwrap(),
            arguments: BTreeMap::new(),
        }
    }

    fn understood(decision: Decision, text: &str, commands: &[&str]) -> Interpretation {
        Interpretation {
            text: text.into(),
            language: Language::English,
            commands: commands.iter().map(|name| command(name)).collect(),
            confidence: 1.0,
            source: Source::Pattern,
            decision,
            reason: None,
            alternatives: Vec::new(),
            tiers: Vec::new(),
            rule: codriver_nlu::Rule::ExactPhrase,
            elapsed: Duration::ZERO,
        }
    }

    struct Talk {
        dialogue: Dialogue,
        catalog: Catalog,
        now: Instant,
    }

    impl Talk {
        fn new() -> Self {
            Self {
                dialogue: Dialogue::new(PATIENCE),
                catalog: catalog(),
                now: Instant::now(),
            }
        }

        fn hears(&mut self, decision: Decision, text: &str, commands: &[&str]) -> Vec<Step> {
            let interpretation = understood(decision, text, commands);
            self.dialogue.take(&interpretation, &self.catalog, self.now)
        }
    }

    #[test]
    fn commands_in_one_breath_are_performed_together_and_in_order() {
        let mut talk = Talk::new();
        assert_eq!(
            talk.hears(Decision::Execute, "", &["lamp", "lamp", "undo", "lamp"]),
            [
                Step::Perform(vec![command("lamp"), command("lamp")]),
                Step::Undo,
                Step::Perform(vec![command("lamp")]),
            ]
        );
    }

    #[test]
    fn a_command_that_needs_a_yes_acts_only_after_it_and_only_once() {
        let mut talk = Talk::new();
        assert_eq!(
            talk.hears(Decision::Confirm, "", &["lamp"]),
            [Step::Say(Answer::Confirm(vec![command("lamp")]))]
        );
        assert_eq!(
            talk.hears(Decision::Execute, "", &["confirm"]),
            [Step::Perform(vec![command("lamp")])]
        );
        assert_eq!(
            talk.hears(Decision::Execute, "", &["confirm"]),
            [Step::Say(Answer::NothingAsked)]
        );
    }

    #[test]
    fn a_yes_to_the_cars_own_doubt_confirms_once_and_a_no_drops_it() {
        let mut talk = Talk::new();
        let doubt = |talk: &mut Talk| {
            let now = talk.now;
            talk.dialogue
                .doubt(vec![command("lamp")], Language::English, now);
        };
        doubt(&mut talk);
        talk.hears(Decision::Reject, "mumble", &[]);
        assert_eq!(
            talk.hears(Decision::Execute, "", &["confirm"]),
            [Step::Confirmed(vec![command("lamp")])]
        );
        assert_eq!(
            talk.hears(Decision::Execute, "", &["confirm"]),
            [Step::Say(Answer::NothingAsked)]
        );
        doubt(&mut talk);
        assert_eq!(
            talk.hears(Decision::Execute, "", &["deny"]),
            [Step::Say(Answer::Denied)]
        );
    }

    #[test]
    fn a_yes_after_the_deadline_does_nothing() {
        let mut talk = Talk::new();
        talk.hears(Decision::Confirm, "", &["lamp"]);
        talk.now += PATIENCE;
        assert_eq!(
            talk.hears(Decision::Execute, "", &["confirm"]),
            [Step::Say(Answer::NothingAsked)]
        );
    }

    #[test]
    fn a_no_drops_what_was_asked() {
        let mut talk = Talk::new();
        talk.hears(Decision::Confirm, "", &["lamp"]);
        assert_eq!(
            talk.hears(Decision::Execute, "", &["deny"]),
            [Step::Say(Answer::Denied)]
        );
        assert!(!talk.dialogue.forget());
    }

    #[test]
    fn another_command_in_place_of_an_answer_drops_the_question() {
        let mut talk = Talk::new();
        talk.hears(Decision::Confirm, "", &["lamp"]);
        talk.hears(Decision::Execute, "", &["help"]);
        assert_eq!(
            talk.hears(Decision::Execute, "", &["confirm"]),
            [Step::Say(Answer::NothingAsked)]
        );
    }

    #[test]
    fn noise_between_question_and_answer_leaves_the_question_open() {
        let mut talk = Talk::new();
        talk.hears(Decision::Confirm, "", &["lamp"]);
        talk.hears(Decision::Reject, "mumble", &[]);
        assert_eq!(
            talk.hears(Decision::Execute, "", &["confirm"]),
            [Step::Perform(vec![command("lamp")])]
        );
    }

    #[test]
    fn the_answer_to_what_is_missing_is_understood_with_the_words_before_it() {
        let mut talk = Talk::new();
        assert_eq!(
            talk.hears(Decision::Clarify, "set the temperature", &[]),
            [Step::Say(Answer::Clarify("", None))]
        );
        assert_eq!(
            talk.hears(Decision::Reject, "to twenty", &[]),
            [Step::Again("set the temperature to twenty".into())]
        );
        let again = understood(Decision::Reject, "set the temperature to twenty", &[]);
        assert_eq!(
            talk.dialogue.take_again(&again, &talk.catalog, talk.now),
            [Step::Say(Answer::Rejected(""))]
        );
    }

    #[test]
    fn an_answer_in_another_language_is_not_joined() {
        let mut talk = Talk::new();
        talk.hears(Decision::Clarify, "set the temperature", &[]);
        let mut answer = understood(Decision::Reject, "二十度", &[]);
        answer.language = Language::Mandarin;
        assert_eq!(
            talk.dialogue.take(&answer, &talk.catalog, talk.now),
            [Step::Say(Answer::Rejected(""))]
        );
    }

    #[test]
    fn the_clock_is_told_and_the_microphone_closed_by_the_assistant_itself() {
        let mut talk = Talk::new();
        let asked = ["time", "date", "mute_microphone"];
        assert_eq!(
            talk.hears(Decision::Execute, "", &asked),
            [
                Step::Tell(Moment::Time, command("time")),
                Step::Tell(Moment::Date, command("date")),
                Step::CloseMicrophone(command("mute_microphone")),
            ]
        );
    }

    #[test]
    fn cancel_repeat_and_help_are_steps_of_their_own() {
        let mut talk = Talk::new();
        assert_eq!(
            talk.hears(Decision::Execute, "", &["cancel", "repeat", "help"]),
            [
                Step::Cancel,
                Step::Say(Answer::Repeat),
                Step::Say(Answer::Help)
            ]
        );
    }
}
