//! Whom the end of one child concerns.

use std::ops::Range;

/// Which children restart when one of them has to.
///
/// The failed child and the others in its range go down in reverse start order, one at a time, then
/// start again in start order, each after the one before it is up. A group restart is *one* restart
/// in the supervisor's [`Intensity`](crate::supervision::Intensity).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Only the child that ended. For children that do not need each other. The default.
    #[default]
    OneForOne,
    /// All children. For children that cannot work without each other.
    OneForAll,
    /// The child that ended and those that were started after it. For a chain, where each child
    /// needs those before it.
    RestForOne,
}

impl Strategy {
    /// The places of the children that restart when the one at `failed` of `count` does.
    pub(crate) fn range(self, failed: usize, count: usize) -> Range<usize> {
        match self {
            Self::OneForOne => failed..failed + 1,
            Self::OneForAll => 0..count,
            Self::RestForOne => failed..count,
        }
    }

    /// Whether children restart together, and so in order.
    pub(crate) fn is_group(self) -> bool {
        self != Self::OneForOne
    }
}

/// Whether a supervisor ends, cleanly, with its significant children.
///
/// A significant child counts when it ends by itself and is not restarted: transient and clean, or
/// temporary. Stopping it by a call or as a bystander of a group restart does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// No. Significant children are then refused. The default.
    #[default]
    Never,
    /// With the first significant child that ends.
    AnySignificant,
    /// With the last significant child that ends.
    AllSignificant,
}

#[cfg(test)]
mod tests {
    use super::*;

    // OTP-21, OTP-22, OTP-23
    #[test]
    fn each_strategy_has_its_range() {
        assert_eq!(Strategy::OneForOne.range(1, 4), 1..2);
        assert_eq!(Strategy::OneForAll.range(1, 4), 0..4);
        assert_eq!(Strategy::RestForOne.range(1, 4), 1..4);
    }

    // OTP-1
    #[test]
    fn one_for_one_without_auto_shutdown_is_the_default() {
        assert_eq!(Strategy::default(), Strategy::OneForOne);
        assert_eq!(AutoShutdown::default(), AutoShutdown::Never);
    }
}
