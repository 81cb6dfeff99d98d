//! How much a stopping unit may still read.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::kernel::stop::StopSignal;

/// One entry for each unit that was stopping when it last received from the channel.
///
/// The bound is what was queued when the unit first looked: a unit whose senders go on sending still ends, and what
/// they send stays for its next run or for other receivers.
#[derive(Debug, Default)]
pub(super) struct Drains(Mutex<Vec<Draining>>);

#[derive(Debug)]
struct Draining {
    /// Kept, so that no later unit can have the same address.
    unit: Arc<StopSignal>,
    remaining: usize,
    is_left: bool,
}

impl Drains {
    /// Uses up one message of the unit's allowance, which begins as `queued`. False if nothing is left of it.
    pub(super) fn take(&self, unit: &Arc<StopSignal>, queued: impl FnOnce() -> usize) -> bool {
        self.with(unit, queued, |entry| {
            let before = entry.remaining;
            entry.remaining = before.saturating_sub(1);
            before > 0
        })
    }

    /// The unit has read all, or leaves the rest. True the first time.
    pub(super) fn leave(&self, unit: &Arc<StopSignal>) -> bool {
        self.with(
            unit,
            || 0,
            |entry| {
                entry.remaining = 0;
                !std::mem::replace(&mut entry.is_left, true)
            },
        )
    }

    fn with<R>(
        &self,
        unit: &Arc<StopSignal>,
        queued: impl FnOnce() -> usize,
        change: impl FnOnce(&mut Draining) -> R,
    ) -> R {
        let mut entries = self.0.lock();
        // A unit to which only its entry refers has ended.
        entries.retain(|entry| Arc::strong_count(&entry.unit) > 1);
        let known = entries
            .iter()
            .position(|entry| Arc::ptr_eq(&entry.unit, unit));
        let at = known.unwrap_or_else(|| {
            entries.push(Draining {
                unit: Arc::clone(unit),
                remaining: queued(),
                is_left: false,
            });
            entries.len() - 1
        });
        change(&mut entries[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_what_was_queued_at_the_first_look() {
        let drains = Drains::default();
        let unit = Arc::new(StopSignal::new());
        let taken = (0..9).filter(|later| drains.take(&unit, || 3 + later));
        assert_eq!(taken.count(), 3);
    }

    #[test]
    fn a_unit_leaves_once_and_takes_nothing_after() {
        let drains = Drains::default();
        let unit = Arc::new(StopSignal::new());
        assert!(drains.take(&unit, || 3));
        assert!(drains.leave(&unit));
        assert!(!drains.leave(&unit));
        assert!(!drains.take(&unit, || 3));
    }

    #[test]
    fn units_that_ended_are_forgotten() {
        let drains = Drains::default();
        for _ in 0..100 {
            drains.take(&Arc::new(StopSignal::new()), || 1);
        }
        assert_eq!(drains.0.lock().len(), 1);
    }
}
