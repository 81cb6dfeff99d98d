//! The policy of a shard: the pure queues, told what stands where.

use std::ptr;
use std::sync::Arc;

use super::cause::RemovalCause;
use super::entry::Entry;
use super::law::{Law, Worth};
use super::lifetime::NEVER;
use super::policy::{Census, S3Fifo, Seat, Standing};
use super::stats::Counters;
use crate::kernel::shard::{Item, Policy, View};
use crate::kernel::table::Place;

/// The queues of one shard, and what they go by.
#[derive(Debug)]
pub(super) struct Chooser {
    queues: S3Fifo,
    law: Arc<Law>,
    counters: Arc<Counters>,
    chosen: Option<(Seat, RemovalCause)>,
}

impl Chooser {
    pub(super) fn new(queues: S3Fifo, law: Arc<Law>, counters: Arc<Counters>) -> Self {
        Self {
            queues,
            law,
            counters,
            chosen: None,
        }
    }
}

/// Asks the entries themselves. The time is read once per choice, and only if one of them can expire.
struct Inspection<'i, 'v, 'd, K, V> {
    view: &'i mut View<'v, 'd, Entry<K, V>>,
    law: &'i Law,
    now: Option<u64>,
    last: u32,
    weight: u64,
    cause: RemovalCause,
}

impl<'i, 'v, 'd, K, V> Inspection<'i, 'v, 'd, K, V> {
    fn new(view: &'i mut View<'v, 'd, Entry<K, V>>, law: &'i Law) -> Self {
        Self {
            view,
            law,
            now: None,
            last: 0,
            weight: 0,
            cause: RemovalCause::Evicted,
        }
    }

    /// Whether what was last asked for goes: unless it was pinned since. From then on it can not be.
    fn may_go(&mut self) -> bool {
        let is_evicted = self.cause == RemovalCause::Evicted;
        let entry = self.view.again(Place::numbered(self.last));
        !is_evicted || entry.is_none_or(Entry::doom)
    }
}

impl<K, V> Census for Inspection<'_, '_, '_, K, V> {
    fn standing(&mut self, place: u32) -> Standing {
        self.last = place;
        self.cause = RemovalCause::Evicted;
        let spared = self.view.spared();
        let Some(entry) = self.view.at(Place::numbered(place)) else {
            return Standing::Gone;
        };
        self.weight = entry.weight();
        if spared.is_some_and(|spared| ptr::eq(spared, entry)) {
            return Standing::Pinned;
        }
        let now = if entry.expiry.at() == NEVER {
            0
        } else {
            *self.now.get_or_insert_with(|| self.law.now())
        };
        match self.law.worth_at(entry, now) {
            Worth::Nothing(cause) if self.law.may_take(entry, cause, now) => {
                self.cause = cause;
                Standing::Spent
            }
            _ if entry.is_pinned() => Standing::Pinned,
            _ => Standing::Hit(entry.hits()),
        }
    }

    fn weight(&self) -> u64 {
        self.weight
    }

    fn set_hits(&mut self, hits: u8) {
        if let Some(entry) = self.view.again(Place::numbered(self.last)) {
            entry.set_hits(hits);
        }
    }
}

impl<K, V> Policy<Entry<K, V>> for Chooser {
    fn admitted(&mut self, place: Place, print: u32, weight: u64) {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        self.queues.admit(place.number(), print, weight);
    }

    fn can_free(&mut self, view: &mut View<'_, '_, Entry<K, V>>, weight: u64) -> bool {
        let mut inspection = Inspection::new(view, &self.law);
        !self.law.has_pins() || self.queues.can_free(&mut inspection, weight)
    }

    fn kept(&mut self, view: &mut View<'_, '_, Entry<K, V>>) -> u64 {
        self.queues.kept(&mut Inspection::new(view, &self.law))
    }

    fn choose(&mut self, view: &mut View<'_, '_, Entry<K, V>>) -> Option<(Place, u32)> {
        let mut inspection = Inspection::new(view, &self.law);
        loop {
            let seat = self.queues.choose(&mut inspection)?;
            if inspection.may_go() {
                self.chosen = Some((seat, inspection.cause));
                return Some((Place::numbered(seat.place), seat.print));
            }
            self.queues.spare(seat);
        }
    }

    fn spare(&mut self, _place: Place, _print: u32) {
        if let Some((seat, _)) = self.chosen.take() {
            self.queues.spare(seat);
        }
    }

    fn expelled(&mut self, entry: &Entry<K, V>) {
        if let Some((_, cause)) = self.chosen.take() {
            entry.went(cause);
            self.counters.went(cause);
        }
    }

    fn sweep(&mut self, is_dead: &mut dyn FnMut(Place) -> bool, freed: &mut dyn FnMut(Place, u32)) {
        self.queues
            .sweep(&mut |place| is_dead(Place::numbered(place)), &mut |seat| {
                freed(Place::numbered(seat.place), seat.print)
            });
    }
}
