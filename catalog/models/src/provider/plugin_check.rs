//! Tries a plugin out in a process of its own: one that crashes there is never loaded here.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::RejectionKind;
use super::session::{Refusal, first_line};
use crate::{Runtime, reserve_standard_output};

/// The first argument that asks a program to be the other process.
const ASKED: &str = "--check-plugin";
/// A library that has not been loaded after this long never will be.
const DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);
/// Exit code of a check whose plugin refused, with the reason on standard output.
const REFUSED: u8 = 3;

/// Does what [`Runtime::check_plugins_with`] started this process for, if it
/// did: loads ONNX Runtime and the plugin, and says how that went. `None` in
/// a process that was started for anything else.
pub fn answer_plugin_check() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [asked, runtime, name, plugin] = &arguments[..] else {
        return None;
    };
    if asked != ASKED {
        return None;
    }
    // The reason is to be all that stands there.
    let output = reserve_standard_output();
    let loaded = Runtime::load(Path::new(runtime))
        .map_err(|error| error.to_string())
        .and_then(|runtime| {
            runtime
                .environment
                .register_ep_library(name.to_string_lossy(), plugin)
                .map_err(first_line)?;
            // Some crash only when they look for their hardware.
            Ok(runtime.environment.devices().count())
        });
    match loaded {
        Ok(_) => Some(ExitCode::SUCCESS),
        Err(reason) => {
            // A reader that is gone is not told.
            let _ = output.and_then(|mut output| writeln!(output, "{reason}"));
            Some(ExitCode::from(REFUSED))
        }
    }
}

/// Lets `program` load `plugin`, and says why this process had better not.
pub(super) fn run(
    program: &Path,
    runtime: &Path,
    name: &str,
    plugin: &Path,
) -> Result<(), Refusal> {
    let failed = |reason: String| Refusal::new(RejectionKind::PluginUnusable, reason);
    let mut child = Command::new(program)
        .arg(ASKED)
        .args([runtime.as_os_str(), name.as_ref(), plugin.as_os_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            failed(format!(
                "it could not be tried out: starting {} failed ({error})",
                program.display()
            ))
        })?;
    let Some(status) = wait(&mut child) else {
        return Err(Refusal::new(
            RejectionKind::PluginCrashes,
            format!(
                "it hangs when it is loaded: no answer within {} s; ask its vendor for a build for this machine",
                DEADLINE.as_secs()
            ),
        ));
    };
    let mut said = String::new();
    if let Some(output) = &mut child.stdout {
        // What cannot be read was not said; the exit status counts.
        let _ = output.take(10_000).read_to_string(&mut said);
    }
    if status.success() {
        return Ok(());
    }
    let reason = said.trim();
    match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(REFUSED) => Err(refused(reason)),
        (_, Some(signal)) => Err(Refusal::new(
            RejectionKind::PluginCrashes,
            format!(
                "it crashes when it is loaded (signal {signal}); ask its vendor for a build for this machine and ONNX Runtime"
            ),
        )),
        _ => Err(Refusal::new(
            RejectionKind::PluginCrashes,
            format!("it ends the process that loads it ({status})"),
        )),
    }
}

/// What ONNX Runtime says about a plugin, with its kind.
pub(super) fn refused(message: &str) -> Refusal {
    let lower = message.to_lowercase();
    if lower.contains("version") && !lower.contains("glibc") {
        return Refusal::new(
            RejectionKind::PluginVersion,
            format!("{message}; install the plugin's release for this ONNX Runtime"),
        );
    }
    Refusal::new(RejectionKind::PluginUnusable, message)
}

/// The exit status; `None` when the process had to be ended.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < DEADLINE {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => thread::sleep(POLL),
            Err(_) => break,
        }
    }
    // It may have ended by itself just now.
    let _ = child.kill();
    let _ = child.wait();
    None
}
