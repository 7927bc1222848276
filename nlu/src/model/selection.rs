//! Whether an accelerator runs the model, and which: by answers and times on this very machine.

use std::path::Path;
use std::time::{Duration, Instant};

use codriver_catalog::Language;
use codriver_models::{
    Effort, Entry, ExecutionProviders, GraphKind, NpuModel, ProviderReport, Rejection,
    RejectionKind, Runtime, SessionOptions, Trial,
};
use serde::{Deserialize, Serialize};

use super::chunked::ChunkedDecoder;
use super::decoder::Decoder;
use super::embedding::Embedding;
use super::static_sizes::StaticSizes;
use super::task::{Outcome, Task};
use super::watched::WatchedDecoder;
use crate::{Context, Error};

/// Logits further apart than this come from another computation, whatever the answers.
const FARTHEST_LOGITS: f64 = 0.1;
/// A canary takes no longer than this on the CPU of the smallest head unit.
const CANARY_BUDGET: Duration = Duration::from_secs(60);
/// Nor more runs than this; who is patient with each of them is so with all.
const CANARY_RUNS: u32 = 64;
/// The clock of `/proc/self/stat`.
const TICK_MS: f64 = 10.0;

/// What makes an accelerator better than the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// It answers sooner.
    #[default]
    Fastest,
    /// It leaves the processor more time for others.
    LeastCpu,
    /// It comes earlier in the list: its speed does not matter.
    Listed,
}

/// What an accelerator is tried with.
pub(super) struct Rules {
    pub(super) session: SessionOptions,
    pub(super) preference: Preference,
    pub(super) patience: Duration,
}

/// An accelerator that is better than the CPU.
pub(super) struct Chosen {
    pub(super) decoder: Box<dyn Decoder>,
    pub(super) report: ProviderReport,
}

/// Tries the candidates that stand before the CPU's place in the list, in
/// order. The first whose answers are right and that is better by the rule is
/// chosen; of each other one the reason is kept.
pub(super) fn choose(
    runtime: &Runtime,
    (name, model): (&str, Option<&NpuModel>),
    providers: &ExecutionProviders,
    rules: &Rules,
    task: &Task,
    languages: &[Language],
    cpu: &mut dyn Decoder,
) -> (Option<Chosen>, Vec<Rejection>) {
    let mut rejected = Vec::new();
    for entry in providers.entries() {
        if *entry == Entry::cpu() {
            break;
        }
        if entry.graph != GraphKind::NpuStatic {
            continue;
        }
        let Some(model) = model else {
            rejected.push(Rejection {
                candidate: entry.to_string(),
                kind: RejectionKind::OtherGraph,
                reason: "the model pack has no graph for NPUs; install a pack that has one".into(),
            });
            continue;
        };
        let loaded = load(runtime, (name, model), entry, rules, task);
        let tried = loaded.and_then(|mut chosen| {
            let trial = try_out(task, languages, rules, chosen.decoder.as_mut(), cpu)
                .map_err(|error| (RejectionKind::Failed, error.to_string()))?;
            judge(&trial, rules.preference)?;
            chosen.report.trial = Some(trial);
            Ok(chosen)
        });
        match tried {
            Ok(chosen) => {
                tracing::info!(model = name, provider = chosen.report.chosen, trial = ?chosen.report.trial, "accelerator chosen");
                return (Some(chosen), rejected);
            }
            Err((kind, reason)) => {
                tracing::warn!(
                    model = name,
                    candidate = %entry,
                    reason,
                    "accelerator not used"
                );
                rejected.push(Rejection {
                    candidate: entry.to_string(),
                    kind,
                    reason,
                });
            }
        }
    }
    (None, rejected)
}

type Reason = (RejectionKind, String);

fn load(
    runtime: &Runtime,
    (name, model): (&str, &NpuModel),
    entry: &Entry,
    rules: &Rules,
    task: &Task,
) -> Result<Chosen, Reason> {
    let loaded = runtime
        .load_with(
            name,
            &model.graph,
            GraphKind::NpuStatic,
            entry,
            &rules.session,
        )
        .map_err(|rejection| (rejection.kind, rejection.reason))?;
    let decoder = || -> Result<_, Error> {
        let sizes = StaticSizes::of(&loaded.session)?;
        let embedding = embedding(&model.embedding, &sizes)?;
        let chunk = sizes.chunk;
        let decoder = ChunkedDecoder::new(loaded.session, sizes, embedding, task.places())?;
        let mut decoder = WatchedDecoder::new(decoder, chunk, rules.patience)?;
        task.begin(&mut decoder)?;
        Ok(decoder)
    };
    match decoder() {
        Ok(decoder) => Ok(Chosen {
            decoder: Box::new(decoder),
            report: loaded.report,
        }),
        Err(error) => Err((RejectionKind::Failed, error.to_string())),
    }
}

fn embedding(path: &Path, sizes: &StaticSizes) -> Result<Embedding, Error> {
    Embedding::load(path, sizes.vocabulary, sizes.width, sizes.embedding_factor)
}

/// Sentences that are asked for the sake of the answer alone; nothing is done.
fn canaries(languages: &[Language]) -> Vec<&'static str> {
    let mut sentences = Vec::new();
    for language in languages {
        sentences.extend(match language {
            Language::English => ["open the window", "I am freezing"],
            Language::Mandarin => ["打开窗户", "我有点冷"],
        });
    }
    sentences
}

/// Asks both the same.
fn try_out(
    task: &Task,
    languages: &[Language],
    rules: &Rules,
    provider: &mut dyn Decoder,
    cpu: &mut dyn Decoder,
) -> Result<Trial, Error> {
    let budget = CANARY_BUDGET.max(rules.patience.saturating_mul(CANARY_RUNS));
    let mut trial = Trial {
        same_answers: true,
        logits_distance: 0.0,
        provider: NO_EFFORT,
        cpu: NO_EFFORT,
    };
    let sentences = canaries(languages);
    for sentence in &sentences {
        let theirs = observe(task, provider, sentence, budget)?;
        let ours = observe(task, cpu, sentence, budget)?;
        trial.same_answers &= theirs.outcome == ours.outcome;
        let distance = 1.0 - cosine(&theirs.logits, &ours.logits);
        trial.logits_distance = trial.logits_distance.max(distance);
        let share = 1.0 / sentences.len() as f64;
        add(&mut trial.provider, &theirs.effort, share);
        add(&mut trial.cpu, &ours.effort, share);
    }
    Ok(trial)
}

const NO_EFFORT: Effort = Effort {
    prompt_ms: 0.0,
    token_ms: 0.0,
    answer_ms: 0.0,
    processor_ms: 0.0,
};

fn add(sum: &mut Effort, effort: &Effort, share: f64) {
    sum.prompt_ms += effort.prompt_ms * share;
    sum.token_ms += effort.token_ms * share;
    sum.answer_ms += effort.answer_ms * share;
    sum.processor_ms += effort.processor_ms * share;
}

struct Observed {
    outcome: Outcome,
    logits: Vec<f32>,
    effort: Effort,
}

fn observe(
    task: &Task,
    decoder: &mut dyn Decoder,
    sentence: &str,
    budget: Duration,
) -> Result<Observed, Error> {
    let question = match task.question(sentence, &Context::default())? {
        Ok(question) => question,
        Err(answer) => {
            return Ok(Observed {
                outcome: answer.outcome,
                logits: Vec::new(),
                effort: NO_EFFORT,
            });
        }
    };
    let milliseconds = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
    task.rewind(decoder);
    let started = Instant::now();
    let logits = decoder.advance(&question.tokens)?.to_vec();
    let prompt_ms = milliseconds(started);
    let started = Instant::now();
    decoder.advance(question.tokens.get(..1).unwrap_or_default())?;
    let token_ms = milliseconds(started);
    let (started, before) = (Instant::now(), processor_ms());
    let answer = task.answer(decoder, &question, started + budget)?;
    Ok(Observed {
        outcome: answer.outcome,
        logits,
        effort: Effort {
            prompt_ms,
            token_ms,
            answer_ms: milliseconds(started),
            processor_ms: processor_ms() - before,
        },
    })
}

/// Fails with the reason why the CPU runs the model after all.
fn judge(trial: &Trial, preference: Preference) -> Result<(), Reason> {
    let Trial { provider, cpu, .. } = trial;
    // A comparison with not-a-number is false, and such logits are no closer than others.
    let near = trial.logits_distance <= FARTHEST_LOGITS;
    if !trial.same_answers || !near {
        return Err((
            RejectionKind::WrongAnswers,
            format!(
                "its answers are not those of the CPU (logits {:.4} apart, answers {}); calibrate the graph for NPUs again",
                trial.logits_distance,
                if trial.same_answers {
                    "the same"
                } else {
                    "differ"
                }
            ),
        ));
    }
    let (better, theirs, ours, what) = match preference {
        Preference::Listed => return Ok(()),
        Preference::Fastest => (
            provider.answer_ms < cpu.answer_ms,
            provider.answer_ms,
            cpu.answer_ms,
            "an answer",
        ),
        Preference::LeastCpu => (
            provider.processor_ms < cpu.processor_ms,
            provider.processor_ms,
            cpu.processor_ms,
            "of processor time an answer",
        ),
    };
    if better {
        return Ok(());
    }
    Err((
        RejectionKind::NotBetter,
        format!(
            "the CPU is better: {ours:.0} ms {what} against {theirs:.0} ms; prefer = \"listed\" would take it all the same"
        ),
    ))
}

/// Processor time of this process since its start, or 0 where the kernel does not tell.
fn processor_ms() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return 0.0;
    };
    // Fields are counted behind the name, which may hold spaces: user and system time are 12th and 13th there.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let times = fields.split_whitespace().skip(11).take(2);
    times
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        * TICK_MS
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length == 0.0 {
        1.0
    } else {
        dot(a, b) / length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial() -> Trial {
        let effort = |answer_ms, processor_ms| Effort {
            answer_ms,
            processor_ms,
            ..NO_EFFORT
        };
        Trial {
            same_answers: true,
            logits_distance: 0.01,
            provider: effort(80.0, 10.0),
            cpu: effort(70.0, 70.0),
        }
    }

    fn kind(trial: &Trial, preference: Preference) -> Option<RejectionKind> {
        judge(trial, preference).err().map(|(kind, _)| kind)
    }

    #[test]
    fn the_rule_decides_what_better_means() {
        assert_eq!(
            kind(&trial(), Preference::Fastest),
            Some(RejectionKind::NotBetter)
        );
        assert_eq!(kind(&trial(), Preference::LeastCpu), None);
        assert_eq!(kind(&trial(), Preference::Listed), None);
    }

    #[test]
    fn wrong_answers_and_far_logits_are_refused_however_fast_they_come() {
        for wrong in [
            Trial {
                same_answers: false,
                ..trial()
            },
            Trial {
                logits_distance: 0.2,
                ..trial()
            },
            Trial {
                logits_distance: f64::NAN,
                ..trial()
            },
        ] {
            assert_eq!(
                kind(&wrong, Preference::Listed),
                Some(RejectionKind::WrongAnswers)
            );
        }
    }
}
