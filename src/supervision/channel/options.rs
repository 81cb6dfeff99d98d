//! What a channel is made from.

use std::fmt;
use std::sync::Arc;

use super::link::Link;
use super::{Receiver, Sender};
use crate::fault::{Category, Classify, Severity};
use crate::telemetry::Telemetry;
use crate::time::Clock;

/// The capacity of [`Options::default`].
pub const DEFAULT_CAPACITY: usize = 1024;

/// The largest capacity: beyond it a bound is none.
pub const MAX_CAPACITY: usize = 1 << 30;

/// What a channel is made from: an inert value, checked when the channel is opened.
///
/// # Examples
///
/// ```
/// use steadfast::channel::Options;
///
/// let (jobs, inbox) = Options::new(64).name("jobs").open::<u64>()?;
/// assert_eq!((jobs.capacity(), inbox.name()), (64, Some("jobs")));
/// assert!(Options::new(0).open::<u64>().is_err());
/// # Ok::<(), steadfast::channel::ChannelError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) capacity: usize,
    pub(super) name: Option<Arc<str>>,
    pub(super) clock: Option<Clock>,
    pub(super) telemetry: Option<Telemetry>,
}

impl Options {
    /// A channel that holds at most `capacity` values.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            name: None,
            clock: None,
            telemetry: None,
        }
    }

    /// How many values it holds at most. Default: [`DEFAULT_CAPACITY`]; more for bursts that a slow reader may catch
    /// up with, less where a queued value is already late.
    #[must_use]
    pub const fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Its name in events and debugging output. Default: none; give one where there are several.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What its deadlines are measured by. Default: the clock of the system whose unit waits, and the operating
    /// system's clock for other threads; set it where threads of a test wait by a manual clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Who is told of refused sends (`channel.refused`). Default: nobody.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// Checks the whole value.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), ChannelError> {
        let mut faults = Vec::new();
        if self.capacity == 0 {
            faults.push(ChannelFault::ZeroCapacity);
        }
        if self.capacity > MAX_CAPACITY {
            faults.push(ChannelFault::CapacityTooLarge {
                capacity: self.capacity,
            });
        }
        if self.name.as_deref() == Some("") {
            faults.push(ChannelFault::EmptyName);
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(ChannelError { faults })
        }
    }

    /// Opens a channel. The same options may open many.
    ///
    /// # Errors
    /// What [`Options::validate`] finds.
    pub fn open<T>(&self) -> Result<(Sender<T>, Receiver<T>), ChannelError> {
        self.validate()?;
        Ok(Link::open(self))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

/// Options that make no sense, with all their faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelError {
    faults: Vec<ChannelFault>,
}

/// One fault of [`Options`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelFault {
    /// A channel without capacity could never hold the value that is handed over: say one.
    ZeroCapacity,
    /// The capacity is beyond [`MAX_CAPACITY`].
    CapacityTooLarge {
        /// The capacity that was given.
        capacity: usize,
    },
    /// The name is empty: leave it out.
    EmptyName,
}

impl ChannelError {
    /// All faults, at least one.
    #[must_use]
    pub fn faults(&self) -> &[ChannelFault] {
        &self.faults
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid channel: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ChannelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroCapacity => f.write_str("the capacity is zero"),
            Self::CapacityTooLarge { capacity } => {
                write!(f, "the capacity {capacity} is beyond {MAX_CAPACITY}")
            }
            Self::EmptyName => f.write_str("the name is empty"),
        }
    }
}

impl std::error::Error for ChannelError {}

impl Classify for ChannelError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        "channel.invalid"
    }
}
