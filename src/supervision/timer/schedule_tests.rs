use std::time::{Duration, Instant};

use super::{Chain, Every, Tick, TimerError};
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
}

impl Naive {
    fn look(&mut self, now: Instant) -> Option<Tick> {
        let mut found = None;
        while self.next <= now {
            if found.is_some() {
                self.missed += 1;
                self.missing += 1;
            }
            self.number += 1;
            found = Some(self.next);
            self.next += self.period;
        }
        found.map(|due| Tick {
            number: self.number,
            due,
            missed: self.missing,
        })
    }

    fn force(&mut self, now: Instant) -> Tick {
        self.number += 1;
        Tick {
            number: self.number,
            due: now,
            missed: self.missing,
        }
    }

    fn settle(&mut self, is_delivered: bool) {
        if is_delivered {
            self.delivered += 1;
            self.missing = 0;
        } else {
            self.refused += 1;
            self.missing += 1;
        }
    }
}

/// One random step: looks, forces a tick, or changes the period, and settles what came of it.
fn step(chain: &mut Chain, naive: &mut Naive, now: Instant, random: &mut fastrand::Rng) {
    let (ours, theirs) = match random.u32(..10) {
        0 => (Some(chain.force(now)), Some(naive.force(now))),
        1 => {
            naive.period = MS * random.u32(1..20);
            naive.next = now + naive.period;
            chain.retime(Every::rate(naive.period), now);
            (None, None)
        }
        _ => (chain.fire(now), naive.look(now)),
    };
    assert_eq!(ours, theirs);
    if ours.is_some() {
        let is_delivered = random.bool();
        chain.settle(is_delivered, now);
        naive.settle(is_delivered);
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
        };
        for _ in 0..50 {
            now += Duration::from_micros(random.u64(..100_000));
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
        let tick = chain.fire(now).expect("due");
        assert_eq!((tick.number, tick.missed), (number as u64 + 1, 0));
        chain.settle(true, now);
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
        assert_eq!(chain.fire(start + MS - Duration::from_nanos(1)), None);
        assert!(chain.fire(start + MS).is_some());
    }
}

#[test]
fn one_shot_fires_once_also_when_its_time_has_long_passed() {
    let now = Clock::system().now();
    let mut chain = Chain::once(now.checked_sub(MS));
    assert!(!chain.is_spent());
    let tick = chain.fire(now).expect("due");
    chain.settle(true, now);
    assert_eq!((tick.number, tick.missed), (1, 0));
    assert!(chain.is_spent());
    assert_eq!((chain.fire(now + MS), chain.due()), (None, None));
}

// S5: one chain stays
#[test]
fn a_forced_tick_leaves_the_schedule_as_it_is() {
    let start = Clock::system().now();
    for every in [Every::rate(MS), Every::delay(MS)] {
        let mut chain = Chain::every(every, start);
        let due = chain.due();
        assert_eq!(chain.force(start).number, 1);
        chain.settle(true, start);
        assert_eq!(chain.due(), due);
        assert_eq!(chain.fire(start + MS).map(|tick| tick.number), Some(2));
    }
}

#[test]
fn a_time_beyond_the_end_of_the_clock_never_comes() {
    let start = Clock::system().now();
    let mut chain = Chain::every(Every::rate(Duration::MAX), start);
    assert_eq!(chain.due(), None);
    assert_eq!(chain.fire(start + Duration::from_secs(1 << 40)), None);
    chain.retime(Every::delay(MS), start);
    assert!(chain.fire(start + MS).is_some());
}

#[test]
fn the_longest_lateness_and_the_shortest_period_overflow_nothing() {
    let start = Clock::system().now();
    let period = Duration::from_nanos(1);
    let late = Duration::from_secs(1 << 40);
    let mut chain = Chain::every(Every::rate(period), start);
    let tick = chain.fire(start + late).expect("due");
    assert_eq!(tick.due, start + late);
    assert_eq!(tick.missed, u64::MAX);
    assert_eq!(chain.due(), Some(start + late + period));
    chain.settle(true, start + late);
    assert_eq!(chain.stats().ticks(), u64::MAX);
}

#[test]
fn an_interval_of_zero_is_refused() {
    for every in [Every::rate(Duration::ZERO), Every::delay(Duration::ZERO)] {
        assert_eq!(every.validate(), Err(TimerError::ZeroInterval));
    }
    assert_eq!(Every::rate(Duration::from_nanos(1)).validate(), Ok(()));
}
