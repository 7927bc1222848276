//! A language model from its pack, ready to be asked.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codriver_catalog::{Catalog, CommandName, Language};
use codriver_models::{
    Calibration, ExecutionProviders, GraphKind, Health, ModelPack, ProviderReport, Runtime,
    SessionOptions, Thresholds,
};

use super::accelerator::Accelerator;
use super::decoder::Decoder;
use super::in_place::InPlaceDecoder;
use super::prior::CommandPrior;
use super::prompt::Prompt;
use super::selection::{Preference, Rules, choose};
use super::task::{Answer, Outcome, Task};
use super::vocabulary::Vocabulary;
use crate::{Context, Error, ModelAnswer, ModelTier};

/// How a model is run, as opposed to what it is.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Which accelerators are tried in which order.
    pub providers: ExecutionProviders,
    /// Threads of a run; one that does not spin, unless told otherwise.
    pub session: SessionOptions,
    /// How long one answer may take before it is given up.
    pub budget: Duration,
    /// What makes an accelerator better than the CPU.
    pub preference: Preference,
    /// How long an accelerator may take for one run of its graph.
    pub patience: Duration,
}

impl Default for ModelSettings {
    /// The CPU, one thread, three seconds.
    fn default() -> Self {
        Self {
            providers: ExecutionProviders::cpu(),
            session: SessionOptions::default(),
            budget: Duration::from_secs(3),
            preference: Preference::default(),
            patience: Duration::from_millis(500),
        }
    }
}

/// A loaded model that answers utterances with calls of one catalogue.
pub struct LanguageModel {
    task: Task,
    cpu: InPlaceDecoder,
    accelerator: Option<Accelerator>,
    /// The commands it learned; `None` when it may name any.
    taught: Option<BTreeSet<String>>,
    languages: Vec<Language>,
    calibration: Calibration,
    thresholds: Thresholds,
    budget: Duration,
    report: ProviderReport,
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
                "name a pack of kind cpu-dynamic; it may have an npu_graph beside that",
            ));
        }
        let loaded = runtime
            .session(
                pack.name(),
                &model.graph,
                &settings.providers.for_cpu_graphs(),
                &settings.session,
            )
            .map_err(refused)?;
        let graph = InPlaceDecoder::sizes(&loaded.session).map_err(wrong)?;
        let vocabulary = Vocabulary::load(&model.tokenizer, &model.end_of_call, graph.vocabulary)?;
        let prompt = Prompt::new(&model.prompt, &vocabulary).map_err(wrong)?;
        let taught = model.commands.as_deref().map(names).transpose()?;
        let prior = model.prior.as_ref().map(CommandPrior::load).transpose()?;
        let task = Task::new(
            vocabulary,
            prompt,
            catalog,
            taught.as_ref(),
            prior,
            model.max_tokens.get(),
        );
        let mut cpu = InPlaceDecoder::new(loaded.session, graph, task.places()).map_err(wrong)?;
        task.begin(&mut cpu).map_err(wrong)?;
        let languages = languages(pack);
        let rules = Rules {
            session: settings.session,
            preference: settings.preference,
            patience: settings.patience,
        };
        let (chosen, mut rejected) = choose(
            runtime,
            (pack.name(), model.npu.as_ref()),
            &settings.providers,
            &rules,
            &task,
            &languages,
            &mut cpu,
        );
        let mut report = loaded.report;
        let mut accelerator = None;
        if let Some(chosen) = chosen {
            let reserve = std::mem::replace(&mut report, chosen.report);
            report.reserve = Some(Box::new(reserve));
            accelerator = Some(Accelerator::new(pack.name(), chosen.decoder));
        }
        rejected.append(&mut report.rejected);
        report.rejected = rejected;
        Ok(Self {
            task,
            cpu,
            accelerator,
            taught,
            languages,
            calibration: model.calibration,
            thresholds: model.thresholds,
            budget: settings.budget,
            report,
        })
    }

    /// From now on asks `decoder` first, as it would ask a configured
    /// accelerator: hardware whose runtime is not an execution provider of
    /// ONNX Runtime. It is trusted to compute what the pack's model does.
    ///
    /// # Errors
    /// [`Error::Inference`] when its sizes are not the model's or it fails at
    /// the part of the prompt that all requests share.
    pub fn use_accelerator(&mut self, mut decoder: Box<dyn Decoder>) -> Result<(), Error> {
        let (theirs, places) = (decoder.shape(), self.task.places());
        if theirs.vocabulary != self.cpu.shape().vocabulary || theirs.places < places {
            return Err(Error::Inference {
                doing: "taking an accelerator",
                problem: format!(
                    "it has {} tokens and {} places; the model has {} tokens and needs {places} places",
                    theirs.vocabulary,
                    theirs.places,
                    self.cpu.shape().vocabulary
                ),
            });
        }
        self.task.begin(decoder.as_mut())?;
        self.accelerator = Some(Accelerator::new(&self.report.model, decoder));
        Ok(())
    }

    /// From now on answers with calls of another catalogue.
    pub fn use_catalog(&mut self, catalog: Arc<Catalog>) {
        self.task.use_catalog(catalog, self.taught.as_ref());
    }

    /// Which execution provider runs the model, and why no earlier one.
    pub fn report(&self) -> &ProviderReport {
        &self.report
    }

    /// What becomes of the accelerator's answers, where one runs the model.
    pub fn health(&self) -> Option<Arc<Health>> {
        let accelerator = self.accelerator.as_ref();
        accelerator.map(|accelerator| Arc::clone(accelerator.health()))
    }

    /// Says what an utterance asks for, within `budget`. An accelerator that
    /// fails, or takes more than half of it, leaves the rest to the CPU.
    ///
    /// # Errors
    /// [`Error::Inference`] when graph or grammar engine fail.
    pub fn answer(
        &mut self,
        utterance: &str,
        context: &Context,
        budget: Duration,
    ) -> Result<Answer, Error> {
        let now = Instant::now();
        let question = match self.task.question(utterance, context)? {
            Ok(question) => question,
            Err(unasked) => return Ok(unasked),
        };
        let Self {
            task, accelerator, ..
        } = self;
        let accelerated = accelerator.as_mut().and_then(|accelerator| {
            accelerator.ask(now, |decoder| {
                let answer = task.answer(decoder, &question, now + budget / 2)?;
                Ok((answer.outcome != Outcome::Deadline).then_some(answer))
            })
        });
        match accelerated {
            Some(answer) => Ok(answer),
            None => self.task.answer(&mut self.cpu, &question, now + budget),
        }
    }

    /// What an answer means, and how often such answers are right.
    pub fn meaning(&self, answer: &Answer) -> ModelAnswer {
        match &answer.outcome {
            Outcome::Calls(proposals) => ModelAnswer {
                proposals: proposals.clone(),
                confidence: self.calibration.confidence(answer.probability),
            },
            Outcome::Empty | Outcome::TooLong | Outcome::TokenCap | Outcome::Deadline => {
                ModelAnswer {
                    proposals: Vec::new(),
                    confidence: 0.0,
                }
            }
        }
    }
}

impl ModelTier for LanguageModel {
    fn languages(&self) -> &[Language] {
        &self.languages
    }

    fn knows(&self, command: &CommandName) -> bool {
        let taught = self.taught.as_ref();
        taught.is_none_or(|taught| taught.contains(command.as_str()))
    }

    fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    fn interpret(
        &mut self,
        text: &str,
        _language: Language,
        context: &Context,
    ) -> Result<ModelAnswer, Error> {
        let answer = self.answer(text, context, self.budget)?;
        tracing::debug!(?answer, "language model");
        Ok(self.meaning(&answer))
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
