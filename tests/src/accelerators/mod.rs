//! Accelerators on an ordinary x86-64 machine: the execution providers that run there, a small
//! model for them, and faults.

mod faulty_runtime;

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

pub use faulty_runtime::{Fault, FaultyRuntime};

use crate::Error;

/// The pack that [`make_up_model`] makes.
pub const MADE_UP_PACK: &str = "codriver-made-up";

/// ONNX Runtime with OpenVINO built in; it loads Qualcomm's plugin too.
///
/// # Errors
/// No folder can be named for it.
pub fn openvino_library() -> Result<PathBuf, Error> {
    Ok(folder()?.join("openvino/onnxruntime/capi/libonnxruntime.so.1.24.1"))
}

/// Qualcomm's plugin and the emulator of its HTP.
///
/// # Errors
/// No folder can be named for them.
pub fn qnn_libraries() -> Result<[PathBuf; 2], Error> {
    let folder = folder()?.join("qnn/onnxruntime_qnn");
    Ok(["libonnxruntime_providers_qnn.so", "libQnnHtp.so"].map(|name| folder.join(name)))
}

/// OpenVINO on the processor, as an entry of `execution_provider`.
pub const OPENVINO: &str = "name = \"openvino\"\ndevice = \"CPU\"\ngraph = \"npu\"";

/// Qualcomm's emulator as an entry of `execution_provider`.
///
/// # Errors
/// No folder can be named for it.
pub fn qnn() -> Result<String, Error> {
    let [plugin, backend] = qnn_libraries()?;
    Ok(format!(
        "name = \"plugin\"\nregistered_as = \"QNN\"\nlibrary = {plugin:?}\ngraph = \"npu\"\n\
         options = {{ backend_path = {backend:?} }}"
    ))
}

/// Whether a test of these providers has to be skipped, which it says: the network may have kept
/// `tests/setup/execution-providers` from fetching them.
///
/// # Errors
/// No folder can be named for them.
pub fn skipped() -> Result<bool, Error> {
    let [plugin, backend] = qnn_libraries()?;
    let needed = [openvino_library()?, plugin, backend];
    let absent = needed.iter().find(|file| !file.is_file());
    if let Some(absent) = absent {
        // Not captured, unlike what eprintln writes.
        writeln!(
            std::io::stderr(),
            "SKIPPED: no {}; run tests/setup/execution-providers with a network",
            absent.display()
        )?;
    }
    Ok(absent.is_some())
}

/// Makes a tiny model with both graphs in `store`, by the model pack builder, as the real ones are.
///
/// # Errors
/// The Python environment of `make test` is missing, or the builder fails.
pub fn make_up_model(store: &Path) -> Result<(), Error> {
    let python = env::var_os("CODRIVER_PYTHON").unwrap_or_else(|| "python3".into());
    let builder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/models");
    let mut command = Command::new(python);
    command.args(["-m", "builder.made_up"]).arg(store);
    finish(command.env("PYTHONPATH", builder))
}

/// A shared library of this C source.
///
/// # Errors
/// There is no C compiler, or it refuses the source.
pub fn shared_library(
    folder: &Path,
    name: &str,
    source: &str,
    definitions: &[String],
) -> Result<PathBuf, Error> {
    let (c, library) = (
        folder.join(format!("{name}.c")),
        folder.join(format!("lib{name}.so")),
    );
    fs::write(&c, source).map_err(|source| Error::File {
        path: c.clone(),
        source,
    })?;
    let mut command = Command::new("cc");
    command
        .args(["-shared", "-fPIC"])
        .args(definitions)
        .arg("-o")
        .args([&library, &c]);
    finish(&mut command)?;
    Ok(library)
}

/// Where `tests/setup/execution-providers` puts them.
fn folder() -> Result<PathBuf, Error> {
    let variable = |name| env::var_os(name).map(PathBuf::from);
    let home = || variable("HOME").map(|home| home.join(".cache"));
    let cache = || variable("XDG_CACHE_HOME").or_else(home);
    variable("CODRIVER_PROVIDERS")
        .or_else(|| cache().map(|cache| cache.join("codriver/providers")))
        .ok_or_else(|| Error::Missing {
            program: "the folder of the execution providers".to_owned(),
            remedy: "set CODRIVER_PROVIDERS".to_owned(),
        })
}

fn finish(command: &mut Command) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| Error::Start {
        program: program.clone(),
        source,
    })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Error::Ended {
            status: output.status.to_string(),
            file: program.clone().into(),
            program,
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}
