//! The static machine: its state, its events, and what can be asked of it.

use std::collections::HashMap;
use std::time::Instant;

use crate::fault::{ExitReason, Generation, StopCause};
use crate::supervision::machine::child::{Child, Fact};
use crate::supervision::machine::effect::Effect;
use crate::supervision::machine::event::{Event, Key, Target};
use crate::supervision::machine::ledger::{self, Ledger, Phase};
use crate::supervision::machine::view::{self, ChildView};
use crate::supervision::{ChildId, ChildPolicy, ChildState, Counts, ManageError, SupervisorPolicy};

/// A supervisor with a list of children in start order.
#[derive(Debug)]
pub(crate) struct StaticMachine {
    pub(super) ledger: Ledger,
    /// In start order, which is the order of their keys.
    pub(super) slots: Vec<Slot>,
    ids: HashMap<ChildId, Key>,
    next_key: u64,
}

/// A child and its place in the plans of the supervisor.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) child: Child,
    /// It was never up, and the supervisor's start waits for it.
    pub(super) initial: bool,
    /// It is part of a group restart, and was not started again yet. If it has a run, that must go
    /// down.
    pub(super) member: bool,
}

impl StaticMachine {
    /// A machine with these children, whose keys are returned in their order. The generation is that
    /// of the child's last run under an earlier supervisor.
    pub(crate) fn new(
        policy: SupervisorPolicy,
        children: Vec<(ChildPolicy, Generation)>,
    ) -> (Self, Vec<Key>) {
        let mut machine = Self {
            ledger: Ledger::new(policy),
            slots: Vec::with_capacity(children.len()),
            ids: HashMap::with_capacity(children.len()),
            next_key: 0,
        };
        let keys = children
            .into_iter()
            .map(|(policy, last_generation)| machine.add(policy, last_generation))
            .collect();
        for slot in &mut machine.slots {
            slot.initial = true;
        }
        (machine, keys)
    }

    /// The key that the next accepted child will get.
    pub(crate) fn next_key(&self) -> Key {
        Key(self.next_key)
    }

    /// Takes in one event; what is to be done about it is appended to `out`.
    pub(crate) fn step(&mut self, event: Event, now: Instant, out: &mut Vec<Effect>) {
        let now = self.ledger.tick(now);
        match event {
            Event::Begin => self.begin(),
            Event::Started { key, generation } => self.started(key, generation, now, out),
            Event::Ignored { key, generation } => self.ignored(key, generation, now, out),
            Event::Ended {
                key,
                generation,
                reason,
            } => self.ended(key, generation, reason, now, out),
            Event::Progress { key, generation } => self.progress(key, generation),
            Event::Hung {
                key,
                generation,
                report,
            } => self.hung(key, generation, &report, now, out),
            Event::AbandonedReturned { key, generation } => {
                self.ledger.forget_abandoned(key, generation);
            }
            Event::Due => self.due(now, out),
            Event::Stop { cause, deadline } => self.stop(cause, deadline, now, out),
            Event::Call { call, request } => self.call(call, request, now, out),
        }
        while self.reconcile(now, out) {}
    }

    fn begin(&mut self) {
        if self.ledger.phase == Phase::New {
            self.ledger.phase = Phase::Starting;
        }
    }

    fn stop(
        &mut self,
        cause: StopCause,
        deadline: Option<Instant>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        if self.ledger.is_ending() {
            self.ledger.hasten(deadline);
            self.hasten_children(out);
        } else {
            self.end(ExitReason::Stopped(cause), cause, deadline, now, out);
        }
    }

    /// The supervisor begins to end, if it has not yet.
    pub(super) fn end(
        &mut self,
        reason: ExitReason,
        cause: StopCause,
        deadline: Option<Instant>,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        if !self.ledger.begin_ending(reason, cause, deadline, now, out) {
            return;
        }
        for slot in &mut self.slots {
            slot.member = false;
            let child = &mut slot.child;
            child.retry = None;
            if !child.is_alive() {
                child.fact = Fact::Down;
            }
            if let Some(opening) = child.opening.take() {
                ledger::answer(opening.call(), Err(ManageError::Stopping), out);
            }
        }
        self.hasten_children(out);
    }

    fn hasten_children(&mut self, out: &mut Vec<Effect>) {
        let bound = self.ledger.stop_bound();
        for slot in &mut self.slots {
            slot.child.hasten(bound, out);
        }
    }

    pub(super) fn add(&mut self, policy: ChildPolicy, last_generation: Generation) -> Key {
        let key = Key(self.next_key);
        self.next_key += 1;
        self.ids.insert(policy.id.clone(), key);
        self.slots.push(Slot {
            child: Child::new(key, policy, last_generation),
            initial: false,
            member: false,
        });
        key
    }

    pub(super) fn forget(&mut self, at: usize, out: &mut Vec<Effect>) {
        let child = self.slots.remove(at).child;
        if self.ids.get(&child.policy.id) == Some(&child.key) {
            self.ids.remove(&child.policy.id);
        }
        out.push(Effect::Forget { key: child.key });
    }

    pub(super) fn place(&self, key: Key) -> Option<usize> {
        self.slots
            .binary_search_by_key(&key, |slot| slot.child.key)
            .ok()
    }

    pub(super) fn place_of(&self, target: &Target) -> Option<usize> {
        match target {
            Target::Id(id) => self.ids.get(id).and_then(|&key| self.place(key)),
            Target::Key(key) => self.place(*key),
        }
    }

    /// The place of the child whose current run this is.
    pub(super) fn place_of_run(&self, key: Key, generation: Generation) -> Option<usize> {
        self.place(key).filter(|&at| {
            let child = &self.slots[at].child;
            child.generation == generation && child.is_alive()
        })
    }

    /// The next time at which this machine wants [`Event::Due`].
    pub(crate) fn next_due(&self) -> Option<Instant> {
        if self.ledger.phase == Phase::New {
            return None;
        }
        // A child that still waits although its time has come waits for another one, not for time.
        let is_timed = |child: &Child, due: Instant| match child.fact {
            Fact::Waiting { .. } => {
                child.want && self.ledger.last_step().is_none_or(|now| due > now)
            }
            _ => true,
        };
        let children = self.slots.iter().filter_map(|slot| {
            let due = slot.child.due()?;
            is_timed(&slot.child, due).then_some(due)
        });
        children.chain(self.order_due()).min()
    }

    /// When the order of the stops is given up, if there is one to give up.
    fn order_due(&self) -> Option<Instant> {
        let at = self.ledger.ending.as_ref()?.gives_up_order_at()?;
        let ahead = self.ledger.last_step().is_none_or(|now| at > now);
        let unasked = |slot: &Slot| slot.child.is_alive() && !slot.child.is_stopping();
        (ahead && self.slots.iter().any(unasked)).then_some(at)
    }

    /// All children, in start order.
    pub(crate) fn children(&self) -> impl Iterator<Item = ChildView<'_>> {
        self.slots.iter().map(|slot| self.view(slot))
    }

    /// The child with this id.
    pub(crate) fn find(&self, target: &Target) -> Option<ChildView<'_>> {
        self.place_of(target).map(|at| self.view(&self.slots[at]))
    }

    fn view<'a>(&self, slot: &'a Slot) -> ChildView<'a> {
        ChildView::new(&slot.child, self.state(slot))
    }

    fn state(&self, slot: &Slot) -> ChildState {
        let child = &slot.child;
        let restarting = |due| ChildState::Restarting {
            attempt: child.streak.failures(),
            due,
        };
        match (child.fact, self.ledger.last_step()) {
            (Fact::Waiting { due }, _) => restarting(due),
            (Fact::Down, Some(now)) if child.want && slot.member => restarting(now),
            (Fact::Down, _) => ChildState::Down,
            (Fact::Starting { .. }, _) => ChildState::Starting,
            (Fact::Up { .. }, _) => ChildState::Up,
            (Fact::Stopping { .. }, _) => ChildState::Stopping,
        }
    }

    /// How many children there are.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for slot in &self.slots {
            view::count_spec(&mut counts, slot.child.policy.kind);
            counts.active += usize::from(slot.child.is_alive());
        }
        counts
    }

    pub(in crate::supervision::machine) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}
