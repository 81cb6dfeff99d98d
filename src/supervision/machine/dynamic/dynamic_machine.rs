//! The dynamic machine: its state, its events, and what can be asked of it.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::slab::Slab;
use crate::fault::{ExitReason, Generation, StopCause};
use crate::supervision::machine::child::{Child, Fact};
use crate::supervision::machine::effect::Effect;
use crate::supervision::machine::event::{Event, Key, Target};
use crate::supervision::machine::ledger::{self, Ledger, Phase};
use crate::supervision::machine::view::{self, ChildView};
use crate::supervision::{ChildId, ChildPolicy, ChildState, Counts, ManageError, SupervisorPolicy};

/// A supervisor of many alike children that come and go.
#[derive(Debug)]
pub(crate) struct DynamicMachine {
    pub(super) ledger: Ledger,
    children: Slab,
    ids: HashMap<ChildId, Key>,
    /// The times at which a child must be looked at: at most one for each.
    due: BTreeSet<(Instant, Key)>,
    counts: Counts,
}

impl DynamicMachine {
    /// A machine without children.
    pub(crate) fn new(policy: SupervisorPolicy) -> Self {
        Self {
            ledger: Ledger::new(policy),
            children: Slab::default(),
            ids: HashMap::new(),
            due: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    /// The key that the next accepted child will get.
    pub(crate) fn next_key(&self) -> Key {
        self.children.next_key()
    }

    /// Takes in one event; what is to be done about it is appended to `out`.
    pub(crate) fn step(&mut self, event: Event, now: Instant, out: &mut Vec<Effect>) {
        let now = self.ledger.tick(now);
        match event {
            Event::Begin => self.begin(now, out),
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
        if self.counts.specs == 0 {
            self.ledger.finish(out);
        }
    }

    fn begin(&mut self, now: Instant, out: &mut Vec<Effect>) {
        if self.ledger.phase != Phase::New {
            return;
        }
        self.ledger.phase = Phase::Running;
        out.push(Effect::Up);
        for key in self.keys() {
            self.change(key, |_, child| child.launch(now, out));
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
            let bound = self.ledger.stop_bound();
            for key in self.keys() {
                self.change(key, |_, child| child.hasten(bound, out));
            }
        } else {
            self.end(ExitReason::Stopped(cause), cause, deadline, now, out);
        }
    }

    /// The supervisor begins to end, if it has not yet: all children are asked at once.
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
        for key in self.keys() {
            let went = self.change(key, |_, child| {
                child.retry = None;
                if let Some(opening) = child.opening.take() {
                    ledger::answer(opening.call(), Err(ManageError::Stopping), out);
                }
                if child.is_stopping() {
                    child.hasten(deadline, out);
                }
                (child.is_alive(), child.is_stopping())
            });
            match went {
                Some((true, false)) => self.ask(key, cause, now, out),
                Some((false, _)) => self.remove(key, out),
                Some((true, true)) | None => {}
            }
        }
    }

    fn keys(&self) -> Vec<Key> {
        self.children.iter().map(|child| child.key).collect()
    }

    pub(super) fn child(&self, key: Key) -> Option<&Child> {
        self.children.get(key)
    }

    /// The child whose current run this is.
    pub(super) fn child_of_run(&self, key: Key, generation: Generation) -> Option<&Child> {
        self.child(key)
            .filter(|child| child.generation == generation && child.is_alive())
    }

    pub(super) fn key_of(&self, target: &Target) -> Option<Key> {
        match target {
            Target::Id(id) => self.ids.get(id).copied(),
            Target::Key(key) => self.child(*key).map(|child| child.key),
        }
    }

    /// The one way to change a child: what is counted and armed follows.
    pub(super) fn change<R>(
        &mut self,
        key: Key,
        apply: impl FnOnce(&mut Ledger, &mut Child) -> R,
    ) -> Option<R> {
        let child = self.children.get_mut(key)?;
        let (was_alive, was_due) = (child.is_alive(), child.due());
        let result = apply(&mut self.ledger, child);
        match (was_alive, child.is_alive()) {
            (false, true) => self.counts.active += 1,
            (true, false) => self.counts.active -= 1,
            _ => {}
        }
        let due = child.due();
        if due != was_due {
            if let Some(time) = was_due {
                self.due.remove(&(time, key));
            }
            if let Some(time) = due {
                self.due.insert((time, key));
            }
        }
        Some(result)
    }

    pub(super) fn add(&mut self, policy: ChildPolicy, last_generation: Generation) -> Key {
        let key = self.next_key();
        view::count_spec(&mut self.counts, policy.kind);
        self.ids.insert(policy.id.clone(), key);
        self.children
            .insert(Child::new(key, policy, last_generation));
        key
    }

    /// Drops a child that has no run.
    pub(super) fn remove(&mut self, key: Key, out: &mut Vec<Effect>) {
        self.change(key, |_, child| child.fact = Fact::Down);
        if let Some(child) = self.children.remove(key) {
            view::discount_spec(&mut self.counts, child.policy.kind);
            self.ids.remove(&child.policy.id);
            out.push(Effect::Forget { key });
        }
    }

    /// The child whose time has come first.
    pub(super) fn first_due(&self, now: Instant) -> Option<Key> {
        let &(time, key) = self.due.first()?;
        (time <= now).then_some(key)
    }

    /// The next time at which this machine wants [`Event::Due`].
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|&(time, _)| time)
    }

    /// All children, in no order that means anything.
    pub(crate) fn children(&self) -> impl Iterator<Item = ChildView<'_>> {
        self.children.iter().map(look)
    }

    /// The child that is meant.
    pub(crate) fn find(&self, target: &Target) -> Option<ChildView<'_>> {
        self.key_of(target)
            .and_then(|key| self.child(key))
            .map(look)
    }

    /// How many children there are, without counting.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(in crate::supervision::machine) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn look(child: &Child) -> ChildView<'_> {
    let state = match child.fact {
        Fact::Down => ChildState::Down,
        Fact::Waiting { due } => ChildState::Restarting {
            attempt: child.streak.failures(),
            due,
        },
        Fact::Starting { .. } => ChildState::Starting,
        Fact::Up { .. } => ChildState::Up,
        Fact::Stopping { .. } => ChildState::Stopping,
    };
    ChildView::new(child, state)
}
