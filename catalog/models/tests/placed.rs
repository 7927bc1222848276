//! Small models on a provider that is named for them, with the CPU behind it. OpenVINO runs them.

#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use codriver_models::{
    Compute, ExecutionProviders, Health, PlacedSession, Placement, RejectionKind, Runtime,
    SmallModel,
};
use ort::session::Session;
use ort::value::Tensor;
use stage::accelerators::{OPENVINO, openvino_library, skipped};

/// y = 2 x + 1, but nothing below 0: of -3, 0, 1, 2.5.
const ANSWER: [f32; 4] = [0.0, 1.0, 3.0, 6.0];
/// A busy machine may keep a thread from running for a while.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same for a run that is timed.
const PACE: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(30);

/// Asked something, it answers what becomes of the trial or of a run.
type Placed = PlacedSession<Fault, Vec<f32>>;

/// What goes wrong in a run on the accelerator, whose thread bears that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Error,
    Hang,
    Wrong,
    Slow,
}

fn placement() -> Placement {
    let entry = toml::from_str(OPENVINO).unwrap();
    let providers = ExecutionProviders::parse(&[entry], true).unwrap();
    Placement {
        providers: providers.named("test", "openvino:CPU").unwrap(),
        patience: PATIENCE,
    }
}

/// The graphs of one model, each tried with the fault of its place in the list.
fn place<const GRAPHS: usize>(tried: [Fault; GRAPHS]) -> [Placed; GRAPHS] {
    let graph = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/scale_and_shift.onnx"
    );
    let runtime = Runtime::load(&openvino_library().unwrap()).unwrap();
    let placement = placement();
    let model = SmallModel::new(runtime, "scale and shift", &placement, PACE);
    let compute: Compute<Fault, Vec<f32>> = compute;
    tried.map(|fault| {
        model
            .load("scale and shift", Path::new(graph), compute, |ask| {
                ask(&fault)
            })
            .unwrap()
    })
}

fn compute(session: &mut Session, fault: &Fault) -> Result<Vec<f32>, String> {
    if thread::current().name() == Some("accelerator") {
        match fault {
            Fault::None => {}
            Fault::Error => return Err("the device was lost".to_owned()),
            Fault::Hang => thread::sleep(PATIENCE * 2),
            Fault::Wrong => return Ok(vec![0.0, 1.0, 3.0, 5.0]),
            Fault::Slow => thread::sleep(PACE + Duration::from_millis(100)),
        }
    }
    let input = Tensor::from_array(([4], vec![-3.0_f32, 0.0, 1.0, 2.5])).unwrap();
    let outputs = session.run(ort::inputs!["x" => input]).unwrap();
    let (_, y) = outputs["y"].try_extract_tensor::<f32>().unwrap();
    Ok(y.to_vec())
}

/// Waits until it may be asked again; the report is in whole milliseconds.
fn rest(health: &Health) {
    thread::sleep(Duration::from_millis(health.report().rests_for_ms + 1));
}

fn counted(health: &Health) -> (u64, u64, u64) {
    let report = health.report();
    (report.answers, report.failures, report.retries)
}

#[test]
fn a_provider_that_computes_what_the_cpu_does_runs_the_model() {
    if skipped().unwrap() {
        return;
    }
    let [mut placed] = place([Fault::None]);
    let report = placed.report();
    assert_eq!(report.chosen, "openvino:CPU");
    assert!(report.rejected.is_empty());
    assert_eq!(report.reserve.as_ref().unwrap().chosen, "cpu");
    assert_eq!(placed.run(&Fault::None).unwrap(), ANSWER);
    assert_eq!(counted(placed.health().unwrap()), (1, 0, 0));
}

#[test]
fn one_that_fails_leaves_the_run_to_the_cpu_rests_and_is_asked_again() {
    if skipped().unwrap() {
        return;
    }
    let [mut placed] = place([Fault::None]);
    let health = Arc::clone(placed.health().unwrap());
    assert_eq!(placed.run(&Fault::Error).unwrap(), ANSWER);
    assert_eq!(counted(&health), (0, 1, 0));
    let last = health.report().last_failure;
    assert_eq!(last.as_deref(), Some("the device was lost"));
    // At rest it is not asked, or it would fail again.
    assert_eq!(placed.run(&Fault::Error).unwrap(), ANSWER);
    assert_eq!(counted(&health), (0, 1, 0));
    rest(&health);
    assert_eq!(placed.run(&Fault::None).unwrap(), ANSWER);
    assert_eq!(counted(&health), (1, 1, 1));
    assert_eq!(health.report().rests_for_ms, 0);
}

#[test]
fn one_that_hangs_costs_its_patience_once_for_all_graphs_of_the_model() {
    if skipped().unwrap() {
        return;
    }
    let [mut first, mut second] = place([Fault::None; 2]);
    let begun = Instant::now();
    assert_eq!(first.run(&Fault::Hang).unwrap(), ANSWER);
    assert!(begun.elapsed() >= PATIENCE);
    for placed in [&mut first, &mut second] {
        assert_eq!(placed.run(&Fault::Hang).unwrap(), ANSWER);
    }
    let took = begun.elapsed();
    assert!(took < PATIENCE * 2, "{took:?}");
    let health = first.health().unwrap();
    assert_eq!(counted(health), (0, 1, 0));
    let last = second.health().unwrap().report().last_failure.unwrap();
    assert!(last.contains("no result within 2000 ms"), "{last}");
    // By then the thread has come back, and its late answer is nobody's.
    rest(health);
    assert_eq!(first.run(&Fault::None).unwrap(), ANSWER);
}

#[test]
fn one_that_computes_something_else_fails_or_cannot_follow_at_the_trial_does_not_run_the_model() {
    if skipped().unwrap() {
        return;
    }
    for (fault, kind, says) in [
        (Fault::Wrong, RejectionKind::WrongAnswers, "16.7 % apart"),
        (Fault::Error, RejectionKind::Failed, "the device was lost"),
        (
            Fault::Slow,
            RejectionKind::NotBetter,
            "sound for one comes every 1000 ms",
        ),
    ] {
        let begun = Instant::now();
        let [mut placed] = place([fault]);
        assert!(begun.elapsed() < WITHIN, "{fault:?}");
        let report = placed.report();
        assert_eq!(report.chosen, "cpu");
        assert_eq!(report.rejected[0].kind, kind);
        let reason = &report.rejected[0].reason;
        assert!(reason.contains(says), "{reason}");
        assert!(placed.health().is_none());
        assert_eq!(placed.run(&Fault::Error).unwrap(), ANSWER);
    }
}
