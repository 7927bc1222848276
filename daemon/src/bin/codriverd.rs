//! The voice daemon: microphone, models, dialogue.

use std::process::ExitCode;

fn main() -> ExitCode {
    codriver_daemon::wait_asleep();
    codriver_daemon::run::main()
}
