//! The models behind the stages, loaded as the configuration says.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codriver_asr::{
    EndpointOptions, Format, FrontEnd, Recogniser, SileroVad, Whisper, WhisperOptions,
};
use codriver_catalog::{Catalog, Language};
use codriver_models::{Health, ProviderReport, Runtime, SessionOptions, Store};
use codriver_nlu::model::{LanguageModel, ModelSettings};
use codriver_nlu::{Context, Interpretation, Tiers, Understanding};

use crate::Error;
use crate::expectations::{Expectations, Told};
use crate::knowledge::directory;
use crate::model_status::ModelStatus;
use crate::pipeline::UnderstoodReport;
use crate::settings::{Settings, Tier};
use crate::wake::Wake;

/// Understands sentences: the patterns, and a language model where one is wanted.
pub struct Mind {
    understanding: Understanding,
    tiers: Tiers,
    catalog: Arc<Catalog>,
    report: Option<ProviderReport>,
    health: Option<Arc<Health>>,
}

impl Mind {
    /// Reads the packs and loads what the tier needs; the tier `patterns` loads no model.
    ///
    /// # Errors
    /// Wrong packs, a missing or damaged model.
    pub fn load(settings: &Settings) -> Result<Self, Error> {
        let catalog = Arc::new(Catalog::load(&directory(settings)?)?);
        Self::with(settings, catalog)
    }

    /// The same for packs that are already read.
    ///
    /// # Errors
    /// A missing or damaged model.
    pub fn with(settings: &Settings, catalog: Arc<Catalog>) -> Result<Self, Error> {
        let model = match settings.understanding.tier.uses_model() {
            true => Some(language_model(settings, &catalog)?),
            false => None,
        };
        let report = model.as_ref().map(|model| model.report().clone());
        let health = model.as_ref().and_then(LanguageModel::health);
        let mut understanding = Understanding::new(Arc::clone(&catalog))?;
        if let Some(model) = model {
            understanding = understanding.with_model(Box::new(model));
        }
        Ok(Self {
            understanding,
            tiers: match settings.understanding.tier {
                Tier::Patterns => Tiers::Patterns,
                Tier::Model => Tiers::Model,
                Tier::Both => Tiers::Both,
            },
            catalog,
            report,
            health,
        })
    }

    /// The commands.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Which execution provider runs the language model, where there is one.
    pub fn report(&self) -> Option<&ProviderReport> {
        self.report.as_ref()
    }

    fn status(&self) -> Option<ModelStatus> {
        let report = self.report.as_ref()?;
        Some(ModelStatus::new(report, self.health.clone()))
    }

    /// What a sentence means when nothing is known of the car, every tier asked.
    pub fn explain(&mut self, text: &str) -> UnderstoodReport {
        let context = Context::default();
        let interpretation = self.understanding.explain(self.tiers, text, None, &context);
        UnderstoodReport::from(&interpretation)
    }

    /// What a sentence of a known language means when nothing is known of the car.
    pub fn report_on(&mut self, text: &str, language: Option<Language>) -> UnderstoodReport {
        UnderstoodReport::from(&self.interpret(text, language, &Context::default()))
    }

    /// What a sentence means in this situation.
    pub fn interpret(
        &mut self,
        text: &str,
        language: Option<Language>,
        context: &Context,
    ) -> Interpretation {
        self.understanding
            .interpret_with(self.tiers, text, language, context)
    }
}

/// What there is to say of the language model in use, where there is one: of the next one once the
/// mind is [replaced](Self::replace).
#[derive(Clone)]
pub struct MindStatus(Arc<Mutex<Option<ModelStatus>>>);

impl MindStatus {
    /// That of this one.
    pub fn of(mind: &Mind) -> Self {
        Self(Arc::new(Mutex::new(mind.status())))
    }

    /// From now on that of this one.
    pub fn replace(&self, mind: &Mind) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = mind.status();
    }

    /// As it is now.
    pub fn get(&self) -> Option<ModelStatus> {
        let status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        status.clone()
    }
}

/// Hears: cuts sound into utterances and makes text of them.
pub struct Ears {
    /// Resampling, voice activity, endpointing.
    pub front_end: FrontEnd,
    /// The recogniser.
    pub recogniser: Box<dyn Recogniser>,
    /// What the recogniser was told to expect.
    pub told: Told,
    /// Which execution provider runs what.
    pub models: Vec<ModelStatus>,
    /// How the wake phrases are listened for.
    pub wake: String,
}

impl Ears {
    /// Loads voice activity and recogniser, told what to expect.
    ///
    /// # Errors
    /// A missing or damaged model.
    pub fn load(settings: &Settings, expectations: &Expectations) -> Result<Self, Error> {
        let store = store(settings)?;
        let runtime = runtime(settings, &store)?;
        let voice_activity = SileroVad::load(
            runtime,
            &store.open(&settings.voice_activity.pack)?,
            &settings.voice_activity_placement()?,
        )?;
        let of_voice_activity =
            ModelStatus::new(voice_activity.provider(), voice_activity.health());
        let mut models = vec![of_voice_activity];
        let mut front_end = FrontEnd::new(
            Format::SPEECH,
            Box::new(voice_activity),
            endpoint_options(settings),
        )?;
        let wake = Wake::load(settings, &directory(settings)?, runtime, &store);
        if let Some(words) = wake.words {
            models.push(ModelStatus::new(words.provider(), words.health()));
            front_end = front_end.with_wake_words(words);
        }
        let options = WhisperOptions {
            languages: settings.recogniser.languages.clone(),
            threads: settings.recogniser.threads,
            ..WhisperOptions::default()
        };
        let mut recogniser = Whisper::load(&store.open(&settings.recogniser.pack)?, options)?;
        let mut told = Told::default();
        expectations.tell(&mut told, |expected| recogniser.expect(expected));
        // whisper.cpp has kernels of its own and runs nowhere else.
        models.push(ModelStatus::fixed(
            &settings.recogniser.pack,
            "cpu (whisper.cpp)",
        ));
        Ok(Self {
            front_end,
            recogniser: Box::new(recogniser),
            told,
            models,
            wake: wake.report,
        })
    }
}

/// The configured model store, else the user's, else the installed one.
///
/// # Errors
/// When none can be named.
pub fn store(settings: &Settings) -> Result<Store, Error> {
    let configured = &settings.models.directory;
    if !configured.as_os_str().is_empty() {
        return Ok(Store::at(configured));
    }
    let installed = Path::new("/var/lib/codriver/models");
    match Store::from_environment() {
        Ok(store) if store.directory().is_dir() || !installed.is_dir() => Ok(store),
        _ if installed.is_dir() => Ok(Store::at(installed)),
        other => Ok(other?),
    }
}

fn language_model(settings: &Settings, catalog: &Arc<Catalog>) -> Result<LanguageModel, Error> {
    let store = store(settings)?;
    let options = ModelSettings {
        providers: settings.providers()?,
        session: SessionOptions {
            threads: usize::from(settings.understanding.threads)
                .try_into()
                .unwrap_or(std::num::NonZeroUsize::MIN),
            ..SessionOptions::default()
        },
        budget: Duration::from_millis(settings.understanding.budget_ms.into()),
        preference: settings.models.prefer,
        patience: Duration::from_millis(settings.models.patience_ms.into()),
    };
    let pack = store.open(&settings.understanding.pack)?;
    let runtime = runtime(settings, &store)?;
    Ok(LanguageModel::load(
        &pack,
        runtime,
        Arc::clone(catalog),
        &options,
    )?)
}

/// The configured ONNX Runtime, else the store's. Plugins are first loaded in
/// another process of this program.
fn runtime(settings: &Settings, store: &Store) -> Result<&'static Runtime, Error> {
    let configured = &settings.models.library;
    let runtime = match configured.as_os_str().is_empty() {
        true => Runtime::from_store(store)?,
        false => Runtime::load(configured)?,
    };
    if let Ok(program) = std::env::current_exe() {
        runtime.check_plugins_with(program);
    }
    Ok(runtime)
}

fn endpoint_options(settings: &Settings) -> EndpointOptions {
    let milliseconds = |ms: u32| Duration::from_millis(ms.into());
    EndpointOptions {
        voiced_at: settings.voice_activity.voiced_at as f32,
        voiced_at_over_reply: settings.voice_activity.voiced_at_over_reply as f32,
        unvoiced_below: settings.voice_activity.unvoiced_below as f32,
        pre_roll: milliseconds(settings.endpoint.pre_roll_ms),
        onset: milliseconds(settings.endpoint.onset_ms),
        onset_over_reply: milliseconds(settings.endpoint.onset_over_reply_ms),
        pause: milliseconds(settings.endpoint.pause_ms),
        hangover: milliseconds(settings.endpoint.hangover_ms),
        hangover_complete: milliseconds(settings.endpoint.hangover_complete_ms),
        hangover_extensible: milliseconds(settings.endpoint.hangover_extensible_ms),
        hangover_unfinished: milliseconds(settings.endpoint.hangover_unfinished_ms),
        min_speech: milliseconds(settings.endpoint.shortest_ms),
        hard_cap: milliseconds(settings.endpoint.longest_ms),
    }
}
