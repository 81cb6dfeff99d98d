//! A parser: takes a file in hand, reads it, delivers what it found.
//!
//! Nothing here catches a panic. A parser that panics is a thread that ends; its supervisor starts the
//! next generation, which finds the file in the slot and reads it again.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use steadfast::channel::SendError;
use steadfast::supervision::StopAware;
use steadfast::{Failure, WorkerContext};

use super::book::Outcome;
use super::chaos::Fate;
use super::digest::Term;
use super::open::{Trouble, open};
use super::parse::{self, CHUNK, Progress};
use super::shared::{Delivery, Shared};
use super::slots::{Job, Tenant};

/// How every injected panic begins; the panic hook of scan knows it by this.
pub(crate) const INJECTED: &str = "injected by --chaos";

/// So long before its drain deadline a parser lets go of the file in its hand.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// The work of parser number `index`, from its start to its end.
pub(crate) fn run(shared: &Shared, index: usize, ctx: &WorkerContext) -> Result<(), Failure> {
    let generation = ctx.generation().get();
    if generation > 1 {
        shared.tally.restarts.up();
    }
    let slot = shared.slots.move_in(index, generation);
    let mut parser = Parser {
        shared,
        ctx,
        slot,
        buffer: vec![0; CHUNK],
        awake: true,
    };
    let mut next = parser.inherit();
    loop {
        let Some(job) = next
            .take()
            .map_or_else(|| shared.jobs.1.recv(ctx), |job| Ok(Some(job)))?
        else {
            return Ok(());
        };
        if parser.handle(job).is_break() {
            return Ok(());
        }
    }
}

struct Parser<'a> {
    shared: &'a Shared,
    ctx: &'a WorkerContext,
    slot: Tenant<'a>,
    buffer: Vec<u8>,
    /// It has not slept through its own replacement.
    awake: bool,
}

impl Parser<'_> {
    /// The file that the last generation died with, for its next attempt, unless it has killed enough.
    fn inherit(&self) -> Option<Job> {
        let left = self.slot.in_hand()?;
        let next = left.again();
        if next.is_none() {
            self.shared.settling(|book| {
                // Refused if the last attempt had delivered all the same.
                let _ = book.poison(left.id, left.attempt, &left.entry);
            });
            self.slot.clear();
        }
        next
    }

    /// Reads one file and delivers the outcome. `Break`: this parser has to end.
    fn handle(&mut self, job: Job) -> ControlFlow<()> {
        if let Err(job) = self.slot.put(job.clone()) {
            self.shared.strand(job);
            return ControlFlow::Break(());
        }
        if self.shared.book.lock().take(job.id, job.attempt).is_err() {
            // The dead attempt had delivered all the same.
            self.slot.clear();
            return ControlFlow::Continue(());
        }
        let Some(outcome) = self.read(&job) else {
            return ControlFlow::Break(());
        };
        self.deliver(Delivery { job, outcome });
        self.slot.clear();
        if self.awake {
            self.ctx.progress();
        }
        ControlFlow::Continue(())
    }

    /// What the file says. `None`: the time to drain is over, and the file stays in the slot.
    fn read(&mut self, job: &Job) -> Option<Outcome> {
        self.ctx.checkpoint("opening a file");
        let (mut file, stamp) = match open(&job.entry.path) {
            Ok(opened) => opened,
            Err(trouble) => return Some(Outcome::Failed(trouble)),
        };
        let mut fate = self
            .shared
            .plan
            .chaos
            .fate(job.entry.key(), u32::from(job.attempt));
        let mut buffer = std::mem::take(&mut self.buffer);
        let summary = parse::read(&mut file, &mut buffer, |bytes, progress| {
            let at = |place: super::chaos::Place| place.offset(stamp.length);
            let is_there = |at: u64| bytes >= at || progress == Progress::End;
            match fate {
                Fate::Panics { at: place } if is_there(at(place)) => self.panic(job, at(place)),
                Fate::Hangs { at: place, wakes } if is_there(at(place)) => {
                    self.hang(wakes);
                    fate = Fate::Fine;
                }
                _ => {}
            }
            self.look_up()
        });
        self.buffer = buffer;
        match summary {
            Ok(Some(summary)) => {
                let term = Term::of(job.entry.key(), &summary);
                Some(Outcome::Done {
                    stamp,
                    summary,
                    term,
                })
            }
            Ok(None) => None,
            Err(error) => Some(Outcome::Failed(Trouble::from(error))),
        }
    }

    /// Between two chunks: a sign of life, and a look at the clock when it is time to stop.
    fn look_up(&self) -> ControlFlow<()> {
        if !self.awake {
            return ControlFlow::Continue(());
        }
        self.ctx.checkpoint("reading a file");
        let token = self.ctx.stop_token();
        let is_late = || match token.drain_until() {
            Some(until) => until.saturating_duration_since(self.ctx.clock().now()) < LAST_MOMENT,
            None => false,
        };
        if token.is_halted() || (token.is_stopping() && is_late()) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn panic(&self, job: &Job, at: u64) -> ! {
        self.shared.tally.panics.up();
        panic!(
            "{INJECTED} at byte {at} of {}, attempt {}",
            job.entry.path.display(),
            job.attempt + 1
        );
    }

    /// Stops responding: no wait of the library, no checkpoint, for ever or until it is too late.
    fn hang(&mut self, wakes: bool) {
        self.shared.tally.hangs.up();
        if !wakes {
            loop {
                std::thread::park();
            }
        }
        self.shared.tally.sleepers.falls_asleep();
        self.slot.hang();
        self.awake = false;
    }

    /// Brings the outcome to the aggregator.
    fn deliver(&self, delivery: Delivery) {
        let mut sent = self.shared.results.0.send(delivery);
        loop {
            sent = match sent {
                Ok(()) => break,
                // The aggregator is behind, which is no reason to lose a file.
                Err(SendError::Timeout(delivery)) => self.shared.results.0.send(delivery),
                Err(SendError::Fenced(_)) => {
                    self.shared.book.lock().refused_elsewhere();
                    break;
                }
                // Asked to stop while the channel is full: the books are open to all.
                Err(refused) => {
                    self.shared.enter(&refused.into_inner());
                    break;
                }
            };
        }
        if !self.awake {
            self.shared.tally.sleepers.is_through();
        }
    }
}

/// The shared state is held for the whole run of a parser.
pub(crate) fn body(
    shared: &Arc<Shared>,
    index: usize,
) -> impl Fn(&WorkerContext) -> Result<(), Failure> + use<> {
    let shared = Arc::clone(shared);
    move |ctx| run(&shared, index, ctx)
}
