//! The one ONNX Runtime of this process.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;

use crate::{Error, Store};

/// The pack that carries the library.
const PACK: &str = "onnxruntime";

/// ONNX Runtime's Linux builds send usage data unless this is set before they load.
const TELEMETRY_SWITCH: &str = "ORT_DISABLE_TELEMETRY";

static LOADED: OnceLock<Runtime> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// A loaded ONNX Runtime library with telemetry off. There is at most one a process.
#[derive(Debug)]
pub struct Runtime {
    library: PathBuf,
    version: String,
    pub(crate) environment: Environment,
    /// Plugin libraries by the name they are registered under.
    pub(crate) plugins: Mutex<BTreeMap<String, PathBuf>>,
    /// The program that tries a plugin out before this process loads it.
    pub(crate) plugin_checker: OnceLock<PathBuf>,
}

impl Runtime {
    /// Loads `library`, or returns it when it is loaded already.
    ///
    /// Call it early in `main`: it sets an environment variable for the
    /// library, which other threads must not be reading at the same time.
    ///
    /// # Errors
    /// [`Error::Library`] when the file is missing, is no ONNX Runtime or is
    /// too old; [`Error::OtherLibrary`] when this process uses another one.
    pub fn load(library: &Path) -> Result<&'static Self, Error> {
        let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = LOADED.get() {
            return loaded.same_as(library);
        }
        let loaded = load(library)?;
        tracing::info!(library = %loaded.library.display(), version = loaded.version, "ONNX Runtime loaded");
        Ok(LOADED.get_or_init(|| loaded))
    }

    /// Loads the library of the pack `onnxruntime`.
    ///
    /// # Errors
    /// As [`Runtime::load`] and [`crate::ModelPack::open`].
    pub fn from_store(store: &Store) -> Result<&'static Self, Error> {
        Self::load(store.open(PACK)?.runtime_library()?)
    }

    /// The library's version, for example `1.32.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The library file.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// From now on, lets `program` load each plugin in a process of its own
    /// first, so that one that crashes takes nobody with it. The program must
    /// call [`crate::answer_plugin_check`] at the start of its `main`. Only
    /// the first program that is named counts.
    pub fn check_plugins_with(&self, program: PathBuf) {
        self.plugin_checker.get_or_init(|| program);
    }

    fn same_as(&'static self, library: &Path) -> Result<&'static Self, Error> {
        if library == self.library {
            return Ok(self);
        }
        Err(Error::OtherLibrary {
            loaded: self.library.clone(),
            wanted: library.into(),
        })
    }
}

fn load(library: &Path) -> Result<Runtime, Error> {
    let unusable = |reason: String| Error::Library {
        path: library.into(),
        reason,
    };
    if !library.is_file() {
        return Err(unusable(
            "there is no such file; run `codriverctl models install onnxruntime`".into(),
        ));
    }
    if std::env::var_os(TELEMETRY_SWITCH).is_none() {
        // SAFETY: `Runtime::load` asks to be called before other threads use
        // the environment, and the service sets the variable itself.
        unsafe { std::env::set_var(TELEMETRY_SWITCH, "1") };
    }
    let version = version_of(library).map_err(|reason| {
        unusable(format!("{reason}; name another in models.library, or run `codriverctl models install onnxruntime`"))
    })?;
    if !is_recent_enough(&version) {
        return Err(unusable(format!(
            "it is version {version}, but at least 1.{} is needed; run `codriverctl models install onnxruntime`",
            ort::MINOR_VERSION
        )));
    }
    let environment = ort::init_from(library)
        .map_err(|error| unusable(error.to_string()))?
        .with_name("codriver")
        .with_telemetry(false)
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    Ok(Runtime {
        library: library.into(),
        version,
        environment,
        plugins: Mutex::default(),
        plugin_checker: OnceLock::new(),
    })
}

/// Asks the library for its version, and so finds out whether it is ONNX Runtime at all.
fn version_of(library: &Path) -> Result<String, String> {
    // SAFETY: loading runs the library's initialisers. It is the file that the
    // owner configured, or one whose hash the store has checked.
    let handle = unsafe { libloading::Library::new(library) }.map_err(|error| error.to_string())?;
    type GetApiBase = unsafe extern "C" fn() -> *const ort_sys::OrtApiBase;
    // SAFETY: every ONNX Runtime exports this function with this signature.
    let get_api_base = unsafe { handle.get::<GetApiBase>(b"OrtGetApiBase") }
        .map_err(|_| "it is a library, but not ONNX Runtime")?;
    // SAFETY: the function takes nothing and returns a pointer to static data or null.
    let base = unsafe { get_api_base().as_ref() }.ok_or("it offers no interface")?;
    // SAFETY: a static, zero-terminated string by ONNX Runtime's interface.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) };
    Ok(version.to_string_lossy().into_owned())
}

/// Whether ONNX Runtime `version` (`1.<minor>.<patch>`) has the interface that this program is built for.
fn is_recent_enough(version: &str) -> bool {
    let minor = version
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse().ok());
    minor.is_some_and(|minor: u32| minor >= ort::MINOR_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_older_than_the_interface_is_not_recent_enough() {
        assert!(is_recent_enough("1.32.0"));
        assert!(is_recent_enough(&format!("1.{}.0", ort::MINOR_VERSION)));
        assert!(!is_recent_enough(&format!(
            "1.{}.9",
            ort::MINOR_VERSION - 1
        )));
        assert!(!is_recent_enough("nonsense"));
    }
}
