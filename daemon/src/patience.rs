//! Threads that wait for each other in busy loops take a loaded machine many times longer than
//! one thread alone. The recogniser's are OpenMP's, which sleeps instead where this variable says
//! so, and reads it before `main` begins.

use std::os::unix::process::CommandExt;
use std::process::Command;

const VARIABLE: &str = "OMP_WAIT_POLICY";

/// Begins this program anew with threads that sleep while they wait, unless the environment says
/// how they wait already. Call it first: nothing that was done before is kept.
pub fn wait_asleep() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into());
    // It returns only when it failed; then the threads wait as they do.
    let _failed = Command::new(program)
        .arg0(name)
        .args(arguments)
        .env(VARIABLE, "passive")
        .exec();
}
