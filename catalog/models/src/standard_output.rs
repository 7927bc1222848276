//! Standard output that nobody else writes to.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

/// Standard output's descriptor by POSIX.
const STANDARD_OUTPUT: i32 = 1;

/// Takes standard output for the caller alone: what anybody else prints there from now on goes to
/// standard error.
///
/// Vendors' libraries print as they please, at the end of a process too, and a program that reads
/// JSON from here chokes on it. Call it before a plugin is loaded.
///
/// # Errors
/// The kernel has no descriptor left.
pub fn reserve_standard_output() -> io::Result<File> {
    let ours = io::stdout().as_fd().try_clone_to_owned()?;
    // SAFETY: the descriptor is open, since it has just been duplicated, and stays so: this owner
    // of it never closes it.
    let mut theirs = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(STANDARD_OUTPUT) });
    rustix::io::dup2(io::stderr(), &mut theirs)?;
    Ok(File::from(ours))
}
