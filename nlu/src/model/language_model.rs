//! A language model from its pack, ready to be asked.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codriver_catalog::{Catalog, Language};
use codriver_models::{
    ExecutionProviders, GraphKind, ModelPack, ProviderReport, Runtime, SessionOptions, Thresholds,
};

use super::call;
use super::confidence::Confidence;
use super::decoder::Decoder;
use super::generate::{Ending, Limits, generate};
use super::grammar::CallGrammar;
use super::in_place::InPlaceDecoder;
use super::prompt::{Prompt, recent_calls, sanitise};
use super::vocabulary::Vocabulary;
use crate::{Context, Error, ModelAnswer, ModelTier, Proposal};

/// Most tokens of utterance and context together. A long spoken request has
/// some forty; in Mandarin, with a tokenizer made for English, a hundred.
const MAX_SPOKEN_TOKENS: usize = 160;
/// How many of the calls done last a prompt with `{context}` is told.
const RECENT_CALLS: usize = 2;

/// How a model is run, as opposed to what it is.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Which accelerators are tried in which order.
    pub providers: ExecutionProviders,
    /// Threads of a run; one that does not spin, unless told otherwise.
    pub session: SessionOptions,
    /// How long one answer may take before it is given up.
    pub budget: Duration,
}

impl Default for ModelSettings {
    /// The CPU, one thread, three seconds.
    fn default() -> Self {
        Self {
            providers: ExecutionProviders::cpu(),
            session: SessionOptions::default(),
            budget: Duration::from_secs(3),
        }
    }
}

/// A loaded model that answers utterances with calls of one catalogue.
pub struct LanguageModel {
    decoder: Box<dyn Decoder>,
    vocabulary: Vocabulary,
    prompt: Prompt,
    catalog: Arc<Catalog>,
    grammar: CallGrammar,
    /// The commands it learned; `None` when it may name any.
    taught: Option<BTreeSet<String>>,
    languages: Vec<Language>,
    thresholds: Thresholds,
    max_tokens: usize,
    budget: Duration,
    report: ProviderReport,
}

/// What became of one utterance, with what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was understood, or why nothing.
    pub outcome: Outcome,
    /// The answer as the model wrote it.
    pub text: String,
    /// How sure the model was.
    pub confidence: Confidence,
    /// Tokens of the answer, and how many of them the grammar forced.
    pub tokens: usize,
    /// See `tokens`.
    pub forced: usize,
    /// How often the graph ran.
    pub runs: usize,
}

/// What a model made of an utterance.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It asks for this, in this order; for nothing when empty.
    Calls(Vec<Proposal>),
    /// There are no words in it; the model was not asked.
    Empty,
    /// It has more tokens than a prompt takes; the model was not asked.
    TooLong,
    /// The answer grew beyond the pack's `max_tokens`.
    TokenCap,
    /// Time ran out.
    Deadline,
}

impl LanguageModel {
    /// Loads a pack: reads and verifies every file, builds the session, and
    /// computes the part of the prompt that all requests share. Blocks for
    /// about a second.
    ///
    /// # Errors
    /// [`Error::Model`] when the pack is damaged, is no language model, is for
    /// hardware that this program cannot drive, or no execution provider takes it.
    pub fn load(
        pack: &ModelPack,
        runtime: &Runtime,
        catalog: Arc<Catalog>,
        settings: &ModelSettings,
    ) -> Result<Self, Error> {
        let unusable = |problem: String, remedy: &str| Error::Model {
            path: pack.directory().to_owned(),
            problem,
            remedy: remedy.into(),
        };
        let refused =
            |error: codriver_models::Error| unusable(error.to_string(), "the patterns stand alone");
        let wrong = |error: Error| match error {
            Error::Inference { doing, problem } => unusable(
                format!("{doing}: {problem}"),
                "install the model pack again, or name another",
            ),
            other => other,
        };
        // Damaged weights would still answer fluently, so every byte is checked.
        pack.verify().map_err(refused)?;
        let model = pack.language_model().map_err(refused)?;
        if model.graph_kind != GraphKind::CpuDynamic {
            return Err(unusable(
                format!("graphs of kind {:?} cannot be run yet", model.graph_kind),
                "name a pack of kind cpu-dynamic",
            ));
        }
        let loaded = runtime
            .session(
                pack.name(),
                &model.graph,
                &settings.providers,
                &settings.session,
            )
            .map_err(refused)?;
        let graph = InPlaceDecoder::sizes(&loaded.session).map_err(wrong)?;
        let vocabulary = Vocabulary::load(&model.tokenizer, &model.end_of_call, graph.vocabulary)?;
        let prompt = Prompt::new(&model.prompt, &vocabulary).map_err(wrong)?;
        let taught = model.commands.as_deref().map(names).transpose()?;
        let max_tokens = model.max_tokens.get();
        let places = prompt.fixed_tokens() + MAX_SPOKEN_TOKENS + max_tokens;
        let mut decoder = InPlaceDecoder::new(loaded.session, graph, places).map_err(wrong)?;
        if !prompt.prefix().is_empty() {
            decoder.advance(prompt.prefix()).map_err(wrong)?;
        }
        Ok(Self {
            decoder: Box::new(decoder),
            vocabulary,
            prompt,
            grammar: CallGrammar::new(&catalog, taught.as_ref()),
            taught,
            catalog,
            languages: languages(pack),
            thresholds: model.thresholds,
            max_tokens,
            budget: settings.budget,
            report: loaded.report,
        })
    }

    /// From now on answers with calls of another catalogue.
    pub fn use_catalog(&mut self, catalog: Arc<Catalog>) {
        self.grammar = CallGrammar::new(&catalog, self.taught.as_ref());
        self.catalog = catalog;
    }

    /// Which execution provider runs the model, and why no earlier one.
    pub fn report(&self) -> &ProviderReport {
        &self.report
    }

    /// The pack's confidence limits.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Says what an utterance asks for, within `budget`.
    ///
    /// # Errors
    /// [`Error::Inference`] when graph or grammar engine fail.
    pub fn answer(
        &mut self,
        utterance: &str,
        context: &Context,
        budget: Duration,
    ) -> Result<Answer, Error> {
        let deadline = Instant::now() + budget;
        let utterance = sanitise(utterance);
        if !utterance.contains(char::is_alphanumeric) {
            return Ok(Answer::unasked(Outcome::Empty));
        }
        let recent = recent_calls(&self.catalog, context, RECENT_CALLS);
        let rest = self
            .prompt
            .rest(&self.vocabulary, &utterance, &recent, MAX_SPOKEN_TOKENS)?;
        let Some(rest) = rest else {
            return Ok(Answer::unasked(Outcome::TooLong));
        };
        let mut matcher = self
            .vocabulary
            .matcher(self.grammar.for_utterance(&utterance))?;
        self.decoder.rewind(self.prompt.prefix().len());
        let generation = generate(
            self.decoder.as_mut(),
            &mut matcher,
            self.vocabulary.end_token(),
            &rest,
            Limits {
                tokens: self.max_tokens,
                deadline,
            },
        )?;
        let text = self.vocabulary.decode(&generation.tokens);
        let outcome = match generation.ending {
            Ending::TokenCap => Outcome::TokenCap,
            Ending::Deadline => Outcome::Deadline,
            Ending::Complete => match call::parse(&self.catalog, &text) {
                Ok(proposals) => Outcome::Calls(proposals),
                Err(error) => {
                    return Err(Error::Inference {
                        doing: "reading its answer",
                        problem: error.to_string(),
                    });
                }
            },
        };
        Ok(Answer {
            outcome,
            text,
            confidence: generation.confidence,
            tokens: generation.tokens.len(),
            forced: generation.forced,
            runs: generation.runs,
        })
    }
}

impl ModelTier for LanguageModel {
    fn languages(&self) -> &[Language] {
        &self.languages
    }

    fn execute_threshold(&self) -> f64 {
        self.thresholds.execute()
    }

    fn ask_threshold(&self) -> f64 {
        self.thresholds.confirm()
    }

    /// The confidence is that of the least sure choice: a call is as doubtful
    /// as its most doubtful part.
    fn interpret(
        &mut self,
        text: &str,
        _language: Language,
        context: &Context,
    ) -> Result<ModelAnswer, Error> {
        let answer = self.answer(text, context, self.budget)?;
        tracing::debug!(?answer, "language model");
        Ok(match answer.outcome {
            Outcome::Calls(proposals) => ModelAnswer {
                proposals,
                confidence: answer.confidence.minimum,
            },
            Outcome::Empty | Outcome::TooLong | Outcome::TokenCap | Outcome::Deadline => {
                ModelAnswer {
                    proposals: Vec::new(),
                    confidence: 0.0,
                }
            }
        })
    }
}

impl Answer {
    fn unasked(outcome: Outcome) -> Self {
        Self {
            outcome,
            text: String::new(),
            confidence: Confidence::CERTAIN,
            tokens: 0,
            forced: 0,
            runs: 0,
        }
    }
}

/// The lines of a pack's list of commands.
fn names(path: &Path) -> Result<BTreeSet<String>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Model {
        path: path.to_owned(),
        problem: format!("it cannot be read ({error})"),
        remedy: "install the model pack again".into(),
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The languages of the pack that this program knows.
fn languages(pack: &ModelPack) -> Vec<Language> {
    pack.languages()
        .iter()
        .filter_map(|code| code.parse().ok())
        .collect()
}
