//! Where the project's programs and configuration lie.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::Error;

/// A program of this project: in `CODRIVER_BIN_DIR`, or beside the running executable (for tests,
/// one folder up).
///
/// # Errors
/// [`Error::Missing`], with the command that builds it.
pub fn program(name: &str) -> Result<PathBuf, Error> {
    let running = env::current_exe()?;
    let given = env::var_os("CODRIVER_BIN_DIR").map(PathBuf::from);
    given
        .iter()
        .map(PathBuf::as_path)
        .chain(running.ancestors().skip(1).take(2))
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Missing {
            program: name.to_owned(),
            remedy: "build it with cargo build --workspace --bins, or set CODRIVER_BIN_DIR to \
                     the folder that holds it"
                .to_owned(),
        })
}

/// The source tree's `configs/`.
pub fn configs_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}
