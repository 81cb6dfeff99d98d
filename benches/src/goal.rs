//! What a row has to reach.

use std::fmt;
use std::time::Duration;

use crate::figures::{nanoseconds, time_text};

/// What a row has to reach.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// The median ratio of ours to the rival's is at most this.
    Ratio(f64),
    /// Our median is at most this.
    Time(Duration),
    /// Our figure, whatever it counts, is at most this.
    Most(f64),
    /// The row is shown, not judged.
    Shown,
}

impl Goal {
    /// Whether it is reached; `None` where there is nothing to reach.
    pub(crate) fn is_met(self, ours: f64, ratio: Option<f64>) -> Option<bool> {
        match self {
            Self::Ratio(most) => Some(ratio? <= most),
            Self::Time(most) => Some(ours <= nanoseconds(most)),
            Self::Most(most) => Some(ours <= most),
            Self::Shown => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(most) => write!(f, "ratio <= {}", (most * 1e3).round() / 1e3),
            Self::Time(most) => write!(f, "<= {}", time_text(nanoseconds(*most))),
            Self::Most(most) => write!(f, "<= {most}"),
            Self::Shown => write!(f, "-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Goal;
    use std::time::Duration;

    #[test]
    fn a_goal_is_met_at_its_edge() {
        assert_eq!(Goal::Ratio(1.5).is_met(9.0, Some(1.5)), Some(true));
        assert_eq!(Goal::Ratio(1.5).is_met(9.0, Some(1.6)), Some(false));
        let most = Goal::Time(Duration::from_nanos(2));
        assert_eq!(most.is_met(2.0, None), Some(true));
        assert_eq!(most.is_met(2.1, Some(1.0)), Some(false));
        assert_eq!(Goal::Most(0.0).is_met(1.0, None), Some(false));
        assert_eq!(Goal::Shown.is_met(1.0, None), None);
    }
}
