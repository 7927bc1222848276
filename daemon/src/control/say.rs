//! `codriverctl say TEXT`: one sentence to the running daemon, and what becomes of it.

use std::time::Instant;

use serde_json::Value;

use super::signals::{Notice, Signals};
use super::{Say, client, output};
use crate::Error;
use crate::settings::Settings;

/// Succeeds only when everything that was asked for was done, or asked back.
pub async fn run(settings: &Settings, options: Say) -> Result<(), Error> {
    let connection = client::connect(settings).await?;
    let assistant = client::assistant(&connection, settings).await?;
    // Before the sentence leaves, so that no answer is missed.
    let mut signals = Signals::subscribe(&connection).await?;
    let utterance = assistant
        .submit_text(&options.text.join(" "), options.language.as_str())
        .await
        .map_err(client::failed("submitting the sentence"))?;
    let deadline = Instant::now() + options.timeout;
    let mut verdict = Verdict::default();
    loop {
        let rest = deadline.saturating_duration_since(Instant::now());
        let Some(notice) = signals.next(rest).await? else {
            return Err(Error::NoAnswer {
                what: format!("codriverd, asked about {utterance},"),
                seconds: options.timeout.as_secs_f64(),
            });
        };
        if notice.utterance != utterance {
            continue;
        }
        if options.json {
            output::json(&notice.to_json())?;
        } else {
            output::line(&notice.to_lines())?;
        }
        verdict.consider(&notice);
        if notice.stage == "said" {
            return verdict.result();
        }
    }
}

/// Whether the sentence did what it asked for.
#[derive(Debug, Default)]
struct Verdict {
    problem: Option<String>,
}

impl Verdict {
    fn consider(&mut self, notice: &Notice) {
        let content = &notice.content;
        match notice.stage {
            "understood" => {
                let decision = content.get("decision").and_then(Value::as_str);
                // A sentence that completes an earlier one is understood twice.
                self.problem = matches!(decision, Some("reject" | "clarify"))
                    .then(|| "it was not understood".to_owned());
            }
            "acted" => {
                let outcomes = content.get("outcomes").and_then(Value::as_array);
                let undone = outcomes
                    .into_iter()
                    .flatten()
                    .find(|outcome| outcome.get("outcome").and_then(Value::as_str) != Some("done"));
                if undone.is_some() {
                    self.problem = Some("not everything was done".into());
                }
            }
            _ => {}
        }
    }

    fn result(self) -> Result<(), Error> {
        match self.problem {
            None => Ok(()),
            Some(problem) => Err(Error::Unsuccessful(problem)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notice(stage: &'static str, content: Value) -> Notice {
        Notice {
            stage,
            utterance: "u-000001".into(),
            content,
        }
    }

    #[test]
    fn only_what_was_done_counts_as_success() {
        for (outcomes, success) in [
            (json!([{"outcome": "done"}]), true),
            (json!([{"outcome": "done"}, {"outcome": "refused"}]), false),
            (json!([{"outcome": "unconfirmed"}]), false),
        ] {
            let mut verdict = Verdict::default();
            verdict.consider(&notice("understood", json!({"decision": "execute"})));
            verdict.consider(&notice("acted", json!({ "outcomes": outcomes })));
            assert_eq!(verdict.result().is_ok(), success);
        }
    }

    #[test]
    fn a_rejected_sentence_is_a_failure() {
        let mut verdict = Verdict::default();
        verdict.consider(&notice("understood", json!({"decision": "reject"})));
        assert!(verdict.result().is_err());
    }
}
