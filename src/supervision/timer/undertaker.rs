//! Where values of the user are dropped that came to their end on the steward.
//!
//! A destructor is code of the user: it may panic, block, or call the library. So the steward drops none; it hands
//! them to a thread that is started for them, and that ends when it has dropped them all.

use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::delivery::Remains;
use crate::fault::catch::catch_drop;
use crate::fault::thread::{Gone, StartedThread, ThreadPlan, start};
use crate::time::{Clock, Deadline};

/// Drops values on a thread of their own.
pub(super) struct Undertaker {
    grave: Arc<Mutex<Grave>>,
}

#[derive(Default)]
struct Grave {
    /// As many as timers have ended unheard since the thread last looked.
    remains: Remains,
    /// The thread that drops them is at work.
    is_busy: bool,
    /// Those that were started and are not known to be gone: one that has nothing left to do may hang in its
    /// thread-locals.
    threads: Vec<StartedThread>,
}

impl Undertaker {
    pub(super) fn new() -> Self {
        Self {
            grave: Arc::default(),
        }
    }

    /// Takes values over; they are dropped soon, elsewhere.
    pub(super) fn bury(&self, remains: Remains) {
        if remains.is_empty() {
            return;
        }
        self.grave.lock().remains.append(remains);
        self.dig();
    }

    /// Has a thread at work if there is something to drop.
    fn dig(&self) {
        let mut grave = self.grave.lock();
        let is_gone = |thread: &mut StartedThread| thread.gone().is_gone();
        let gone: Vec<_> = grave.threads.extract_if(.., is_gone).collect();
        // Refused by the operating system: what is here waits for the next burial, or for the end of the system.
        if !grave.is_busy
            && !grave.remains.is_empty()
            && let Ok(thread) = self.begin()
        {
            grave.is_busy = true;
            grave.threads.push(thread);
        }
        drop(grave);
        for mut thread in gone {
            thread.join_if_gone();
        }
    }

    fn begin(&self) -> io::Result<StartedThread> {
        let grave = Arc::clone(&self.grave);
        let plan = ThreadPlan {
            name: "undertaker".into(),
            stack_size: None,
        };
        start(plan, move || {
            while let Some(remains) = Grave::take(&grave) {
                drop_all(remains);
            }
        })
    }

    /// At the end of the system: waits for the threads. Returns how many are not gone.
    ///
    /// What no thread can be had for even now is leaked: its destructors are no business of who stops the system.
    pub(super) fn settle(&self, clock: &Clock, deadline: Deadline) -> usize {
        self.dig();
        let threads: Vec<Gone> = {
            let mut grave = self.grave.lock();
            if !grave.is_busy && !grave.remains.is_empty() {
                log::error!(target: "steadfast::timer", "undertaker.refused so what timers held is never dropped");
                std::mem::forget(std::mem::take(&mut grave.remains));
            }
            let threads = grave.threads.iter();
            threads.map(|thread| thread.gone().clone()).collect()
        };
        let hangs = |thread: &&Gone| !thread.wait(clock, deadline);
        let left = threads.iter().filter(hangs).count();
        if left > 0 {
            log::error!(target: "steadfast::timer", "undertaker.hangs in the destructor of a value that a timer held");
        }
        self.dig();
        left
    }
}

impl Grave {
    /// What there is to drop; `None` ends the thread's work.
    fn take(grave: &Mutex<Self>) -> Option<Remains> {
        let mut grave = grave.lock();
        grave.is_busy = !grave.remains.is_empty();
        grave.is_busy.then(|| std::mem::take(&mut grave.remains))
    }
}

/// Each under a catch of its own: one that panics keeps no other from its drop.
pub(super) fn drop_all(remains: Remains) {
    for value in remains.into_values() {
        let _its_panic = catch_drop(value);
    }
}

impl fmt::Debug for Undertaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undertaker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    thread_local!(static OWN: RefCell<Option<Slow>> = const { RefCell::new(None) });

    /// Hangs in its drop until it is told.
    struct Slow(Receiver<()>);

    impl Drop for Slow {
        fn drop(&mut self) {
            let _let_go = self.0.recv_timeout(PATIENCE);
        }
    }

    /// Leaves something that hangs in the locals of the thread on which it is dropped, and tells which that is.
    struct Leaves(Option<Slow>, SyncSender<String>);

    impl Drop for Leaves {
        fn drop(&mut self) {
            OWN.set(self.0.take());
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            let _heard = self.1.try_send(name.to_owned());
        }
    }

    fn remains(slow: Option<Slow>, tell: &SyncSender<String>) -> Remains {
        let mut remains = Remains::default();
        remains.add(vec![Leaves(slow, tell.clone())]);
        remains
    }

    #[test]
    fn a_thread_that_hangs_in_its_locals_is_told_of_although_another_one_followed_it() {
        let (clock, undertaker) = (Clock::system(), Undertaker::new());
        let (tell, dropped) = sync_channel(2);
        let (let_go, slow) = sync_channel(1);
        undertaker.bury(remains(Some(Slow(slow)), &tell));
        let until = clock.deadline(PATIENCE);
        while undertaker.grave.lock().is_busy {
            assert!(!until.is_past(clock.now()));
            std::thread::yield_now();
        }
        undertaker.bury(remains(None, &tell));
        let second = undertaker.grave.lock().threads.pop().expect("a second one");
        assert!(second.gone().wait(&clock, until));
        assert_eq!(dropped.try_iter().count(), 2);
        let settle = |time| undertaker.settle(&clock, clock.deadline(time));
        assert_eq!(settle(Duration::ZERO), 1);
        let_go.send(()).expect("it hangs");
        assert_eq!(settle(PATIENCE), 0);
    }

    #[test]
    fn what_no_thread_could_be_had_for_is_not_dropped_by_who_stops_the_system() {
        let (clock, undertaker) = (Clock::system(), Undertaker::new());
        let (tell, dropped) = sync_channel(1);
        undertaker.grave.lock().remains = remains(None, &tell);
        assert_eq!(undertaker.settle(&clock, clock.deadline(PATIENCE)), 0);
        assert_eq!(dropped.try_recv().as_deref(), Ok("undertaker"));
    }
}
