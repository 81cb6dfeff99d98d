//! White box: waits are seen in the lists, stops are raised by hand.

use std::sync::Arc;
use std::time::Duration;

use super::obeyed::Obeyed;
use super::sender::Patience;
use super::*;
use crate::fault::{Category, Classify, StopCause};
use crate::kernel::stop::enter_stop;
use crate::supervision::unit::stop_token::StopToken;
use crate::telemetry::{Filter, Recorder, Telemetry};
use crate::time::{Clock, Deadline, ManualClock};

const SECOND: Duration = Duration::from_secs(1);
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
const CAUSE: StopCause = StopCause::Requested;

/// Looks until `condition` holds.
#[track_caller]
pub(super) fn eventually(condition: impl Fn() -> bool) {
    let clock = Clock::system();
    let until = clock.deadline(PATIENCE);
    while !condition() {
        assert!(!until.is_past(clock.now()), "it does not come true");
        std::thread::yield_now();
    }
}

/// A channel by the manual clock, full of zeros.
fn full(manual: &ManualClock, capacity: usize) -> (Sender<u32>, Receiver<u32>) {
    let (tx, rx) = timed(manual, capacity);
    (0..capacity).for_each(|_| tx.try_send(0).unwrap());
    (tx, rx)
}

fn timed(manual: &ManualClock, capacity: usize) -> (Sender<u32>, Receiver<u32>) {
    let options = Options::new(capacity).clock(manual.clock());
    options.open().unwrap()
}

fn send_all<const N: usize>(tx: &Sender<u32>, values: [u32; N]) {
    for value in values {
        tx.send(value).unwrap();
    }
}

/// Sends on a thread that carries the unit of `token`, and stops it by `stop` once it waits.
fn stopped_while_blocked(stop: impl FnOnce(&StopToken)) -> Result<(), SendError<u32>> {
    let (tx, _rx) = full(&ManualClock::new(), 1);
    let token = StopToken::new();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let _unit = enter_stop(Arc::clone(token.signal()));
            tx.send(7)
        });
        eventually(|| tx.link.not_full.len() == 1);
        stop(&token);
        sender.join().unwrap()
    })
}

// decision 26
#[test]
fn a_full_channel_gives_the_value_back() {
    let (tx, _rx) = full(&ManualClock::new(), 2);
    let refused = tx.try_send(7).unwrap_err();
    assert!(matches!(refused, SendError::Full(7)), "{refused}");
    assert!(refused.is_retryable());
    assert_eq!(refused.into_inner(), 7);
}

// decision 26
#[test]
fn a_channel_that_stays_full_gives_the_value_back_at_the_deadline() {
    let manual = ManualClock::new();
    let (tx, _rx) = full(&manual, 1);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| tx.send_timeout(7, SECOND));
        manual.wait_for_sleepers(1);
        manual.advance(SECOND);
        let refused = sender.join().unwrap().unwrap_err();
        assert!(matches!(refused, SendError::Timeout(7)), "{refused}");
        assert_eq!(refused.category(), Category::Deadline);
    });
}

#[test]
fn a_send_waits_five_seconds_unless_told_otherwise() {
    let manual = ManualClock::new();
    let (tx, _rx) = full(&manual, 1);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| tx.send(7));
        manual.wait_for_sleepers(1);
        manual.advance(DEFAULT_SEND - Duration::from_nanos(1));
        assert_eq!(manual.sleepers(), 1);
        manual.advance(Duration::from_nanos(1));
        let refused = sender.join().unwrap().unwrap_err();
        assert!(matches!(refused, SendError::Timeout(7)), "{refused}");
    });
}

#[test]
fn a_channel_without_receivers_gives_the_value_back() {
    let (tx, rx) = bounded(2);
    drop(rx);
    let refused = [tx.try_send(7), tx.send(7), tx.send_timeout(7, SECOND)];
    for refused in refused {
        assert!(matches!(refused, Err(SendError::Disconnected(7))));
    }
}

#[test]
fn the_last_receiver_wakes_all_blocked_senders() {
    let (tx, rx) = full(&ManualClock::new(), 1);
    std::thread::scope(|scope| {
        let senders = [1, 2, 3].map(|value| {
            scope.spawn({
                let tx = tx.clone();
                move || tx.send(value)
            })
        });
        eventually(|| tx.link.not_full.len() == 3);
        drop(rx);
        for (value, sender) in (1..).zip(senders) {
            let refused = sender.join().unwrap().unwrap_err();
            assert!(matches!(refused, SendError::Disconnected(_)), "{refused}");
            assert_eq!(refused.into_inner(), value);
        }
    });
}

#[test]
fn a_unit_told_to_end_gets_the_value_of_its_blocked_send_back() {
    let sent = stopped_while_blocked(|token| token.halt(CAUSE));
    assert!(matches!(sent, Err(SendError::Stopped(7))));
}

#[test]
fn a_unit_given_up_gets_the_value_of_its_blocked_send_back() {
    let sent = stopped_while_blocked(|token| token.fence(CAUSE));
    assert!(matches!(sent, Err(SendError::Fenced(7))));
}

#[test]
fn a_blocked_send_of_a_draining_unit_goes_on() {
    let (tx, rx) = full(&ManualClock::new(), 1);
    let token = StopToken::new();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let _unit = enter_stop(Arc::clone(token.signal()));
            tx.send(7)
        });
        eventually(|| tx.link.not_full.len() == 1);
        token.drain(CAUSE, None);
        assert_eq!(rx.try_recv(), Ok(Some(0)));
        assert!(sender.join().unwrap().is_ok());
        assert_eq!(rx.try_recv(), Ok(Some(7)));
    });
}

#[test]
fn a_blocked_send_of_a_draining_unit_ends_at_the_drain_deadline() {
    let manual = ManualClock::new();
    let (tx, _rx) = full(&manual, 1);
    let token = StopToken::new();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let patience = Patience::Until(Deadline::NEVER);
            tx.send_waiting(7, patience, &Obeyed::of(&token))
        });
        eventually(|| tx.link.not_full.len() == 1);
        // The deadline is by the clock of the unit, here the real one; the channel waits as long by its own.
        token.drain(CAUSE, Some(Clock::system().now() + SECOND));
        manual.wait_for_sleepers(1);
        manual.advance(SECOND);
        let refused = sender.join().unwrap().unwrap_err();
        assert!(matches!(refused, SendError::Stopped(7)), "{refused}");
    });
}

#[test]
fn a_later_stop_brings_the_end_of_a_blocked_send_forward() {
    let (tx, _rx) = bounded(1);
    tx.try_send(0).unwrap();
    let token = StopToken::new();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let patience = Patience::For(PATIENCE);
            tx.send_waiting(7, patience, &Obeyed::of(&token))
        });
        eventually(|| token.signal().waiting() == 1);
        let now = Clock::system().now();
        token.drain(CAUSE, Some(now + 2 * PATIENCE));
        eventually(|| token.signal().waiting() == 1);
        token.drain(CAUSE, Some(now));
        let refused = sender.join().unwrap().unwrap_err();
        assert!(matches!(refused, SendError::Stopped(7)), "{refused}");
    });
}

#[test]
fn a_later_stop_with_a_later_deadline_lets_a_blocked_send_go_on() {
    let manual = ManualClock::new();
    let (tx, rx) = full(&manual, 1);
    let token = StopToken::new();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let patience = Patience::Until(Deadline::NEVER);
            tx.send_waiting(7, patience, &Obeyed::of(&token))
        });
        eventually(|| tx.link.not_full.len() == 1);
        let now = Clock::system().now();
        token.drain(CAUSE, Some(now + SECOND));
        manual.wait_for_sleepers(1);
        token.drain(CAUSE, Some(now + 2 * PATIENCE));
        manual.advance(SECOND);
        eventually(|| token.signal().waiting() == 1 && tx.link.not_full.len() == 1);
        assert_eq!(rx.try_recv(), Ok(Some(0)));
        assert!(sender.join().unwrap().is_ok());
    });
}

#[test]
fn the_own_deadline_of_a_send_holds_in_a_draining_unit_too() {
    let manual = ManualClock::new();
    let (tx, _rx) = full(&manual, 1);
    let token = StopToken::new();
    token.drain(CAUSE, Some(Clock::system().now() + PATIENCE));
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let patience = Patience::For(SECOND);
            tx.send_waiting(7, patience, &Obeyed::of(&token))
        });
        manual.wait_for_sleepers(1);
        manual.advance(SECOND);
        let refused = sender.join().unwrap().unwrap_err();
        assert!(matches!(refused, SendError::Timeout(7)), "{refused}");
    });
}

#[test]
fn a_stopping_unit_sends_while_there_is_room() {
    for stop in [StopToken::halt, |token: &StopToken, cause| {
        token.drain(cause, None)
    }] {
        let token = StopToken::new();
        let _unit = enter_stop(Arc::clone(token.signal()));
        stop(&token, CAUSE);
        let (tx, _rx) = bounded(1);
        assert!(tx.send(1).is_ok());
        let sent = tx.send_timeout(2, Duration::ZERO);
        assert!(matches!(
            sent,
            Err(SendError::Timeout(2) | SendError::Stopped(2))
        ));
    }
}

// decision 21
#[test]
fn a_unit_given_up_neither_sends_nor_receives() {
    let token = StopToken::new();
    let _unit = enter_stop(Arc::clone(token.signal()));
    let (tx, rx) = bounded(4);
    tx.send(1).unwrap();
    token.fence(CAUSE);
    for sent in [
        tx.try_send(2),
        tx.send(2),
        tx.send_deadline(2, Deadline::NEVER),
    ] {
        assert!(matches!(sent, Err(SendError::Fenced(2))));
    }
    assert_eq!(rx.recv(&token), Err(RecvError::Fenced));
    assert_eq!(rx.try_recv(), Err(RecvError::Fenced));
    assert_eq!(rx.recv_timeout(SECOND), Err(RecvError::Fenced));
    assert_eq!(rx.drain().count() + rx.iter(&token).count(), 0);
    assert_eq!(rx.depth(), 1);
}

#[test]
fn a_stop_wakes_a_waiting_receiver() {
    for stop in [StopToken::halt, |token: &StopToken, cause| {
        token.drain(cause, None)
    }] {
        let (tx, rx) = bounded::<u32>(1);
        let token = StopToken::new();
        std::thread::scope(|scope| {
            let receiver = scope.spawn(|| rx.recv(&token));
            eventually(|| tx.link.not_empty.len() == 1);
            stop(&token, CAUSE);
            assert_eq!(receiver.join().unwrap(), Ok(None));
        });
    }
}

#[test]
fn a_draining_unit_reads_what_was_queued_and_ends() {
    let (tx, rx) = bounded(8);
    let token = StopToken::new();
    send_all(&tx, [1, 2, 3]);
    token.drain(CAUSE, None);
    assert_eq!(rx.recv(&token), Ok(Some(1)));
    send_all(&tx, [4, 5]);
    assert_eq!(rx.iter(&token).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(rx.recv(&token), Ok(None));
    assert_eq!((rx.depth(), token.left()), (2, 2));
    let next = StopToken::new();
    assert_eq!(rx.recv(&next), Ok(Some(4)));
}

#[test]
fn a_halted_unit_leaves_what_is_queued_and_notes_it_once() {
    let (tx, rx) = bounded(8);
    let token = StopToken::new();
    send_all(&tx, [1, 2, 3]);
    token.halt(CAUSE);
    assert_eq!(rx.recv(&token), Ok(None));
    assert_eq!(rx.recv(&token), Ok(None));
    assert_eq!((rx.depth(), token.left()), (3, 3));
}

#[test]
fn a_unit_whose_drain_deadline_came_leaves_the_rest() {
    let (tx, rx) = bounded(8);
    let token = StopToken::new();
    send_all(&tx, [1, 2]);
    token.drain(CAUSE, Some(Clock::system().now()));
    assert_eq!(rx.recv(&token), Ok(None));
    assert_eq!(token.left(), 2);
}

#[test]
fn a_receiver_ends_after_the_last_sender_and_the_last_value() {
    let (tx, rx) = bounded(4);
    let (again, token) = (tx.clone(), StopToken::new());
    tx.send(1).unwrap();
    drop(tx);
    again.send(2).unwrap();
    drop(again);
    assert_eq!(rx.iter(&token).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(rx.recv(&token), Ok(None));
    assert_eq!(rx.try_recv(), Ok(None));
    assert_eq!(rx.recv_timeout(SECOND), Ok(None));
}

#[test]
fn the_last_sender_wakes_all_waiting_receivers() {
    let (tx, rx) = bounded::<u32>(1);
    let token = StopToken::new();
    std::thread::scope(|scope| {
        let receivers = [(); 3].map(|()| scope.spawn(|| rx.recv(&token)));
        eventually(|| rx.link.not_empty.len() == 3);
        drop(tx);
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), Ok(None));
        }
    });
}

#[test]
fn nothing_came_until_the_deadline_is_an_error() {
    let manual = ManualClock::new();
    let (tx, rx) = timed(&manual, 1);
    assert_eq!(rx.try_recv(), Err(RecvError::Empty));
    std::thread::scope(|scope| {
        let receiver = scope.spawn(|| rx.recv_timeout(SECOND));
        manual.wait_for_sleepers(1);
        manual.advance(SECOND);
        assert_eq!(receiver.join().unwrap(), Err(RecvError::Timeout));
        let receiver = scope.spawn(|| rx.recv_deadline(manual.clock().deadline(SECOND)));
        manual.wait_for_sleepers(1);
        tx.send(7).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(Some(7)));
    });
}

/// Two wait, one value comes, and who was told of it is stopped at once.
fn stopped_after_its_notification(stop: fn(&StopToken, StopCause)) {
    let mut passed_on = 0;
    for _ in 0..200 {
        let (tx, rx) = bounded(1);
        let (stopped, other) = (StopToken::new(), StopToken::new());
        std::thread::scope(|scope| {
            let first = scope.spawn(|| rx.recv(&stopped));
            eventually(|| rx.link.not_empty.len() == 1);
            let second = scope.spawn(|| rx.recv(&other));
            eventually(|| rx.link.not_empty.len() == 2);
            tx.send(7).unwrap();
            stop(&stopped, CAUSE);
            match first.join().unwrap() {
                Ok(Some(value)) => tx.send(value).unwrap(),
                Ok(None) | Err(_) => passed_on += 1,
            }
            assert_eq!(second.join().unwrap(), Ok(Some(7)));
        });
    }
    assert!(passed_on > 0, "no stop came between notice and receive");
}

#[test]
fn one_of_several_waiting_receivers_that_stops_passes_its_notification_on() {
    stopped_after_its_notification(StopToken::halt);
}

#[test]
fn one_of_several_waiting_receivers_that_is_given_up_passes_its_notification_on() {
    stopped_after_its_notification(StopToken::fence);
}

#[test]
fn one_of_several_blocked_senders_that_is_given_up_passes_its_notification_on() {
    let mut passed_on = 0;
    for _ in 0..200 {
        let (tx, rx) = bounded(1);
        tx.send(0).unwrap();
        let token = StopToken::new();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                let _unit = enter_stop(Arc::clone(token.signal()));
                tx.send(1)
            });
            eventually(|| tx.link.not_full.len() == 1);
            let second = scope.spawn(|| tx.send_deadline(2, Deadline::NEVER));
            eventually(|| tx.link.not_full.len() == 2);
            assert_eq!(rx.try_recv(), Ok(Some(0)));
            token.fence(CAUSE);
            match first.join().unwrap() {
                Ok(()) => assert_eq!(rx.try_recv(), Ok(Some(1))),
                Err(_) => passed_on += 1,
            }
            assert!(second.join().unwrap().is_ok());
        });
    }
    assert!(passed_on > 0, "no stop came between notice and send");
}

#[test]
fn a_drain_takes_all_and_makes_room_for_all_that_wait() {
    let (tx, rx) = full(&ManualClock::new(), 3);
    std::thread::scope(|scope| {
        let senders = [1, 2, 3].map(|value| {
            scope.spawn({
                let tx = tx.clone();
                move || tx.send(value)
            })
        });
        eventually(|| tx.link.not_full.len() == 3);
        assert_eq!(rx.drain().len(), 3);
        for sender in senders {
            sender.join().unwrap().unwrap();
        }
    });
    assert_eq!(rx.drain().sum::<u32>(), 6);
}

#[test]
fn what_is_queued_dies_with_the_last_receiver() {
    let (tx, rx) = bounded(4);
    let value = Arc::new(());
    (0..3).for_each(|_| tx.send(Arc::clone(&value)).unwrap());
    let again = rx.clone();
    drop(rx);
    assert_eq!(again.try_recv().map(|value| value.is_some()), Ok(true));
    drop(again);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(tx.send(value).is_err());
    let stats = tx.stats();
    assert_eq!((stats.accepted, stats.refused), (3, 1));
    assert_eq!((stats.received, stats.depth, stats.dead), (1, 0, 2));
}

#[test]
fn a_value_that_holds_a_sender_of_its_own_channel_is_dropped_with_it() {
    struct Held(#[expect(dead_code, reason = "held, not read")] Sender<Held>);
    let (tx, rx) = bounded(2);
    tx.send(Held(tx.clone())).unwrap();
    drop(rx);
    assert_eq!(tx.stats().dead, 1);
}

#[test]
fn values_sent_beside_the_last_receiver_are_refused_or_dead() {
    for round in 0..2_000_u64 {
        let (tx, rx) = bounded(4096);
        let value = Arc::new(());
        std::thread::scope(|scope| {
            scope.spawn(|| while tx.send(Arc::clone(&value)).is_ok() {});
            eventually(|| tx.stats().accepted > round % 50);
            drop(rx);
        });
        let stats = tx.stats();
        assert_eq!((stats.refused, stats.depth), (1, 0), "{stats:?}");
        assert_eq!((stats.dead, Arc::strong_count(&value)), (stats.accepted, 1));
    }
}

#[test]
fn the_counters_add_up() {
    let (tx, rx) = bounded(3);
    let sent = (0..5).filter(|value| tx.try_send(*value).is_ok()).count();
    assert_eq!((sent, rx.try_recv()), (3, Ok(Some(0))));
    let stats = rx.stats();
    assert_eq!(
        (stats.accepted, stats.refused, stats.attempted()),
        (3, 2, 5)
    );
    assert_eq!((stats.received, stats.depth, stats.dead), (1, 2, 0));
    assert_eq!((stats.capacity, stats.high_water), (3, 3));
}

#[test]
fn the_depth_is_sampled_at_every_64th_send() {
    let (tx, rx) = bounded(1000);
    (0..64).for_each(|value| tx.send(value).unwrap());
    rx.drain().for_each(drop);
    assert_eq!(tx.stats().high_water, 64);
}

// property 62
#[test]
fn options_are_refused_with_all_their_faults() {
    let faults = Options::new(0).name("").open::<()>().unwrap_err();
    assert_eq!(
        faults.faults(),
        [ChannelFault::ZeroCapacity, ChannelFault::EmptyName]
    );
    let large = Options::default()
        .capacity(usize::MAX)
        .validate()
        .unwrap_err();
    let capacity = usize::MAX;
    assert_eq!(
        large.faults(),
        [ChannelFault::CapacityTooLarge { capacity }]
    );
    assert_eq!(large.category(), Category::Validation);
}

// The clock was read twice, so a clock that was turned in between left the send waiting for ever.
#[test]
fn a_drain_deadline_by_the_clock_of_the_unit_is_that_very_instant() {
    let clock = Clock::system();
    let token = StopToken::new();
    let until = clock.now() + Duration::from_secs(60);
    token.drain(StopCause::Shutdown, Some(until));
    let unit = Obeyed::of(&token);
    assert_eq!(
        unit.drain_deadline(unit.drain_until(), &clock),
        Deadline::at(until)
    );
    let turned = ManualClock::new().clock();
    assert_ne!(
        unit.drain_deadline(unit.drain_until(), &turned),
        Deadline::at(until)
    );
}

// decision 25
#[test]
fn a_channel_always_has_a_bound_of_at_least_one() {
    assert_eq!(bounded::<()>(0).0.capacity(), 1);
    let (tx, rx) = bounded(usize::MAX);
    assert_eq!(tx.capacity(), MAX_CAPACITY);
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(Some(1)));
}

#[test]
fn refused_sends_are_events() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::Kind("channel.refused".into()));
    let options = Options::new(1).name("jobs").telemetry(telemetry);
    let (tx, rx) = options.open().unwrap();
    tx.send(1).unwrap();
    tx.try_send(2).unwrap_err();
    drop(rx);
    tx.try_send(3).unwrap_err();
    recorder.wait_for(PATIENCE, "channel.refused", 2);
}

#[test]
fn ends_are_shown_without_their_values() {
    struct Opaque;
    let (tx, rx) = Options::new(2).name("jobs").open::<Opaque>().unwrap();
    assert!(format!("{tx:?}").starts_with("Sender { name: Some(\"jobs\"), capacity: 2"));
    assert!(format!("{rx:?}").starts_with("Receiver"));
    drop(rx);
    let refused = tx.send(Opaque).unwrap_err();
    assert_eq!(format!("{refused:?}"), "Disconnected(..)");
    assert_eq!(refused.to_string(), "the channel has no receiver left");
}
