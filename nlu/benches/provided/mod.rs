//! The execution provider that a bench is to run on, from a file like the
//! `[models]` and `[[execution_provider]]` parts of codriver.toml:
//!
//! ```toml
//! library = "$CODRIVER_PROVIDERS/..."     # without it that of the model store
//! [[execution_provider]]
//! name = "openvino"
//! device = "CPU"
//! graph = "npu"
//! ```
#![allow(dead_code)] // each bench uses its own part

use std::path::{Path, PathBuf};
use std::time::Duration;

use codriver_models::{CandidateSettings, ExecutionProviders, Runtime, Store};
use codriver_nlu::model::{LanguageModel, ModelSettings, Preference};
use serde::Deserialize;

/// Emulators compute in minutes what a chip does in milliseconds.
const PATIENCE: Duration = Duration::from_secs(600);
const BUDGET: Duration = Duration::from_secs(7200);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    library: Option<PathBuf>,
    #[serde(default)]
    execution_provider: Vec<CandidateSettings>,
}

/// ONNX Runtime and settings as `file` says; the store's and the CPU's without one.
pub fn read(
    file: Option<&Path>,
    store: &Store,
) -> Result<(&'static Runtime, ModelSettings), Box<dyn std::error::Error>> {
    let Some(file) = file else {
        return Ok((Runtime::from_store(store)?, ModelSettings::default()));
    };
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
    let folder = std::env::var("CODRIVER_PROVIDERS").unwrap_or_default();
    let text = text.replace("$CODRIVER_PROVIDERS", &folder);
    let file: File = toml::from_str(&text)?;
    let runtime = match &file.library {
        Some(library) => Runtime::load(library)?,
        None => Runtime::from_store(store)?,
    };
    let settings = ModelSettings {
        providers: ExecutionProviders::parse(&file.execution_provider, true)?,
        budget: BUDGET,
        preference: Preference::Listed,
        patience: PATIENCE,
        ..ModelSettings::default()
    };
    Ok((runtime, settings))
}

/// Fails unless the first provider of the list runs the model: figures of
/// another one would pass for its own.
pub fn require_first(model: &LanguageModel) -> Result<(), String> {
    match &model.report().rejected[..] {
        [] => Ok(()),
        [first, ..] => Err(format!("{first}")),
    }
}

/// Memory of this process that is in use, in MB.
pub fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}
