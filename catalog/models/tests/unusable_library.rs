//! Files that are no usable ONNX Runtime. A program of its own: no test here
//! ever loads one, which would be the only one that its process can have.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use codriver_models::Runtime;

fn complaint(library: &Path) -> String {
    Runtime::load(library).unwrap_err().to_string()
}

/// The C library of this process: a good library, but another one.
fn c_library() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    paths
        .find(|path| path.contains("libc.so"))
        .map(PathBuf::from)
        .unwrap()
}

#[test]
fn a_missing_library_is_an_error_that_says_how_to_install_it() {
    let said = complaint(Path::new("/nonexistent/libonnxruntime.so"));
    assert!(said.contains("/nonexistent/libonnxruntime.so"), "{said}");
    assert!(
        said.contains("codriverctl models install onnxruntime"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_no_library_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("libonnxruntime.so");
    std::fs::write(&text, "not a library").unwrap();
    let said = complaint(&text);
    assert!(
        said.contains(&text.display().to_string()) && said.contains("models.library"),
        "{said}"
    );
}

#[test]
fn a_library_that_is_not_onnx_runtime_is_refused() {
    let said = complaint(&c_library());
    assert!(said.contains("not ONNX Runtime"), "{said}");
}
