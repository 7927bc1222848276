//! An accelerator that fails in the middle of an utterance: put aside, the CPU answers within the
//! second, and it is asked again later. OpenVINO runs the model; the library in front of it fails.

#![cfg(target_arch = "x86_64")]
// Helpers of tests are not inside a #[test] function, where these are allowed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod model_support;

use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use codriver_models::Health;
use codriver_nlu::Context;
use codriver_nlu::model::{Answer, LanguageModel, Outcome, Preference};
use stage::accelerators::{self, Fault, FaultyRuntime, OPENVINO, openvino_library};

use model_support::made_up;

/// It means nothing, but the made-up weights make four calls of it, letter by letter: so there is
/// a middle to fail in.
const SENTENCE: &str = "bull bull";
/// Tokens of one run of the made-up model's graph.
const CHUNK: usize = 8;
/// What the accelerator may take for a run: it needs a millisecond, but not on a busy machine.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same for a whole answer.
const BUDGET: Duration = Duration::from_secs(2);

/// An order to fail is for whoever runs next.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn faulty_runtime() -> &'static FaultyRuntime {
    static BUILT: LazyLock<(FaultyRuntime, tempfile::TempDir)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let real = openvino_library().unwrap();
        let built = FaultyRuntime::build(folder.path(), &real).unwrap();
        (built, folder)
    });
    &BUILT.0
}

fn model(entries: &[&str]) -> LanguageModel {
    let library = faulty_runtime().library();
    made_up::model(library, entries, Preference::Listed, PATIENCE)
}

fn ask(model: &mut LanguageModel) -> Answer {
    let answer = model.answer(SENTENCE, &Context::default(), BUDGET).unwrap();
    assert!(matches!(answer.outcome, Outcome::Calls(_)), "{answer:?}");
    answer
}

/// Runs of the graph that read the sentence before the first token of the answer is chosen.
fn runs_of_the_prompt() -> usize {
    // The grammar leaves no choice about the space behind it.
    format!(" {SENTENCE}\nCall: ").len().div_ceil(CHUNK)
}

/// Waits until it may be asked again; the report is in whole milliseconds.
fn rest(health: &Health) {
    let rests = health.report().rests_for_ms;
    thread::sleep(Duration::from_millis(rests + 1));
}

/// What must become of a failure in the `run`-th run of an answer.
fn put_aside_and_asked_again(fault: Fault, run: usize, reason: &str) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let by_the_cpu = ask(&mut model(&[]));
    let mut model = model(&[OPENVINO]);
    assert_eq!(model.report().chosen, "openvino:CPU");
    let accelerated = ask(&mut model);
    assert_eq!(accelerated.text, by_the_cpu.text);
    // They differ only in how sure they are, which tells them apart.
    assert_ne!(accelerated, by_the_cpu);
    assert!(accelerated.runs >= 3, "{accelerated:?}");
    let health = model.health().unwrap();

    faulty_runtime().fail_at(run, fault).unwrap();
    let asked = Instant::now();
    let answer = ask(&mut model);
    let took = asked.elapsed();
    assert_eq!(answer, by_the_cpu);
    assert!(took < Duration::from_secs(1), "{took:?}");
    let failed = health.report();
    assert_eq!((failed.answers, failed.failures, failed.retries), (1, 1, 0));
    let last = failed.last_failure.unwrap();
    assert!(last.contains(reason), "{last}");
    let rests = failed.rests_for_ms;
    assert!((1..=5_000).contains(&rests), "{rests}");

    // Meanwhile it is left alone.
    assert_eq!(ask(&mut model), by_the_cpu);
    let resting = health.report();
    assert_eq!((resting.answers, resting.retries), (1, 0));

    rest(&health);
    let again = ask(&mut model);
    let back = health.report();
    let counted = (back.answers, back.failures, back.retries);
    assert_eq!(counted, (2, 1, 1), "{back:?}");
    assert_eq!(back.rests_for_ms, 0);
    assert_eq!(again, accelerated);
}

#[test]
fn one_that_reports_an_error_while_it_answers_is_put_aside_and_comes_back() {
    if accelerators::skipped().unwrap() {
        return;
    }
    let run = runs_of_the_prompt() + 1;
    put_aside_and_asked_again(Fault::Error, run, "the device was lost");
}

#[test]
fn one_that_hangs_while_it_reads_the_sentence_is_put_aside_and_comes_back() {
    if accelerators::skipped().unwrap() {
        return;
    }
    put_aside_and_asked_again(Fault::Hang, 2, "no result within 500 ms");
}

#[test]
fn one_that_hangs_while_it_answers_is_put_aside_and_comes_back() {
    if accelerators::skipped().unwrap() {
        return;
    }
    let run = runs_of_the_prompt() + 1;
    put_aside_and_asked_again(Fault::Hang, run, "no result within 500 ms");
}

#[test]
fn one_that_computes_what_is_no_number_is_put_aside_and_comes_back() {
    if accelerators::skipped().unwrap() {
        return;
    }
    let run = runs_of_the_prompt() + 1;
    put_aside_and_asked_again(Fault::NotANumber, run, "values that are not numbers");
}

#[test]
fn one_that_fails_again_rests_twice_as_long() {
    if accelerators::skipped().unwrap() {
        return;
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let by_the_cpu = ask(&mut model(&[]));
    let mut model = model(&[OPENVINO]);
    let health = model.health().unwrap();
    for (failures, longest_ms) in [(1, 5_000), (2, 10_000)] {
        rest(&health);
        faulty_runtime().fail_at(1, Fault::Error).unwrap();
        assert_eq!(ask(&mut model), by_the_cpu);
        let failed = health.report();
        assert_eq!((failed.failures, failed.retries), (failures, failures - 1));
        let rests = failed.rests_for_ms;
        assert!(
            (longest_ms - 1_000..=longest_ms).contains(&rests),
            "{rests}"
        );
    }
}
