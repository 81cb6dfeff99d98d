//! Flights: of those who want the same thing at the same time one gets it, and the others wait for what becomes of it.
//!
//! # State
//! ```text
//!   stripe of a hash: aloft, how many flights there are; withdrawals, how many, ever; and under a lock the flights
//!   flight: hash, number, owner, withdrawn, and a landing as soon as somebody waits for it
//!   landing: the outcome, once there is one; and who waits
//! ```
//!
//! # Invariants
//! * I1: of one hash there is one flight at most; who boards first leads, the others wait at its landing.
//! * I2: a flight that was boarded lands once, whatever becomes of it; with it the hash is free again.
//! * I3: `aloft` is stored under the lock only, and equals the number of flights whenever the lock is free.
//!
//! # Protocol
//! * P1 `board`: lock; a flight of this hash: wait at its landing. None: add one, count; unlock; fence.
//! * P2 `withdraw`: fence; none aloft: done. Else lock, and mark the flight of this hash.
//! * P3 `is_wanted`, behind the door: nothing was withdrawn in this stripe since: yes. Else lock; is the flight not marked?
//! * P4 `land`: lock; take the flight out, count; unlock. If somebody waits: put the outcome down, wake all.
//!
//! # No withdrawal is missed
//! The leader boards and then looks at the world, which it loads from (P1); who withdraws has changed the world and then
//! looks whether something is aloft (P2). Both have a `fence(SeqCst)` in between: either the withdrawal sees the flight,
//! or the leader sees the changed world. P3 is asked behind a door, a lock such as the gate of a shard, through which who
//! withdraws passes after P2: either P3 sees the withdrawal, or what it let in is there to be removed.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `flights.board` | SeqCst (fence) | `flights.withdraw` | the handshake above |
//! | `flights.withdraw` | SeqCst (fence) | `flights.board` | the handshake above |

use std::fmt;
use std::time::Instant;

use crossbeam_utils::CachePadded;

use super::stop::StopSignal;
use super::waiters::{Alarm, WaitList, Wake, wait_for};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, fence, ord};

/// Flights of different hashes rarely meet in one of so many stripes.
const STRIPES: usize = 16;

/// What is under way. `I` tells owners apart, `O` is what a flight comes to.
pub(crate) struct Flights<I, O> {
    stripes: Box<[CachePadded<Stripe<I, O>>]>,
}

struct Stripe<I, O> {
    aloft: AtomicUsize,
    withdrawals: AtomicUsize,
    flights: Mutex<Manifest<I, O>>,
}

struct Manifest<I, O> {
    flights: Vec<Flight<I, O>>,
    last: u64,
    /// As in the stripe, which its writer never reads.
    withdrawals: usize,
}

struct Flight<I, O> {
    hash: u64,
    number: u64,
    owner: I,
    withdrawn: bool,
    landing: Option<Arc<Landing<O>>>,
}

/// Where the outcome of a flight is waited for.
pub(crate) struct Landing<O> {
    outcome: Mutex<Option<O>>,
    waiting: WaitList,
}

/// A flight that its holder leads, and must land.
#[must_use = "a flight that never lands keeps all others waiting"]
#[derive(Debug)]
pub(crate) struct Lead {
    hash: u64,
    number: u64,
    /// How many wishes of its stripe had been withdrawn when it was boarded.
    withdrawals: usize,
}

/// What boarding came to.
pub(crate) enum Boarded<O> {
    /// The caller gets it.
    Leads(Lead),
    /// Somebody else gets it.
    Waits(Arc<Landing<O>>),
    /// The caller is that somebody: it would wait for itself.
    Already,
}

impl<I: PartialEq, O: Clone> Flights<I, O> {
    /// Nothing is under way.
    pub(crate) fn new() -> Self {
        let stripe = |_| {
            CachePadded::new(Stripe {
                aloft: AtomicUsize::new(0),
                withdrawals: AtomicUsize::new(0),
                flights: Mutex::new(Manifest {
                    flights: Vec::new(),
                    last: 0,
                    withdrawals: 0,
                }),
            })
        };
        Self {
            stripes: (0..STRIPES).map(stripe).collect(),
        }
    }

    /// Leads the flight of a hash, or waits for it (P1).
    pub(crate) fn board(&self, hash: u64, owner: I) -> Boarded<O> {
        let stripe = self.stripe(hash);
        let mut manifest = stripe.flights.lock();
        if let Some(flight) = manifest.flights.iter_mut().find(|it| it.hash == hash) {
            if flight.owner == owner {
                return Boarded::Already;
            }
            let landing = flight.landing.get_or_insert_with(|| {
                Arc::new(Landing {
                    outcome: Mutex::new(None),
                    waiting: WaitList::new(),
                })
            });
            return Boarded::Waits(Arc::clone(landing));
        }
        manifest.last += 1;
        let number = manifest.last;
        manifest.flights.push(Flight {
            hash,
            number,
            owner,
            withdrawn: false,
            landing: None,
        });
        stripe.count(&manifest);
        let withdrawals = manifest.withdrawals;
        drop(manifest);
        // SeqCst: P1, pairs with the fence in `withdraw` (P2).
        fence(ord!("flights.board", SeqCst));
        Boarded::Leads(Lead {
            hash,
            number,
            withdrawals,
        })
    }

    /// What the flight of this hash brings is not wanted any more (P2). True if there is such a flight.
    pub(crate) fn withdraw(&self, hash: u64) -> bool {
        // SeqCst: P2, pairs with the fence in `board` (P1).
        fence(ord!("flights.withdraw", SeqCst));
        let stripe = self.stripe(hash);
        // Relaxed: ordered by the fence.
        if stripe.aloft.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut manifest = stripe.flights.lock();
        let flight = manifest.flights.iter_mut().find(|it| it.hash == hash);
        let is_aloft = flight.map(|it| it.withdrawn = true).is_some();
        if is_aloft {
            manifest.withdrawals = manifest.withdrawals.wrapping_add(1);
            // Relaxed: who asks for it behind the door sees it, if who withdrew has passed that door (P3).
            stripe
                .withdrawals
                .store(manifest.withdrawals, Ordering::Relaxed);
        }
        is_aloft
    }

    /// Whether nobody has withdrawn the wish for what this flight brings (P3).
    pub(crate) fn is_wanted(&self, lead: &Lead) -> bool {
        let stripe = self.stripe(lead.hash);
        // Relaxed: the door orders it (P3).
        if stripe.withdrawals.load(Ordering::Relaxed) == lead.withdrawals {
            return true;
        }
        let manifest = stripe.flights.lock();
        let flight = manifest.flights.iter().find(|it| it.number == lead.number);
        flight.is_some_and(|it| !it.withdrawn)
    }

    /// Ends a flight (P4). `outcome` is asked for only if somebody waits for it, outside of all locks; if it panics, they
    /// get `else_outcome`.
    pub(crate) fn land(&self, lead: Lead, else_outcome: O, outcome: impl FnOnce() -> O) {
        let stripe = self.stripe(lead.hash);
        let mut manifest = stripe.flights.lock();
        let at = manifest
            .flights
            .iter()
            .position(|it| it.number == lead.number);
        let flight = at.map(|at| manifest.flights.swap_remove(at));
        stripe.count(&manifest);
        drop(manifest);
        if let Some(landing) = flight.and_then(|flight| flight.landing) {
            let mut touchdown = Touchdown {
                landing: &landing,
                outcome: Some(else_outcome),
            };
            touchdown.outcome = Some(outcome());
        }
    }

    fn stripe(&self, hash: u64) -> &Stripe<I, O> {
        &self.stripes[(hash >> 16) as usize % STRIPES]
    }
}

impl<I, O> Stripe<I, O> {
    fn count(&self, manifest: &Manifest<I, O>) {
        // Relaxed: stored under the lock (I3), read after a fence.
        self.aloft.store(manifest.flights.len(), Ordering::Relaxed);
    }
}

/// Puts an outcome down and wakes who waits for it, also when the making of a better one panicked.
struct Touchdown<'l, O> {
    landing: &'l Landing<O>,
    outcome: Option<O>,
}

impl<O> Drop for Touchdown<'_, O> {
    fn drop(&mut self) {
        *self.landing.outcome.lock() = self.outcome.take();
        self.landing.waiting.notify_all();
    }
}

impl<O: Clone> Landing<O> {
    /// Waits for the outcome.
    ///
    /// # Errors
    /// The cause that ended the wait before there was one.
    pub(crate) fn wait(
        &self,
        stop: Option<&StopSignal>,
        alarm: &impl Alarm,
        until: Option<Instant>,
    ) -> Result<O, Wake> {
        let outcome = || self.outcome.lock().clone();
        wait_for(&self.waiting, stop, alarm, until, outcome)
    }
}

/// For the ThreadSanitizer, as in the wait list.
#[cfg(all(test, not(loom)))]
impl<O> Drop for Landing<O> {
    fn drop(&mut self) {
        drop(self.outcome.lock());
    }
}

impl<I, O> fmt::Debug for Flights<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: a picture for people publishes nothing.
        let aloft = self
            .stripes
            .iter()
            .map(|it| it.aloft.load(Ordering::Relaxed));
        f.debug_struct("Flights")
            .field("aloft", &aloft.sum::<usize>())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "flights_tests.rs"]
mod tests;
