//! Why a unit was asked to stop.

use std::fmt;

/// Why a unit was asked to stop. Read from the stop signal, never guessed from what the unit returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopCause {
    /// Somebody asked for this unit's end by a management call or its handle.
    Requested,
    /// The system, or a supervisor above, is ending.
    Shutdown,
    /// A sibling failed, and the strategy restarts both.
    Sibling,
    /// A significant child ended, and the supervisor ends with it.
    AutoShutdown,
    /// The supervisor gave up.
    Escalation,
    /// It hung, and another run takes its place.
    Replaced,
    /// A sibling failed during the start of their supervisor.
    StartFailed,
}

impl StopCause {
    const ALL: [Self; 7] = [
        Self::Requested,
        Self::Shutdown,
        Self::Sibling,
        Self::AutoShutdown,
        Self::Escalation,
        Self::Replaced,
        Self::StartFailed,
    ];

    /// Its name in events and logs: `requested`, `auto_shutdown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Shutdown => "shutdown",
            Self::Sibling => "sibling",
            Self::AutoShutdown => "auto_shutdown",
            Self::Escalation => "escalation",
            Self::Replaced => "replaced",
            Self::StartFailed => "start_failed",
        }
    }

    /// The number that a stop signal carries; see [`StopCause::from_code`].
    #[must_use]
    pub const fn to_code(self) -> u8 {
        self as u8
    }

    /// The cause with this number; `None` for a number that names none.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::StopCause;

    #[test]
    fn every_code_leads_back_to_its_cause() {
        for cause in StopCause::ALL {
            assert_eq!(StopCause::from_code(cause.to_code()), Some(cause));
        }
        assert_eq!(StopCause::from_code(7), None);
    }
}
