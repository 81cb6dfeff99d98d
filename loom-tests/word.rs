//! Models of the word: updaters and readers; nothing is lost, nothing is torn.

use super::runner::{Model, here};
use crate::kernel::word::Word;
use crate::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Takes the next number below `bound`; 0 if there is none.
fn take(word: &Word, bound: u64) -> u64 {
    let next = |bits| {
        if bits < bound {
            Ok((bits + 1, bits + 1))
        } else {
            Err(())
        }
    };
    word.decide(next).unwrap_or(0)
}

/// Three threads take one of two numbers each.
/// Allowed: each of the two is taken once, by any thread; one is refused. Forbidden: a number twice, two refused.
#[test]
fn exactly_as_many_pass_as_there_is_room_for() {
    let ends = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    Model::new(here!(), || Word::new(0)).floor(11_000).run(
        ends.map(|taken| (taken, 2)),
        [|it| take(it, 2), |it| take(it, 2), |it| take(it, 2)],
        |it, taken| (taken, it.load()),
    );
}

/// Two threads count both halves of a word up, twice and once; a third looks twice.
/// Allowed: what the third sees never falls. Forbidden: halves that differ, a count that is lost.
#[test]
fn no_look_is_torn_and_no_count_lost() {
    const BOTH: u64 = 1 | 1 << 32;
    fn count(word: &Word) {
        let counted: Result<(), ()> = word.decide(|bits| Ok((bits + BOTH, ())));
        assert!(counted.is_ok());
    }
    fn half(bits: u64) -> u64 {
        assert_eq!(bits >> 32, bits & 0xFFFF_FFFF, "torn");
        bits & 0xFFFF_FFFF
    }
    let looks = (0..=3).flat_map(|one| (one..=3).map(move |other| [one, other]));
    Model::new(here!(), || Word::new(0))
        .floor(4_000)
        .preemptions(3)
        .run(
            looks,
            [
                |it| {
                    count(it);
                    count(it);
                    [0, 0]
                },
                |it| {
                    count(it);
                    [0, 0]
                },
                |it| [half(it.load()), half(it.load())],
            ],
            |it, [_, _, looks]| {
                assert_eq!(half(it.load()), 3);
                looks
            },
        );
}

/// A word, and a value that is written before it is changed: Relaxed, so that only the word makes it visible.
struct Carried {
    word: Word,
    value: AtomicU8,
}

fn carried() -> Carried {
    Carried {
        word: Word::new(0),
        value: AtomicU8::new(0),
    }
}

fn announce(it: &Carried) -> Option<u8> {
    it.value.store(7, Relaxed);
    let announced: Result<(), ()> = it.word.decide(|bits| Ok((bits | 1, ())));
    announced.ok().and(None)
}

/// One thread writes and then changes the word, another looks at the word and then reads.
/// Allowed: the old word; the new word and the new value. Forbidden: the new word and the old value.
/// Broken by: a Relaxed swap, a Relaxed look.
#[test]
fn who_sees_a_change_sees_what_was_done_before_it() {
    Model::new(here!(), carried)
        .floor(4)
        .breaks(["word.swap", "word.look"])
        .run(
            [None, Some(7)],
            [announce, |it| {
                (it.word.load() == 1).then(|| it.value.load(Relaxed))
            }],
            |_, [_, seen]| seen,
        );
}

/// As above, where the other decides about the word instead of looking at it: its own swap acquires.
/// Broken by: a Relaxed swap.
#[test]
fn who_decides_upon_a_change_sees_what_was_done_before_it() {
    Model::new(here!(), carried)
        .floor(4)
        .breaks(["word.swap"])
        .run(
            [None, Some(7)],
            [announce, |it| {
                let decided = it.word.decide(|bits| Ok::<_, ()>((bits | 2, bits)));
                (decided == Ok(1)).then(|| it.value.load(Relaxed))
            }],
            |it, [_, seen]| {
                assert_eq!(it.word.load(), 3);
                seen
            },
        );
}
