//! Which run of a unit.

use std::fmt;

/// One run of a unit. The first run is 1; each restart counts one up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    /// No run yet.
    pub const NONE: Self = Self(0);

    /// The first run.
    #[must_use]
    pub const fn first() -> Self {
        Self(1)
    }

    /// The run after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number of the run, counted from one.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Generation;

    #[test]
    fn each_run_counts_one_up_from_the_first() {
        assert_eq!(Generation::NONE.next(), Generation::first());
        assert_eq!(Generation::first().next().get(), 2);
    }
}
