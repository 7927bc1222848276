//! What this process takes of the machine, as Linux counts it.

use std::time::Duration;

/// What this process takes, in MB; `None` where /proc does not say.
pub fn used_mb() -> Option<f64> {
    megabytes("/proc/self/status", "VmRSS:")
}

/// What programs could still take, in MB; `None` where /proc does not say.
pub fn available_mb() -> Option<f64> {
    megabytes("/proc/meminfo", "MemAvailable:")
}

/// Processor time of all threads until now.
pub fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock is written into a structure of ours that outlives the call.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    let known = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    match known {
        (Ok(seconds), Ok(nanoseconds)) if failed == 0 => Duration::new(seconds, nanoseconds),
        _ => Duration::ZERO,
    }
}

fn megabytes(file: &str, key: &str) -> Option<f64> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    // In units of 1024 bytes, whatever they are called there.
    let kibibytes: f64 = value.split_whitespace().next()?.parse().ok()?;
    Some((kibibytes * 1024.0 / 1e4).round() / 1e2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_taken_is_counted() {
        let before = used_mb().unwrap();
        let taken = std::hint::black_box(vec![1_u8; 64_000_000]);
        let after = used_mb().unwrap();
        assert!(after - before > 50.0, "{before} {after}");
        assert!(available_mb().unwrap() > 1.0);
        drop(taken);
    }
}
