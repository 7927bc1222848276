//! What the tests of the model tier share: the catalogue and the installed model pack.
#![allow(dead_code)] // each test program uses its own part

use std::path::Path;
use std::sync::Arc;

use codriver_catalog::Catalog;
use codriver_models::{ModelPack, Runtime, Store};
use codriver_nlu::model::Vocabulary;

pub const PACK: &str = "smollm2-135m-instruct-q8";

pub fn catalog() -> Arc<Catalog> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model_configs");
    Arc::new(Catalog::load(&configs).unwrap_or_else(|error| panic!("{error}")))
}

/// The real pack; `make models` installs it.
pub fn pack() -> ModelPack {
    let store = Store::from_environment().unwrap();
    store.open(PACK).unwrap_or_else(|error| panic!("{error}"))
}

pub fn runtime() -> &'static Runtime {
    let store = Store::from_environment().unwrap();
    Runtime::from_store(&store).unwrap_or_else(|error| panic!("{error}"))
}

pub fn vocabulary() -> Vocabulary {
    let pack = pack();
    let model = pack.language_model().unwrap();
    Vocabulary::load(&model.tokenizer, &model.end_of_call, 49152).unwrap()
}
