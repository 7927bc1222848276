//! The virtual head unit: systemd, vcan and the installed programs in User-Mode Linux.
//! See `tests/head-unit/README.md`.

use std::{
    env, fmt, fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::{Child, Error, program};

/// Debian packages are fetched once; after that it is a matter of milliseconds.
const IMAGE_WITHIN: Duration = Duration::from_secs(1200);
const PAYLOAD_WITHIN: Duration = Duration::from_secs(60);
/// What a run writes: the guest's memory, what it changes on its disk, the payload.
const ROOM: u64 = 1 << 30;
const KERNEL: &str = "linux.uml";
/// What its kernel says, as it panics, on a processor whose registers (AMX's tiles among them) do
/// not fit into the room that it has for a process's.
const REGISTERS_DO_NOT_FIT: &str = "ptrace set fp regs failed";

/// A head unit that is ready to boot.
#[derive(Debug)]
pub struct HeadUnit {
    scratch: TempDir,
}

impl HeadUnit {
    /// Why this machine can have none; None where it can.
    pub fn unavailable() -> Option<String> {
        [KERNEL, "mmdebstrap", "strip", "make"]
            .into_iter()
            .find(|name| !is_on_path(name))
            .map(|name| format!("there is no {name}; make test installs it where it exists"))
    }

    /// Makes its disk, or takes the one in the cache, and packs what is installed on it.
    ///
    /// # Errors
    /// A program is not built; no network while there is no disk yet; no room.
    pub fn prepare() -> Result<Self, Error> {
        let gateway = program("codriver-gatewayd")?;
        let programs = gateway.parent().unwrap_or(Path::new("/"));
        let scratch = TempDir::with_prefix_in("head-unit-", roomy_folder()?)?;
        let head_unit = Self { scratch };
        let mut make_image = head_unit.script("make-image");
        make_image.arg(head_unit.path("disk"));
        head_unit.finish(make_image, IMAGE_WITHIN)?;
        let mut make_payload = head_unit.script("make-payload");
        make_payload.arg(programs).arg(head_unit.path("payload"));
        head_unit.finish(make_payload, PAYLOAD_WITHIN)?;
        Ok(head_unit)
    }

    /// Boots it, lets it try everything, and waits until it has switched itself off. It is ended
    /// where it does not in time.
    ///
    /// # Errors
    /// Its kernel does not start, or its console cannot be read.
    pub fn run(&self, within: Duration) -> Result<Report, Error> {
        let show = |path: &str| self.path(path).display().to_string();
        let mut kernel = Command::new(KERNEL);
        kernel
            .env("TMPDIR", self.scratch.path())
            .arg(format!("uml_dir={}", self.scratch.path().display()))
            // What the guest could mount of this machine.
            .arg(format!("hostfs={}/", self.scratch.path().display()))
            .arg(format!("ubd0={},{}", show("changes"), show("disk")))
            .arg(format!("ubd1r={}", show("payload")))
            .args([
                "mem=640M",
                "root=/dev/ubda",
                "rw",
                "init=/usr/sbin/head-unit-init",
            ])
            .args(["con0=fd:0,fd:1", "con=null", "ssl=null", "quiet"])
            .args(["systemd.show_status=no", "systemd.unit=multi-user.target"])
            .arg(format!("head_unit.busy={:.1}", busy()));
        let mut guest = Child::start(kernel, self.scratch.path(), false)?;
        let in_time = match guest.wait(within) {
            Ok(_) => true,
            Err(Error::Deadline { .. }) => false,
            Err(error) => return Err(error),
        };
        drop(guest);
        let log = self.path(&format!("{KERNEL}.log"));
        let console = fs::read(&log).map_err(|source| Error::File { path: log, source })?;
        Ok(Report::read(&String::from_utf8_lossy(&console), in_time))
    }

    /// Processes of its kernel that still run.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn left_over(&self) -> Result<Vec<String>, Error> {
        let ours = self.scratch.path().as_os_str().as_bytes();
        let mut found = Vec::new();
        for process in fs::read_dir("/proc")? {
            // One that ends meanwhile is not left over.
            let line = fs::read(process?.path().join("cmdline")).unwrap_or_default();
            if line.windows(ours.len()).any(|part| part == ours) {
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        Ok(found)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn script(&self, name: &str) -> Command {
        Command::new(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("head-unit")
                .join(name),
        )
    }

    fn finish(&self, command: Command, within: Duration) -> Result<(), Error> {
        let name = PathBuf::from(command.get_program());
        let mut script = Child::start(command, self.scratch.path(), false)?;
        let status = script.wait(within)?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Ended {
            program: name.display().to_string(),
            status: status.to_string(),
            file: self.scratch.path().to_owned(),
            log: script.log_tail(),
        })
    }
}

/// What the checks on the head unit found.
#[derive(Debug)]
pub struct Report {
    planned: usize,
    passed: usize,
    in_time: bool,
    /// Everything on its console, from the kernel's first word.
    console: String,
}

impl Report {
    /// Reads the Test Anything Protocol from between what else is on the console.
    fn read(console: &str, in_time: bool) -> Self {
        let lines = || console.lines().map(str::trim_end);
        Self {
            planned: lines()
                .find_map(|line| line.strip_prefix("1..")?.parse().ok())
                .unwrap_or(0),
            passed: lines().filter(|line| line.starts_with("ok ")).count(),
            in_time,
            console: lines().collect::<Vec<_>>().join("\n"),
        }
    }

    /// Why this machine's processor cannot run it; None where it could.
    pub fn unable(&self) -> Option<&'static str> {
        let panicked = self.planned == 0 && self.console.contains(REGISTERS_DO_NOT_FIT);
        panicked.then_some("User-Mode Linux has no room for the registers of this processor")
    }

    /// Whether every check was made and passed, and the head unit switched itself off.
    pub fn passed(&self) -> bool {
        self.in_time && self.planned > 0 && self.passed == self.planned
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            planned,
            passed,
            in_time,
            console,
        } = self;
        let end = if *in_time {
            ""
        } else {
            ", then its time was over"
        };
        write!(f, "{console}\n{passed} of {planned} checks passed{end}")
    }
}

fn is_on_path(name: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// How many programs wanted each processor of this machine in the last minute.
fn busy() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let wanting = load.split(' ').next().and_then(|load| load.parse().ok());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    wanting.unwrap_or(0.0) / processors as f64
}

/// A folder in memory where there is one with room, else a temporary one. The kernel runs
/// code from the file that is its memory, so the file system must let it.
fn roomy_folder() -> Result<PathBuf, Error> {
    [PathBuf::from("/dev/shm"), env::temp_dir()]
        .into_iter()
        .find(|folder| is_roomy(folder))
        .ok_or_else(|| Error::Missing {
            program: "1 GiB in /dev/shm or in the temporary folder, not mounted noexec".to_owned(),
            remedy: "free some, or set TMPDIR".to_owned(),
        })
}

fn is_roomy(folder: &Path) -> bool {
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else {
        return false;
    };
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path is a string with its end, and statvfs fills the structure where it says 0.
    let found = unsafe {
        if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
            return false;
        }
        found.assume_init()
    };
    found.f_bavail.saturating_mul(found.f_frsize) >= ROOM && found.f_flag & libc::ST_NOEXEC == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_passes_only_when_every_planned_check_did() {
        for (console, passes) in [
            ("boot\r\n1..2\r\nok 1 - a\r\n# said\r\nok 2 - b\r\n", true),
            ("1..2\r\nok 1 - a\r\nnot ok 2 - b\r\n", false),
            ("1..2\r\nok 1 - a\r\nKernel panic\r\n", false),
            ("1..0\r\n", false),
            ("", false),
        ] {
            assert_eq!(Report::read(console, true).passed(), passes, "{console:?}");
            assert!(!Report::read(console, false).passed(), "{console:?}");
        }
    }

    #[test]
    fn only_a_kernel_that_panics_for_its_processor_before_any_check_excuses_a_machine() {
        let panic = "Kernel panic - not syncing: ptrace set fp regs failed, errno = 14";
        assert!(Report::read(panic, true).unable().is_some());
        let later = format!("1..2\r\nok 1 - a\r\n{panic}");
        for console in ["Kernel panic - not syncing: no init found", &later] {
            assert_eq!(Report::read(console, true).unable(), None, "{console}");
        }
    }
}
