//! The command line for people and scripts.

use std::process::ExitCode;

fn main() -> ExitCode {
    codriver_daemon::wait_asleep();
    codriver_daemon::control::main()
}
