//! The roster: every thread that a system has started for its units and that is not gone yet.
//!
//! A run can be over while its thread still destroys its thread-locals, and an abandoned run's thread
//! may live on for ever. The roster tells them apart, joins the threads that are gone, and says at
//! the end of a stop which are left: the truth that a shutdown report needs.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::Scope;

use parking_lot::Mutex;

use crate::fault::thread::{Gone, StartedThread, ThreadPlan, start, start_scoped};
use crate::fault::{Generation, UnitPath};
use crate::supervision::unit::run::Run;
use crate::time::{Clock, Deadline};

/// At how many ended threads that are not gone a start looks, at most.
const MAX_LOOKS: usize = 4;

/// Stands for the unit of a thread that has not carried one yet.
const CREW: &str = "crew";

/// A thread of a unit that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadLeft {
    /// The unit whose run the thread carries.
    pub path: UnitPath,
    /// The run.
    pub generation: Generation,
    /// The thread's name.
    pub thread: String,
    /// Whether its supervisor gave the run up.
    pub abandoned: bool,
}

impl ThreadLeft {
    /// A thread that belongs to no unit, and would not end with its system.
    pub(crate) fn of_system(system: &str, thread: &str) -> Self {
        ThreadLeft {
            path: UnitPath::new(system),
            generation: Generation::NONE,
            thread: thread.to_owned(),
            abandoned: true,
        }
    }
}

/// All threads of the units of one system. Cheap to clone; clones are the same roster.
#[derive(Clone)]
pub(crate) struct Roster {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    threads: BTreeMap<u64, Entry>,
    /// Threads whose work is over, in the order of their ends; they are joined when they are gone.
    over: VecDeque<u64>,
    next: u64,
    /// The system has ended: whoever returns now takes its own entry away.
    closed: bool,
}

struct Entry {
    /// `None`: a thread of the crew that has nothing to do.
    run: Option<Arc<Run>>,
    /// Whose the run is, or the last one was.
    whose: (UnitPath, Generation),
    name: String,
    abandoned: bool,
    thread: StartedThread,
}

impl Roster {
    pub(crate) fn new() -> Self {
        Roster {
            state: Arc::new(Mutex::new(State::default())),
        }
    }

    /// Starts a thread for `run`, or one that will be [lent](Self::lend), and joins threads that are gone by
    /// now. Returns the number of the thread, which its body is told as well.
    ///
    /// The lock is held across the start, so that every thread is on the roster before it can end.
    pub(crate) fn start(
        &self,
        run: Option<&Arc<Run>>,
        plan: ThreadPlan,
        body: impl FnOnce(u64) + Send + 'static,
    ) -> io::Result<u64> {
        let name = plan.name.clone();
        self.enlist(run, name, |id, shared| {
            start(plan, counted(id, shared, body))
        })
    }

    /// As [`start`](Self::start), for a body that borrows what outlives the scope.
    pub(crate) fn start_scoped<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        plan: ThreadPlan,
        body: impl FnOnce(u64) + Send + 'scope,
    ) -> io::Result<u64> {
        let name = plan.name.clone();
        self.enlist(None, name, |id, shared| {
            start_scoped(scope, plan, counted(id, shared, body))
        })
    }

    fn enlist(
        &self,
        run: Option<&Arc<Run>>,
        name: String,
        start: impl FnOnce(u64, Arc<Mutex<State>>) -> io::Result<StartedThread>,
    ) -> io::Result<u64> {
        let mut state = self.state.lock();
        let gone = state.take_gone();
        let id = state.next;
        state.next += 1;
        let started = start(id, Arc::clone(&self.state)).map(|thread| {
            let entry = Entry {
                run: run.cloned(),
                whose: run.map_or_else(nobody, whose),
                name,
                abandoned: false,
                thread,
            };
            state.threads.insert(id, entry);
            id
        });
        drop(state);
        // Joined outside the lock; each is in its very last steps.
        for mut entry in gone {
            entry.thread.join_if_gone();
        }
        started
    }

    /// The thread carries this run from now on.
    pub(crate) fn lend(&self, id: u64, run: &Arc<Run>) {
        let name = {
            let mut state = self.state.lock();
            let Some(entry) = state.threads.get_mut(&id) else {
                return;
            };
            entry.whose = whose(run);
            entry.run = Some(Arc::clone(run));
            entry.name.clone()
        };
        run.on_thread(name);
    }

    /// The thread carries no run any more. False if it was written off: it must not carry another one.
    pub(crate) fn take_back(&self, id: u64) -> bool {
        let mut state = self.state.lock();
        let Some(entry) = state.threads.get_mut(&id) else {
            return false;
        };
        if entry.abandoned {
            return false;
        }
        // What is dropped with the run is dropped outside the lock.
        let last = entry.run.take();
        drop(state);
        drop(last);
        true
    }

    /// What the operating system says that the run's thread does; `None` where it does not tell.
    pub(crate) fn os_state(&self, run: &Run) -> Option<String> {
        let gone = {
            let state = self.state.lock();
            let entry = state.threads.values().find(|entry| entry.carries(run))?;
            entry.thread.gone().clone()
        };
        gone.os_state()
    }

    /// Notes that the run's threads may live on.
    pub(crate) fn mark_abandoned(&self, run: &Arc<Run>) {
        for entry in self.state.lock().threads.values_mut() {
            entry.abandoned |= entry.carries(run);
        }
    }

    /// Tells the runs that are stopping already to stop draining.
    pub(crate) fn halt_stopping(&self) {
        let stopping = |entry: &Entry| {
            let token = entry.run.as_ref()?.token().clone();
            token.cause().map(|cause| (token, cause))
        };
        let tokens: Vec<_> = self
            .state
            .lock()
            .threads
            .values()
            .filter_map(stopping)
            .collect();
        for (token, cause) in tokens {
            token.halt(cause);
        }
    }

    /// The threads that are not gone yet, without those that have nothing to do.
    pub(crate) fn left(&self) -> Vec<ThreadLeft> {
        let state = self.state.lock();
        let there = state.threads.values().filter(|entry| entry.is_busy());
        there.map(Entry::left).collect()
    }

    /// Waits until all threads are gone; those that are not when the deadline passes.
    #[cfg(feature = "testkit")]
    pub(crate) fn outlast(&self, clock: &Clock, deadline: Deadline) -> Vec<ThreadLeft> {
        let threads: Vec<_> = {
            let state = self.state.lock();
            let gone = |entry: &Entry| entry.thread.gone().clone();
            state.threads.values().map(gone).collect()
        };
        for thread in threads {
            if !thread.wait(clock, deadline) {
                break;
            }
        }
        self.left()
    }

    /// Waits until every thread that is through, or whose run is over, or that has none, is gone; those that are not when
    /// the deadline passes count as abandoned: they hang in their thread-locals or in a stop hook.
    pub(crate) fn settle(&self, clock: &Clock, deadline: Deadline) {
        let waited = self.state.lock().ending();
        for (id, gone) in waited {
            let in_time = gone.wait(clock, deadline);
            let mut state = self.state.lock();
            if in_time {
                let entry = state.threads.remove(&id);
                drop(state);
                if let Some(mut entry) = entry {
                    entry.thread.join_if_gone();
                }
            } else if let Some(entry) = state.threads.get_mut(&id) {
                entry.abandoned = true;
            }
        }
        // Nobody starts a thread any more, so nobody would take away those that return from now on.
        self.state.lock().closed = true;
    }
}

impl State {
    /// The threads that are about to be gone.
    fn ending(&self) -> Vec<(u64, Gone)> {
        let through: HashSet<_> = self.over.iter().copied().collect();
        let ends = |(id, entry): &(&u64, &Entry)| {
            entry.run.as_ref().is_none_or(|run| run.is_over()) || through.contains(*id)
        };
        let ending = self.threads.iter().filter(ends);
        ending
            .map(|(id, entry)| (*id, entry.thread.gone().clone()))
            .collect()
    }

    /// Removes the threads at the head of the ended ones that are gone. One that is not goes to the end
    /// of the queue: it may hang in its thread-locals for ever, and must not keep the others.
    fn take_gone(&mut self) -> Vec<Entry> {
        let mut gone = Vec::new();
        let mut looks = self.over.len().min(MAX_LOOKS);
        while looks > 0
            && let Some(id) = self.over.pop_front()
        {
            match self.threads.get(&id) {
                Some(entry) if entry.thread.gone().is_gone() => {
                    gone.extend(self.threads.remove(&id));
                }
                Some(_) => {
                    self.over.push_back(id);
                    looks -= 1;
                }
                None => {}
            }
        }
        gone
    }
}

impl Entry {
    fn carries(&self, run: &Run) -> bool {
        self.run
            .as_ref()
            .is_some_and(|own| std::ptr::eq(&**own, run))
    }

    fn is_busy(&self) -> bool {
        let has_work = self.run.is_some() || self.abandoned;
        has_work && !self.thread.gone().is_gone()
    }

    fn left(&self) -> ThreadLeft {
        ThreadLeft {
            path: self.whose.0.clone(),
            generation: self.whose.1,
            thread: self.name.clone(),
            abandoned: self.abandoned,
        }
    }
}

fn whose(run: &Arc<Run>) -> (UnitPath, Generation) {
    (run.path().clone(), run.generation())
}

/// Of a thread that has not carried a run yet.
fn nobody() -> (UnitPath, Generation) {
    (UnitPath::new(CREW), Generation::NONE)
}

/// What a thread runs: the body, and that its work is over.
fn counted<F: FnOnce(u64) + Send>(
    id: u64,
    state: Arc<Mutex<State>>,
    body: F,
) -> impl FnOnce() + Send + use<F> {
    move || {
        let _over = Over { state, id };
        body(id);
    }
}

/// Marks a thread's work as over, however it ends.
struct Over {
    state: Arc<Mutex<State>>,
    id: u64,
}

impl Drop for Over {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if !state.closed {
            state.over.push_back(self.id);
            return;
        }
        let last = state.threads.remove(&self.id);
        drop(state);
        drop(last);
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roster").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::time::Duration;

    use super::*;
    use crate::supervision::Supervisor;
    use crate::supervision::tree::runtime::{Runtime, ThreadOptions};
    use crate::supervision::unit::logical::Unit;
    use crate::telemetry::Telemetry;

    const PATIENCE: Duration = Duration::from_secs(10);

    struct Slow(Receiver<()>);

    impl Drop for Slow {
        fn drop(&mut self) {
            let _let_go = self.0.recv_timeout(PATIENCE);
        }
    }

    #[test]
    fn a_thread_that_hangs_in_its_locals_does_not_keep_the_others() {
        thread_local!(static OWN: RefCell<Option<Slow>> = const { RefCell::new(None) });
        let clock = Clock::system();
        let options = ThreadOptions::default();
        let runtime = Runtime::new(clock.clone(), Telemetry::new(), options, 1);
        let root = Supervisor::new("t").begin_root(&runtime);
        let cell = root.cell().unwrap();
        let key = cell.inspect(|machine, _, _| machine.next_key());
        let run = Run::new(&Unit::new("w".into()), &cell, key, Generation::first(), 0);
        let roster = runtime.roster();
        let (let_go, slow) = sync_channel(1);
        let begin = |slow: Option<Slow>| {
            let plan = ThreadPlan {
                name: "w".into(),
                stack_size: None,
            };
            let started = roster.start(Some(&run), plan, move |_| OWN.set(slow));
            started.unwrap();
            let state = roster.state.lock();
            let newest = state.threads.values().next_back();
            newest.map(|entry| entry.thread.gone().clone()).unwrap()
        };
        let hangs = begin(Some(Slow(slow)));
        let until = clock.deadline(PATIENCE);
        while roster.state.lock().over.is_empty() {
            assert!(!until.is_past(clock.now()));
            std::thread::yield_now();
        }
        for _ in 0..20 {
            assert!(begin(None).wait(&clock, until));
        }
        let kept = roster.state.lock().threads.len();
        assert!(kept <= 3, "{kept} threads are kept");
        assert!(!hangs.is_gone());
        let_go.send(()).unwrap();
    }
}
