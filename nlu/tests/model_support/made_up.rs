//! The made-up model of both graphs, on one of the execution providers that run it.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use codriver_models::{CandidateSettings, ExecutionProviders, ModelPack, Runtime, Store};
use codriver_nlu::model::{LanguageModel, ModelSettings, Preference};
use stage::accelerators::{MADE_UP_PACK, make_up_model};

use super::catalog;

pub fn runtime(library: &Path) -> &'static Runtime {
    Runtime::load(library).unwrap_or_else(|error| panic!("{error}"))
}

pub fn pack() -> ModelPack {
    static STORE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let store = tempfile::tempdir().unwrap();
        make_up_model(store.path()).unwrap_or_else(|error| panic!("{error}"));
        store
    });
    Store::at(STORE.path())
        .open(MADE_UP_PACK)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The model with these entries before the CPU; each of its runs may take as long as `patience`.
pub fn model(
    library: &Path,
    entries: &[&str],
    preference: Preference,
    patience: Duration,
) -> LanguageModel {
    let providers: Vec<CandidateSettings> = entries
        .iter()
        .map(|entry| toml::from_str(entry).unwrap_or_else(|error| panic!("{entry}: {error}")))
        .collect();
    let settings = ModelSettings {
        providers: ExecutionProviders::parse(&providers, true).unwrap(),
        budget: Duration::from_secs(240),
        preference,
        patience,
        ..ModelSettings::default()
    };
    LanguageModel::load(&pack(), runtime(library), catalog(), &settings)
        .unwrap_or_else(|error| panic!("{error}"))
}
