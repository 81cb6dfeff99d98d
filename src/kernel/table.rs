//! A table of tagged lanes: finding, replacing and unlinking are lock-free; what a lane is for changes under a lock.
//!
//! # State
//! ```text
//!   table:   segment, and later perhaps more: added under the lock, never moved, freed with the table
//!   segment: group, group, ...         one cache line each
//!   group:   meta | lane lane lane lane lane lane lane
//!
//!   meta, byte 0..6   tag of the lane: 0 none, else 0x80 and seven bits of the hash
//!   meta, byte 7      how many nodes went past this group because it was full (255: so many that it is not counted)
//!   lane              EMPTY (null) -> node -> ... -> node -> DEAD -> EMPTY
//! ```
//! A node stands in the first group with a free lane, from the one that its hash says on. Meta words are written under the
//! owner's lock, where the `Ledger` is kept too.
//!
//! # Invariants
//! * I1: a lane's node is unlinked once: by the exchange of exactly that pointer. Who did it has the `Unlinked`.
//! * I2: what a lane is for changes under the lock only: EMPTY -> node and DEAD -> EMPTY. Without it a node is replaced by
//!   one of the same key, or becomes DEAD.
//! * I3: while a node stands in a group, each group before it on its way counts it in byte 7, and its own has its tag.
//! * I4: segments are freed with the table only.
//! * I5: a `Found` holds a node that its hazard protects.
//!
//! # Protocol
//! * P1 `find`: for each segment, from the home group on: match the tag over the meta word; for each match protect the
//!   lane's node and ask for its key; go on while byte 7 is not zero.
//! * P2 `replace`, `unlink`: exchange exactly the node that was found for another one, or for DEAD.
//! * P3 `place`, under the lock: count the node in each full group on the way; put it into the lane; set the tag.
//! * P4 `free`, under the lock: a DEAD lane becomes EMPTY, its tag goes, each group on the way counts one less.
//! * P5 `grow`, under the lock: add a segment.
//!
//! # A key that is present throughout is found
//! Its node stands in one lane (I2, replaced in place), and all words that lead to it say so while it stands there (I3):
//! meta words are written whole, and changes for other nodes keep its tag and its count. A meta word that is older than
//! the `place` of the node is seen only by a `find` that begins before `place` ends. Another key is never taken for it:
//! the key is asked of the node itself.
//!
//! # Orderings
//! | site | ordering | pairs with | why |
//! |---|---|---|---|
//! | `table.place`, `table.replace` | Release | `hazard.confirm` | the inside of a node is seen by who finds it |
//! | `table.segment` | Release | `table.segments` | a segment is complete before it is searched |
//! | `table.segments` | Acquire | `table.segment` | as above |
//!
//! All else is Relaxed: a meta word only says where to look, and unlinking publishes nothing.

#![expect(
    unsafe_code,
    reason = "lanes are shared by pointers to nodes, which hazards protect"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use super::graveyard::{Node, Unlinked};
use super::hazard::Hazard;
use crate::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::sync::ord;

/// Lanes of one group: with the meta word they fill a cache line.
pub(crate) const LANES: usize = 7;

/// How often a table may grow.
const SEGMENTS: usize = 8;

/// Each segment is so many times as large as the one before it.
const GROWTH: usize = 4;

/// Groups of one segment: what a [`Place`] can say.
const MOST_GROUPS: usize = 1 << GROUP_BITS;
const GROUP_BITS: u32 = 26;

const LANE_BITS: u32 = 3;
const SEGMENT_SHIFT: u32 = GROUP_BITS + LANE_BITS;

/// Of eight lanes at most seven are in use, so that ways stay short.
const fn limit(lanes: usize) -> usize {
    lanes - lanes / 8
}

const OVERFLOW_SHIFT: u32 = 56;
const MOST_OVERFLOW: u64 = 0xFF;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH_OF_LANES: u64 = 0x0080_8080_8080_8080;

const _: () = assert!(SEGMENTS.ilog2() + SEGMENT_SHIFT == u32::BITS);
const _: () = assert!(LANES < 1 << LANE_BITS);

/// Where a node stands: a segment, a group and a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place(u32);

impl Place {
    /// A place as a number.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// The place with this number.
    pub(crate) const fn numbered(number: u32) -> Self {
        Self(number)
    }

    #[inline]
    const fn new(segment: usize, group: usize, lane: usize) -> Self {
        let at = (group << LANE_BITS | lane) as u32;
        Self((segment as u32) << SEGMENT_SHIFT | at)
    }

    #[inline]
    const fn segment(self) -> usize {
        (self.0 >> SEGMENT_SHIFT) as usize
    }

    #[inline]
    const fn group(self) -> usize {
        (self.0 >> LANE_BITS) as usize & (MOST_GROUPS - 1)
    }

    #[inline]
    const fn lane(self) -> usize {
        self.0 as usize & ((1 << LANE_BITS) - 1)
    }
}

/// The part of a hash that says which group is a node's home: its owner keeps it, for when the node is gone.
#[inline]
pub(crate) const fn print_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[inline]
const fn tag_of(hash: u64) -> u64 {
    hash & 0x7F | 0x80
}

/// The home group of a print among `groups`.
#[inline]
const fn home(print: u32, groups: usize) -> usize {
    ((print as u64 * groups as u64) >> 32) as usize
}

/// The group after this one, around the end.
#[inline]
const fn after(group: usize, groups: usize) -> usize {
    if group + 1 == groups { 0 } else { group + 1 }
}

#[repr(align(64))]
struct Group<T> {
    meta: AtomicU64,
    lanes: [AtomicPtr<Node<T>>; LANES],
}

impl<T> Group<T> {
    /// The meta word, for who holds the owner's lock.
    #[inline]
    fn written(&self) -> u64 {
        // Relaxed: it is written under that lock only.
        self.meta.load(Ordering::Relaxed)
    }

    /// Changes the meta word; under the owner's lock.
    #[inline]
    fn write(&self, meta: u64) {
        // Relaxed: it only says where to look.
        self.meta.store(meta, Ordering::Relaxed);
    }
}

struct Segment<T> {
    groups: Box<[Group<T>]>,
}

impl<T> Segment<T> {
    fn new(groups: usize) -> Self {
        let group = |_| Group {
            meta: AtomicU64::new(0),
            lanes: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        };
        Self {
            groups: (0..groups).map(group).collect(),
        }
    }
}

/// What a lane holds when its node was unlinked and the lane was not freed yet.
#[inline]
fn dead<T>() -> *mut Node<T> {
    ptr::without_provenance_mut(1)
}

#[inline]
fn is_node<T>(lane: *mut Node<T>) -> bool {
    lane.addr() > 1
}

/// The table; all that threads share of it.
pub(crate) struct Table<T> {
    /// Most tables have no other.
    first: Segment<T>,
    more: [AtomicPtr<Segment<T>>; SEGMENTS - 1],
    _owns: PhantomData<Box<Node<T>>>,
}

// SAFETY: I1, I5: nodes move through the table from thread to thread and are shared by readers.
unsafe impl<T: Send + Sync> Send for Table<T> {}
// SAFETY: I1, I5: as above.
unsafe impl<T: Send + Sync> Sync for Table<T> {}

/// The writer's side of a table: kept by its owner under a lock.
#[derive(Debug)]
pub(crate) struct Ledger {
    segments: Vec<Extent>,
}

/// How large a segment is, and how many of its lanes are not free.
#[derive(Debug)]
struct Extent {
    groups: usize,
    in_use: usize,
}

impl Extent {
    const fn of(groups: usize) -> Self {
        Self { groups, in_use: 0 }
    }

    const fn has_room(&self) -> bool {
        self.in_use < limit(self.groups * LANES)
    }
}

impl Ledger {
    /// How many lanes are not free.
    pub(crate) fn in_use(&self) -> usize {
        self.segments.iter().map(|extent| extent.in_use).sum()
    }
}

/// A node that was found, and the lane that it stands in.
pub(crate) struct Found<'h, T> {
    lane: &'h AtomicPtr<Node<T>>,
    node: NonNull<Node<T>>,
    _protected: PhantomData<&'h Node<T>>,
}

impl<'h, T> Found<'h, T> {
    /// What is inside of the node.
    #[inline]
    pub(crate) fn item(&self) -> &'h T {
        // SAFETY: I5: the hazard is borrowed for 'h, so the node is not freed before.
        unsafe { &*self.node.as_ptr() }.item()
    }

    /// Puts `node`, which must be of the same key, in the place of this one (P2). Gives it back if this one is not there
    /// any more.
    pub(crate) fn replace(self, node: Box<Node<T>>) -> Result<Unlinked<T>, Box<Node<T>>> {
        let node = Box::into_raw(node);
        // Release: P2, pairs with the Acquire in `Hazard::protect`; Relaxed: nothing was done.
        let (won, lost) = (ord!("table.replace", Release), Ordering::Relaxed);
        match self
            .lane
            .compare_exchange(self.node.as_ptr(), node, won, lost)
        {
            Ok(_) => Ok(Unlinked::new(self.node)),
            // SAFETY: I1: it never was in the table, this thread alone has it; it came from a `Box`.
            Err(_) => Err(unsafe { Box::from_raw(node) }),
        }
    }

    /// Takes exactly this node out (P2); `None` if it is not there any more.
    pub(crate) fn unlink(self) -> Option<Unlinked<T>> {
        // Relaxed, both: I1 needs only that one wins, and DEAD publishes nothing.
        let (won, lost) = (Ordering::Relaxed, Ordering::Relaxed);
        self.lane
            .compare_exchange(self.node.as_ptr(), dead(), won, lost)
            .ok()
            .map(|_| Unlinked::new(self.node))
    }
}

impl<T> Table<T> {
    /// A table with room for `nodes` before it has to grow, and the ledger of its writer.
    pub(crate) fn new(nodes: usize) -> (Self, Ledger) {
        // Two lanes of five stay free. With one of five most groups would be passed by somebody who lives long: a node
        // never moves home, and where such nodes stay while others come and go, a search would go through nine groups.
        let lanes = nodes.saturating_add(nodes / 3 * 2).max(2 * LANES);
        let groups = lanes.div_ceil(LANES).min(MOST_GROUPS);
        let table = Self {
            first: Segment::new(groups),
            more: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            _owns: PhantomData,
        };
        let ledger = Ledger {
            segments: vec![Extent::of(groups)],
        };
        (table, ledger)
    }

    /// The node with this hash that `is_it` accepts (P1). The hazard protects it for as long as it is borrowed.
    #[inline]
    pub(crate) fn find<'h>(
        &'h self,
        hash: u64,
        hazard: &'h mut Hazard<'_>,
        mut is_it: impl FnMut(&T) -> bool,
    ) -> Option<Found<'h, T>> {
        let found = search(&self.first, hash, hazard, &mut is_it);
        let (lane, node) = match found {
            Some(found) => found,
            None => self.search_more(hash, hazard, &mut is_it)?,
        };
        Some(Found {
            lane,
            node,
            _protected: PhantomData,
        })
    }

    /// What is not in the first segment is looked for in the others, in the order in which they were added.
    #[inline]
    fn search_more(
        &self,
        hash: u64,
        hazard: &mut Hazard<'_>,
        is_it: &mut impl FnMut(&T) -> bool,
    ) -> Option<Standing<'_, T>> {
        let mut more = (1..SEGMENTS).map_while(|at| self.segment(at));
        more.find_map(|segment| search(segment, hash, hazard, is_it))
    }

    /// The node at a place, protected; `None` if there is none.
    pub(crate) fn at<'h>(
        &'h self,
        place: Place,
        hazard: &'h mut Hazard<'_>,
    ) -> Option<Found<'h, T>> {
        let lane = self.lane(place)?;
        let node = NonNull::new(hazard.protect(lane, is_node)).filter(|it| is_node(it.as_ptr()))?;
        Some(Found {
            lane,
            node,
            _protected: PhantomData,
        })
    }

    /// The node at a place, if it still is the one that the hazard protects already.
    pub(crate) fn still_at<'h>(
        &'h self,
        place: Place,
        hazard: &'h mut Hazard<'_>,
    ) -> Option<Found<'h, T>> {
        let lane = self.lane(place)?;
        // Relaxed: the hazard has protected the node, and seen its inside, since it was found (I5).
        let node = lane.load(Ordering::Relaxed);
        let node = NonNull::new(node).filter(|it| is_node(it.as_ptr()))?;
        hazard.protects(node.as_ptr()).then_some(Found {
            lane,
            node,
            _protected: PhantomData,
        })
    }

    /// Whether the node of a place was unlinked, and its lane not freed yet.
    pub(crate) fn is_dead(&self, place: Place) -> bool {
        // Relaxed: a dead lane stays dead until it is freed under the owner's lock.
        self.lane(place)
            .is_some_and(|lane| lane.load(Ordering::Relaxed) == dead())
    }

    /// All places that there are, whatever is in them.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        let segments = (0..SEGMENTS).map_while(|at| Some((at, self.segment(at)?)));
        segments.flat_map(|(at, segment)| {
            let groups = 0..segment.groups.len();
            groups.flat_map(move |group| (0..LANES).map(move |lane| Place::new(at, group, lane)))
        })
    }

    /// Puts a node into a lane of its own (P3); under the owner's lock. Gives it back if the table is full.
    pub(crate) fn place(
        &self,
        ledger: &mut Ledger,
        hash: u64,
        node: Box<Node<T>>,
    ) -> Result<Place, Box<Node<T>>> {
        let free = |at: &usize| ledger.segments[*at].has_room();
        let Some(at) = (0..ledger.segments.len()).rev().find(free) else {
            return Err(node);
        };
        let Some(segment) = self.segment(at) else {
            return Err(node);
        };
        let groups = segment.groups.len();
        let mut at_group = home(print_of(hash), groups);
        let (group, lane) = loop {
            let group = &segment.groups[at_group];
            let meta = group.written();
            let free = !meta & HIGH_OF_LANES;
            if free != 0 {
                break (group, (free.trailing_zeros() / 8) as usize);
            }
            if meta >> OVERFLOW_SHIFT < MOST_OVERFLOW {
                group.write(meta + (1 << OVERFLOW_SHIFT));
            }
            at_group = after(at_group, groups);
        };
        // Release: P3, pairs with the Acquire in `Hazard::protect`.
        let place = ord!("table.place", Release);
        group.lanes[lane].store(Box::into_raw(node), place);
        group.write(group.written() | tag_of(hash) << (8 * lane));
        ledger.segments[at].in_use += 1;
        Ok(Place::new(at, at_group, lane))
    }

    /// Frees a lane whose node was unlinked (P4); under the owner's lock. `print` is that of the hash it was placed with.
    pub(crate) fn free(&self, ledger: &mut Ledger, place: Place, print: u32) {
        let Some(segment) = self.segment(place.segment()) else {
            return;
        };
        let group = &segment.groups[place.group()];
        // Relaxed: the lane was dead, and becomes a node's again under the same lock.
        group.lanes[place.lane()].store(ptr::null_mut(), Ordering::Relaxed);
        group.write(group.written() & !(0xFF << (8 * place.lane())));
        ledger.segments[place.segment()].in_use -= 1;
        let mut at = home(print, segment.groups.len());
        while at != place.group() {
            let passed = &segment.groups[at];
            let meta = passed.written();
            if meta >> OVERFLOW_SHIFT < MOST_OVERFLOW {
                passed.write(meta - (1 << OVERFLOW_SHIFT));
            }
            at = after(at, segment.groups.len());
        }
    }

    /// Adds a segment, larger than the last (P5); under the owner's lock. False if there are as many as may be.
    pub(crate) fn grow(&self, ledger: &mut Ledger) -> bool {
        let last = ledger.segments.last().map_or(2, |last| last.groups);
        let groups = last.saturating_mul(GROWTH).min(MOST_GROUPS);
        let Some(place) = self.more.get(ledger.segments.len() - 1) else {
            return false;
        };
        let segment = Box::into_raw(Box::new(Segment::new(groups)));
        // Release: P5, pairs with the Acquire in `segment`.
        place.store(segment, ord!("table.segment", Release));
        ledger.segments.push(Extent::of(groups));
        true
    }

    #[inline]
    fn segment(&self, at: usize) -> Option<&Segment<T>> {
        let Some(at) = at.checked_sub(1) else {
            return Some(&self.first);
        };
        // Acquire: P1, pairs with the Release in `grow` (P5).
        let segment = self.more[at].load(ord!("table.segments", Acquire));
        // SAFETY: I4: it lives as long as the table.
        unsafe { segment.as_ref() }
    }

    fn lane(&self, place: Place) -> Option<&AtomicPtr<Node<T>>> {
        let segment = self.segment(place.segment())?;
        Some(&segment.groups.get(place.group())?.lanes[place.lane()])
    }
}

/// A lane, and the node in it, protected.
type Standing<'h, T> = (&'h AtomicPtr<Node<T>>, NonNull<Node<T>>);

/// The lane in `segment` whose node `is_it` accepts, with the node, protected.
#[inline]
fn search<'h, T>(
    segment: &'h Segment<T>,
    hash: u64,
    hazard: &mut Hazard<'_>,
    is_it: &mut impl FnMut(&T) -> bool,
) -> Option<Standing<'h, T>> {
    let groups = segment.groups.len();
    let pattern = tag_of(hash) * LOW;
    let mut at = home(print_of(hash), groups);
    for _ in 0..groups {
        let group = &segment.groups[at];
        // Relaxed: it only says where to look (see "A key that is present throughout is found").
        let meta = group.meta.load(Ordering::Relaxed);
        let differs = meta ^ pattern;
        // Bytes that are zero, and perhaps one above such a byte that is not: the key decides.
        let mut matches = differs.wrapping_sub(LOW) & !differs & HIGH_OF_LANES;
        while matches != 0 {
            let lane = &group.lanes[(matches.trailing_zeros() / 8) as usize];
            let node = hazard.protect(lane, is_node);
            if let Some(node) = NonNull::new(node).filter(|_| is_node(node)) {
                // SAFETY: I5: the hazard has just protected it.
                if is_it(unsafe { node.as_ref() }.item()) {
                    return Some((lane, node));
                }
            }
            matches &= matches - 1;
        }
        if meta >> OVERFLOW_SHIFT == 0 {
            return None;
        }
        at = after(at, groups);
    }
    None
}

impl<T> Drop for Table<T> {
    fn drop(&mut self) {
        for segment in &self.more {
            // Relaxed: `&mut self`, nobody else is here.
            let segment = segment.load(Ordering::Relaxed);
            if segment.is_null() {
                break;
            }
            // SAFETY: I4: it came from a `Box` in `grow`, and its table ends here.
            drop(unsafe { Box::from_raw(segment) });
        }
    }
}

impl<T> Drop for Segment<T> {
    fn drop(&mut self) {
        let lanes = self.groups.iter().flat_map(|group| &group.lanes);
        // Relaxed: `&mut self`, nobody else is here.
        let nodes = lanes.map(|lane| lane.load(Ordering::Relaxed));
        for node in nodes.filter(|node| is_node(*node)) {
            // SAFETY: I1: it was not unlinked, so it is the table's; it came from a `Box`.
            drop(unsafe { Box::from_raw(node) });
        }
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "table_tests.rs"]
mod tests;
