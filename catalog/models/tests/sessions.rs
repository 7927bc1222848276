//! Sessions on the real ONNX Runtime: who runs a graph, and why the others do not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use codriver_models::{
    CandidateSettings, Error, ExecutionProviders, LoadedModel, Runtime, SessionOptions, Store,
};

const GRAPH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/scale_and_shift.onnx"
);

fn runtime() -> &'static Runtime {
    Runtime::from_store(&Store::from_environment().unwrap()).unwrap()
}

fn providers(toml: &str, with_cpu: bool) -> ExecutionProviders {
    let settings: CandidateSettings = toml::from_str(toml).unwrap();
    ExecutionProviders::parse(&[settings], with_cpu).unwrap()
}

fn session(graph: &Path, providers: &ExecutionProviders) -> Result<LoadedModel, Error> {
    runtime().session(
        "scale and shift",
        graph,
        providers,
        &SessionOptions::default(),
    )
}

/// Loads the graph with the candidate in front of the CPU; returns why the CPU runs it.
fn reason_for_rejection(candidate: &str) -> String {
    let loaded = session(Path::new(GRAPH), &providers(candidate, true)).unwrap();
    assert_eq!(loaded.report.chosen, "cpu");
    let [rejection] = &loaded.report.rejected[..] else {
        panic!("one rejection was expected: {:?}", loaded.report.rejected);
    };
    rejection.to_string()
}

#[test]
fn the_cpu_runs_the_whole_graph_and_the_report_says_so() {
    let LoadedModel {
        mut session,
        report,
    } = session(Path::new(GRAPH), &ExecutionProviders::cpu()).unwrap();
    let input = ort::value::Tensor::from_array(([4], vec![-3.0_f32, 0.0, 1.0, 2.5])).unwrap();
    let outputs = session.run(ort::inputs!["x" => input]).unwrap();
    let (_, y) = outputs["y"].try_extract_tensor::<f32>().unwrap();
    assert_eq!(y, [0.0, 1.0, 3.0, 6.0]);

    assert_eq!(
        (report.model.as_str(), report.chosen.as_str()),
        ("scale and shift", "cpu")
    );
    assert!(report.rejected.is_empty());
    let operators = &report.operators_by_provider["CPUExecutionProvider"];
    assert_eq!(operators.values().sum::<usize>(), 3, "{operators:?}");
    assert_eq!(report.library_version, runtime().version());
    assert!(
        report.library_version.starts_with("1."),
        "{}",
        report.library_version
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["chosen"], "cpu");
}

#[test]
fn a_provider_that_is_not_in_this_library_is_rejected_and_the_cpu_runs_the_graph() {
    for (candidate, label) in [
        ("name = \"openvino\"\ndevice = \"NPU\"", "openvino:NPU: "),
        (
            "name = \"qnn\"\noptions = { backend_type = \"htp\" }",
            "qnn: ",
        ),
        ("name = \"xnnpack\"", "xnnpack: "),
        ("name = \"acl\"", "acl: "),
        ("name = \"cann\"\ndevice = \"0\"", "cann:0: "),
        (
            "name = \"vitisai\"\noptions = { target = \"X2\" }",
            "vitisai: ",
        ),
        ("name = \"rknpu\"", "rknpu: "),
    ] {
        let reason = reason_for_rejection(candidate);
        assert!(
            reason.starts_with(label) && reason.len() > label.len() + 10,
            "{reason}"
        );
    }
}

#[test]
fn a_plugin_that_is_missing_is_rejected_by_its_path() {
    let reason = reason_for_rejection(
        "name = \"plugin\"\nlibrary = \"/nonexistent/libqnn.so\"\nregistered_as = \"MISSING\"",
    );
    assert_eq!(
        reason,
        "plugin:MISSING: /nonexistent/libqnn.so does not exist; install the plugin, or correct library"
    );
}

#[test]
fn a_plugin_that_is_no_library_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("libplugin.so");
    std::fs::write(&text, "not a library").unwrap();
    let reason = reason_for_rejection(&plugin(&text, "TEXT"));
    assert!(reason.contains("libplugin.so"), "{reason}");
}

#[test]
fn a_library_that_is_no_plugin_is_rejected() {
    let reason = reason_for_rejection(&plugin(runtime().library(), "RUNTIME"));
    assert!(
        reason.starts_with("plugin:RUNTIME: ") && reason.contains("CreateEpFactories"),
        "{reason}"
    );
}

fn plugin(library: &Path, name: &str) -> String {
    format!(
        "name = \"plugin\"\nlibrary = {:?}\nregistered_as = {name:?}",
        library.display().to_string()
    )
}

#[test]
fn without_the_cpu_in_the_list_a_rejection_is_an_error_with_its_reason() {
    let error = session(Path::new(GRAPH), &providers("name = \"openvino\"", false)).unwrap_err();
    let Error::NoProvider { rejected, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(rejected.len(), 1);
    assert!(error.to_string().contains("openvino: "), "{error}");
}

#[test]
fn a_damaged_graph_is_an_error_that_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let whole = std::fs::read(GRAPH).unwrap();
    for (name, bytes) in [
        ("short.onnx", &whole[..whole.len() / 2]),
        ("empty.onnx", &[]),
        ("text.onnx", b"not a graph"),
    ] {
        let damaged = directory.path().join(name);
        std::fs::write(&damaged, bytes).unwrap();
        let error = session(&damaged, &ExecutionProviders::cpu()).unwrap_err();
        assert!(matches!(error, Error::NoProvider { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_missing_graph_is_an_error_that_names_the_file() {
    let error = session(
        Path::new("/nonexistent/model.onnx"),
        &ExecutionProviders::cpu(),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nonexistent/model.onnx: cannot be read"),
        "{error}"
    );
}

#[test]
fn a_second_library_in_one_process_is_refused_and_the_same_one_is_given_again() {
    let loaded = runtime();
    assert!(std::ptr::eq(
        loaded,
        Runtime::load(loaded.library()).unwrap()
    ));
    let error = Runtime::load(&PathBuf::from("/elsewhere/libonnxruntime.so")).unwrap_err();
    assert!(matches!(error, Error::OtherLibrary { .. }), "{error}");
}
