//! What there is to say of a loaded model while it may be busy.

use std::sync::Arc;

use codriver_models::{Health, ProviderReport};
use serde_json::{Value, json};

/// Who runs a model, and how that fares.
#[derive(Clone)]
pub struct ModelStatus {
    report: Value,
    health: Option<Arc<Health>>,
}

impl ModelStatus {
    /// Of a model that ONNX Runtime runs.
    pub fn new(report: &ProviderReport, health: Option<Arc<Health>>) -> Self {
        Self {
            report: json!(report),
            health,
        }
    }

    /// Of a model that `chosen` runs, whatever the configuration says.
    pub fn fixed(model: &str, chosen: &str) -> Self {
        Self {
            report: json!({"model": model, "chosen": chosen, "rejected": []}),
            health: None,
        }
    }

    /// The report, and beside it the `health` of the accelerator, `null` where the CPU was chosen.
    pub fn now(&self) -> Value {
        let mut now = self.report.clone();
        now["health"] = json!(self.health.as_ref().map(|health| health.report()));
        now
    }
}
