//! What the tests of the model tier share: the catalogue and the installed model pack.
#![allow(dead_code)] // each test program uses its own part

pub mod made_up;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use codriver_catalog::Catalog;
use codriver_models::{ModelPack, Runtime, Store};
use codriver_nlu::model::Vocabulary;

pub const PACK: &str = "codriver-intent-smollm2-135m-q8";

pub fn catalog() -> Arc<Catalog> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model_configs");
    Arc::new(Catalog::load(&configs).unwrap_or_else(|error| panic!("{error}")))
}

/// The real pack, which `make models` installs, but free to name any command and without
/// a classifier of those it was taught: these tests have a catalogue of their own.
pub fn pack() -> ModelPack {
    static STORE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let installed = Store::from_environment().unwrap();
        let installed = installed.open(PACK).unwrap_or_else(|e| panic!("{e}"));
        let store = tempfile::tempdir().unwrap();
        let directory = store.path().join(PACK);
        std::fs::create_dir(&directory).unwrap();
        for entry in std::fs::read_dir(installed.directory()).unwrap() {
            let entry = entry.unwrap();
            let to = directory.join(entry.file_name());
            if entry.file_name() == "manifest.toml" {
                let manifest = std::fs::read_to_string(entry.path()).unwrap();
                let mut manifest: toml::Table = manifest.parse().unwrap();
                let section = manifest["language_model"].as_table_mut().unwrap();
                for taught in ["commands", "prior"] {
                    assert!(section.remove(taught).is_some(), "{taught}");
                }
                std::fs::write(to, manifest.to_string()).unwrap();
            } else {
                std::os::unix::fs::symlink(entry.path(), to).unwrap();
            }
        }
        store
    });
    let store = Store::at(STORE.path());
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
