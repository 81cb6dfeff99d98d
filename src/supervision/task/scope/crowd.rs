//! Who is in a scope. The scope ends when all threads have left it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::scope_error::ScopeFailure;
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::task::ending::Ending;
use crate::supervision::unit::current;
use crate::supervision::unit::logical::Unit;
use crate::time::{Clock, Deadline};

/// The tasks of one scope.
pub(super) struct Crowd {
    clock: Clock,
    state: Mutex<State>,
    left: WaitList,
}

#[derive(Default)]
struct State {
    /// Threads that have not left.
    inside: usize,
    members: Vec<Member>,
    /// All were asked to stop: who comes now is asked at once.
    is_stopping: bool,
}

struct Member {
    unit: Arc<Unit>,
    ending: Arc<Ending>,
}

impl Crowd {
    pub(super) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Crowd {
            clock,
            state: Mutex::new(State::default()),
            left: WaitList::new(),
        })
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A thread is about to come in.
    pub(super) fn enter(self: &Arc<Self>) -> Inside {
        self.state.lock().inside += 1;
        Inside {
            crowd: Arc::clone(self),
        }
    }

    /// The task is the scope's: the end of the scope tells how it failed, if nobody asked before.
    pub(super) fn join(&self, unit: &Arc<Unit>, ending: &Arc<Ending>) {
        let member = Member {
            unit: Arc::clone(unit),
            ending: Arc::clone(ending),
        };
        let is_stopping = {
            let mut state = self.state.lock();
            state.members.retain(Member::is_of_interest);
            state.members.push(member);
            state.is_stopping
        };
        if is_stopping {
            // It may have ended meanwhile: then there is nobody to ask.
            let _gone = unit.ask_stop();
        }
    }

    /// Asks all tasks to stop.
    fn ask_all(&self) {
        let units: Vec<_> = {
            let mut state = self.state.lock();
            state.is_stopping = true;
            let running = state
                .members
                .iter()
                .filter(|member| !member.ending.is_told());
            running.map(|member| Arc::clone(&member.unit)).collect()
        };
        for unit in units {
            let _gone = unit.ask_stop();
        }
    }

    /// Waits until all threads have left, without a bound: they may borrow from who waits. When that is a unit that
    /// is asked to stop, or panics, they are asked to stop too.
    fn wait(&self) {
        if std::thread::panicking() {
            self.ask_all();
        }
        let empty = || (self.state.lock().inside == 0).then_some(());
        if current::wait(&self.left, &self.clock, Deadline::NEVER, empty).is_err() {
            self.ask_all();
            let _all_left = wait_for(&self.left, None, &self.clock, None, empty);
        }
        self.settle();
    }

    /// Waits until the supervisor has told of all ends: whoever carries its effects out is at it.
    fn settle(&self) {
        let endings: Vec<_> = {
            let state = self.state.lock();
            let members = state.members.iter();
            members.map(|member| Arc::clone(&member.ending)).collect()
        };
        for ending in endings {
            let told = || ending.is_told().then_some(());
            let _told = wait_for(&ending.changed, None, &self.clock, None, told);
        }
    }

    /// The failures that nobody has learnt of.
    pub(super) fn failures(&self) -> Vec<ScopeFailure> {
        let state = self.state.lock();
        let failed = state.members.iter().filter_map(|member| {
            let error = member.ending.unknown_error()?;
            let path = member.unit.path();
            Some(ScopeFailure { path, error })
        });
        failed.collect()
    }
}

impl Member {
    fn is_of_interest(&self) -> bool {
        !self.ending.is_told() || self.ending.unknown_error().is_some()
    }
}

/// A thread that is in the scope, until this is dropped.
pub(super) struct Inside {
    crowd: Arc<Crowd>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.crowd.state.lock().inside -= 1;
        self.crowd.left.notify_all();
    }
}

/// The scope's function, until it is through.
pub(super) struct Open<'a>(pub(super) &'a Crowd);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.wait();
    }
}
