//! The made-up model of both graphs, strict on every execution provider that
//! runs on an ordinary x86-64 machine: the same body, and the same answers.
//!
//! One library serves all: ONNX Runtime as the OpenVINO package brings it,
//! which loads Qualcomm's plugin too.

#![cfg(target_arch = "x86_64")]
// Helpers of tests are not inside a #[test] function, where these are allowed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod model_support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use codriver_models::{CacheUse, Rejection, RejectionKind};
use codriver_nlu::Context;
use codriver_nlu::model::{LanguageModel, Outcome, Preference};
use stage::accelerators::{self, OPENVINO, openvino_library};

use model_support::made_up;

const SENTENCES: [&str; 2] = ["take me to the old mill", "arrange the cabin"];
/// An emulator computes in seconds what a chip does in milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn qnn() -> String {
    accelerators::qnn().unwrap()
}

fn skipped() -> bool {
    accelerators::skipped().unwrap()
}

fn model(entries: &[&str], preference: Preference) -> LanguageModel {
    made_up::model(&openvino_library().unwrap(), entries, preference, PATIENCE)
}

fn answers(model: &mut LanguageModel) -> Vec<String> {
    let ask = |said: &&str| {
        let budget = Duration::from_secs(240);
        let answer = model.answer(said, &Context::default(), budget).unwrap();
        assert!(matches!(answer.outcome, Outcome::Calls(_)), "{answer:?}");
        answer.text
    };
    SENTENCES.iter().map(ask).collect()
}

/// The same for every provider: it takes the whole graph, its answers are the CPU's.
fn runs_the_model_as_the_cpu_does(entry: &str, provider: &str) {
    let mut accelerated = model(&[entry], Preference::Listed);
    let report = accelerated.report().clone();
    assert!(report.rejected.is_empty(), "{:?}", report.rejected);
    let ran: Vec<_> = report.operators_by_provider.keys().collect();
    assert_eq!(ran, [provider]);
    let trial = report.trial.unwrap();
    assert!(
        trial.same_answers && trial.logits_distance < 0.02,
        "{trial:?}"
    );
    assert_eq!(report.reserve.unwrap().chosen, "cpu");
    let mut cpu = model(&[], Preference::Listed);
    assert!(cpu.health().is_none());
    assert_eq!(answers(&mut accelerated), answers(&mut cpu));
    let health = accelerated.health().unwrap().report();
    assert_eq!((health.answers, health.failures), (2, 0), "{health:?}");
}

#[test]
fn the_emulator_of_qualcomms_htp_answers_as_the_cpu() {
    if skipped() {
        return;
    }
    runs_the_model_as_the_cpu_does(&qnn(), "QNN");
}

#[test]
fn openvino_answers_as_the_cpu() {
    if skipped() {
        return;
    }
    runs_the_model_as_the_cpu_does(OPENVINO, "OpenVINOExecutionProvider");
}

/// Loads with `entry` before the CPU, which has to run the model; returns why.
fn rejection(entry: &str) -> Rejection {
    let mut model = model(&[entry], Preference::Listed);
    let report = model.report().clone();
    assert_eq!(report.chosen, "cpu");
    assert!(model.health().is_none());
    answers(&mut model);
    match &report.rejected[..] {
        [rejection] => rejection.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_the_plugin_its_backend_or_its_device_the_cpu_answers_and_the_reason_has_a_name() {
    if skipped() {
        return;
    }
    let plugin = qnn().replace("libonnxruntime_providers_qnn", "libabsent");
    let plugin = plugin.replace("\"QNN\"", "\"ABSENT\"");
    let backend = qnn().replace("libQnnHtp", "libQnnAbsent");
    let device = format!("{}\ndevice = \"GPU\"", qnn());
    for (entry, kind, says) in [
        (
            plugin.as_str(),
            RejectionKind::PluginMissing,
            "libabsent.so does not exist",
        ),
        (
            &backend,
            RejectionKind::BackendMissing,
            "option backend_path names",
        ),
        (&device, RejectionKind::NoDevice, "wanted kind"),
        (
            "name = \"openvino\"\ndevice = \"NPU\"\ngraph = \"npu\"",
            RejectionKind::NoDevice,
            "look for its driver",
        ),
    ] {
        let rejection = rejection(entry);
        assert_eq!(rejection.kind, kind, "{rejection}");
        assert!(rejection.reason.contains(says), "{rejection}");
    }
}

#[test]
fn an_accelerator_that_is_slower_than_the_cpu_is_not_used_and_the_times_say_so() {
    if skipped() {
        return;
    }
    let model = model(&[&qnn()], Preference::Fastest);
    assert_eq!(model.report().chosen, "cpu");
    let rejection = &model.report().rejected[0];
    assert_eq!(rejection.kind, RejectionKind::NotBetter, "{rejection}");
    assert!(rejection.reason.contains("ms an answer"), "{rejection}");
}

#[test]
fn what_was_compiled_is_read_again_and_a_damaged_one_is_compiled_anew() {
    if skipped() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let entry = format!("{}\ncache = {:?}", qnn(), cache.path());
    let load = || model(&[&entry], Preference::Listed).report().cache.clone();
    assert_eq!(load(), Some(CacheUse::Written));
    assert_eq!(load(), Some(CacheUse::Hit));
    let listed = |folder: &Path| -> Vec<_> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let [compiled] = &listed(cache.path())[..] else {
        panic!("one folder and nothing else: {:?}", listed(cache.path()));
    };
    let size = |file: &PathBuf| file.metadata().unwrap().len();
    let largest = listed(compiled).into_iter().max_by_key(size).unwrap();
    assert_ne!(
        largest,
        compiled.join("graph.onnx"),
        "it lies beside the graph"
    );
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    match load() {
        Some(CacheUse::Rebuilt(reason)) => assert!(reason.contains("hash"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(load(), Some(CacheUse::Hit));
}

#[test]
fn a_cache_that_cannot_be_written_costs_the_next_start_time_and_nothing_else() {
    if skipped() {
        return;
    }
    let entry = format!("{}\ncache = \"/proc/codriver\"", qnn());
    let mut model = model(&[&entry], Preference::Listed);
    match &model.report().cache {
        Some(CacheUse::Failed(reason)) => assert!(reason.contains("/proc/codriver"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(model.report().chosen, "plugin:QNN");
    answers(&mut model);
}

#[test]
fn openvinos_cpu_device_is_used_without_a_cache_and_the_reason_is_named() {
    if skipped() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let entry = format!("{OPENVINO}\ncache = {:?}", cache.path());
    let model = model(&[&entry], Preference::Listed);
    assert_eq!(model.report().chosen, "openvino:CPU");
    match &model.report().cache {
        Some(CacheUse::Failed(reason)) => assert!(reason.contains("remove cache"), "{reason}"),
        other => panic!("{other:?}"),
    }
}
