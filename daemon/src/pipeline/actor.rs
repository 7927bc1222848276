//! The actor task: dialogue, then the car, then the reply. One utterance at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use codriver_catalog::{Command, Decision, Language, UtteranceId, Zone};
use codriver_nlu::Interpretation;
use codriver_vehicle_bus::Reason;
use codriver_vehicle_bus::route::{Context, RequestId};
use serde_json::json;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::{CommandReport, Controls, Event, Sentence, State, Timings, Understood, milliseconds};
use crate::attention::Origin;
use crate::car::Car;
use crate::clock::{self, Moment};
use crate::correction_log::{Draft, Turn};
use crate::dialogue::{Answer, Dialogue, Step};
use crate::knowledge::Knowledge;
use crate::replies::Ending;

/// For restorations, and for a command that a reload has just removed.
const TIME_TO_LIVE: Duration = Duration::from_secs(5);
/// The index of a restoration among an utterance's requests: beyond any command's.
const UNDO: usize = 1_000;
/// Examples in the answer to "help".
const EXAMPLES: usize = 4;

/// What the actor is asked to do.
#[derive(Debug)]
pub enum Request {
    /// Act on this.
    Understood(Box<Understood>),
    /// Take the last change back, asked for by a button.
    Undo {
        /// The name this request goes under.
        utterance: UtteranceId,
        /// When it was asked for.
        asked: Instant,
    },
    /// Forget an open question.
    Forget,
    /// Use these packs from now on.
    Learn(Arc<Knowledge>),
}

/// The last stage.
pub struct Actor {
    /// The commands and the replies.
    pub knowledge: Arc<Knowledge>,
    /// The talk.
    pub dialogue: Dialogue,
    /// The way out.
    pub car: Arc<Car>,
    /// Cancelling, signals, voice.
    pub controls: Arc<Controls>,
    /// What was said last.
    pub last_reply: Option<(String, Language)>,
    /// The language of a reply to a button.
    pub last_language: Language,
}

/// What one utterance led to.
#[derive(Default)]
struct Conclusion {
    outcomes: Vec<CommandReport>,
    replies: Vec<String>,
    /// A reply that is said again as it was.
    verbatim: Option<(String, Language)>,
}

impl Actor {
    /// Acts until the requests end.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(request) = requests.recv().await {
            match request {
                Request::Understood(understood) => {
                    let span = understood.sentence.span.clone();
                    self.understood(*understood).instrument(span).await;
                }
                Request::Undo { utterance, asked } => {
                    let span = super::sentence::span(utterance);
                    self.button_undo(utterance, asked).instrument(span).await;
                }
                Request::Forget => {
                    self.dialogue.forget();
                }
                Request::Learn(knowledge) => self.knowledge = knowledge,
            }
        }
    }

    async fn understood(&mut self, understood: Understood) {
        let Understood {
            mut sentence,
            interpretation,
        } = understood;
        self.last_language = interpretation.language;
        let now = Instant::now();
        // What is said after a question is meant as its answer.
        let unasked = sentence.origin == Origin::Unasked && !self.dialogue.is_open(now);
        let catalog = &self.knowledge.catalog;
        let steps = if sentence.joined {
            self.dialogue.take_again(&interpretation, catalog, now)
        } else {
            self.dialogue.take(&interpretation, catalog, now)
        };
        if let [Step::Again(words)] = steps.as_slice() {
            sentence.text.clone_from(words);
            sentence.language = Some(interpretation.language);
            sentence.joined = true;
            self.controls.push(sentence);
            return;
        }
        if unasked && !is_certain(&interpretation, &steps) {
            self.stay_silent(&sentence, interpretation.language);
            return;
        }
        let words = catalog.languages.get(&interpretation.language);
        let turn = Turn::of(&sentence, &steps, words);
        let mut conclusion = Conclusion::default();
        for step in steps {
            self.step(step, &sentence, &interpretation, &mut conclusion)
                .await;
        }
        let reply = self.conclude(
            sentence.id,
            interpretation.language,
            &sentence.timings,
            sentence.ended,
            &conclusion,
        );
        self.controls.note(|| {
            let outcomes = &conclusion.outcomes;
            Draft::of_sentence(&sentence, &interpretation, turn, outcomes, &reply)
        });
        // Who typed goes on typing.
        if sentence.origin != Origin::Typed {
            self.controls.replied(self.dialogue.is_open(Instant::now()));
        }
    }

    /// Ends an utterance that nobody asked the assistant about, and that may have been meant for
    /// somebody else: what it was taken for was signalled, but nothing is said.
    fn stay_silent(&mut self, sentence: &Sentence, language: Language) {
        self.dialogue.forget();
        tracing::info!("not answered: nobody asked, and it is not certain what it means");
        self.controls.tell(Event::Said {
            utterance: sentence.id,
            text: String::new(),
            language,
        });
        self.controls.events.state(State::Idle);
    }

    async fn step(
        &mut self,
        step: Step,
        sentence: &Sentence,
        interpretation: &Interpretation,
        conclusion: &mut Conclusion,
    ) {
        let language = interpretation.language;
        match step {
            Step::Perform(commands) => {
                self.perform_all(commands, false, sentence, language, conclusion)
                    .await;
            }
            Step::Confirmed(commands) => {
                self.perform_all(commands, true, sentence, language, conclusion)
                    .await;
            }
            Step::Undo => {
                let speaker = sentence.speaker;
                self.undo(sentence.id, sentence.ended, speaker, language, conclusion)
                    .await;
            }
            Step::Cancel => {
                // The talk is over; what was said before this sentence acts no more.
                self.controls.voice.hush();
                self.dialogue.forget();
                let texts = self.knowledge.replies.texts(language);
                conclusion.replies.push(texts.cancelled.clone());
            }
            Step::Say(Answer::Repeat) => match &self.last_reply {
                Some(last) => conclusion.verbatim = Some(last.clone()),
                None => {
                    let texts = self.knowledge.replies.texts(language);
                    conclusion.replies.push(texts.nothing_to_repeat.clone());
                }
            },
            Step::Say(Answer::Confirm(commands)) => match self.objection(&commands).await {
                Some(report) => {
                    self.dialogue.forget();
                    conclusion.replies.push(self.reply_to(&report, language));
                    conclusion.outcomes.push(report);
                }
                None => {
                    let text = self.answer(&Answer::Confirm(commands), language);
                    conclusion.replies.push(text);
                }
            },
            Step::Say(answer) => {
                let text = self.answer(&answer, language);
                conclusion.replies.push(text);
            }
            Step::Tell(moment, command) => {
                let report = self.tell(moment, command, language).await;
                conclusion.replies.push(self.reply_to(&report, language));
                conclusion.outcomes.push(report);
            }
            Step::CloseMicrophone(command) => {
                self.controls.set_muted(true);
                let report = CommandReport::done(command, None);
                conclusion.replies.push(self.reply_to(&report, language));
                conclusion.outcomes.push(report);
            }
            // Joining happened before any step was taken.
            Step::Again(_) => {}
        }
    }

    /// What the clock says, in words of the language; a failure where it says nothing.
    async fn tell(&self, moment: Moment, command: Command, language: Language) -> CommandReport {
        // It may read the time zone's file.
        let now = tokio::task::spawn_blocking(clock::now).await;
        match now.ok().flatten() {
            Some(now) => {
                let text = self.knowledge.replies.texts(language).moment(moment, &now);
                CommandReport::done(command, Some(text))
            }
            None => CommandReport::failed(
                command,
                Reason::NotAvailable.as_str(),
                "the clock or the time zone of this machine is not set".into(),
            ),
        }
    }

    /// Performs commands one after the other. What the car wants a yes to is asked about: the
    /// reply is the car's question, and a yes performs it.
    async fn perform_all(
        &mut self,
        commands: Vec<Command>,
        confirmed: bool,
        sentence: &Sentence,
        language: Language,
        conclusion: &mut Conclusion,
    ) {
        self.controls.events.state(State::Acting);
        let context = Context {
            speaker: sentence.speaker,
            confirmed,
            language: Some(language),
        };
        let mut doubted = Vec::new();
        for command in commands {
            let index = conclusion.outcomes.len();
            let report = self.perform(command, sentence, index, context).await;
            if report.reason == Reason::ConfirmationNeeded.as_str() {
                doubted.push(report.command.clone());
            }
            conclusion.replies.push(self.reply_to(&report, language));
            conclusion.outcomes.push(report);
        }
        if !doubted.is_empty() {
            self.dialogue.doubt(doubted, language, Instant::now());
        }
    }

    /// The first of these commands that could not be done even with a yes, as it ends.
    async fn objection(&self, commands: &[Command]) -> Option<CommandReport> {
        let begun = Instant::now();
        for command in commands {
            let catalog = &self.knowledge.catalog;
            if let Some(performed) = self.car.objection(catalog, command).await {
                let took = begun.elapsed();
                return Some(CommandReport::performed(command.clone(), performed, took));
            }
        }
        None
    }

    /// Lets one command go, unless it was cancelled or has outlived itself.
    async fn perform(
        &self,
        command: Command,
        sentence: &Sentence,
        index: usize,
        context: Context,
    ) -> CommandReport {
        let time_to_live = self
            .knowledge
            .catalog
            .command(command.name.as_str())
            .map_or(TIME_TO_LIVE, |definition| definition.policy.time_to_live);
        let begun = Instant::now();
        let deadline = sentence.ended + time_to_live;
        let report = if self.controls.cancellation.voids(sentence.ended) {
            CommandReport::refused(command, "cancelled", "cancelled before it acted".into())
        } else if begun >= deadline {
            let late = format!("more than {} ms have passed", time_to_live.as_millis());
            CommandReport::refused(command, "expired", late)
        } else {
            let request = RequestId {
                utterance: sentence.id,
                index,
            };
            let catalog = &self.knowledge.catalog;
            let performed = self
                .car
                .perform(catalog, &command, request, deadline, context)
                .await;
            CommandReport::performed(command, performed, begun.elapsed())
        };
        tracing::info!(
            command = %report.command.name,
            outcome = report.outcome,
            reason = report.reason,
            ms = report.ms,
            "acted"
        );
        report
    }

    async fn button_undo(&mut self, utterance: UtteranceId, asked: Instant) {
        let language = self.last_language;
        let mut conclusion = Conclusion::default();
        self.undo(utterance, asked, None, language, &mut conclusion)
            .await;
        let reply = self.conclude(utterance, language, &Timings::default(), asked, &conclusion);
        self.controls
            .note(|| Draft::of_button(utterance.to_string(), asked, language, &reply));
    }

    async fn undo(
        &mut self,
        utterance: UtteranceId,
        asked: Instant,
        speaker: Option<Zone>,
        language: Language,
        conclusion: &mut Conclusion,
    ) {
        if self.controls.cancellation.voids(asked) {
            return;
        }
        self.controls.events.state(State::Acting);
        let deadline = Instant::now() + TIME_TO_LIVE;
        let request = RequestId {
            utterance,
            index: UNDO,
        };
        let context = Context {
            speaker,
            language: Some(language),
            ..Context::default()
        };
        let undone = self.car.undo(request, deadline, context).await;
        let texts = self.knowledge.replies.texts(language);
        conclusion.replies.push(match undone {
            None => texts.nothing_to_undo.clone(),
            Some(performed) => match (performed.sentence, performed.outcome.reason()) {
                // A question that nobody's yes would answer is not asked.
                (Some(sentence), reason) if reason != Some(&Reason::ConfirmationNeeded) => sentence,
                (_, Some(reason)) => texts.not_done(performed.outcome.as_str(), reason.as_str()),
                (_, None) => texts.undone.clone(),
            },
        });
    }

    fn reply_to(&self, report: &CommandReport, language: Language) -> String {
        let ending = Ending {
            outcome: report.outcome,
            reason: &report.reason,
            value: report.value.as_ref(),
            sentence: report.sentence.as_deref(),
            choices: &report.choices,
        };
        let Knowledge { catalog, replies } = self.knowledge.as_ref();
        replies.of_command(catalog, &report.command, language, ending)
    }

    fn answer(&self, answer: &Answer, language: Language) -> String {
        let Knowledge { catalog, replies } = self.knowledge.as_ref();
        let texts = replies.texts(language);
        match answer {
            Answer::Rejected(reason) => texts.rejection(reason),
            Answer::Clarify(reason, about) => {
                replies.clarification(catalog, about.as_ref(), reason, language)
            }
            Answer::Confirm(commands) => {
                let questions: Vec<String> = commands
                    .iter()
                    .map(|command| replies.confirmation(catalog, command, language))
                    .collect();
                questions.join(&texts.pause)
            }
            Answer::Denied => texts.denied.clone(),
            Answer::NothingAsked => texts.nothing_asked.clone(),
            Answer::Repeat => String::new(),
            Answer::Help => texts.help(&examples(&self.knowledge, language)),
        }
    }

    /// Signals what was done, replies, and rests. The reply.
    fn conclude(
        &mut self,
        utterance: UtteranceId,
        language: Language,
        timings: &Timings,
        ended: Instant,
        conclusion: &Conclusion,
    ) -> String {
        let total = milliseconds(ended.elapsed());
        if !conclusion.outcomes.is_empty() {
            let json = json!({
                "outcomes": conclusion.outcomes,
                "stages_ms": timings,
                "total_ms": total,
            });
            self.controls.tell(Event::Acted {
                utterance,
                json: json.to_string(),
            });
        }
        let pause = &self.knowledge.replies.texts(language).pause;
        let (text, language) = match &conclusion.verbatim {
            Some((text, language)) => (text.clone(), *language),
            None => (conclusion.replies.join(pause), language),
        };
        self.controls.voice.say(&text, language);
        tracing::info!(
            stages = timings.to_line(),
            total_ms = total,
            text = self.controls.loggable(&text),
            "replied"
        );
        self.last_reply = Some((text.clone(), language));
        self.controls.tell(Event::Said {
            utterance,
            text: text.clone(),
            language,
        });
        self.controls.events.state(State::Idle);
        text
    }
}

/// Whether it is certain what words mean that nobody asked the assistant to hear: they do
/// something, they want the yes that their command always wants, or a command that is known
/// lacks a value or has a wrong one.
fn is_certain(interpretation: &Interpretation, steps: &[Step]) -> bool {
    match interpretation.decision {
        Decision::Reject => false,
        Decision::Clarify => {
            matches!(
                interpretation.reason,
                Some(codriver_nlu::Reason::Argument { .. })
            )
        }
        Decision::Confirm => {
            matches!(
                interpretation.reason,
                Some(codriver_nlu::Reason::Policy { .. })
            )
        }
        Decision::Execute => !matches!(steps, [Step::Say(Answer::NothingAsked)]),
    }
}

/// One test sentence of each of the first few packs: they are known to be understood.
fn examples(knowledge: &Knowledge, language: Language) -> Vec<String> {
    let mut domains = Vec::new();
    let mut examples = Vec::new();
    for command in &knowledge.catalog.commands {
        let domain = command.name.domain();
        let assistant = matches!(command.route, codriver_catalog::Route::Assistant(_));
        let sentence = command.tests.iter().find(|test| test.language == language);
        if let Some(sentence) = sentence
            && !assistant
            && !domains.contains(&domain)
        {
            domains.push(domain);
            examples.push(sentence.text.clone());
        }
        if examples.len() == EXAMPLES {
            break;
        }
    }
    examples
}
