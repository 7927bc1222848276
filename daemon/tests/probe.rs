//! `codriverctl probe` in front of execution providers that work, crash, are of another version or find
//! no space: always one verdict, the CPU where nothing better runs, and a reason with a name.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;
use stage::accelerators::{self, MADE_UP_PACK, OPENVINO, openvino_library};

/// A plugin that ends whoever loads it.
const CRASHES: &str =
    "#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) { abort(); }\n";
/// A plugin of a later release, which says so as plugins do: by a status of the oldest interface.
const OF_ANOTHER_VERSION: &str = r#"
#include <stddef.h>
#include <stdint.h>
typedef struct { void *(*create_status)(int code, const char *message); } Api;
typedef struct { const Api *(*get_api)(uint32_t version); const char *(*version)(void); } ApiBase;
void *CreateEpFactories(const char *name, const ApiBase *base, const void *log, void **factories, size_t room, size_t *count) {
    (void)name; (void)log; (void)factories; (void)room;
    *count = 0;
    if (base->get_api(1000) != NULL) return NULL;
    return base->get_api(1)->create_status(1, "this plugin is made for ONNX Runtime version 1.1000");
}
void *ReleaseEpFactory(void *factory) { (void)factory; return NULL; }
"#;
/// Part of a plugin that prints when it is loaded and unloaded.
const PRINTS: &str = r#"
#include <stdio.h>
__attribute__((constructor)) static void begin(void) { puts("plugin: hello"); }
__attribute__((destructor)) static void end(void) { puts("plugin: good bye"); }
"#;
/// A plugin for no hardware.
const FOR_NO_HARDWARE: &str = r#"
#include <stddef.h>
void *CreateEpFactories(const char *name, const void *base, const void *log, void **factories, size_t room, size_t *count) {
    (void)name; (void)base; (void)log; (void)factories; (void)room;
    *count = 0;
    return NULL;
}
void *ReleaseEpFactory(void *factory) { (void)factory; return NULL; }
"#;

fn skipped() -> bool {
    accelerators::skipped().unwrap()
}

/// A store with the made-up model in it.
fn store() -> &'static Path {
    static STORE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let store = tempfile::tempdir().unwrap();
        accelerators::make_up_model(store.path()).unwrap();
        store
    });
    STORE.path()
}

/// Runs `codriverctl probe --json` with one provider before the CPU.
fn probe(provider: &str) -> Output {
    probe_under(&[], provider)
}

/// The same, started by the command `under`.
fn probe_under(under: &[&str], provider: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("codriver.toml");
    let text = format!(
        "[understanding]\npack = \"{MADE_UP_PACK}\"\nbudget_ms = 60000\n\
         [models]\nlibrary = {:?}\nprefer = \"listed\"\npatience_ms = 60000\n\
         [[execution_provider]]\n{provider}\n[[execution_provider]]\nname = \"cpu\"\n",
        openvino_library().unwrap()
    );
    fs::write(&config, text).unwrap();
    Command::new("timeout")
        .arg("300")
        .args(under)
        .arg(env!("CARGO_BIN_EXE_codriverctl"))
        .arg("--config")
        .arg(&config)
        .args(["probe", "--json"])
        .env("CODRIVER_MODELS", store())
        .output()
        .unwrap()
}

/// The report, which is all there is on standard output.
fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Why the provider is not used; the CPU has to run the model in its place.
fn rejection(provider: &str) -> (String, String) {
    let output = probe(provider);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = report(&output);
    assert_eq!(report["chosen"], "cpu");
    let text = |key: &str| report["rejected"][0][key].as_str().unwrap().to_owned();
    (text("kind"), text("reason"))
}

/// A shared library of this C source, as a provider.
fn plugin(folder: &Path, source: &str) -> String {
    let library = accelerators::shared_library(folder, "plugin", source, &[]).unwrap();
    format!("name = \"plugin\"\nregistered_as = \"TEST\"\nlibrary = {library:?}\ngraph = \"npu\"")
}

fn emulator(cache: &Path) -> String {
    format!("{}\ncache = {cache:?}", accelerators::qnn().unwrap())
}

#[test]
fn a_provider_that_runs_the_model_is_shown_with_its_operators_and_times() {
    if skipped() {
        return;
    }
    let output = probe(OPENVINO);
    assert!(output.status.success(), "{output:?}");
    let report = report(&output);
    assert_eq!(report["chosen"], "openvino:CPU");
    let operators = report["operators_by_provider"].as_object().unwrap();
    assert!(operators.contains_key("OpenVINOExecutionProvider"));
    assert_eq!(report["trial"]["same_answers"], true);
    let milliseconds = report["trial"]["provider"]["token_ms"].as_f64();
    assert!(milliseconds.unwrap() > 0.0, "{report}");
    assert_eq!(report["reserve"]["chosen"], "cpu");
}

#[test]
fn a_plugin_that_crashes_takes_only_the_process_that_tried_it() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (kind, reason) = rejection(&plugin(folder.path(), CRASHES));
    assert_eq!(kind, "plugin-crashes", "{reason}");
    assert!(reason.contains("signal 6"), "{reason}");
}

#[test]
fn a_plugin_of_another_version_is_refused_with_what_to_install() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (kind, reason) = rejection(&plugin(folder.path(), OF_ANOTHER_VERSION));
    assert_eq!(kind, "plugin-version", "{reason}");
    assert!(reason.contains("1.1000"), "{reason}");
    assert!(reason.contains("install the plugin's release"), "{reason}");
}

#[test]
fn a_library_that_is_no_plugin_is_refused() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (kind, reason) = rejection(&plugin(folder.path(), "int nothing;\n"));
    assert_eq!(kind, "plugin-unusable", "{reason}");
}

#[test]
fn what_a_plugin_prints_is_no_part_of_the_report() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let for_nothing = format!("{PRINTS}{FOR_NO_HARDWARE}");
    let output = probe(&plugin(folder.path(), &for_nothing));
    assert_eq!(report(&output)["rejected"][0]["kind"], "no-device");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("plugin: good bye"), "{errors}");
    // It is tried out by another process first, which has to give its reason and nothing else.
    let refuses = format!("{PRINTS}{OF_ANOTHER_VERSION}");
    let (kind, reason) = rejection(&plugin(folder.path(), &refuses));
    assert_eq!(kind, "plugin-version", "{reason}");
    assert!(
        reason.contains("1.1000") && !reason.contains("good bye"),
        "{reason}"
    );
}

/// A shell that mounts half a megabyte at `$0`, for itself alone, before it goes on to be `$@`.
const ON_A_SMALL_DISK: &str = r#"mount -t tmpfs -o size=512k none "$0" || exit 77; exec "$@""#;

#[test]
fn a_full_disk_costs_the_cache_and_not_the_accelerator() {
    if skipped() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_str().unwrap();
    let under = [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        ON_A_SMALL_DISK,
        folder,
    ];
    let output = probe_under(&under, &emulator(cache.path()));
    let words = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || words.contains("unshare:") {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: this user may mount no disk: {words}"
        );
        return;
    }
    assert!(output.status.success(), "{output:?}");
    let report = report(&output);
    assert_eq!(report["chosen"], "plugin:QNN");
    assert_eq!(report["cache"]["state"], "failed", "{report}");
    let reason = report["cache"]["reason"].as_str().unwrap();
    assert!(reason.contains("0 MB are free"), "{reason}");
}

#[test]
fn a_compiled_graph_is_kept_and_read_again_by_the_next_process() {
    if skipped() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    for state in ["written", "hit"] {
        let output = probe(&emulator(cache.path()));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(report(&output)["cache"]["state"], state);
    }
}
