//! Tests of the keys: what becomes of those that are given up, one by one and in a storm.

use std::hash::{Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;

use super::Keys;
use crate::kernel::test_support::{Mortal, Register, storm};
use crate::sync::on_threads;

impl Hash for Mortal<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq for Mortal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Mortal<'_> {}

/// What belongs to a key: it can be given up while nobody uses it, which is decided in one step.
#[derive(Default)]
struct Uses(AtomicUsize);

const RETIRED: usize = usize::MAX;

impl Uses {
    fn retire(&self) -> bool {
        let retired = self
            .0
            .compare_exchange(0, RETIRED, Ordering::Relaxed, Ordering::Relaxed);
        retired.is_ok()
    }

    /// None if it was given up.
    fn enter(&self) -> Option<()> {
        let entered = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |uses| {
                (uses != RETIRED).then(|| uses + 1)
            });
        entered.ok().map(drop)
    }

    fn leave(&self) -> Option<()> {
        assert_ne!(
            self.0.fetch_sub(1, Ordering::Relaxed),
            RETIRED,
            "a key in use was given up"
        );
        Some(())
    }
}

type Shared<'r> = Keys<Mortal<'r>, Uses, RandomState>;

fn shared<'r>(most: usize) -> Shared<'r> {
    Keys::new(most, RandomState::new())
}

fn add<'r>(keys: &Shared<'r>, key: &Mortal<'r>) -> bool {
    let entered = keys.find_or_add(key, Uses::enter, Uses::default, Uses::retire);
    entered.is_ok()
}

#[test]
fn a_key_that_is_given_up_is_dropped_by_who_gives_it_up() {
    let register = Register::new(100);
    let keys = shared(16);
    let asked: Vec<_> = (0..4).map(|key| register.bear(key)).collect();
    assert!(asked.iter().all(|key| add(&keys, key)));
    assert_eq!((register.living(), keys.collect(Uses::retire)), (8, 0));
    for key in &asked {
        keys.find(key, Uses::leave);
    }
    assert_eq!((keys.collect(Uses::retire), register.living()), (4, 4));
    drop((asked, keys));
    register.close();
}

/// Threads use keys beyond the bound, and give up what nobody uses.
#[test]
fn no_key_in_use_is_given_up_and_each_is_dropped_once() {
    const THREADS: usize = 4;
    const MOST: usize = 6;
    let rounds = storm(2_000);
    let register = Register::new(3 * THREADS * rounds);
    let keys = shared(MOST);
    let seen = on_threads(THREADS, |thread| {
        let mut rng = Rng::with_seed(thread as u64);
        let (mut full, mut collected) = (0, 0);
        for _ in 0..rounds {
            let key = register.bear(rng.u64(..12));
            if add(&keys, &key) {
                assert_eq!(keys.find(&key, Uses::leave), Some(()), "it was in use");
            } else {
                full += 1;
            }
            if rng.u32(..8) == 0 {
                collected += keys.collect(Uses::retire);
            }
            assert!(keys.len() <= MOST);
        }
        (full, collected)
    });
    assert!(seen.iter().all(|it| it.1 > 0), "nothing was given up");
    keys.for_each(|uses| assert_eq!(uses.0.load(Ordering::Relaxed), 0));
    keys.collect(Uses::retire);
    assert_eq!((keys.len(), register.living()), (0, 0));
    register.close();
}
