use std::time::{Duration, Instant};

use super::{Chain, Every, Look, Settled, Tick, TimerError};
use crate::time::Clock;

const MS: Duration = Duration::from_millis(1);

/// The ticks of a fixed rate, one by one, without any arithmetic of divisions.
struct Naive {
    period: Duration,
    next: Instant,
    number: u64,
    missing: u64,
    delivered: u64,
    missed: u64,
    refused: u64,
    is_busy: bool,
}

impl Naive {
    fn look(&mut self, now: Instant) -> Look {
        let mut found = None;
        while self.next <= now {
            if found.is_some() {
                self.miss();
            }
            self.number += 1;
            found = Some(self.next);
            self.next += self.period;
        }
        let Some(due) = found else {
            return Look::Nothing;
        };
        let number = self.number;
        if self.is_busy {
            self.miss();
            return Look::Missed { number };
        }
        Look::Due(Tick {
            number,
            due,
            missed: self.missing,
        })
    }

    fn miss(&mut self) {
        self.missed += 1;
        self.missing += 1;
    }

    fn force(&mut self, now: Instant) -> Tick {
        self.number += 1;
        Tick {
            number: self.number,
            due: now,
            missed: self.missing,
        }
    }

    fn settle(&mut self, settled: Settled) {
        if settled == Settled::Refused {
            self.refused += 1;
            self.missing += 1;
        } else {
            self.delivered += 1;
            self.missing = 0;
        }
        self.is_busy = settled == Settled::Began;
    }
}

/// One random step: looks, forces a tick, ends a job, or changes the period, and settles what came of it.
fn step(chain: &mut Chain, naive: &mut Naive, now: Instant, random: &mut fastrand::Rng) {
    let (ours, theirs) = match random.u32(..10) {
        0 if !chain.is_busy() => (Look::Due(chain.force(now)), Look::Due(naive.force(now))),
        1 => {
            naive.period = MS * random.u32(1..20);
            naive.next = now + naive.period;
            chain.retime(Every::rate(naive.period), now);
            (Look::Nothing, Look::Nothing)
        }
        2 => {
            chain.finish(now);
            naive.is_busy = false;
            (Look::Nothing, Look::Nothing)
        }
        _ => (chain.fire(now), naive.look(now)),
    };
    assert_eq!(ours, theirs);
    if matches!(ours, Look::Due(_)) {
        let fates = [Settled::Arrived, Settled::Began, Settled::Refused];
        let settled = random.choice(fates).unwrap();
        chain.settle(settled, now);
        naive.settle(settled);
    }
    assert_eq!(chain.is_busy(), naive.is_busy);
}

#[track_caller]
fn due(look: Look) -> Tick {
    match look {
        Look::Due(tick) => tick,
        other => panic!("{other:?}"),
    }
}

// S5: what a tick says of those before it
#[test]
fn a_fixed_rate_counts_as_one_who_counts_tick_by_tick() {
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..2_000 {
        let (mut now, period) = (Clock::system().now(), MS * random.u32(1..20));
        let mut chain = Chain::every(Every::rate(period), now);
        let mut naive = Naive {
            period,
            next: now + period,
            number: 0,
            missing: 0,
            delivered: 0,
            missed: 0,
            refused: 0,
            is_busy: false,
        };
        for _ in 0..50 {
            // Half periods of the shortest one: looks at the very edge are common.
            now += MS / 2 * random.u32(..200);
            step(&mut chain, &mut naive, now, &mut random);
            let stats = chain.stats();
            let (ours, theirs) = (
                (stats.delivered, stats.missed, stats.refused),
                (naive.delivered, naive.missed, naive.refused),
            );
            assert_eq!(ours, theirs);
            assert_eq!(
                (stats.ticks(), chain.due()),
                (naive.number, Some(naive.next))
            );
        }
    }
}

#[test]
fn a_fixed_delay_counts_from_the_delivery_and_misses_nothing() {
    let start = Clock::system().now();
    let mut chain = Chain::every(Every::delay(MS), start);
    let mut now = start;
    for (number, late) in [0, 7, 1000].into_iter().enumerate() {
        now += MS * (1 + late);
        let tick = due(chain.fire(now));
        assert_eq!((tick.number, tick.missed), (number as u64 + 1, 0));
        chain.settle(Settled::Arrived, now);
        assert_eq!(chain.due(), Some(now + MS));
    }
}

#[test]
fn nothing_fires_early_and_the_edge_is_not_early() {
    let start = Clock::system().now();
    for mut chain in [
        Chain::once(Some(start + MS)),
        Chain::every(Every::rate(MS), start),
    ] {
        let early = start + MS - Duration::from_nanos(1);
        assert_eq!(chain.fire(early), Look::Nothing);
        due(chain.fire(start + MS));
    }
}

#[test]
fn one_shot_fires_once_also_when_its_time_has_long_passed() {
    let now = Clock::system().now();
    let mut chain = Chain::once(now.checked_sub(MS));
    assert!(!chain.is_spent());
    let tick = due(chain.fire(now));
    chain.settle(Settled::Arrived, now);
    assert_eq!((tick.number, tick.missed), (1, 0));
    assert!(chain.is_spent());
    assert_eq!((chain.fire(now + MS), chain.due()), (Look::Nothing, None));
}

// S5: one chain stays
#[test]
fn a_forced_tick_leaves_the_schedule_as_it_is() {
    let start = Clock::system().now();
    for every in [Every::rate(MS), Every::delay(MS)] {
        let mut chain = Chain::every(every, start);
        let before = chain.due();
        assert_eq!(chain.force(start).number, 1);
        chain.settle(Settled::Arrived, start);
        assert_eq!(chain.due(), before);
        assert_eq!(due(chain.fire(start + MS)).number, 2);
    }
}

#[test]
fn a_time_beyond_the_end_of_the_clock_never_comes() {
    let start = Clock::system().now();
    let mut chain = Chain::every(Every::rate(Duration::MAX), start);
    assert_eq!(chain.due(), None);
    let late = start + Duration::from_secs(1 << 40);
    assert_eq!(chain.fire(late), Look::Nothing);
    chain.retime(Every::delay(MS), start);
    due(chain.fire(start + MS));
}

#[test]
fn the_longest_lateness_and_the_shortest_period_overflow_nothing() {
    let start = Clock::system().now();
    let period = Duration::from_nanos(1);
    let late = Duration::from_secs(1 << 40);
    let mut chain = Chain::every(Every::rate(period), start);
    let tick = due(chain.fire(start + late));
    assert_eq!(tick.due, start + late);
    assert_eq!(tick.missed, u64::MAX);
    assert_eq!(chain.due(), Some(start + late + period));
    chain.settle(Settled::Arrived, start + late);
    assert_eq!(chain.stats().ticks(), u64::MAX);
}

#[test]
fn an_interval_of_zero_is_refused() {
    for every in [Every::rate(Duration::ZERO), Every::delay(Duration::ZERO)] {
        assert_eq!(every.validate(), Err(TimerError::ZeroInterval));
    }
    assert_eq!(Every::rate(Duration::from_nanos(1)).validate(), Ok(()));
}

#[test]
fn a_fixed_delay_begins_at_the_end_of_the_job() {
    let start = Clock::system().now();
    let mut chain = Chain::every(Every::delay(MS), start);
    due(chain.fire(start + MS));
    chain.settle(Settled::Began, start + MS);
    assert_eq!((chain.is_busy(), chain.due()), (true, None));
    assert_eq!(chain.fire(start + 100 * MS), Look::Nothing);
    chain.finish(start + 100 * MS);
    assert_eq!(
        (chain.is_busy(), chain.due()),
        (false, Some(start + 101 * MS))
    );
    assert_eq!(chain.stats().missed, 0);
}

#[test]
fn a_delay_that_is_set_while_the_job_runs_begins_at_its_end_too() {
    let start = Clock::system().now();
    let mut chain = Chain::every(Every::rate(MS), start);
    due(chain.fire(start + MS));
    chain.settle(Settled::Began, start + MS);
    chain.retime(Every::delay(5 * MS), start + MS);
    assert_eq!(chain.fire(start + 6 * MS), Look::Nothing);
    chain.finish(start + 8 * MS);
    assert_eq!(
        (chain.due(), chain.stats().missed),
        (Some(start + 13 * MS), 0)
    );
}
