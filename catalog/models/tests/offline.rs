//! Running a model opens no socket of any kind, telemetry included. A program
//! of its own, so that no other test's sockets are in the way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use codriver_models::{ExecutionProviders, Runtime, SessionOptions, Store};

#[test]
fn loading_and_running_a_model_opens_no_socket() {
    let runtime = Runtime::from_store(&Store::from_environment().unwrap()).unwrap();
    assert_eq!(std::env::var("ORT_DISABLE_TELEMETRY").as_deref(), Ok("1"));
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scale_and_shift.onnx");
    let providers = ExecutionProviders::cpu();
    let mut model = runtime
        .session(
            "scale and shift",
            &graph,
            &providers,
            &SessionOptions::default(),
        )
        .unwrap();
    let input = ort::value::Tensor::from_array(([4], vec![0.0_f32; 4])).unwrap();
    model.session.run(ort::inputs!["x" => input]).unwrap();

    let sockets: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .collect();
    assert!(sockets.is_empty(), "{sockets:?}");
}
