//! The crew: threads that carry one run after the other, because a thread for each short task costs more than
//! most tasks.
//!
//! Who admits tasks reserves a thread first, an idle one or a new one, so that the operating system's refusal is
//! known before anything is promised. The last idle thread is taken first: its stack and caches are warm, and the
//! others can end. A thread that was idle for long ends; one whose run was given up is never used again.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::fault::thread::ThreadPlan;
use crate::fault::{ContextSnapshot, ErrorContext, ExitReason};
use crate::kernel::waiters::{WaitList, wait_for};
use crate::supervision::tree::roster::Roster;
use crate::supervision::unit::run::Run;
use crate::time::Clock;

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// The reused threads of one system. They are as many as runs were carried at a time, and end when the crew does.
pub(crate) struct Crew {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    roster: Roster,
    bench: Mutex<Bench>,
}

/// The threads that have nothing to do; the last one sat down last.
#[derive(Default)]
struct Bench {
    idle: Vec<Member>,
    hired: u64,
    closed: bool,
}

/// One thread of the crew, by its number on the roster.
#[derive(Clone)]
struct Member {
    id: u64,
    hand: Arc<Hand>,
}

/// The place where a thread is told what to do.
struct Hand {
    order: Mutex<Option<Order>>,
    told: WaitList,
}

enum Order {
    Carry(Job),
    End,
}

struct Job {
    run: Arc<Run>,
    work: Box<Work>,
}

/// What a thread does as a run; it is told its number the first time that it carries one.
type Work = dyn FnOnce(Option<u64>) -> ExitReason + Send;

impl Crew {
    pub(crate) fn new(clock: Clock, roster: Roster) -> Self {
        let bench = Mutex::new(Bench::default());
        Crew {
            shared: Arc::new(Shared {
                clock,
                roster,
                bench,
            }),
        }
    }

    /// A thread to carry a run: an idle one, or a new one.
    ///
    /// # Errors
    /// What the operating system says when it refuses.
    pub(crate) fn reserve(&self) -> io::Result<Reserved> {
        let idle = self.shared.bench.lock().idle.pop();
        let member = idle.map_or_else(|| self.shared.hire(), Ok)?;
        Ok(Reserved {
            member: Some(member),
            shared: Arc::clone(&self.shared),
        })
    }

    /// Ends the threads that have nothing to do, and the others when they have done it.
    pub(crate) fn close(&self) {
        let idle = {
            let mut bench = self.shared.bench.lock();
            bench.closed = true;
            std::mem::take(&mut bench.idle)
        };
        for member in idle {
            member.hand.tell(Order::End);
        }
    }
}

impl Drop for Crew {
    /// A system whose stop was never finished takes its idle threads with it.
    fn drop(&mut self) {
        self.close();
    }
}

/// A thread that waits for the run that it was reserved for. Dropping it lets the thread go back.
pub(crate) struct Reserved {
    member: Option<Member>,
    shared: Arc<Shared>,
}

impl Reserved {
    /// Hands the run over. When `work` is through, the run ends for the reason that it returned.
    pub(crate) fn carry(
        mut self,
        run: &Arc<Run>,
        work: impl FnOnce(Option<u64>) -> ExitReason + Send + 'static,
    ) {
        if let Some(member) = self.member.take() {
            self.shared.roster.lend(member.id, run);
            member.hand.tell(Order::Carry(Job {
                run: Arc::clone(run),
                work: Box::new(work),
            }));
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(member) = self.member.take()
            && !self.shared.sit_down(&member)
        {
            member.hand.tell(Order::End);
        }
    }
}

impl Hand {
    fn tell(&self, order: Order) {
        *self.order.lock() = Some(order);
        self.told.notify_one();
    }
}

impl Shared {
    /// Starts a thread. It begins without an error context: that of its runs is not its own.
    fn hire(self: &Arc<Self>) -> io::Result<Member> {
        let number = {
            let mut bench = self.bench.lock();
            bench.hired += 1;
            bench.hired
        };
        let plan = ThreadPlan {
            name: format!("crew-{number}"),
            stack_size: None,
        };
        let hand = Arc::new(Hand {
            order: Mutex::new(None),
            told: WaitList::new(),
        });
        let (shared, own) = (Arc::clone(self), Arc::clone(&hand));
        let _nobodys = ErrorContext::attach(&ContextSnapshot::default());
        let begun = move |id| shared.serve(&Member { id, hand: own });
        let id = self.roster.start(None, plan, begun)?;
        Ok(Member { id, hand })
    }

    /// The life of a thread of the crew.
    fn serve(&self, own: &Member) {
        let mut index = Some(own.id);
        while let Some(job) = self.next(own) {
            let reason = (job.work)(index.take());
            // Drops what the run's timers held, the user's values: the thread is not free before that.
            let is_first = job.run.finish();
            let goes_on = self.roster.take_back(own.id) && self.sit_down(own);
            // Who hears of the end finds the thread free again.
            if is_first {
                job.run.turn_ended(reason);
            }
            if !goes_on {
                return;
            }
        }
    }

    /// The next run to carry; `None` when the thread is to end.
    fn next(&self, own: &Member) -> Option<Job> {
        let hand = &own.hand;
        loop {
            let until = self.clock.deadline(IDLE).instant();
            let order = || hand.order.lock().take();
            let told = wait_for(&hand.told, None, &self.clock, until, order);
            match told {
                Ok(Order::Carry(job)) => return Some(job),
                Ok(Order::End) => return None,
                Err(_) if self.leave(own) => return None,
                // It was reserved meanwhile: work is on its way.
                Err(_) => {}
            }
        }
    }

    /// Puts a thread on the bench; false when the crew has ended.
    fn sit_down(&self, member: &Member) -> bool {
        let mut bench = self.bench.lock();
        if !bench.closed {
            bench.idle.push(member.clone());
        }
        !bench.closed
    }

    /// Takes a thread off the bench; false when it does not sit there.
    fn leave(&self, member: &Member) -> bool {
        let mut bench = self.bench.lock();
        let place = bench.idle.iter().position(|idle| idle.id == member.id);
        if let Some(place) = place {
            bench.idle.remove(place);
        }
        place.is_some()
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crew() -> Crew {
        Crew::new(Clock::system(), Roster::new())
    }

    /// How many sit on the bench, and how many threads there have been.
    fn count(crew: &Crew) -> (usize, u64) {
        let bench = crew.shared.bench.lock();
        (bench.idle.len(), bench.hired)
    }

    #[test]
    fn a_thread_that_was_reserved_in_vain_is_reserved_again() {
        let crew = crew();
        let (first, second) = (crew.reserve().unwrap(), crew.reserve().unwrap());
        assert_eq!(count(&crew), (0, 2));
        drop(first);
        drop(second);
        assert_eq!(count(&crew), (2, 2));
        let _again = crew.reserve().unwrap();
        assert_eq!(count(&crew), (1, 2));
    }

    #[test]
    fn the_thread_that_sat_down_last_is_taken_first() {
        let crew = crew();
        let (first, second) = (crew.reserve().unwrap(), crew.reserve().unwrap());
        let last = first.member.as_ref().unwrap().id;
        drop(second);
        drop(first);
        let again = crew.reserve().unwrap();
        assert_eq!(again.member.as_ref().unwrap().id, last);
    }

    #[test]
    fn a_crew_that_has_ended_keeps_nobody() {
        let crew = crew();
        let (first, second) = (crew.reserve().unwrap(), crew.reserve().unwrap());
        let hands = [&first, &second].map(|reserved| {
            let member = reserved.member.as_ref().unwrap();
            Arc::downgrade(&member.hand)
        });
        drop(first);
        crew.close();
        drop(second);
        assert_eq!(count(&crew), (0, 2));
        let clock = Clock::system();
        let deadline = clock.deadline(IDLE);
        crew.shared.roster.settle(&clock, deadline);
        assert!(!deadline.is_past(clock.now()), "a thread was not told");
        assert!(hands.iter().all(|hand| hand.strong_count() == 0));
    }
}
