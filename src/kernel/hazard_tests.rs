//! Tests of the hazards with real threads; the models are in `loom-tests/hazard.rs`. `unsafe` relies on I3 of the hazards:
//! what one of them protects is not freed.

use std::ptr::NonNull;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::*;
use crate::kernel::graveyard::{Graveyard, Node, Unlinked};
use crate::kernel::test_support::{Mortal, Register, storm};
use crate::sync::{give_way, on_threads};

/// A place that holds a node, and what was there before.
struct Source<'r> {
    register: &'r Register,
    place: AtomicPtr<Node<Mortal<'r>>>,
    graveyard: Graveyard<Mortal<'r>>,
}

impl<'r> Source<'r> {
    fn new(register: &'r Register) -> Self {
        let first = Box::into_raw(Node::new(register.bear(7)));
        Self {
            register,
            place: AtomicPtr::new(first),
            graveyard: Graveyard::new(),
        }
    }

    /// Puts a new node there, and buries what was there.
    fn renew(&self) {
        let new = Box::into_raw(Node::new(self.register.bear(7)));
        let before = self.place.swap(new, Ordering::AcqRel);
        self.graveyard
            .bury(Unlinked::new(NonNull::new(before).expect("never empty")));
    }

    /// Looks at the node that is there, with this hazard.
    fn look(&self, hazard: &mut Hazard<'_>) -> usize {
        let node = hazard.protect(&self.place, |node| !node.is_null());
        // SAFETY: I3: the hazard protects it.
        let seen = unsafe { &*node }.item();
        if seen.number().is_multiple_of(8) {
            give_way();
        }
        assert_eq!(seen.key(), 7);
        seen.number()
    }

    /// Buries all, and gives it up.
    fn close(self) {
        let last = NonNull::new(self.place.swap(ptr::null_mut(), Ordering::AcqRel));
        self.graveyard
            .bury(Unlinked::new(last.expect("never empty")));
        drop(self.graveyard.dig(&DOMAIN));
    }
}

#[test]
fn what_is_looked_at_lives_and_what_is_not_goes() {
    let rounds = storm(2_000);
    let most = 50 * rounds;
    let register = Register::new(most + 1);
    let source = Source::new(&register);
    let (kept, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    on_threads(3, |thread| {
        if thread > 0 {
            let mut last = 0;
            while !is_over.load(Ordering::Relaxed) {
                let seen = source.look(&mut DOMAIN.hazard());
                assert!(seen >= last, "an older node came back");
                last = seen;
            }
            return;
        }
        // Until a digger has met a reader.
        for round in 0..most {
            if round >= rounds && kept.load(Ordering::Relaxed) > 0 {
                break;
            }
            source.renew();
            drop(source.graveyard.dig(&DOMAIN));
            let left = source.graveyard.count();
            assert!(left <= 2, "each of two readers keeps one at most: {left}");
            kept.fetch_add(left, Ordering::Relaxed);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(kept.into_inner() > 0, "no digger met a reader");
    source.close();
    register.close();
}

#[test]
fn a_reader_that_stalls_keeps_one_node_however_many_go() {
    const WRITERS: usize = 3;
    /// In its place; under the stalled look; per writer one in hand, and what it could see while others dug.
    const MOST: usize = 2 + WRITERS * (WRITERS + 2);
    let each = storm(1_000);
    let register = Register::new(WRITERS * each + 1);
    let source = Source::new(&register);
    let (looks, done) = (Barrier::new(WRITERS + 1), Barrier::new(WRITERS + 1));
    on_threads(WRITERS + 1, |thread| {
        if thread == WRITERS {
            let mut hazard = DOMAIN.hazard();
            assert_eq!(source.look(&mut hazard), 0);
            looks.wait();
            done.wait();
            drop(source.graveyard.dig(&DOMAIN));
            assert_eq!((source.graveyard.count(), register.living()), (1, 2));
            return;
        }
        looks.wait();
        for _ in 0..each {
            source.renew();
            drop(source.graveyard.dig(&DOMAIN));
            assert!(source.graveyard.count() <= MOST);
        }
        done.wait();
    });
    source.close();
    register.close();
}

#[test]
fn hazards_that_are_held_at_once_protect_each_its_own() {
    const THREADS: usize = 4;
    const EACH: usize = 3;
    let places: Vec<_> = (0..THREADS * EACH).map(|_| 0_u64).collect();
    let addresses: Vec<_> = places.iter().map(|it| ptr::from_ref(it).addr()).collect();
    let shields_of = |domain: &Domain| {
        let found = domain.shielded();
        let of_all = addresses.iter().filter(|it| found.contains(it));
        of_all.count()
    };
    let (held, seen) = (Barrier::new(THREADS), Barrier::new(THREADS));
    for _ in 0..20 {
        on_threads(THREADS, |thread| {
            let own = &places[thread * EACH..][..EACH];
            let shield = |place: &u64| {
                let source = AtomicPtr::new(ptr::from_ref(place).cast_mut());
                let mut hazard = DOMAIN.hazard();
                hazard.protect(&source, |_| true);
                hazard
            };
            let hazards: Vec<_> = own.iter().map(shield).collect();
            held.wait();
            assert_eq!(shields_of(&DOMAIN), THREADS * EACH);
            seen.wait();
            drop(hazards);
        });
        assert_eq!(shields_of(&DOMAIN), 0, "a shield outlives its hazard");
    }
}

#[test]
fn a_thread_that_looks_while_it_ends_keeps_no_record() {
    struct LooksLast;
    impl Drop for LooksLast {
        fn drop(&mut self) {
            drop(DOMAIN.hazard());
        }
    }
    thread_local! {
        static LAST: LooksLast = const { LooksLast };
    }
    let before = DOMAIN.records().count();
    for _ in 0..200 {
        // Destructors run in the reverse order: the record is given back before the last look.
        on_threads(1, |_| {
            LAST.with(|_| {});
            drop(DOMAIN.hazard());
        });
    }
    let added = DOMAIN.records().count() - before;
    // Other tests run beside this one.
    assert!(added < 100, "200 threads have left {added} records");
}

#[test]
#[ignore = "a race, planted for the ThreadSanitizer: .ci/tsan fails if it is not found"]
fn planted_race() {
    let register = Register::new(100_001);
    let source = Source::new(&register);
    let is_over = AtomicBool::new(false);
    on_threads(2, |thread| {
        if thread == 0 {
            (0..100_000).for_each(|_| {
                source.renew();
                drop(source.graveyard.dig(&DOMAIN));
            });
            is_over.store(true, Ordering::Relaxed);
        }
        while !is_over.load(Ordering::Relaxed) {
            let node = source.place.load(Ordering::Acquire);
            // SAFETY: none: I3 is broken on purpose, no hazard protects it.
            std::hint::black_box(unsafe { &*node }.item().number());
            give_way();
        }
    });
}
