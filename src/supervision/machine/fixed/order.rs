//! Reconciles wishes and facts, one child at a time and in order.

use std::time::Instant;

use super::static_machine::{Slot, StaticMachine};
use crate::fault::StopCause;
use crate::supervision::machine::child::Fact;
use crate::supervision::machine::effect::Effect;
use crate::supervision::machine::ledger::Phase;

impl StaticMachine {
    /// Does one thing that is to be done. Says whether there may be another.
    pub(super) fn reconcile(&mut self, now: Instant, out: &mut Vec<Effect>) -> bool {
        match self.ledger.phase {
            Phase::New | Phase::Ended => false,
            Phase::Stopping => self.wind_down(now, out),
            Phase::Starting | Phase::Running => {
                self.take_down(now, out) || self.start_next(now, out) || self.announce(out)
            }
        }
    }

    /// The supervisor ends: its last child goes first.
    fn wind_down(&mut self, now: Instant, out: &mut Vec<Effect>) -> bool {
        let Some(last) = self.slots.iter().rposition(|slot| slot.child.is_alive()) else {
            self.ledger.finish(out);
            return false;
        };
        let Some(ending) = &self.ledger.ending else {
            return false;
        };
        let cause = ending.cause;
        let in_order = ending.gives_up_order_at().is_none_or(|at| now < at);
        let next = if in_order {
            Some(last)
        } else {
            let unasked = |slot: &Slot| slot.child.is_alive() && !slot.child.is_stopping();
            self.slots.iter().rposition(unasked)
        };
        self.ask_next(next, cause, now, out)
    }

    /// Of the group that starts again, the last run that is left goes first.
    fn take_down(&mut self, now: Instant, out: &mut Vec<Effect>) -> bool {
        let last = self.slots.iter().rposition(Slot::must_go_down);
        self.ask_next(last, StopCause::Sibling, now, out)
    }

    fn ask_next(
        &mut self,
        next: Option<usize>,
        cause: StopCause,
        now: Instant,
        out: &mut Vec<Effect>,
    ) -> bool {
        match next {
            Some(at) if !self.slots[at].child.is_stopping() => {
                self.ask(at, cause, now, out);
                true
            }
            _ => false,
        }
    }

    fn start_next(&mut self, now: Instant, out: &mut Vec<Effect>) -> bool {
        let Some(at) = self.ready(now) else {
            return false;
        };
        let slot = &mut self.slots[at];
        slot.member = false;
        slot.child.launch(now, out);
        true
    }

    /// The first child that shall run, has no run, and need not wait.
    fn ready(&self, now: Instant) -> Option<usize> {
        let in_order =
            self.ledger.phase == Phase::Starting || self.ledger.policy.strategy.is_group();
        let group_waits = self
            .slots
            .iter()
            .any(|slot| slot.must_go_down() || (slot.member && slot.child.waits_beyond(now)));
        for (at, slot) in self.slots.iter().enumerate() {
            let child = &slot.child;
            if !child.want || child.is_up() {
                continue;
            }
            let ready = match child.fact {
                Fact::Down => true,
                Fact::Waiting { due } => due <= now,
                _ => false,
            };
            if ready && !(slot.member && group_waits) {
                return Some(at);
            }
            if in_order {
                return None;
            }
        }
        None
    }

    /// Says once that all initial children are up.
    fn announce(&mut self, out: &mut Vec<Effect>) -> bool {
        let up = |slot: &Slot| !slot.child.want || slot.child.is_up();
        if self.ledger.phase != Phase::Starting || !self.slots.iter().all(up) {
            return false;
        }
        self.ledger.phase = Phase::Running;
        for slot in &mut self.slots {
            slot.initial = false;
        }
        out.push(Effect::Up);
        true
    }
}

impl Slot {
    /// It has a run that must end before its group starts again.
    fn must_go_down(&self) -> bool {
        self.member && self.child.is_alive()
    }
}
