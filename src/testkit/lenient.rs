//! The one lenient budget, for tests that crash things on purpose.

use std::time::Duration;

use crate::supervision::Intensity;

/// A budget of 100 restarts in 10 seconds, for a supervisor whose children a test crashes many times.
///
/// It is here and nowhere else, and is in force only where a test names it. A test system has the budgets of
/// production, so that the same crashes lead to the same end in both:
///
/// ```
/// use steadfast::Supervisor;
/// use steadfast::testkit::lenient_supervision;
///
/// let crashed_often = Supervisor::new("crashed").intensity(lenient_supervision());
/// # let _ = crashed_often;
/// ```
#[must_use]
pub const fn lenient_supervision() -> Intensity {
    Intensity::new(100, Duration::from_secs(10))
}
