//! What the operating system says of this process. Linux only; elsewhere there is nothing to say.

use std::process::Command;
use std::time::Duration;

/// How many threads this process has.
#[must_use]
pub fn thread_count() -> Option<u64> {
    status("Threads:")
}

/// How much memory this process has resident.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    status("VmRSS:").map(|kilobytes| kilobytes * 1024)
}

fn status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Runs this very program once more with `args`, and reads the number that it prints: memory that is
/// freed does not always leave a process, so each measurement of it wants a process of its own.
#[must_use]
pub fn resident_of(args: &[&str]) -> Option<f64> {
    let itself = std::env::current_exe().ok()?;
    let run = Command::new(itself).args(args).output().ok()?;
    String::from_utf8_lossy(&run.stdout).trim().parse().ok()
}

/// How much processor time this process has used, all threads together.
#[cfg(unix)]
#[must_use]
pub fn cpu_time() -> Option<Duration> {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(spent).ok()
}

/// How much processor time this process has used: not told here.
#[cfg(not(unix))]
#[must_use]
pub fn cpu_time() -> Option<Duration> {
    None
}
