//! What was accepted, and what became of it.

use super::pool_error::PoolRefusal;
use crate::fault::Generation;

/// Pieces of work by what became of them, over all runs of the pool.
///
/// `accepted = completed + panicked + dropped + pending` at any moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolCounters {
    /// Handed in and taken.
    pub accepted: u64,
    /// Handed in and not taken.
    pub refused: u64,
    /// Ran to their end.
    pub completed: u64,
    /// Panicked.
    pub panicked: u64,
    /// Taken and not run to their end: withdrawn in time by who waited, left by a stop, or given up with
    /// the pool.
    pub dropped: u64,
    /// Queued or running now.
    pub pending: u64,
}

/// What became of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Panicked,
    /// Nobody wanted it any more.
    Dropped,
    /// It had not begun when the pool stopped.
    Left,
}

/// How far the present run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is no run, or it has not begun to take work.
    Shut,
    /// It takes work.
    Open,
    /// It finishes what it has taken.
    Draining,
    /// It finishes what it has begun.
    Leaving,
}

/// The books of a pool.
#[derive(Debug)]
pub(super) struct Books {
    stage: Stage,
    /// The run that the pending work belongs to.
    run: Generation,
    max_pending: u64,
    counters: PoolCounters,
    /// Of the present run.
    left: u64,
}

impl Books {
    pub(super) fn new(max_pending: usize) -> Self {
        Books {
            stage: Stage::Shut,
            run: Generation::NONE,
            max_pending: max_pending as u64,
            counters: PoolCounters::default(),
            left: 0,
        }
    }

    pub(super) fn counters(&self) -> PoolCounters {
        self.counters
    }

    /// A new run takes work.
    pub(super) fn open(&mut self, run: Generation) {
        self.stage = Stage::Open;
        self.run = run;
    }

    /// Takes a piece of work, or says why not.
    pub(super) fn admit(&mut self) -> Result<Generation, PoolRefusal> {
        let refusal = match self.stage {
            Stage::Open if self.counters.pending < self.max_pending => {
                self.counters.accepted += 1;
                self.counters.pending += 1;
                return Ok(self.run);
            }
            Stage::Open => PoolRefusal::Full {
                max: self.max_pending as usize,
            },
            Stage::Draining | Stage::Leaving => PoolRefusal::Stopping,
            Stage::Shut => PoolRefusal::NotRunning,
        };
        self.refuse();
        Err(refusal)
    }

    pub(super) fn refuse(&mut self) {
        self.counters.refused += 1;
    }

    /// Whether a piece of that run may begin.
    pub(super) fn may_begin(&self, run: Generation) -> bool {
        run == self.run && matches!(self.stage, Stage::Open | Stage::Draining)
    }

    /// Enters what became of a piece of that run; that of an earlier run was entered when its run ended.
    pub(super) fn settle(&mut self, run: Generation, end: End) {
        if run != self.run || self.stage == Stage::Shut {
            return;
        }
        self.counters.pending -= 1;
        match end {
            End::Completed => self.counters.completed += 1,
            End::Panicked => self.counters.panicked += 1,
            End::Dropped => self.counters.dropped += 1,
            End::Left => {
                self.counters.dropped += 1;
                self.left += 1;
            }
        }
    }

    /// Whether the pending work is that of this run.
    pub(super) fn serves(&self, run: Generation) -> bool {
        run == self.run
    }

    /// The run takes no more work.
    pub(super) fn drain(&mut self, run: Generation) {
        if run == self.run && self.stage == Stage::Open {
            self.stage = Stage::Draining;
        }
    }

    /// The run begins no more work.
    pub(super) fn leave(&mut self, run: Generation) {
        if run == self.run && self.stage == Stage::Draining {
            self.stage = Stage::Leaving;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.counters.pending == 0
    }

    /// The run has ended or was given up; how many pieces it has left, or took with it.
    pub(super) fn shut(&mut self) -> u64 {
        self.stage = Stage::Shut;
        let lost = std::mem::take(&mut self.counters.pending);
        self.counters.dropped += lost;
        lost + std::mem::take(&mut self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [End; 4] = [End::Completed, End::Panicked, End::Dropped, End::Left];

    fn adds_up(counters: &PoolCounters) -> bool {
        let gone = counters.completed + counters.panicked + counters.dropped;
        counters.accepted == gone + counters.pending
    }

    // property 14
    #[test]
    fn nothing_is_taken_unless_a_run_is_open() {
        let mut books = Books::new(1);
        assert_eq!(books.admit(), Err(PoolRefusal::NotRunning));
        books.open(Generation::first());
        books.drain(Generation::first());
        assert_eq!(books.admit(), Err(PoolRefusal::Stopping));
        books.leave(Generation::first());
        assert_eq!(books.admit(), Err(PoolRefusal::Stopping));
        books.shut();
        assert_eq!(books.admit(), Err(PoolRefusal::NotRunning));
        assert_eq!(books.counters().refused, 4);
    }

    #[test]
    fn what_was_taken_may_begin_until_the_run_leaves() {
        let mut books = Books::new(1);
        books.open(Generation::first());
        let run = books.admit().unwrap();
        assert!(books.may_begin(run));
        books.drain(Generation::first());
        assert!(books.may_begin(run));
        books.leave(Generation::first());
        assert!(!books.may_begin(run));
        books.open(run.next());
        assert!(!books.may_begin(run));
    }

    #[test]
    fn the_bound_counts_what_is_pending() {
        let mut books = Books::new(1);
        books.open(Generation::first());
        let run = books.admit().unwrap();
        assert_eq!(books.admit(), Err(PoolRefusal::Full { max: 1 }));
        books.settle(run, End::Completed);
        assert!(books.admit().is_ok());
    }

    /// A naive model: a list of the pieces in hand, with the run of each.
    #[test]
    fn the_counters_add_up_in_any_sequence_and_agree_with_a_list_of_the_pieces() {
        let mut rng = fastrand::Rng::with_seed(14);
        for _ in 0..500 {
            let mut books = Books::new(3);
            let mut run = Generation::NONE;
            let (mut pieces, mut late, mut gone, mut left) = (Vec::new(), Vec::new(), 0, 0);
            for _ in 0..60 {
                match rng.u8(..8) {
                    0 => {
                        let lost = pieces.len() as u64;
                        assert_eq!(books.shut(), lost + std::mem::take(&mut left));
                        gone += lost;
                        late.append(&mut pieces);
                        run = run.next();
                        books.open(run);
                    }
                    1 => books.drain(run),
                    2 => late.pop().into_iter().for_each(|of| {
                        books.settle(of, ENDS[rng.usize(..4)]);
                    }),
                    3..6 => pieces.extend(books.admit()),
                    _ => pieces.pop().into_iter().for_each(|of| {
                        let end = ENDS[rng.usize(..4)];
                        books.settle(of, end);
                        left += u64::from(end == End::Left);
                        gone += 1;
                    }),
                }
                let counters = books.counters();
                let pending = pieces.len() as u64;
                assert!(adds_up(&counters) && pending <= 3, "{counters:?}");
                assert_eq!(counters.pending, pending);
                assert_eq!(counters.accepted, pending + gone);
            }
        }
    }
}
