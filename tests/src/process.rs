//! What a running program takes of the machine.

use std::{fs, io, time::Duration};

/// Memory and processor time of a process, all its threads together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Memory that is resident, in KiB.
    pub resident_kib: u64,
    /// Processor time since it was started.
    pub processor: Duration,
}

impl Taken {
    /// Reads /proc.
    ///
    /// # Errors
    /// The process is gone.
    pub fn by(process: u32) -> io::Result<Self> {
        let gone = || io::Error::other(format!("/proc/{process} is not as Linux writes it"));
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The name in brackets may hold anything; utime and stime are the 12th and 13th behind it.
        let (_, behind_name) = stat.rsplit_once(')').ok_or_else(gone)?;
        let ticks: u64 = behind_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        // SAFETY: sysconf reads a constant of the system.
        let ticks_per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        let ticks_per_second = u64::try_from(ticks_per_second).ok().filter(|&hz| hz > 0);
        let milliseconds = ticks * 1000 / ticks_per_second.ok_or_else(gone)?;
        Ok(Self {
            resident_kib: resident.ok_or_else(gone)?,
            processor: Duration::from_millis(milliseconds),
        })
    }
}
