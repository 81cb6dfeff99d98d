//! Making room in a shard: weight for who comes, and a lane, for which others go.
//!
//! # State
//! That of the shard, under its gate; `used` changes without it too.
//!
//! # Invariants
//! * I1: `used` is never above `capacity`: weight is reserved by one exchange, or taken over from who went.
//! * I2: if it was foretold that not enough may go, nothing has gone.
//!
//! # Protocol
//! * P1 `make_room`: reserve the weight; on failure ask the policy whether enough may go, and then for a place. Dead: free
//!   it. A node: unlink exactly that one, free its place, and take its weight over; was it replaced meanwhile, tell the
//!   policy to spare it. Not enough may go: nothing has gone. Or what must stay leaves room, and the rest is on its way out
//!   or in: begin again.
//! * P2 `place`: a free lane; none: sweep the dead ones, or grow; neither: one more goes.
//!
//! # Orderings
//! All are Relaxed: the sum of the weights is all that it is about.

use super::{Denied, Found, Gate, Item, Place, Policy, Shard, View};
use crate::kernel::era::Eras;
use crate::kernel::graveyard::Node;
use crate::kernel::hazard::Hazard;
use crate::sync::atomic::Ordering;

/// Why there is no room.
pub(super) enum Full {
    /// What must stay leaves too little.
    ForGood,
    /// What is on its way out or in has its weight still, or already.
    ForNow,
}

impl Full {
    pub(super) fn denied<T>(self, node: Box<Node<T>>) -> Denied<T> {
        match self {
            Self::ForGood => Denied::NoRoom(node),
            Self::ForNow => Denied::Raced(node),
        }
    }
}

impl<T: Item, P: Policy<T>> Shard<T, P> {
    /// Reserves weight, for which others go where there is not enough, but not `spared` (P1). The stamp of one that went is
    /// returned, and is still counted: it is the caller's to count it no more.
    pub(super) fn make_room(
        &self,
        gate: &mut Gate<T, P>,
        weight: u64,
        spared: Option<&T>,
        eras: &Eras,
        hazard: &mut Hazard<'_>,
    ) -> Result<Option<u64>, Full> {
        if weight > self.capacity {
            return Err(Full::ForGood);
        }
        let lacking = (self.used() + weight).saturating_sub(self.capacity);
        if lacking > 0
            && !gate
                .policy
                .can_free(&mut self.view(spared, hazard), lacking)
        {
            return Err(self.full(gate, weight, spared, hazard));
        }
        // What went leaves its weight to who comes.
        let (mut held, mut gone) = (0, None);
        while held < weight {
            if self.reserve(weight - held) {
                return Ok(gone);
            }
            let Some((lighter, stamp)) = self.expel(gate, spared, hazard) else {
                self.give_back(held);
                if let Some(gone) = gone {
                    self.population.remove(eras, gone);
                }
                return Err(self.full(gate, weight, spared, hazard));
            };
            held += lighter;
            if let Some(earlier) = gone.replace(stamp) {
                self.population.remove(eras, earlier);
            }
        }
        self.give_back(held - weight);
        Ok(gone)
    }

    /// Why nothing more can go for so much weight.
    fn full(
        &self,
        gate: &mut Gate<T, P>,
        weight: u64,
        spared: Option<&T>,
        hazard: &mut Hazard<'_>,
    ) -> Full {
        let kept = gate.policy.kept(&mut self.view(spared, hazard));
        if kept + weight > self.capacity {
            Full::ForGood
        } else {
            Full::ForNow
        }
    }

    fn view<'v, 'd>(
        &'v self,
        spared: Option<&'v T>,
        hazard: &'v mut Hazard<'d>,
    ) -> View<'v, 'd, T> {
        View {
            table: &self.table,
            hazard,
            spared,
        }
    }

    /// Takes one node out, as the policy chooses (P1); its weight and its stamp, which are still counted. `None` if the
    /// policy knows none.
    fn expel(
        &self,
        gate: &mut Gate<T, P>,
        spared: Option<&T>,
        hazard: &mut Hazard<'_>,
    ) -> Option<(u64, u64)> {
        loop {
            let (place, print) = gate.policy.choose(&mut self.view(spared, hazard))?;
            let found = self.table.still_at(place, hazard);
            if let Some(unlinked) = found.and_then(Found::unlink) {
                let item = unlinked.item();
                gate.policy.expelled(item);
                let counted = (item.weight(), item.stamp());
                self.table.free(&mut gate.ledger, place, print);
                self.waste.throw(&mut gate.bin, unlinked);
                return Some(counted);
            }
            if self.table.is_dead(place) {
                self.table.free(&mut gate.ledger, place, print);
            } else {
                gate.policy.spare(place, print);
            }
        }
    }

    /// Finds a lane for a node: a free one, a dead one, one of a larger table, or that of a node that goes.
    pub(super) fn place(
        &self,
        gate: &mut Gate<T, P>,
        hash: u64,
        mut node: Box<Node<T>>,
        eras: &Eras,
        hazard: &mut Hazard<'_>,
    ) -> Result<Place, Box<Node<T>>> {
        loop {
            node = match self.table.place(&mut gate.ledger, hash, node) {
                Ok(place) => return Ok(place),
                Err(node) => node,
            };
            if self.sweep(gate) || self.table.grow(&mut gate.ledger) {
                continue;
            }
            let Some((weight, stamp)) = self.expel(gate, None, hazard) else {
                return Err(node);
            };
            self.population.remove(eras, stamp);
            self.give_back(weight);
        }
    }

    /// Frees all dead lanes. False if there were so few that the next sweep would come soon.
    fn sweep(&self, gate: &mut Gate<T, P>) -> bool {
        /// One in so many lanes must have been dead.
        const WORTH_IT: usize = 32;
        let Gate { ledger, policy, .. } = gate;
        let before = ledger.in_use();
        policy.sweep(
            &mut |place| self.table.is_dead(place),
            &mut |place, print| self.table.free(ledger, place, print),
        );
        (before - ledger.in_use()) * WORTH_IT > before
    }

    /// Reserves weight, if there is enough (I1).
    pub(super) fn reserve(&self, weight: u64) -> bool {
        if weight == 0 {
            return true;
        }
        // Relaxed: a guess that the exchange confirms.
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let Some(next) = used.checked_add(weight).filter(|it| *it <= self.capacity) else {
                return false;
            };
            // Relaxed, both: the sum is all that it is about.
            let (won, lost) = (Ordering::Relaxed, Ordering::Relaxed);
            match self.used.compare_exchange_weak(used, next, won, lost) {
                Ok(_) => return true,
                Err(newer) => used = newer,
            }
        }
    }

    pub(super) fn give_back(&self, weight: u64) {
        if weight > 0 {
            // Relaxed: as in `reserve`.
            self.used.fetch_sub(weight, Ordering::Relaxed);
        }
    }
}
