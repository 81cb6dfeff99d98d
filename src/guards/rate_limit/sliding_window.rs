//! The strict sliding window: never more than `limit` cells in any span as long as the period. Pure.
//!
//! It remembers when each cell was let through: the next one may pass a period after the last but `limit`. A cell of a
//! reservation is remembered at the time that it was given, which may be ahead of now. Twice as many cells are kept as
//! the limit says, so that what is given back leaves what was there before it; where the limit became smaller, as the
//! greater one says until its cells are as old as the period, so that it finds them should it come back.

use std::collections::VecDeque;

/// When the last cells were let through.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// In ticks, at least one.
    period: u64,
    /// With zero nothing passes.
    limit: u32,
    /// A greater limit that let some of the cells through, until `wide_until`.
    widest: u32,
    wide_until: u64,
    /// Rising; the last `limit` of them count.
    admitted: VecDeque<u64>,
    /// The youngest cell that is not kept any more.
    forgotten: Option<u64>,
    /// How many cells were taken and not given back; names the last request.
    taken: u64,
    /// The latest time that was heard of: an earlier one is not believed.
    latest: u64,
    /// It was given up, and never changes again.
    retired: bool,
}

/// Cells that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) cells: u32,
    /// When they are let through.
    pub(crate) at: u64,
    /// How many cells had been taken with these.
    taken: u64,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its cells are let through.
    Taken(Grant),
    /// They could be, but only then; nothing has changed.
    TooLate(u64),
    /// No window is large enough.
    Impossible,
    /// The log was given up.
    Retired,
}

impl Log {
    /// A log of nothing.
    pub(crate) const fn new(period: u64, limit: u32) -> Self {
        Self {
            period,
            limit,
            widest: 0,
            wide_until: 0,
            admitted: VecDeque::new(),
            forgotten: None,
            taken: 0,
            latest: 0,
            retired: false,
        }
    }

    /// Takes `cells` (at least one) that are asked for `now` and may be let through at `until` at the latest.
    pub(crate) fn take(&mut self, now: u64, cells: u32, until: u64) -> Outcome {
        if self.retired {
            return Outcome::Retired;
        }
        self.latest = self.latest.max(now);
        let Some(at) = self.place(self.latest, cells) else {
            return Outcome::Impossible;
        };
        if at > until.max(self.latest) {
            return Outcome::TooLate(at);
        }
        self.admitted.extend((0..cells).map(|_| at));
        self.forget_the_oldest();
        self.taken += u64::from(cells);
        let taken = self.taken;
        Outcome::Taken(Grant { cells, at, taken })
    }

    /// When `cells` (at least one) that are asked for `now` would be let through; `None` if never.
    pub(crate) fn place(&self, now: u64, cells: u32) -> Option<u64> {
        let opens = (cells <= self.limit).then(|| self.opens_for(cells));
        opens.map(|opens| opens.max(now).max(self.latest))
    }

    /// Takes a grant back. False, and nothing happens, if another came after it, or if so many were given back before
    /// it that it is not known what would be in its place.
    pub(crate) fn give_back(&mut self, grant: Grant) -> bool {
        let kept = self.admitted.len().checked_sub(grant.cells as usize);
        let Some(kept) = kept.filter(|_| self.taken == grant.taken) else {
            return false;
        };
        let young = |at: u64| at.saturating_add(self.period) > self.latest;
        if kept < self.limit as usize && self.forgotten.is_some_and(young) {
            return false;
        }
        self.admitted.truncate(kept);
        self.taken -= u64::from(grant.cells);
        true
    }

    /// How many cells may pass now; `None` if it was given up.
    pub(crate) fn remaining(&self, now: u64) -> Option<u32> {
        (!self.retired).then(|| self.room(now))
    }

    fn room(&self, now: u64) -> u32 {
        let now = now.max(self.latest);
        if self.admitted.back().is_some_and(|last| *last > now) {
            return 0;
        }
        let period = self.period;
        let outside = self
            .admitted
            .partition_point(|at| at.saturating_add(period) <= now);
        let inside = u32::try_from(self.admitted.len() - outside).unwrap_or(self.limit);
        self.limit.saturating_sub(inside)
    }

    /// Before this time not one cell passes; [`u64::MAX`] if none ever does.
    pub(crate) fn closed_until(&self) -> u64 {
        match self.limit {
            _ if self.retired => 0,
            0 => u64::MAX,
            _ => self.opens_for(1),
        }
    }

    /// Gives the log up if it is as good as new. True if it is given up now.
    pub(crate) fn retire(&mut self, now: u64) -> bool {
        let is_fresh = self.remaining(now) == Some(self.limit);
        self.retired |= is_fresh;
        is_fresh
    }

    /// The same cells under another limit and period; none of them under, or after, a limit of zero.
    pub(crate) fn change(&mut self, period: u64, limit: u32) {
        let last = self.admitted.back().copied().unwrap_or(0);
        self.widest = if limit == 0 { 0 } else { self.kept_for() };
        self.wide_until = last.saturating_add(self.period.max(period));
        (self.period, self.limit) = (period, limit);
        self.forget_the_oldest();
    }

    /// Forgets all cells; what was taken before cannot be given back any more.
    pub(crate) fn reset(&mut self) {
        self.admitted.clear();
        self.forgotten = None;
        // Larger than any number that a request was given before.
        self.taken += u64::from(u32::MAX);
    }

    /// The earliest time for that many cells (at most `limit`), by what is remembered: behind all that were taken before.
    fn opens_for(&self, cells: u32) -> u64 {
        let in_the_way =
            (self.admitted.len() + cells as usize).checked_sub(self.limit as usize + 1);
        let last = in_the_way.and_then(|last| self.admitted.get(last));
        let free = last.map_or(0, |at| at.saturating_add(self.period));
        free.max(self.admitted.back().copied().unwrap_or(0))
    }

    /// The limit that cells are kept for.
    fn kept_for(&self) -> u32 {
        if self.latest < self.wide_until {
            self.limit.max(self.widest)
        } else {
            self.limit
        }
    }

    fn forget_the_oldest(&mut self) {
        let kept = 2 * self.kept_for() as usize;
        let excess = self.admitted.len().saturating_sub(kept);
        self.forgotten = self.admitted.drain(..excess).next_back().or(self.forgotten);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use fastrand::Rng;

    use super::*;

    fn random_log(rng: &mut Rng) -> Log {
        Log::new(rng.u64(1..30), rng.u32(1..6))
    }

    fn takes(log: &mut Log, now: u64, cells: u32) -> bool {
        matches!(log.take(now, cells, now), Outcome::Taken(_))
    }

    fn grant(log: &mut Log, now: u64, cells: u32) -> Grant {
        match log.take(now, cells, u64::MAX) {
            Outcome::Taken(grant) => grant,
            other => panic!("{other:?}"),
        }
    }

    // property 40
    #[test]
    fn it_lets_through_what_a_full_history_lets_through() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let mut log = random_log(&mut rng);
            let (mut history, mut now) = (Vec::new(), 0);
            for _ in 0..100 {
                now += rng.u64(0..12);
                let cells = rng.u32(1..=log.limit);
                let inside = |history: &[u64]| {
                    let young = history.iter().filter(|at| **at + log.period > now);
                    u32::try_from(young.count()).unwrap()
                };
                let (used, limit) = (inside(&history), log.limit);
                assert_eq!(log.remaining(now), Some(limit - used), "seed {seed}");
                let passes = used + cells <= limit;
                assert_eq!(takes(&mut log, now, cells), passes, "seed {seed}");
                if passes {
                    history.extend((0..cells).map(|_| now));
                }
            }
        }
    }

    // property 40
    #[test]
    fn no_window_holds_more_than_the_limit_whatever_is_reserved_and_given_back() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let mut log = random_log(&mut rng);
            let (mut grants, mut now): (Vec<Grant>, u64) = (Vec::new(), 0);
            for _ in 0..100 {
                now += rng.u64(0..8);
                let cells = rng.u32(1..=log.limit);
                match rng.u32(0..4) {
                    0 => grants.push(grant(&mut log, now, cells)),
                    1 if grants.last().is_some_and(|last| log.give_back(*last)) => {
                        grants.pop();
                    }
                    _ => {
                        if let Outcome::Taken(taken) = log.take(now, cells, now) {
                            grants.push(taken);
                        }
                    }
                }
            }
            let each = grants.iter().flat_map(|one| (0..one.cells).map(|_| one.at));
            let each: Vec<u64> = each.collect();
            let windows = each.windows(log.limit as usize + 1);
            let strict = |window: &[u64]| window[window.len() - 1] - window[0] >= log.period;
            assert!(windows.into_iter().all(strict), "seed {seed}: {each:?}");
        }
    }

    // property 41
    #[test]
    fn what_is_refused_leaves_nothing_and_passes_at_the_time_that_it_was_told() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let mut log = random_log(&mut rng);
            let mut now = 0;
            for _ in 0..50 {
                now += rng.u64(0..12);
                let cells = rng.u32(1..=log.limit);
                let before = log.clone();
                if let Outcome::TooLate(at) = log.take(now, cells, now) {
                    assert_eq!(log.admitted, before.admitted, "seed {seed}");
                    assert!(!takes(&mut log.clone(), at - 1, cells), "seed {seed}");
                    assert!(takes(&mut log.clone(), at, cells), "seed {seed}");
                    let one = takes(&mut log.clone(), now, 1);
                    assert_eq!(one, log.closed_until() <= now, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn the_last_grant_is_given_back_as_if_it_had_never_been() {
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let mut log = random_log(&mut rng);
            let mut now = 0;
            for _ in 0..30 {
                now += rng.u64(0..12);
                let cells = rng.u32(1..=log.limit);
                let mut twin = log.clone();
                let taken = grant(&mut twin, now, cells);
                assert!(twin.give_back(taken));
                assert!(!twin.give_back(taken), "given back twice");
                let places = |log: &Log| [1, log.limit].map(|cells| log.place(now, cells));
                assert_eq!(places(&twin), places(&log), "seed {seed}");
                assert_eq!(twin.remaining(now), log.remaining(now), "seed {seed}");
                let _outcome = log.take(now, 1, now);
            }
        }
    }

    #[test]
    fn what_would_be_in_its_place_must_be_known_to_give_a_grant_back() {
        let mut log = Log::new(10, 1);
        let grants = [0, 0, 0].map(|now| grant(&mut log, now, 1));
        assert_eq!(grants.map(|grant| grant.at), [0, 10, 20]);
        assert!(log.give_back(grants[2]));
        assert!(!log.give_back(grants[1]), "the cell at 0 is forgotten");
        assert_eq!(log.place(0, 1), Some(20));
    }

    #[test]
    fn a_grant_with_another_behind_it_is_not_given_back() {
        let mut log = Log::new(10, 1);
        let first = grant(&mut log, 0, 1);
        let second = grant(&mut log, 0, 1);
        assert_eq!((first.at, second.at), (0, 10));
        assert!(!log.give_back(first));
        assert!(log.give_back(second));
        log.reset();
        assert!(!log.give_back(first), "it was forgotten");
    }

    // S14
    #[test]
    fn a_clock_that_steps_back_is_not_believed() {
        let mut log = Log::new(10, 2);
        assert!(takes(&mut log, 20, 2));
        assert!(!takes(&mut log, 5, 1));
        assert_eq!(log.remaining(5), Some(0));
        assert!(takes(&mut log, 30, 1));
        assert!(takes(&mut log, 0, 1), "it is still 30");
        assert!(!takes(&mut log, 39, 1));
    }

    #[test]
    fn a_change_keeps_the_cells_and_their_order() {
        let mut log = Log::new(10, 2);
        assert!(takes(&mut log, 0, 2));
        let ahead = grant(&mut log, 1, 1);
        log.change(10, 3);
        assert_eq!(log.remaining(1), Some(0), "one is still ahead");
        assert!(takes(&mut log, ahead.at, 1));
        log.change(10, 1);
        assert!(!takes(&mut log, 19, 1));
        assert!(takes(&mut log, 20, 1));
        assert_eq!(log.take(20, 2, 20), Outcome::Impossible);
    }

    // property 40
    #[test]
    fn a_limit_that_becomes_smaller_and_comes_back_finds_all_cells_of_its_period() {
        let mut log = Log::new(10, 100);
        assert!(takes(&mut log, 5, 100));
        for limit in [1, 7, 100] {
            log.change(10, limit);
            assert_eq!(log.remaining(5), Some(0), "limit {limit}");
        }
        assert!(!takes(&mut log, 14, 1));
        log.change(10, 1);
        assert!(takes(&mut log, 15, 1), "all are too old to count");
        assert_eq!(log.admitted.len(), 2, "and not kept any more");
    }

    // property 43
    #[test]
    fn a_log_is_given_up_only_when_it_is_as_good_as_new_and_then_for_ever() {
        let mut log = Log::new(10, 2);
        assert!(takes(&mut log, 5, 1));
        assert!(!log.retire(14));
        assert!(log.retire(15));
        assert!(!log.retire(15), "twice");
        assert_eq!(log.take(15, 1, 15), Outcome::Retired);
        assert_eq!(log.closed_until(), 0, "who asks is told");
    }

    #[test]
    fn nothing_passes_with_a_limit_of_zero() {
        let mut log = Log::new(10, 2);
        assert!(takes(&mut log, 0, 1));
        log.change(10, 0);
        assert_eq!(log.take(50, 1, u64::MAX), Outcome::Impossible);
        assert_eq!((log.remaining(50), log.closed_until()), (Some(0), u64::MAX));
        log.change(10, 2);
        assert_eq!(log.remaining(50), Some(2));
    }
}
