//! The drainer: the thread that runs handlers for code which must never run a user's code.
//!
//! A post puts the event into a lossy ring, makes sure that the drainer lives, and wakes it. Whether it
//! lives is decided under one lock: a post starts it there if need be, and it retires there only if the
//! ring is empty and no flush waits, so no event is left behind without a thread.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;
use std::time::Duration;

use parking_lot::Mutex;

use super::event::Event;
use super::telemetry::Hub;
use crate::fault::thread::{Gone, StartedThread, ThreadPlan, start};
use crate::fault::{ContextSnapshot, ErrorContext};
use crate::kernel::ring::Ring;
use crate::kernel::waiters::{WaitList, wait_for};
use crate::time::{Clock, Deadline};

/// How long the drainer waits for another event before its thread ends.
pub(super) const IDLE: Duration = Duration::from_secs(10);

/// The way from a post to the handlers.
pub(super) struct Drainer {
    /// Made for the first event: a telemetry that nobody listens to costs no memory.
    ring: OnceLock<Ring<Box<Event>>>,
    capacity: usize,
    /// Where the drainer waits for events, flushes and the close.
    work: WaitList,
    /// Where flushes wait for the drainer.
    settled: WaitList,
    /// Flushes asked for, and the last of them that the drainer has answered.
    asked: AtomicU64,
    answered: AtomicU64,
    /// Events that were dropped without seeing the ring, and how many drops have been told of.
    refused: AtomicU64,
    told: AtomicU64,
    /// Nothing more is accepted.
    closed: AtomicBool,
    life: Mutex<Life>,
    idle: Duration,
}

#[derive(Default)]
struct Life {
    /// The drainer runs, and looks at the ring once more before it retires.
    running: bool,
    thread: Option<StartedThread>,
}

impl Drainer {
    pub(super) fn new(capacity: usize, idle: Duration) -> Self {
        Self {
            ring: OnceLock::new(),
            capacity,
            work: WaitList::new(),
            settled: WaitList::new(),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            told: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            life: Mutex::new(Life::default()),
            idle,
        }
    }

    pub(super) fn post(&self, hub: &Arc<Hub>, event: Event) {
        if self.is_closed() {
            self.count_dropped();
            return;
        }
        let ring = self.ring.get_or_init(|| Ring::new(self.capacity));
        if ring.push(Box::new(event)) {
            self.keep_alive(hub);
            self.work.notify_one();
        }
    }

    /// Starts the drainer if it does not run. If the system refuses a thread, the next post tries again.
    fn keep_alive(&self, hub: &Arc<Hub>) {
        let mut life = self.life.lock();
        if life.running {
            return;
        }
        if self.is_closed() {
            drop(life);
            self.throw_away();
            return;
        }
        if let Ok(thread) = spawn(hub) {
            life.running = true;
            life.thread = Some(thread);
        }
    }

    /// Counts an event that nobody will handle.
    pub(super) fn count_dropped(&self) {
        // Relaxed: a statistic, publishes nothing.
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        // Relaxed: a statistic, publishes nothing.
        self.ring.get().map_or(0, Ring::dropped) + self.refused.load(Ordering::Relaxed)
    }

    fn is_closed(&self) -> bool {
        // Relaxed: who must not miss it asks under the lock of `life`.
        self.closed.load(Ordering::Relaxed)
    }

    /// How many events wait.
    fn waiting(&self) -> usize {
        self.ring.get().map_or(0, Ring::len)
    }

    fn next(&self) -> Option<Box<Event>> {
        self.ring.get().and_then(Ring::pop)
    }

    /// What is in the ring when no thread is left to handle it.
    fn throw_away(&self) {
        while self.next().is_some() {
            self.count_dropped();
        }
    }

    /// Waits until what is in the ring is handled.
    pub(super) fn flush(&self, deadline: Deadline) -> bool {
        let Some(asked) = self.ask() else {
            return self.waiting() == 0;
        };
        if self.is_drainer() {
            return false;
        }
        self.work.notify_one();
        let is_answered = || self.has_answered(asked).then_some(());
        let clock = Clock::system();
        wait_for(&self.settled, None, &clock, deadline.instant(), is_answered).is_ok()
    }

    /// The number of a flush that the drainer will answer; `None` if it does not run.
    pub(super) fn ask(&self) -> Option<u64> {
        let life = self.life.lock();
        // Release: pairs with the Acquire in `run`: who reads the number sees in the ring what was posted
        // before it.
        life.running
            .then(|| self.asked.fetch_add(1, Ordering::Release) + 1)
    }

    /// Whether all that was posted before this flush is handled.
    pub(super) fn has_answered(&self, asked: u64) -> bool {
        // Acquire: pairs with the Release in `answer`; what the handlers did is seen by who flushed.
        self.answered.load(Ordering::Acquire) >= asked
    }

    fn is_drainer(&self) -> bool {
        let own = std::thread::current().id();
        self.thread_id() == Some(own)
    }

    fn thread_id(&self) -> Option<ThreadId> {
        let life = self.life.lock();
        life.thread.as_ref().map(|started| started.thread().id())
    }

    /// Accepts nothing more; the drainer ends when it has handled what it has.
    pub(super) fn refuse(&self) {
        let life = self.life.lock();
        // Relaxed: stored and, where it matters, read under the lock.
        self.closed.store(true, Ordering::Relaxed);
        drop(life);
        self.work.notify_one();
    }

    /// Ends the drainer and waits until its thread is gone.
    pub(super) fn close(&self, deadline: Deadline) -> bool {
        self.refuse();
        let Some(gone) = self.gone() else {
            let is_empty = self.waiting() == 0;
            self.throw_away();
            return is_empty;
        };
        if self.is_drainer() || !gone.wait(&Clock::system(), deadline) {
            return false;
        }
        let thread = self.life.lock().thread.take();
        if let Some(mut thread) = thread {
            thread.join_if_gone();
        }
        true
    }

    pub(super) fn gone(&self) -> Option<Gone> {
        let life = self.life.lock();
        life.thread.as_ref().map(|started| started.gone().clone())
    }

    /// The drainer's life.
    fn run(&self, hub: &Hub) {
        loop {
            // Acquire: pairs with the Release in `ask`.
            let asked = self.asked.load(Ordering::Acquire);
            self.handle_all(hub);
            self.tell_dropped(hub);
            self.answer(asked);
            if self.is_idle(asked) && self.retire() {
                return;
            }
        }
    }

    /// Handles as many events as the ring holds now, not those that handlers post meanwhile: a flush
    /// ends even if each event brings forth another.
    fn handle_all(&self, hub: &Hub) {
        for _ in 0..self.waiting() {
            // None although one is counted: its poster is still writing it, and will notify.
            let next = wait_for(&self.work, None, &Clock::system(), None, || self.next());
            if let Ok(event) = next {
                hub.handle(&event);
            }
        }
    }

    fn tell_dropped(&self, hub: &Hub) {
        let dropped = self.dropped();
        // Relaxed: only the drainer reads and writes it.
        let told = self.told.swap(dropped, Ordering::Relaxed);
        if dropped > told {
            hub.tell_dropped(dropped - told);
        }
    }

    fn answer(&self, asked: u64) {
        // Release: pairs with the Acquire in `flush`.
        self.answered.store(asked, Ordering::Release);
        self.settled.notify_all();
    }

    /// Waits for work; true if there has been none for long, or there will be none.
    fn is_idle(&self, asked: u64) -> bool {
        let clock = Clock::system();
        let until = clock.deadline(self.idle).instant();
        let has_work = || {
            // Relaxed: `run` reads it again, in order.
            let is_asked = self.asked.load(Ordering::Relaxed) != asked;
            if self.waiting() > 0 || is_asked {
                return Some(false);
            }
            self.is_closed().then_some(true)
        };
        // It obeys no stop signal, so the only error is that the time is over.
        wait_for(&self.work, None, &clock, until, has_work).unwrap_or(true)
    }

    /// Ends the drainer, unless work came in the meantime.
    fn retire(&self) -> bool {
        let mut life = self.life.lock();
        // Relaxed: both are read under the lock under which a flush asks; the first is the drainer's own.
        let owed = self.answered.load(Ordering::Relaxed) != self.asked.load(Ordering::Relaxed);
        if owed || self.waiting() > 0 {
            return false;
        }
        life.running = false;
        true
    }
}

fn spawn(hub: &Arc<Hub>) -> io::Result<StartedThread> {
    let plan = ThreadPlan {
        name: "sf-telemetry".to_owned(),
        stack_size: None,
    };
    let hub = Arc::clone(hub);
    // The drainer works for all: it must not carry the context of whoever happened to post first.
    let _clean = ErrorContext::attach(&ContextSnapshot::default());
    start(plan, move || hub.drainer.run(&hub))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Drainer, Ring};
    use crate::telemetry::event::Event;
    use crate::telemetry::kinds;
    use crate::time::Clock;

    #[test]
    fn a_drainer_that_is_owed_something_does_not_retire() {
        let drainer = Drainer::new(2, Duration::ZERO);
        drainer.life.lock().running = true;
        let event = Event::new(&kinds::SPAN_START, Clock::system().now());
        let ring = drainer.ring.get_or_init(|| Ring::new(2));
        assert!(ring.push(Box::new(event)));
        assert!(!drainer.retire(), "an event came in the last moment");
        assert!(drainer.next().is_some());
        let asked = drainer.ask().unwrap();
        assert!(!drainer.retire(), "a flush came in the last moment");
        drainer.answer(asked);
        assert!(drainer.retire());
        assert_eq!(drainer.ask(), None, "nobody is there to answer");
    }
}
