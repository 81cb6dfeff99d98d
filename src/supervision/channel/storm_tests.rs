//! Eight receivers and eight blocked senders of one channel, one of which is stopped, again and again.
//!
//! The rounds are few by default; `STEADFAST_STORM=100000` asks for as many.

use std::env;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use fastrand::Rng;
use parking_lot::Mutex;

use super::tests::eventually;
use super::*;
use crate::fault::StopCause;
use crate::kernel::stop::enter_stop;
use crate::supervision::unit::stop_token::StopToken;
use crate::time::{Clock, Deadline};

/// Receivers, and as many senders.
const SIDE: usize = 8;
/// What each sender sends in a round.
const EACH: u64 = 3;
const CAPACITY: usize = 2;
const DEFAULT_ROUNDS: u64 = 400;
/// The longest time, in turns of an empty loop, between a release and a stop.
const TURNS: u32 = 3_000;
const CAUSE: StopCause = StopCause::Requested;

fn rounds() -> u64 {
    let asked = env::var("STEADFAST_STORM").ok();
    asked
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEFAULT_ROUNDS)
}

/// Number and sum of values.
#[derive(Default)]
struct Total {
    count: AtomicU64,
    sum: AtomicU64,
}

impl Total {
    fn add(&self, value: u64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    fn pair(&self) -> (u64, u64) {
        (
            self.count.load(Ordering::Relaxed),
            self.sum.load(Ordering::Relaxed),
        )
    }
}

/// One round: a unit for each thread, and which side begins, and so blocks.
struct Round {
    number: u64,
    receivers: [StopToken; SIDE],
    senders: [StopToken; SIDE],
    receivers_begin: bool,
    /// Lets the other side go.
    gate: Barrier,
    sending: AtomicUsize,
}

impl Round {
    fn new(number: u64) -> Self {
        Self {
            number,
            receivers: [(); SIDE].map(|()| StopToken::new()),
            senders: [(); SIDE].map(|()| StopToken::new()),
            receivers_begin: number.is_multiple_of(2),
            gate: Barrier::new(SIDE + 1),
            sending: AtomicUsize::new(SIDE),
        }
    }

    fn value(&self, sender: usize, index: u64) -> u64 {
        (self.number * SIDE as u64 + sender as u64) * EACH + index + 1
    }
}

/// What the threads of a storm share.
struct Storm {
    round: Mutex<Option<Arc<Round>>>,
    begin: Barrier,
    end: Barrier,
    received: Total,
    given_back: Total,
    /// Receivers that were told to end or given up while they waited.
    ended_early: AtomicU64,
}

impl Storm {
    fn next_round(&self) -> Option<Arc<Round>> {
        self.begin.wait();
        self.round.lock().clone()
    }

    fn receive(&self, rx: &Receiver<u64>, own: usize) {
        while let Some(round) = self.next_round() {
            if !round.receivers_begin {
                round.gate.wait();
            }
            let token = &round.receivers[own];
            while let Ok(Some(value)) = rx.recv(token) {
                self.received.add(value);
            }
            if token.is_halted() {
                self.ended_early.fetch_add(1, Ordering::Relaxed);
            }
            self.end.wait();
        }
    }

    fn send(&self, tx: &Sender<u64>, own: usize) {
        while let Some(round) = self.next_round() {
            if round.receivers_begin {
                round.gate.wait();
            }
            let unit = enter_stop(Arc::clone(round.senders[own].signal()));
            for index in 0..EACH {
                let value = round.value(own, index);
                match tx.send_deadline(value, Deadline::NEVER) {
                    Ok(()) => {}
                    Err(SendError::Stopped(back) | SendError::Fenced(back)) => {
                        assert_eq!(back, value);
                        self.given_back.add(back);
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            drop(unit);
            round.sending.fetch_sub(1, Ordering::Relaxed);
            self.end.wait();
        }
    }

    /// One round as its director sees it. False if somebody slept for ever.
    fn direct(&self, tx: &Sender<u64>, rng: &mut Rng, number: u64) -> bool {
        let round = Arc::new(Round::new(number));
        *self.round.lock() = Some(Arc::clone(&round));
        self.begin.wait();
        let link = &tx.link;
        if round.receivers_begin {
            eventually(|| link.not_empty.len() == SIDE);
        } else {
            eventually(|| link.not_full.len() == SIDE);
        }
        let stop_first = rng.bool();
        if stop_first {
            stop_one(&round, rng);
        }
        round.gate.wait();
        if !stop_first {
            stop_one(&round, rng);
        }
        let clock = Clock::system();
        let until = clock.deadline(super::tests::PATIENCE);
        let sent = || round.sending.load(Ordering::Relaxed) == 0;
        while !sent() && !until.is_past(clock.now()) {
            std::thread::yield_now();
        }
        let nobody_slept = sent();
        let all = round.receivers.iter().chain(&round.senders);
        for token in all {
            if nobody_slept {
                token.drain(CAUSE, None);
            } else {
                token.halt(CAUSE);
            }
        }
        self.end.wait();
        nobody_slept
    }
}

/// Stops one receiver and one sender, each in a way and at a moment of its own.
fn stop_one(round: &Round, rng: &mut Rng) {
    for side in [&round.receivers, &round.senders] {
        for turn in 0..rng.u32(0..TURNS) {
            std::hint::black_box(turn);
        }
        let token = &side[rng.usize(0..SIDE)];
        match rng.u8(0..4) {
            0 => token.drain(CAUSE, None),
            1 => token.fence(CAUSE),
            _ => token.halt(CAUSE),
        }
    }
}

#[test]
fn stops_among_eight_receivers_and_eight_blocked_senders_lose_nothing() {
    let rounds = rounds();
    let storm = Storm {
        round: Mutex::new(None),
        begin: Barrier::new(2 * SIDE + 1),
        end: Barrier::new(2 * SIDE + 1),
        received: Total::default(),
        given_back: Total::default(),
        ended_early: AtomicU64::new(0),
    };
    let (tx, rx) = bounded(CAPACITY);
    let mut rng = Rng::with_seed(0x57_0E);
    let mut done = 0;
    std::thread::scope(|scope| {
        for own in 0..SIDE {
            let (storm, tx, rx) = (&storm, tx.clone(), rx.clone());
            scope.spawn(move || storm.receive(&rx, own));
            scope.spawn(move || storm.send(&tx, own));
        }
        while done < rounds && storm.direct(&tx, &mut rng, done) {
            done += 1;
        }
        *storm.round.lock() = None;
        storm.begin.wait();
    });
    assert_eq!(done, rounds, "somebody slept for ever");
    let all = rounds * SIDE as u64 * EACH;
    let (received, given_back) = (storm.received.pair(), storm.given_back.pair());
    assert_eq!(received.0 + given_back.0, all);
    assert_eq!(received.1 + given_back.1, all * (all + 1) / 2);
    let stats = tx.stats();
    assert_eq!((stats.accepted, stats.refused), (received.0, given_back.0));
    assert_eq!(
        (stats.received, stats.depth, stats.dead),
        (received.0, 0, 0)
    );
    assert_eq!(stats.high_water, CAPACITY);
    // Each round began with eight blocked threads; some of them were stopped there.
    assert!(given_back.0 > 0 && storm.ended_early.load(Ordering::Relaxed) > 0);
}

/// Nobody else's notification could repair a lost one: each value waits for the one before it.
#[test]
fn a_value_that_goes_to_and_fro_is_never_slept_through() {
    let trips = rounds() * 10;
    let (there, inbox) = bounded(1);
    let (back, returned) = bounded(1);
    let patience = super::tests::PATIENCE;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while let Ok(Some(value)) = inbox.recv_timeout(patience) {
                back.send(value).unwrap();
            }
        });
        for value in 0..trips {
            there.send(value).unwrap();
            assert_eq!(returned.recv_timeout(patience), Ok(Some(value)));
        }
        drop(there);
    });
}
