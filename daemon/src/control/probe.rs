//! `codriverctl probe`: what the configured execution providers make of the language model.

use serde_json::json;

use super::{output, status};
use crate::Error;
use crate::minds::Mind;
use crate::settings::{Settings, Tier};

/// Loads the language model as the daemon would and prints who runs it, how
/// well, and why no other provider does. Succeeds only when the first provider
/// of the list runs it.
pub fn run(mut settings: Settings, json: bool) -> Result<(), Error> {
    settings.understanding.tier = Tier::Model;
    let mind = Mind::load(&settings)?;
    let Some(report) = mind.report() else {
        return Err(Error::Unsuccessful("no language model was loaded".into()));
    };
    if json {
        output::json(report)?;
    } else {
        output::line(&status::model_lines(&json!(report)).join("\n"))?;
    }
    match &report.rejected[..] {
        [] => Ok(()),
        rejected => Err(Error::Unsuccessful(format!(
            "{} runs the model; {} better listed execution providers do not",
            report.chosen,
            rejected.len()
        ))),
    }
}
