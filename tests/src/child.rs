//! A program on the stage: started with its log kept, ended when dropped.

use std::{
    fs,
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::Error;

const END_WITHIN: Duration = Duration::from_secs(3);
const LOG_TAIL_LINES: usize = 40;

/// A running program, leader of its own process group.
///
/// It also ends when the thread that started it ends (a parent-death signal of the kernel), so
/// start it on a thread that lives as long as the scene: a test's, or the main one.
#[derive(Debug)]
pub struct Child {
    program: String,
    log: PathBuf,
    process: std::process::Child,
}

impl Child {
    /// Starts `command`; its standard error goes to `directory/PROGRAM.log`. Standard input and
    /// output are pipes when `piped`, else closed and logged.
    ///
    /// # Errors
    /// The log cannot be written, or the program not be started.
    pub fn start(mut command: Command, directory: &Path, piped: bool) -> Result<Self, Error> {
        let program = Path::new(command.get_program())
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let log = directory.join(format!("{program}.log"));
        let file = |source| Error::File {
            path: log.clone(),
            source,
        };
        let mut errors = fs::File::create(&log).map_err(file)?;
        writeln!(errors, "{command:?}").map_err(file)?;
        if piped {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        } else {
            command
                .stdin(Stdio::null())
                .stdout(errors.try_clone().map_err(file)?);
        }
        command.stderr(errors).process_group(0);
        // SAFETY: prctl is async-signal-safe and touches no memory of ours.
        unsafe {
            command.pre_exec(|| {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 {
                    Ok(())
                } else {
                    Err(io::Error::last_os_error())
                }
            });
        }
        let process = command.spawn().map_err(|source| Error::Start {
            program: program.clone(),
            source,
        })?;
        Ok(Self {
            program,
            log,
            process,
        })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// An error with the end of the log if it has ended.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn check(&mut self) -> Result<(), Error> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => Err(Error::Ended {
                program: self.program.clone(),
                status: status.to_string(),
                file: self.log.clone(),
                log: self.log_tail(),
            }),
        }
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(LOG_TAIL_LINES)..);
        format!(
            "--- {}\n{}",
            self.program,
            tail.unwrap_or_default().join("\n")
        )
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// [`Error::Deadline`]; then it is still running.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, Error> {
        self.ended(within)?.ok_or_else(|| Error::Deadline {
            what: format!("the end of {}", self.program),
            seconds: within.as_secs_f64(),
            log: self.log_tail(),
        })
    }

    /// Ends it as `kill -9` does, with all that it started.
    ///
    /// # Errors
    /// The kernel does not let us wait for it.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.signal(libc::SIGKILL);
        self.process.wait()?;
        Ok(())
    }

    pub(crate) fn take_pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        Some((self.process.stdin.take()?, self.process.stdout.take()?))
    }

    fn ended(&mut self, within: Duration) -> Result<Option<ExitStatus>, Error> {
        let deadline = Instant::now() + within;
        loop {
            let status = self.process.try_wait()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: libc::c_int) {
        if let Ok(group) = libc::pid_t::try_from(self.process.id()) {
            // SAFETY: no memory is involved; the group is ours as long as it was not waited for.
            unsafe { libc::killpg(group, signal) };
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            self.signal(libc::SIGTERM);
            if !matches!(self.ended(END_WITHIN), Ok(Some(_))) {
                // Nobody is left to be told if this fails.
                let _ = self.kill();
            }
        }
    }
}
