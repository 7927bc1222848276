//! Both tiers together: one sentence in, one interpretation out.
//!
//! The rule when they meet:
//! 1. a phrase that matched exactly, and in which no slot took free text, stands;
//!    the model is not asked;
//! 2. a phrase with a left-over negation forbids acting, whatever the model says, but not
//!    telling a state. A left-over question ("可以打开空调吗", "is the air conditioning on")
//!    leaves the word to the model;
//! 3. a phrase that matched by sound, or that took free text, stands when the
//!    model agrees, fails, is not there or was not taught the command, or when the
//!    words sound just like the phrase and the model, which reads them as they were
//!    written (车床 for 车窗), finds nothing in them. When the model says something
//!    else, the speaker is asked; but a model that is certain
//!    knows better than a phrase what is a name, so over free text its word counts;
//! 4. without a phrase the model's answer acts from a threshold of its own pack
//!    on; below it the speaker is asked, and below a second one it counts as
//!    nothing said to the car. In a sentence with a negation or question word the
//!    model must be surer to do anything but answer a question about the car's
//!    state, and what is said to the assistant itself acts only alone;
//! 5. what the model is asked about and has several clauses is read twice, whole and
//!    clause by clause, each clause by an exact phrase or else by the model. Two
//!    readings that agree make surer than either, two that do not take from each
//!    other's confidence. A clause that asks for nothing leaves the whole reading alone.

mod clauses;

use std::sync::Arc;
use std::time::{Duration, Instant};

use codriver_catalog::{
    ArgumentError, Catalog, Command, CommandDefinition, Confirm, Decision, Language, Route,
};

use crate::normalise::Sentence;
use crate::own_seat::SeatNames;
use crate::patterns::{EXACT, EXECUTE, PatternAnswer, Patterns};
use crate::{
    Alternative, Context, Error, Interpretation, ModelAnswer, ModelTier, Proposal, Reason, Rule,
    Source, TierAnswer,
};

/// The longest sentence that is read, in bytes: a minute of fast speech.
pub const LONGEST_SENTENCE: usize = 1_000;

/// Which tiers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tiers {
    /// Only the packs' phrases.
    Patterns,
    /// Only the language model.
    Model,
    /// Phrases first, the model where they are not certain.
    #[default]
    Both,
}

/// How far a sentence has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A phrase was said from beginning to end, its words heard exactly, and lacks nothing.
    Complete,
    /// The same, but it is also the beginning of a phrase that says more: "open the window"
    /// (halfway).
    Extensible,
    /// A phrase was begun, or an argument is missing.
    Unfinished,
    /// The phrases do not tell: free text, or words of no phrase.
    Unknown,
}

/// Understands sentences.
pub struct Understanding {
    catalog: Arc<Catalog>,
    patterns: Patterns,
    seats: SeatNames,
    model: Option<Box<dyn ModelTier>>,
}

/// What was decided, before it is dressed as an [`Interpretation`].
struct Verdict {
    source: Source,
    language: Language,
    confidence: f64,
    proposals: Vec<Proposal>,
    reason: Option<Reason>,
    rule: Rule,
}

/// How a sentence is looked at.
#[derive(Clone, Copy)]
struct Look {
    tiers: Tiers,
    /// Whether the model is asked even where its answer cannot matter.
    ask_all: bool,
}

impl Understanding {
    /// Compiles the catalogue's phrases.
    ///
    /// # Errors
    /// As [`Patterns::compile`].
    pub fn new(catalog: Arc<Catalog>) -> Result<Self, Error> {
        Ok(Self {
            patterns: Patterns::compile(Arc::clone(&catalog))?,
            seats: SeatNames::new(&catalog),
            catalog,
            model: None,
        })
    }

    /// Adds the second tier.
    #[must_use]
    pub fn with_model(mut self, model: Box<dyn ModelTier>) -> Self {
        self.model = Some(model);
        self
    }

    /// Understands a sentence with both tiers. `language` is what the
    /// recogniser believes; the script of the text decides where they differ.
    pub fn interpret(
        &mut self,
        text: &str,
        language: Option<Language>,
        context: &Context,
    ) -> Interpretation {
        self.interpret_with(Tiers::Both, text, language, context)
    }

    /// Understands a sentence with the tiers asked for.
    pub fn interpret_with(
        &mut self,
        tiers: Tiers,
        text: &str,
        language: Option<Language>,
        context: &Context,
    ) -> Interpretation {
        let look = Look {
            tiers,
            ask_all: false,
        };
        self.look_at(look, text, language, context)
    }

    /// The same, every tier asked, so that their answers can be compared.
    pub fn explain(
        &mut self,
        tiers: Tiers,
        text: &str,
        language: Option<Language>,
        context: &Context,
    ) -> Interpretation {
        let look = Look {
            tiers,
            ask_all: true,
        };
        self.look_at(look, text, language, context)
    }

    /// How far a sentence has come whose speaker has paused, by the phrases alone.
    pub fn progress(&self, text: &str, language: Option<Language>) -> Progress {
        let sentence = Sentence::read(text);
        if sentence.tokens.is_empty() || text.len() > LONGEST_SENTENCE {
            return Progress::Unknown;
        }
        let pattern = self.patterns.interpret(&sentence, language);
        let missing = match (&pattern.reason, self.completed(&pattern.proposals)) {
            (None, Ok(_)) if pattern.score >= EXECUTE => {
                // Free text may go on: "navigate to the train ... station". What only sounds
                // like a phrase is worth a second look.
                return if pattern.has_text || pattern.score < EXACT {
                    Progress::Unknown
                } else if self.patterns.may_say_more(&sentence, &pattern) {
                    Progress::Extensible
                } else {
                    Progress::Complete
                };
            }
            (Some(Reason::Blocked { .. } | Reason::Question { .. }), _) => {
                return Progress::Unknown;
            }
            (Some(reason), _) => lacks_argument(reason),
            (None, Err(reason)) => lacks_argument(&reason),
            (None, Ok(_)) => false,
        };
        if missing || self.patterns.is_begun(&sentence, pattern.language) {
            Progress::Unfinished
        } else {
            Progress::Unknown
        }
    }

    /// Whether a sentence holds a negation or question word, so that the model
    /// must be surer to act on it (rule 4).
    pub fn is_guarded(&self, text: &str) -> bool {
        self.patterns.has_blocker(&Sentence::read(text))
    }

    fn look_at(
        &mut self,
        look: Look,
        text: &str,
        language: Option<Language>,
        context: &Context,
    ) -> Interpretation {
        let begun = Instant::now();
        let mut answers = Vec::new();
        let mut alternatives = Vec::new();
        let mut verdict = match refused_unread(text, language) {
            Some(verdict) => verdict,
            None => self.weigh(
                look,
                text,
                language,
                context,
                &mut answers,
                &mut alternatives,
            ),
        };
        self.settle_seats(&mut verdict, text, context);
        let (decision, commands, reason) = self.decide(&verdict, context);
        if commands.is_empty() && !verdict.proposals.is_empty() {
            alternatives.insert(
                0,
                Alternative {
                    commands: verdict.proposals.clone(),
                    confidence: verdict.confidence,
                    source: verdict.source,
                },
            );
        }
        Interpretation {
            text: text.to_owned(),
            language: verdict.language,
            commands,
            confidence: verdict.confidence,
            source: verdict.source,
            decision,
            reason,
            alternatives,
            tiers: answers,
            rule: verdict.rule,
            elapsed: begun.elapsed(),
        }
    }

    /// Makes the driver's seat the speaker's where that is meant.
    fn settle_seats(&self, verdict: &mut Verdict, text: &str, context: &Context) {
        if let (None, Some(speaker)) = (&verdict.reason, context.speaker) {
            let settled = self.seats.settle(
                &mut verdict.proposals,
                &self.catalog,
                &Sentence::read(text),
                verdict.language,
                speaker,
            );
            verdict.reason = settled.err().map(|reason| *reason);
        }
    }

    fn weigh(
        &mut self,
        Look { tiers, ask_all }: Look,
        text: &str,
        language: Option<Language>,
        context: &Context,
        answers: &mut Vec<TierAnswer>,
        alternatives: &mut Vec<Alternative>,
    ) -> Verdict {
        let begun = Instant::now();
        let sentence = Sentence::read(text);
        if sentence.tokens.is_empty() {
            return Verdict::none(language.unwrap_or(Language::English), Reason::Empty);
        }
        let pattern = self.patterns.interpret(&sentence, language);
        if tiers != Tiers::Model {
            answers.push(TierAnswer {
                source: Source::Pattern,
                commands: pattern.proposals.clone(),
                confidence: f64::from(pattern.score),
                reason: pattern.reason.clone(),
                elapsed: begun.elapsed(),
            });
            alternatives.extend(pattern.others.iter().map(|(commands, score)| Alternative {
                commands: commands.clone(),
                confidence: f64::from(*score),
                source: Source::Pattern,
            }));
        }
        let settled = match pattern.reason {
            Some(Reason::Ambiguous(_)) => false,
            None if !self.is_taught(&pattern) => pattern.score >= EXECUTE,
            _ => pattern.is_exact(),
        };
        let settled = tiers == Tiers::Both && settled;
        if tiers == Tiers::Patterns || (settled && !ask_all) {
            return Verdict::pattern(pattern);
        }
        let asked = self.ask_model(text, pattern.language, context);
        let Some((answer, elapsed)) = asked else {
            return match tiers {
                Tiers::Model => Verdict::none(pattern.language, Reason::NotUnderstood),
                _ => Verdict::pattern(pattern),
            };
        };
        let model = self.model_verdict(answer.clone(), &sentence, pattern.language);
        answers.push(TierAnswer::of(&model, Source::Model, elapsed));
        let begun = Instant::now();
        let clauses = self.clause_by_clause(tiers, &sentence, pattern.language, context);
        let model = match clauses {
            None => model,
            Some(clauses) => {
                let verdict = self.model_verdict(clauses.clone(), &sentence, pattern.language);
                answers.push(TierAnswer::of(&verdict, Source::Clauses, begun.elapsed()));
                let weighed = self.weigh_readings(answer, clauses);
                Verdict {
                    rule: Rule::ClauseByClause,
                    ..self.model_verdict(weighed, &sentence, pattern.language)
                }
            }
        };
        match tiers {
            Tiers::Model => model,
            _ if settled => Verdict::pattern(pattern),
            _ => self.reconcile(pattern, model),
        }
    }

    /// Whether the model knows all that the phrases propose, and so has a say in it.
    fn is_taught(&self, pattern: &PatternAnswer) -> bool {
        self.model.as_ref().is_some_and(|model| {
            model.languages().contains(&pattern.language)
                && pattern.proposals.iter().all(|p| model.knows(&p.name))
        })
    }

    /// Rule 4: what the model's answer counts for.
    fn model_verdict(
        &self,
        answer: ModelAnswer,
        sentence: &Sentence,
        language: Language,
    ) -> Verdict {
        let to_assistant = self
            .routes(&answer.proposals)
            .any(|route| matches!(route, Route::Assistant(_)));
        let only_asks = self.only_read(&answer.proposals);
        let thresholds = self.model.as_ref().map(|model| model.thresholds());
        let reason = match thresholds {
            _ if answer.proposals.is_empty() => Some(Reason::NotUnderstood),
            Some(thresholds) => {
                let guarded = !only_asks && self.patterns.has_blocker(sentence);
                let acts_from = if guarded {
                    thresholds.guarded()
                } else {
                    thresholds.execute()
                };
                let mixed = to_assistant && answer.proposals.len() > 1;
                // Written so that NaN is below every threshold.
                match answer.confidence {
                    sure if sure >= acts_from && !mixed => None,
                    sure if sure >= thresholds.confirm() => Some(Reason::Unsure),
                    _ => Some(Reason::NotUnderstood),
                }
            }
            None => Some(Reason::NotUnderstood),
        };
        let understood = !answer.proposals.is_empty();
        Verdict {
            source: if understood {
                Source::Model
            } else {
                Source::None
            },
            language,
            confidence: answer.confidence,
            proposals: answer.proposals,
            reason,
            rule: Rule::Model,
        }
    }

    /// What the model says, if there is one that serves the language and works.
    fn ask_model(
        &mut self,
        text: &str,
        language: Language,
        context: &Context,
    ) -> Option<(ModelAnswer, Duration)> {
        let model = self.model.as_mut()?;
        if !model.languages().contains(&language) {
            return None;
        }
        let begun = Instant::now();
        match model.interpret(text, language, context) {
            Ok(answer) => Some((answer, begun.elapsed())),
            Err(error) => {
                tracing::warn!(%error, "the language model failed; the phrases stand alone");
                None
            }
        }
    }

    fn reconcile(&self, pattern: PatternAnswer, model: Verdict) -> Verdict {
        let stands = match pattern.reason {
            Some(Reason::Blocked { .. }) => {
                model.reason.is_some() || !self.only_read(&model.proposals)
            }
            Some(Reason::Question { .. }) => model.proposals.is_empty(),
            _ => false,
        };
        if stands {
            return Verdict::pattern(pattern);
        }
        let certain = pattern.score >= EXECUTE && pattern.reason.is_none();
        if !certain {
            // The model may settle what the phrases could not.
            if model.reason.is_none() || pattern.proposals.is_empty() {
                return model;
            }
            return Verdict {
                rule: Rule::UncertainPhrase,
                ..Verdict::pattern(pattern)
            };
        }
        let agree =
            self.completed(&pattern.proposals).ok() == self.completed(&model.proposals).ok();
        let asks_from = self.model.as_ref().map(|m| m.thresholds().confirm());
        let sure_of_nothing =
            model.proposals.is_empty() && asks_from.is_some_and(|from| model.confidence >= from);
        if !agree && pattern.has_text && (model.reason.is_none() || sure_of_nothing) {
            return Verdict {
                rule: Rule::ModelOverText,
                ..model
            };
        }
        if !agree && model.proposals.is_empty() && pattern.same_sound && !pattern.has_text {
            return Verdict {
                rule: Rule::SameSound,
                ..Verdict::pattern(pattern)
            };
        }
        Verdict {
            rule: if agree {
                Rule::TiersAgree
            } else {
                Rule::TiersDisagree
            },
            reason: (!agree).then_some(Reason::TiersDisagree),
            ..Verdict::pattern(pattern)
        }
    }

    fn decide(
        &self,
        verdict: &Verdict,
        context: &Context,
    ) -> (Decision, Vec<Command>, Option<Reason>) {
        if let Some(reason) = &verdict.reason {
            let decision = match reason {
                Reason::Unsure
                | Reason::Ambiguous(_)
                | Reason::TiersDisagree
                | Reason::PartNotUnderstood { .. }
                | Reason::Argument { .. } => Decision::Clarify,
                _ => Decision::Reject,
            };
            return (decision, Vec::new(), verdict.reason.clone());
        }
        match self.completed(&verdict.proposals) {
            Err(reason) => (Decision::Clarify, Vec::new(), Some(*reason)),
            Ok(commands) => match commands.iter().find(|c| self.wants_yes(c, context)) {
                Some(command) => {
                    let reason = Reason::Policy {
                        command: command.name.clone(),
                    };
                    (Decision::Confirm, commands, Some(reason))
                }
                None => (Decision::Execute, commands, None),
            },
        }
    }

    /// The proposals as complete commands, or what is wrong with the first bad one.
    fn completed(&self, proposals: &[Proposal]) -> Result<Vec<Command>, Box<Reason>> {
        let complete = |proposal: &Proposal| {
            let definition = self
                .definition(proposal)
                .ok_or_else(|| Box::new(Reason::NotUnderstood))?;
            definition
                .complete(proposal.arguments.clone())
                .map_err(|error| {
                    Box::new(Reason::Argument {
                        command: proposal.name.clone(),
                        error,
                        proposal: proposal.clone(),
                    })
                })
        };
        proposals.iter().map(complete).collect()
    }

    fn routes(&self, proposals: &[Proposal]) -> impl Iterator<Item = &Route> {
        let definitions = proposals.iter().filter_map(|p| self.definition(p));
        definitions.map(|definition| &definition.route)
    }

    /// Whether all that is proposed only tells a state.
    fn only_read(&self, proposals: &[Proposal]) -> bool {
        self.routes(proposals).all(Route::only_reads)
    }

    fn definition(&self, proposal: &Proposal) -> Option<&CommandDefinition> {
        self.catalog.command(proposal.name.as_str())
    }

    fn wants_yes(&self, command: &Command, context: &Context) -> bool {
        let policy = self
            .catalog
            .command(command.name.as_str())
            .map(|d| d.policy.confirm);
        match policy {
            Some(Confirm::Never) => false,
            Some(Confirm::WhileDriving) => context.moving != Some(false),
            Some(Confirm::Always) | None => true,
        }
    }
}

/// Whether a command lacks an argument that may still be said.
fn lacks_argument(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::Argument {
            error: ArgumentError::Missing { .. },
            ..
        }
    )
}

/// Sentences that are not worth reading.
fn refused_unread(text: &str, language: Option<Language>) -> Option<Verdict> {
    let language = language.unwrap_or(Language::English);
    (text.len() > LONGEST_SENTENCE).then(|| {
        Verdict::none(
            language,
            Reason::TooLong {
                bytes: text.len(),
                limit: LONGEST_SENTENCE,
            },
        )
    })
}

impl TierAnswer {
    fn of(verdict: &Verdict, source: Source, elapsed: Duration) -> Self {
        Self {
            source,
            commands: verdict.proposals.clone(),
            confidence: verdict.confidence,
            reason: verdict.reason.clone(),
            elapsed,
        }
    }
}

impl Verdict {
    fn none(language: Language, reason: Reason) -> Self {
        Self {
            source: Source::None,
            language,
            confidence: 0.0,
            proposals: Vec::new(),
            reason: Some(reason),
            rule: Rule::Unread,
        }
    }

    fn pattern(answer: PatternAnswer) -> Self {
        let understood = !answer.proposals.is_empty();
        let rule = match &answer.reason {
            Some(Reason::Blocked { .. } | Reason::Question { .. }) => Rule::Blocked,
            None if answer.score >= EXACT => Rule::ExactPhrase,
            None if understood => Rule::PhraseAlone,
            _ => Rule::UncertainPhrase,
        };
        Self {
            rule,
            source: if understood {
                Source::Pattern
            } else {
                Source::None
            },
            language: answer.language,
            confidence: f64::from(answer.score),
            proposals: answer.proposals,
            reason: answer.reason,
        }
    }
}
