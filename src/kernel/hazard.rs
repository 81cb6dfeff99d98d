//! Hazards: a reader says which one node it looks at, and nobody frees that node meanwhile.
//!
//! # State
//! ```text
//!   head -> record -> record -> ...     a list that only grows; records live as long as their domain
//!   record: taken   whose hazard it is, yes or no
//!           shield  the node that its owner looks at, or null
//!           number  which one it is, for who counts by hazards (see `counts`)
//! ```
//! A thread keeps one record between two looks (in a thread-local), and takes another while it is inside of one. When the
//! thread ends, its keeper lets the record go; a look after that keeps none.
//!
//! # Invariants
//! * I1: a record is freed only with its domain, and its `next` never changes once it is in the list.
//! * I2: while `taken` is set, one hazard alone writes `shield`.
//! * I3: a node that `protect` has returned is not handed out by `shielded` as free until its hazard is cleared, moved
//!   or dropped, provided that it was unlinked from its source before `shielded` was called.
//!
//! # Protocol
//! * P1 `protect`: load the source; put the node into `shield`; fence; load the source again; the same: done, else begin
//!   again with what is there now.
//! * P2 `clear`: put null into `shield`.
//! * P3 `shielded`: the caller has unlinked its nodes; fence; collect all shields. What is not among them is free.
//! * P4 `enlist`: take a record that is not taken, or add one at the head.
//!
//! # No node is freed under a reader
//! The reader stores the shield and then looks at the source (P1); who frees has changed the source and then looks at the
//! shields (P3). Both have a `fence(SeqCst)` in between, and fences have one order:
//! * the reader's fence is first: the shield is seen, and so is its record, which was in the list before;
//! * the other's fence is first: the reader's second load sees the changed source, and it does not touch the node.
//!
//! What waits to be freed is bounded, whoever stalls: each hazard keeps one node at most. That is why this is not an
//! epoch scheme, where one stalled reader keeps everything that is retired from then on.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `hazard.publish` | SeqCst (fence) | `hazard.scan` | the handshake above |
//! | `hazard.scan` | SeqCst (fence) | `hazard.publish` | the handshake above |
//! | `hazard.confirm` | Acquire | whoever publishes a node | what is inside of the node is seen, also of one at an old address |
//! | `hazard.cover`, `hazard.clear` | Release | `hazard.seen` | all looks at the last node were before the shield moved |
//! | `hazard.seen` | Acquire | as above | as above |
//! | `hazard.enlist` | Acquire | `hazard.discharge` | the last owner's shield is null before the next one writes it |
//! | `hazard.discharge` | Release | `hazard.enlist` | as above |
//! | `hazard.grow` | Release | `hazard.walk` | a record is complete before it is found |
//! | `hazard.walk` | Acquire | `hazard.grow` | as above |

#![expect(
    unsafe_code,
    reason = "records are shared by pointers that live as long as their domain"
)]

#[cfg(not(all(test, loom)))]
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use crate::sync::{fence, ord, recheck};

/// What readers and those who free have in common.
pub(crate) struct Domain {
    head: AtomicPtr<CachePadded<Record>>,
    /// How many records there are.
    records: AtomicUsize,
}

struct Record {
    shield: AtomicPtr<()>,
    taken: AtomicBool,
    /// How many were made before it.
    number: usize,
    next: *const CachePadded<Record>,
}

/// Whose a hazard is: the number of its record, which no other living hazard has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(usize);

impl Owner {
    /// Small: there are as many as there were hazards at once.
    #[inline]
    pub(crate) const fn number(self) -> usize {
        self.0
    }
}

/// A handle to a domain: in real builds there is one for the whole crate.
#[cfg(not(all(test, loom)))]
pub(crate) type DomainRef = &'static Domain;
/// A handle to a domain: inside a model each state has its own.
#[cfg(all(test, loom))]
pub(crate) type DomainRef = crate::sync::Arc<Domain>;

// SAFETY: I1, I2: records are reached by shared references only, and what changes in them is atomic.
unsafe impl Send for Domain {}
// SAFETY: I1, I2: as above.
unsafe impl Sync for Domain {}

/// The domain of all tables of this process.
#[cfg(not(all(test, loom)))]
static DOMAIN: Domain = Domain {
    head: AtomicPtr::new(ptr::null_mut()),
    records: AtomicUsize::new(0),
};

#[cfg(not(all(test, loom)))]
thread_local! {
    /// The record of this thread between two looks: null if there is none, `CLOSED` once the thread ends. It has no
    /// destructor, so that a look need not ask whether that has run.
    static OWN: Cell<*const CachePadded<Record>> = const { Cell::new(ptr::null()) };

    /// Made with the first record of a thread.
    static KEEPER: Keeper = const { Keeper };
}

/// In the place of a record: none is kept any more.
#[cfg(not(all(test, loom)))]
const CLOSED: usize = 1;

#[cfg(not(all(test, loom)))]
struct Keeper;

#[cfg(not(all(test, loom)))]
impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(record) = kept(OWN.replace(ptr::without_provenance(CLOSED))) {
            record.discharge();
        }
    }
}

/// The record that a thread has kept.
#[cfg(not(all(test, loom)))]
#[inline]
fn kept(own: *const CachePadded<Record>) -> Option<&'static CachePadded<Record>> {
    // SAFETY: I1: in real builds the one domain is a static, so its records live for ever.
    (own.addr() > CLOSED).then(|| unsafe { &*own })
}

impl Domain {
    /// The domain to make a table in.
    #[cfg(not(all(test, loom)))]
    pub(crate) fn shared() -> DomainRef {
        &DOMAIN
    }

    /// The domain to make a table in.
    #[cfg(all(test, loom))]
    pub(crate) fn shared() -> DomainRef {
        crate::sync::Arc::new(Self {
            head: AtomicPtr::new(ptr::null_mut()),
            records: AtomicUsize::new(0),
        })
    }

    /// A hazard for this thread, clear.
    #[cfg(not(all(test, loom)))]
    #[inline]
    pub(crate) fn hazard(&'static self) -> Hazard<'static> {
        match kept(OWN.get()) {
            Some(record) => {
                OWN.set(ptr::null());
                Hazard::of(record)
            }
            None => self.first_hazard(),
        }
    }

    /// A hazard for a thread that has kept no record.
    #[cfg(not(all(test, loom)))]
    #[cold]
    fn first_hazard(&'static self) -> Hazard<'static> {
        // It is there from now on, or was and is gone: then `OWN` is closed.
        let _lets_go = KEEPER.try_with(|_| ());
        Hazard::of(self.enlist())
    }

    /// A hazard for this thread, clear.
    #[cfg(all(test, loom))]
    pub(crate) fn hazard(&self) -> Hazard<'_> {
        Hazard::of(self.enlist())
    }

    /// The addresses of all nodes that must not be freed, in order (P3). The caller's nodes are unlinked already.
    pub(crate) fn shielded(&self) -> Vec<usize> {
        // SeqCst: P3, pairs with the fence in `protect` (P1).
        fence(ord!("hazard.scan", SeqCst));
        // Acquire: P3, pairs with the Releases in `protect` and `clear` (P1, P2).
        let shields = self
            .records()
            .map(|record| record.shield.load(ord!("hazard.seen", Acquire)));
        let mut found: Vec<_> = shields
            .filter(|node| !node.is_null())
            .map(|node| node.addr())
            .collect();
        found.sort_unstable();
        found
    }

    /// Takes the first record that nobody has, or adds one (P4).
    fn enlist(&self) -> &CachePadded<Record> {
        let is_free = |record: &&CachePadded<Record>| !record.is_taken();
        // The first are at the end of the list. Somebody else may have taken it meanwhile: then any will do.
        let first = self.records().filter(is_free).last();
        let first = first.filter(|record| record.take());
        let free = first.or_else(|| self.records().find(|record| record.take()));
        free.unwrap_or_else(|| self.add())
    }

    fn add(&self) -> &CachePadded<Record> {
        // Relaxed: a guess that the exchange confirms; the records below are not looked at through it.
        let mut head = self.head.load(Ordering::Relaxed);
        let mut record = Box::new(CachePadded::new(Record {
            shield: AtomicPtr::new(ptr::null_mut()),
            taken: AtomicBool::new(true),
            // Relaxed: a number of its own is all that it is about.
            number: self.records.fetch_add(1, Ordering::Relaxed),
            next: ptr::null(),
        }));
        loop {
            record.next = head;
            let added = Box::into_raw(record);
            // Release: P4, pairs with the Acquire in `records`; Relaxed: only a new guess.
            let (won, lost) = (ord!("hazard.grow", Release), Ordering::Relaxed);
            match self.head.compare_exchange_weak(head, added, won, lost) {
                // SAFETY: I1: it lives as long as the domain.
                Ok(_) => return unsafe { &*added },
                Err(newer) => head = newer,
            }
            // SAFETY: I1: it is not in the list, so this thread alone has it; it came from a `Box`.
            record = unsafe { Box::from_raw(added) };
        }
    }

    fn records(&self) -> impl Iterator<Item = &CachePadded<Record>> {
        // Acquire: P3, P4, pairs with the Release in `add`.
        let mut at = self.head.load(ord!("hazard.walk", Acquire)).cast_const();
        std::iter::from_fn(move || {
            // SAFETY: I1: a record lives as long as the domain, which `self` borrows.
            let record = unsafe { at.as_ref() }?;
            at = record.next;
            Some(record)
        })
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // Relaxed: `&mut self`, nobody else is here.
        let mut at = self.head.load(Ordering::Relaxed);
        while !at.is_null() {
            // SAFETY: I1: the list ends with its domain; each record came from a `Box` in `add`.
            let record = unsafe { Box::from_raw(at) };
            at = record.next.cast_mut();
        }
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("records", &self.records().count())
            .finish_non_exhaustive()
    }
}

impl Record {
    /// True if nobody had it: it is the caller's now.
    fn take(&self) -> bool {
        // Acquire: P4, pairs with the Release in `discharge`; Relaxed: only a look.
        let (won, lost) = (ord!("hazard.enlist", Acquire), Ordering::Relaxed);
        !self.is_taken() && self.taken.compare_exchange(false, true, won, lost).is_ok()
    }

    fn is_taken(&self) -> bool {
        // Relaxed: a look that the exchange confirms.
        self.taken.load(Ordering::Relaxed)
    }

    fn discharge(&self) {
        // Release: P4, pairs with the Acquire in `take`.
        self.taken.store(false, ord!("hazard.discharge", Release));
    }
}

/// Protects one node at a time while it is looked at. Stays on its thread.
pub(crate) struct Hazard<'d> {
    record: &'d CachePadded<Record>,
    _on_its_thread: PhantomData<*const ()>,
}

impl<'d> Hazard<'d> {
    #[inline]
    const fn of(record: &'d CachePadded<Record>) -> Self {
        Self {
            record,
            _on_its_thread: PhantomData,
        }
    }

    /// The node that `source` holds, protected from now on until the hazard is used again, cleared or dropped (P1).
    /// What `is_node` does not take for a node is returned as it is, and protects nothing.
    #[inline]
    pub(crate) fn protect<T>(
        &mut self,
        source: &AtomicPtr<T>,
        is_node: impl Fn(*mut T) -> bool,
    ) -> *mut T {
        // Relaxed: a guess that the second look confirms.
        let mut seen = source.load(Ordering::Relaxed);
        loop {
            if !is_node(seen) {
                return seen;
            }
            // Release: P1, pairs with the Acquire in `shielded` (P3).
            let cover = ord!("hazard.cover", Release);
            self.record.shield.store(seen.cast(), cover);
            // SeqCst: P1, pairs with the fence in `shielded` (P3).
            fence(ord!("hazard.publish", SeqCst));
            // Acquire: P1, pairs with whatever published the node.
            let confirm = ord!(
                "hazard.confirm",
                Acquire,
                unproved = "the fence acquires what the first look saw; another node at the same address needs memory that is freed and used again, which the models never do"
            );
            let again = source.load(confirm);
            if recheck!("hazard.again", again != seen) {
                seen = again;
            } else {
                return seen;
            }
        }
    }

    /// Whose it is.
    #[inline]
    pub(crate) fn owner(&self) -> Owner {
        Owner(self.record.number)
    }

    /// Whether `node` is what this hazard has protected without a break since it was last found.
    pub(crate) fn protects<T>(&self, node: *mut T) -> bool {
        // Relaxed: this thread alone writes it (I2).
        self.record.shield.load(Ordering::Relaxed) == node.cast()
    }

    /// Protects nothing any more (P2).
    #[inline]
    pub(crate) fn clear(&mut self) {
        // Release: P2, pairs with the Acquire in `shielded` (P3).
        self.record
            .shield
            .store(ptr::null_mut(), ord!("hazard.clear", Release));
    }
}

impl Drop for Hazard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.clear();
        #[cfg(not(all(test, loom)))]
        give_back(self.record);
        #[cfg(all(test, loom))]
        self.record.discharge();
    }
}

/// Keeps the record for the next look of this thread, unless it has one.
#[cfg(not(all(test, loom)))]
#[inline]
fn give_back(record: &CachePadded<Record>) {
    if OWN.get().is_null() {
        OWN.set(record);
    } else {
        record.discharge();
    }
}

impl fmt::Debug for Hazard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: a picture for people publishes nothing.
        let shield = self.record.shield.load(Ordering::Relaxed);
        f.debug_struct("Hazard")
            .field("shield", &shield)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "hazard_tests.rs"]
mod tests;
