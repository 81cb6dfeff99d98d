//! The load and the memory of the machine, read from the operating system without a command.

use std::fs;
use std::io;
use std::sync::Arc;

use crate::fault::{Category, Classify, Severity};

/// How many threads want to run, averaged over time.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoadAverage {
    /// Over the last minute.
    pub one: f64,
    /// Over the last five minutes.
    pub five: f64,
    /// Over the last fifteen minutes.
    pub fifteen: f64,
}

/// The memory of the machine, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryInfo {
    /// All of it.
    pub total: u64,
    /// What programs can still have without swapping.
    pub available: u64,
}

impl MemoryInfo {
    /// What programs cannot have.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.total.saturating_sub(self.available)
    }
}

/// Why the machine was not described. Never a made-up number.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The operating system refused to tell, or is one that does not tell it this way.
    #[error("{path} could not be read: {error}")]
    Unreadable {
        /// What was read.
        path: &'static str,
        /// What the operating system said.
        #[source]
        error: Arc<io::Error>,
    },
    /// What it told is not understood.
    #[error("{path} is not understood")]
    NotUnderstood {
        /// What was read.
        path: &'static str,
    },
}

impl Classify for MachineError {
    fn category(&self) -> Category {
        Category::Infrastructure
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn is_retryable(&self) -> bool {
        false
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "machine.unreadable",
            Self::NotUnderstood { .. } => "machine.not_understood",
        }
    }
}

/// The load of the machine. On Linux only.
///
/// # Errors
/// [`MachineError`]; also on other systems.
pub fn load_average() -> Result<LoadAverage, MachineError> {
    read("/proc/loadavg", parse_load)
}

/// The memory of the machine. On Linux only.
///
/// # Errors
/// [`MachineError`]; also on other systems.
pub fn memory_info() -> Result<MemoryInfo, MachineError> {
    read("/proc/meminfo", parse_memory)
}

fn read<T>(path: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, MachineError> {
    let text = fs::read_to_string(path).map_err(|error| MachineError::Unreadable {
        path,
        error: Arc::new(error),
    })?;
    parse(&text).ok_or(MachineError::NotUnderstood { path })
}

fn parse_load(text: &str) -> Option<LoadAverage> {
    let mut numbers = text.split_whitespace().map(|word| word.parse().ok());
    Some(LoadAverage {
        one: numbers.next()??,
        five: numbers.next()??,
        fifteen: numbers.next()??,
    })
}

fn parse_memory(text: &str) -> Option<MemoryInfo> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        number.checked_mul(1024)
    };
    Some(MemoryInfo {
        total: bytes("MemTotal:")?,
        available: bytes("MemAvailable:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{MemoryInfo, load_average, memory_info, parse_load, parse_memory};

    // S6
    #[test]
    fn what_is_not_understood_is_no_number() {
        let load = parse_load("0.52 0.58 1.59 1/389 12345\n").unwrap();
        assert_eq!((load.one, load.five, load.fifteen), (0.52, 0.58, 1.59));
        let memory = parse_memory("MemTotal:  16 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\n");
        let memory = memory.unwrap();
        let expected = MemoryInfo {
            total: 16 * 1024,
            available: 4 * 1024,
        };
        assert_eq!((memory, memory.used()), (expected, 12 * 1024));
        for text in ["", "0.5", "a b c"] {
            assert!(parse_load(text).is_none(), "{text:?}");
        }
        for text in ["", "MemTotal: 16 kB", "MemTotal: 16 MB\nMemAvailable: 4 kB"] {
            assert!(parse_memory(text).is_none(), "{text:?}");
        }
    }

    // S6
    #[cfg(target_os = "linux")]
    #[test]
    fn the_machine_is_described() {
        assert!(load_average().unwrap().one >= 0.0);
        let memory = memory_info().unwrap();
        assert!(memory.available > 0 && memory.used() < memory.total);
    }
}
