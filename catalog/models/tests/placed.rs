//! Small models on a provider that is named for them, with the CPU behind it. OpenVINO runs them.

#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::cell::Cell;
use std::path::Path;

use codriver_models::{ExecutionProviders, PlacedSession, RejectionKind, Runtime, SessionOptions};
use ort::session::Session;
use ort::value::Tensor;
use stage::accelerators::{OPENVINO, openvino_library, skipped};

/// y = 2 x + 1, but nothing below 0: of -3, 0, 1, 2.5.
const ANSWER: [f32; 4] = [0.0, 1.0, 3.0, 6.0];

fn place(try_out: impl Fn(&mut Session) -> Result<Vec<f32>, String>) -> PlacedSession {
    let graph = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/scale_and_shift.onnx"
    );
    let entry = toml::from_str(OPENVINO).unwrap();
    let providers = ExecutionProviders::parse(&[entry], true).unwrap();
    let providers = providers.named("test", "openvino:CPU").unwrap();
    let runtime = Runtime::load(&openvino_library().unwrap()).unwrap();
    let options = SessionOptions::default();
    runtime
        .placed_session(
            "scale and shift",
            Path::new(graph),
            &providers,
            &options,
            try_out,
        )
        .unwrap()
}

fn compute(session: &mut Session) -> Result<Vec<f32>, String> {
    let input = Tensor::from_array(([4], vec![-3.0_f32, 0.0, 1.0, 2.5])).unwrap();
    let outputs = session.run(ort::inputs!["x" => input]).unwrap();
    let (_, y) = outputs["y"].try_extract_tensor::<f32>().unwrap();
    Ok(y.to_vec())
}

#[test]
fn a_provider_that_computes_what_the_cpu_does_runs_the_model() {
    if skipped().unwrap() {
        return;
    }
    let mut placed = place(compute);
    let report = placed.report();
    assert_eq!(report.chosen, "openvino:CPU");
    assert!(report.rejected.is_empty());
    assert_eq!(report.reserve.as_ref().unwrap().chosen, "cpu");
    assert_eq!(placed.run(compute).unwrap(), ANSWER);
}

#[test]
fn one_that_fails_is_replaced_by_the_cpu_at_once_and_for_good() {
    if skipped().unwrap() {
        return;
    }
    let mut placed = place(compute);
    let runs = Cell::new(0);
    let failing_once = |session: &mut Session| {
        runs.set(runs.get() + 1);
        match runs.get() {
            1 => Err("the device was lost".to_owned()),
            _ => compute(session),
        }
    };
    assert_eq!(placed.run(failing_once).unwrap(), ANSWER);
    assert_eq!(runs.get(), 2);
    // Now it is the CPU that fails, and nobody stands behind it.
    let failing = |_: &mut Session| -> Result<(), String> {
        runs.set(runs.get() + 1);
        Err("out of memory".to_owned())
    };
    assert_eq!(placed.run(failing).unwrap_err(), "out of memory");
    assert_eq!(runs.get(), 3);
}

#[test]
fn one_that_computes_something_else_or_fails_at_the_trial_does_not_run_the_model() {
    if skipped().unwrap() {
        return;
    }
    for (theirs, kind, says) in [
        (
            Ok(vec![0.0, 1.0, 3.0, 5.0]),
            RejectionKind::WrongAnswers,
            "16.7 % apart",
        ),
        (
            Err("the device was lost".to_owned()),
            RejectionKind::Failed,
            "the device was lost",
        ),
    ] {
        let asked = Cell::new(0);
        let mut placed = place(|session| {
            asked.set(asked.get() + 1);
            match asked.get() {
                1 => theirs.clone(),
                _ => compute(session),
            }
        });
        let report = placed.report();
        assert_eq!(report.chosen, "cpu");
        assert_eq!(report.rejected[0].kind, kind);
        let reason = &report.rejected[0].reason;
        assert!(reason.contains(says), "{reason}");
        assert_eq!(placed.run(compute).unwrap(), ANSWER);
    }
}
