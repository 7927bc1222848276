//! The made-up model of both graphs, and the execution providers that run it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use codriver_models::{ModelPack, Runtime, Store};

const PACK: &str = "codriver-made-up";

/// Where `tests/setup/execution-providers` puts them.
pub fn providers_folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = || {
        let home = || variable("HOME").map(|home| home.join(".cache"));
        variable("XDG_CACHE_HOME").or_else(home)
    };
    let folder = variable("CODRIVER_PROVIDERS")
        .or_else(|| cache().map(|cache| cache.join("codriver/providers")));
    folder.unwrap_or_else(|| panic!("neither CODRIVER_PROVIDERS nor HOME is set"))
}

pub fn openvino_library() -> PathBuf {
    providers_folder().join("openvino/onnxruntime/capi/libonnxruntime.so.1.24.1")
}

pub fn qnn_library() -> PathBuf {
    providers_folder().join("qnn/onnxruntime_qnn/libonnxruntime_providers_qnn.so")
}

/// Whether the test has to be skipped, which it says: the network may have
/// kept `tests/setup/execution-providers` from fetching what it runs on.
pub fn skipped(needed: &[PathBuf]) -> bool {
    let absent = needed.iter().find(|file| !file.is_file());
    if let Some(absent) = absent {
        // Not captured, unlike what eprintln writes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no {}; run tests/setup/execution-providers with a network",
            absent.display()
        );
    }
    absent.is_some()
}

pub fn runtime() -> &'static Runtime {
    Runtime::load(&openvino_library()).unwrap_or_else(|error| panic!("{error}"))
}

/// Made by the model pack builder, as the real ones are.
pub fn pack() -> ModelPack {
    static STORE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let store = tempfile::tempdir().unwrap();
        let python = std::env::var_os("CODRIVER_PYTHON").unwrap_or_else(|| "python3".into());
        let builder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/models");
        let made = Command::new(python)
            .args(["-m", "builder.made_up"])
            .arg(store.path())
            .env("PYTHONPATH", builder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        store
    });
    Store::at(STORE.path())
        .open(PACK)
        .unwrap_or_else(|error| panic!("{error}"))
}
