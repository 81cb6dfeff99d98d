//! The watchdog: looks at units that set a limit for their silence, and says so when it is passed.
//!
//! It keeps no thread and does not poll: the steward looks at a run when its limit could have been
//! passed at the earliest. While a run waits in the library nobody looks; the end of the wait calls
//! the watchdog back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fault::{HangPhase, HangReport};
use crate::supervision::machine::Event;
use crate::supervision::unit::activity::Silence;
use crate::supervision::unit::run::Run;
use crate::telemetry::kinds;

/// For how long a unit may be silent; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchLimits {
    pub(crate) warn_after: Option<Duration>,
    pub(crate) hang_after: Option<Duration>,
}

impl WatchLimits {
    fn first(self) -> Option<Duration> {
        match (self.warn_after, self.hang_after) {
            (Some(warn), Some(hang)) => Some(warn.min(hang)),
            (one, other) => one.or(other),
        }
    }
}

/// What a look at a run leads to.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// Nothing yet; look again at that time.
    Fine(Instant),
    /// Silent for longer than `warn_after`, said once; look again at that time, if at all.
    Warn(Option<Instant>),
    /// Silent for longer than `hang_after`.
    Hung,
}

/// The pure judgement of one look.
fn judge(limits: WatchLimits, silence: &Silence, warned: bool) -> Option<Finding> {
    let at = |limit: Duration| silence.since.checked_add(limit);
    if limits
        .hang_after
        .is_some_and(|limit| silence.silent_for >= limit)
    {
        return Some(Finding::Hung);
    }
    let warn = limits.warn_after.filter(|_| !warned);
    match warn {
        Some(limit) if silence.silent_for >= limit => {
            Some(Finding::Warn(limits.hang_after.and_then(at)))
        }
        Some(limit) => at(limit).map(Finding::Fine),
        None => limits.hang_after.and_then(at).map(Finding::Fine),
    }
}

/// Begins to watch a run that is up, if it has limits.
pub(crate) fn begin(run: &Arc<Run>, limits: WatchLimits) {
    let Some(first) = limits.first() else { return };
    run.activity.limit(limits);
    // From the last sign of life, not from now: it may have been a while ago.
    if let Some(due) = run.activity.since().checked_add(first) {
        run.runtime().steward().arm_watch(due, run);
    }
}

/// One look at a run, by the steward.
pub(crate) fn look(run: &Arc<Run>) {
    if run.is_over() || run.token().is_stopping() {
        return;
    }
    // The exact clock: a coarse one lags behind the steward's timers, and would send it here again.
    let now = run.runtime().clock().now();
    let Some((limits, silence, warned)) = run.activity.watch(now) else {
        return;
    };
    let next = match judge(limits, &silence, warned) {
        None => None,
        Some(Finding::Fine(due)) => Some(due),
        Some(Finding::Warn(due)) => {
            report(run, "warn");
            run.activity.warned();
            due
        }
        Some(Finding::Hung) => {
            hung(run);
            None
        }
    };
    match next {
        Some(due) => run.runtime().steward().arm_watch(due.max(now), run),
        // All is said about this silence; the next sign of life begins a new watch.
        None if run.activity.rest(silence.since) => {}
        None => begin(run, limits),
    }
}

fn hung(run: &Arc<Run>) {
    let report = report(run, "hang");
    if let Some(home) = run.home() {
        let (key, generation) = (run.key(), run.generation());
        home.turn(Event::Hung {
            key,
            generation,
            report,
        });
    }
}

fn report(run: &Arc<Run>, level: &'static str) -> Arc<HangReport> {
    let report = Arc::new(run.hang_report(HangPhase::Running));
    run.runtime().telemetry().post(&kinds::CHILD_HUNG, |event| {
        event.measure("silent_for", report.silent_for);
        event.tag("path", run.path());
        event.tag("generation", run.generation());
        event.tag("checkpoint", report.checkpoint.unwrap_or(""));
        event.tag("level", level);
    });
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(warn: Option<u32>, hang: Option<u32>) -> WatchLimits {
        WatchLimits {
            warn_after: warn.map(|s| SECOND * s),
            hang_after: hang.map(|s| SECOND * s),
        }
    }

    fn silent(since: Instant, seconds: u32) -> Silence {
        Silence {
            since,
            silent_for: SECOND * seconds,
        }
    }

    fn base() -> Instant {
        crate::time::Clock::system().now()
    }

    // decision 19
    #[test]
    fn a_silence_below_the_limits_is_fine_until_the_nearest_one() {
        let since = base();
        let found = judge(limits(Some(2), Some(5)), &silent(since, 1), false);
        assert_eq!(found, Some(Finding::Fine(since + SECOND * 2)));
    }

    // decision 19
    #[test]
    fn a_warning_is_given_once_and_the_hang_limit_still_counts() {
        let since = base();
        let warned = judge(limits(Some(2), Some(5)), &silent(since, 2), false);
        assert_eq!(warned, Some(Finding::Warn(Some(since + SECOND * 5))));
        let again = judge(limits(Some(2), Some(5)), &silent(since, 3), true);
        assert_eq!(again, Some(Finding::Fine(since + SECOND * 5)));
    }

    // decision 19
    #[test]
    fn the_hang_limit_is_inclusive_and_wins_over_the_warning() {
        let found = judge(limits(Some(2), Some(5)), &silent(base(), 5), false);
        assert_eq!(found, Some(Finding::Hung));
    }

    #[test]
    fn a_limit_beyond_the_end_of_time_is_no_limit() {
        let limits = WatchLimits {
            warn_after: Some(Duration::MAX),
            hang_after: None,
        };
        assert_eq!(judge(limits, &silent(base(), 1), false), None);
    }
}
