//! The shell around a pure machine: one cell per running supervisor.
//!
//! Whoever has an event *turns* the cell: under its lock the machine steps and its effects are queued;
//! then one thread at a time carries the queue out, in order, without the lock (`carry.rs`). No user
//! code runs under the lock or in the carrying, so a supervisor is never blocked by its children. A thread
//! carries a bounded number of effects; the rest is the steward's, so that nobody works for others for as
//! long as there is load.
//!
//! Cells turn each other (a child supervisor that ended, a parent that stops). A thread-local agenda
//! makes that a loop instead of a recursion, so the depth of a tree costs no stack.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::fault::UnitPath;
use crate::fault::catch::{Caught, catch};
use crate::supervision::child::ChildSpec;
use crate::supervision::machine::{
    AnyMachine, CallId, ChildView, Effect, Event, Key, Phase, Request, Target,
};
use crate::supervision::supervisor::SupervisorBody;
use crate::supervision::tree::call::CallSlot;
use crate::supervision::tree::runtime::Runtime;
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::run::Run;
use crate::supervision::{Counts, ManageError, SupervisorPolicy};

/// How many effects a thread carries out before it hands the rest to the steward, who takes them in turns with
/// its other work.
const CARRIED: usize = 64;

/// One running supervisor.
pub(crate) struct Cell {
    path: UnitPath,
    runtime: Arc<Runtime>,
    owner: Arc<SupervisorBody>,
    parent: Option<Arc<Run>>,
    inner: Mutex<Inner>,
}

struct Inner {
    machine: AnyMachine,
    /// Keys are counted up, and large stops go by them in order: neighbours here are neighbours then.
    children: BTreeMap<Key, Arc<ChildSpec>>,
    queue: VecDeque<Effect>,
    /// Some thread is carrying effects out, or the steward is about to; whoever else turns the cell leaves them to it.
    carrying: bool,
    calls: BTreeMap<CallId, Arc<CallSlot>>,
    next_call: u64,
    /// The earliest time for which the steward was asked to turn the cell.
    armed: Option<Instant>,
    scratch: Vec<Effect>,
}

impl Cell {
    /// A supervisor that has not begun; `parent` is its own run under the supervisor above.
    pub(crate) fn new(
        runtime: &Arc<Runtime>,
        owner: Arc<SupervisorBody>,
        parent: Option<Arc<Run>>,
        policy: SupervisorPolicy,
        specs: &[Arc<ChildSpec>],
    ) -> Arc<Self> {
        let path = policy.path.clone();
        let policies = specs
            .iter()
            .map(|s| (s.policy().clone(), s.unit().generation()))
            .collect::<Vec<_>>();
        let (machine, keys) = AnyMachine::new(policy, policies);
        let children = keys.into_iter().zip(specs.iter().cloned()).collect();
        let cell = Arc::new(Cell {
            path,
            runtime: Arc::clone(runtime),
            owner,
            parent,
            inner: Mutex::new(Inner {
                machine,
                children,
                queue: VecDeque::new(),
                carrying: false,
                calls: BTreeMap::new(),
                next_call: 0,
                armed: None,
                scratch: Vec::new(),
            }),
        });
        for spec in specs {
            cell.settle(spec.unit());
        }
        cell
    }

    pub(crate) fn path(&self) -> &UnitPath {
        &self.path
    }

    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    pub(crate) fn owner(&self) -> &Arc<SupervisorBody> {
        &self.owner
    }

    pub(super) fn parent(&self) -> Option<&Arc<Run>> {
        self.parent.as_ref()
    }

    fn settle(self: &Arc<Self>, unit: &Arc<Unit>) {
        unit.settle(self.path.join(unit.id().as_str()), self);
    }

    /// Applies one event, and carries out what follows unless another thread is at it.
    pub(crate) fn turn(self: &Arc<Self>, event: Event) {
        let carry = self.inner.lock().step(event, self.runtime.clock().now());
        self.carry_if(carry);
    }

    /// A management call: the slot is filled when the machine answers.
    pub(crate) fn call(self: &Arc<Self>, request: Request) -> Arc<CallSlot> {
        let slot = Arc::new(CallSlot::new());
        let carry = {
            let mut inner = self.inner.lock();
            let call = inner.open_call(Some(&slot));
            inner.step(Event::Call { call, request }, self.runtime.clock().now())
        };
        self.carry_if(carry);
        slot
    }

    /// Adds a child and starts it.
    pub(crate) fn start_child(self: &Arc<Self>, spec: Arc<ChildSpec>) -> Arc<CallSlot> {
        let slot = Arc::new(CallSlot::new());
        // A refusal is in the slot too.
        let _refused = self.add_child(spec, Some(&slot));
        slot
    }

    /// Adds a child whose start cannot fail, and starts it; nothing is waited for.
    ///
    /// # Errors
    /// Why the machine does not want it.
    pub(crate) fn admit(self: &Arc<Self>, spec: ChildSpec) -> Result<(), ManageError> {
        self.add_child(Arc::new(spec), None)
    }

    fn add_child(
        self: &Arc<Self>,
        spec: Arc<ChildSpec>,
        slot: Option<&Arc<CallSlot>>,
    ) -> Result<(), ManageError> {
        let last_generation = spec.unit().generation();
        let request = Request::StartChild {
            policy: spec.policy().clone(),
            last_generation,
        };
        self.settle(spec.unit());
        // A refused specification holds the user's values: it is dropped last, without the lock.
        let (carry, refused, _spec) = {
            let mut inner = self.inner.lock();
            let call = inner.open_call(slot);
            let key = inner.machine.next_key();
            inner.children.insert(key, spec);
            let carry = inner.step(Event::Call { call, request }, self.runtime.clock().now());
            // Refused: the key is still free, so the specification has no place.
            let is_refused = inner.machine.next_key() == key;
            let spec = is_refused.then(|| inner.children.remove(&key));
            let refused = is_refused.then(|| inner.refusal(call));
            (carry, refused.flatten(), spec)
        };
        self.carry_if(carry);
        refused.map_or(Ok(()), Err)
    }

    fn carry_if(self: &Arc<Self>, carry: bool) {
        if carry {
            Agenda::run(self);
        }
    }

    /// Carries out what another thread has left to the steward.
    pub(super) fn carry_on(self: &Arc<Self>) {
        Agenda::run(self);
    }

    /// Carries out queued effects until none is left, then asks for the next wake-up; or, when the thread has done
    /// its share, hands them to the steward.
    fn carry_all(self: &Arc<Self>, share: &mut usize) {
        loop {
            if *share == 0 {
                if self.runtime.steward().carry_on(self) {
                    return;
                }
                *share = CARRIED;
            }
            *share -= 1;
            let mut inner = self.inner.lock();
            let Some(effect) = inner.queue.pop_front() else {
                inner.carrying = false;
                self.arm(&mut inner);
                return;
            };
            let spec = effect
                .key()
                .and_then(|key| inner.children.get(&key).cloned());
            drop(inner);
            // A value of the user that is dropped on the way may panic: it must not end the carrying.
            if let Err(Caught::Panic(report)) = catch(|| self.carry(effect, spec)) {
                log::error!(target: "steadfast::supervision", "effect.panicked path={} {report}", self.path);
            }
        }
    }

    fn arm(self: &Arc<Self>, inner: &mut Inner) {
        let Some(due) = inner.machine.next_due() else {
            return;
        };
        if inner.armed.is_none_or(|armed| due < armed) {
            inner.armed = Some(due);
            self.runtime.steward().arm_cell(due, self);
        }
    }

    /// The steward's wake-up: `due` is the time it was asked for.
    pub(crate) fn due(self: &Arc<Self>, due: Instant) {
        {
            let mut inner = self.inner.lock();
            if inner.armed == Some(due) {
                inner.armed = None;
            }
        }
        self.turn(Event::Due);
    }

    pub(super) fn forget(&self, key: Key) {
        self.inner.lock().children.remove(&key);
    }

    /// The specifications of all children.
    pub(crate) fn specs(&self) -> Vec<Arc<ChildSpec>> {
        self.inner.lock().children.values().cloned().collect()
    }

    pub(super) fn answer(&self, call: CallId) -> Option<Arc<CallSlot>> {
        self.inner.lock().calls.remove(&call)
    }

    // --- introspection ---------------------------------------------------------------------------

    pub(crate) fn counts(&self) -> Counts {
        self.inner.lock().machine.counts()
    }

    /// Whether the supervisor ends or has ended: it takes no child any more.
    pub(crate) fn is_ending(&self) -> bool {
        let phase = self.inner.lock().machine.phase();
        matches!(phase, Phase::Stopping | Phase::Ended)
    }

    /// The key of the child that is this unit, not of another one that has its id by now.
    pub(crate) fn key_of(&self, unit: &Arc<Unit>) -> Option<Key> {
        self.inspect(|machine, _, specs| {
            let child = machine.find(&Target::Id(unit.id().clone()))?;
            let spec = specs.of(&child)?;
            Arc::ptr_eq(spec.unit(), unit).then_some(child.key)
        })
    }

    /// Reads the machine and the specifications of its children under one lock.
    pub(crate) fn inspect<T>(&self, read: impl FnOnce(&AnyMachine, Instant, Specs<'_>) -> T) -> T {
        let now = self.runtime.clock().now();
        let inner = self.inner.lock();
        read(&inner.machine, now, Specs(&inner.children))
    }
}

/// The specifications of a supervisor's children, for readers.
#[derive(Clone, Copy)]
pub(crate) struct Specs<'a>(&'a BTreeMap<Key, Arc<ChildSpec>>);

impl<'a> Specs<'a> {
    pub(crate) fn of(self, child: &ChildView<'_>) -> Option<&'a Arc<ChildSpec>> {
        self.0.get(&child.key)
    }
}

impl Inner {
    /// Steps the machine and queues its effects; true when the caller has to carry them out.
    fn step(&mut self, event: Event, now: Instant) -> bool {
        self.machine.step(event, now, &mut self.scratch);
        if self.queue.is_empty() {
            // The buffers change places: a stop of very many children copies nothing.
            let empty = std::mem::take(&mut self.queue);
            self.queue = std::mem::replace(&mut self.scratch, empty.into()).into();
        } else {
            self.queue.extend(self.scratch.drain(..));
        }
        !std::mem::replace(&mut self.carrying, true)
    }

    /// Names a call; without a slot nobody waits for its answer.
    fn open_call(&mut self, slot: Option<&Arc<CallSlot>>) -> CallId {
        let call = CallId(self.next_call);
        self.next_call += 1;
        if let Some(slot) = slot {
            self.calls.insert(call, Arc::clone(slot));
        }
        call
    }

    /// Why a call was refused, as long as its answer was not carried out.
    fn refusal(&self, wanted: CallId) -> Option<ManageError> {
        self.queue.iter().rev().find_map(|effect| match effect {
            Effect::Answer { call, answer } if *call == wanted => answer.clone().err(),
            _ => None,
        })
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static AGENDA: RefCell<Option<VecDeque<Arc<Cell>>>> = const { RefCell::new(None) };
}

/// The cells whose effects this thread has taken on.
struct Agenda;

impl Agenda {
    /// Carries the cell's effects out, now or, when this thread is already carrying, after that.
    fn run(cell: &Arc<Cell>) {
        let outermost = AGENDA.try_with(|agenda| {
            let mut agenda = agenda.borrow_mut();
            let outermost = agenda.is_none();
            agenda.get_or_insert_default().push_back(Arc::clone(cell));
            outermost
        });
        let mut share = CARRIED;
        match outermost {
            Ok(true) => {}
            Ok(false) => return,
            // The thread's locals are being destroyed: here what leads to more is a recursion after all.
            Err(_) => return cell.carry_all(&mut share),
        }
        while let Some(cell) = Self::next() {
            cell.carry_all(&mut share);
        }
        let _empty = AGENDA.try_with(|agenda| agenda.borrow_mut().take());
    }

    fn next() -> Option<Arc<Cell>> {
        let next = AGENDA.try_with(|agenda| agenda.borrow_mut().as_mut()?.pop_front());
        next.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::thread::ThreadId;
    use std::time::Duration;

    use super::*;
    use crate::supervision::child::{Body, Child};
    use crate::supervision::tree::runtime::ThreadOptions;
    use crate::supervision::unit::unit_ref::UnitRef;
    use crate::supervision::{ChildPolicy, Supervisor};
    use crate::telemetry::Telemetry;
    use crate::time::Clock;

    const PATIENCE: Duration = Duration::from_secs(10);
    const CHILDREN: usize = 4 * CARRIED;

    /// Says which thread launches it; waits then, if it is told to.
    struct Launched {
        on: SyncSender<ThreadId>,
        held: Mutex<Option<Receiver<()>>>,
    }

    impl Body for Launched {
        fn launch(&self, run: &Arc<Run>, _spec: &ChildSpec) {
            self.on.send(std::thread::current().id()).unwrap();
            if let Some(held) = self.held.lock().take() {
                held.recv_timeout(PATIENCE).unwrap();
            }
            let (key, generation) = (run.key(), run.generation());
            run.home().unwrap().turn(Event::Started { key, generation });
        }
    }

    /// The supervisor of a system of its own, with a steward.
    fn cell() -> Arc<Cell> {
        let options = ThreadOptions::default();
        let runtime = Runtime::new(Clock::system(), Telemetry::new(), options, 1);
        runtime.steward().ensure().unwrap();
        let root = Supervisor::new("t").begin_root(&runtime);
        root.cell().unwrap()
    }

    #[test]
    fn who_turns_a_supervisor_carries_a_bounded_share_for_the_others() {
        let (cell, (on, launched), (let_go, held)) =
            (cell(), sync_channel(CHILDREN + 1), sync_channel(1));
        let start = |number: usize, held| {
            let unit = Unit::new(format!("w{number}").into());
            let (on, held) = (on.clone(), Mutex::new(held));
            let policy = ChildPolicy::worker(unit.id().clone());
            let (body, handle) = (Launched { on, held }, UnitRef::new(Arc::clone(&unit)));
            let (spec, _) = Child::new(policy, unit, Arc::new(body), handle).into_parts();
            cell.start_child(Arc::new(spec))
        };
        std::thread::scope(|scope| {
            scope.spawn(|| start(0, Some(held)));
            let carrier = launched.recv_timeout(PATIENCE).unwrap();
            let slots: Vec<_> = (1..=CHILDREN).map(|number| start(number, None)).collect();
            let_go.send(()).unwrap();
            let on = (0..CHILDREN).map(|_| launched.recv_timeout(PATIENCE).unwrap());
            let share = on.filter(|thread| *thread == carrier).count();
            assert!(share < CARRIED, "{share} of {CHILDREN}");
            let clock = Clock::system();
            for slot in slots {
                slot.wait(&clock, clock.deadline(PATIENCE)).unwrap();
            }
        });
    }
}
