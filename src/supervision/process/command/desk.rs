//! The desk of a runner: who runs, who waits for whose result, what is cached. Pure: whoever calls holds a lock and
//! brings the time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use super::command_error::CommandError;
use super::output::CommandOutput;
use crate::supervision::process::{ProcessError, Program};

/// What a command came to.
pub(super) type Outcome = Result<CommandOutput, CommandError>;

/// What a runner has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandStats {
    /// Commands that were started, or that the operating system refused to start.
    pub executed: u64,
    /// Of these, those that did not end with the code zero, for whatever reason.
    pub failed: u64,
    /// Of these, those that took too long.
    pub timed_out: u64,
    /// Answers from the cache.
    pub hits: u64,
    /// Answers from the same command of another caller, who was first.
    pub shared: u64,
    /// Calls that were refused: not allowed, or too many at once.
    pub refused: u64,
    /// Commands that run now.
    pub active: usize,
    /// Successes that are cached now; some may be too old to be used.
    pub cached: usize,
}

/// One run of a command that others may wait for.
pub(super) type FlightId = u64;

/// What a call is to do.
#[derive(Debug)]
pub(super) enum Turn {
    /// Take this answer.
    Answer(Outcome),
    /// Run the command, then land the flight.
    Run(FlightId),
    /// Wait for the flight of another caller.
    Follow,
    /// Wait until fewer commands run.
    Full,
}

struct Flight {
    /// `None` for a command whose result nobody shares.
    program: Option<Program>,
    followers: usize,
    outcome: Option<Outcome>,
}

pub(super) struct Desk {
    max_active: NonZeroUsize,
    max_cached: usize,
    ttl: Duration,
    flights: BTreeMap<FlightId, Flight>,
    in_the_air: HashMap<Program, FlightId>,
    cache: HashMap<Program, CommandOutput>,
    /// The cached programs, the oldest first.
    by_age: VecDeque<(Instant, Program)>,
    next: FlightId,
    pub(super) stats: CommandStats,
}

impl Desk {
    pub(super) fn new(max_active: NonZeroUsize, max_cached: usize, ttl: Duration) -> Self {
        Self {
            max_active,
            max_cached,
            ttl,
            flights: BTreeMap::new(),
            in_the_air: HashMap::new(),
            cache: HashMap::new(),
            by_age: VecDeque::new(),
            next: 0,
            stats: CommandStats::default(),
        }
    }

    /// A call for a program whose result may be an older one, or another caller's. `following` is the flight that this
    /// call has waited for until now.
    pub(super) fn share(
        &mut self,
        program: &Program,
        following: &mut Option<FlightId>,
        now: Instant,
    ) -> Turn {
        if let Some(flight) = *following {
            match self.landed(flight) {
                None => return Turn::Follow,
                Some(outcome) => {
                    *following = None;
                    // What befell its caller befell nobody else: who followed goes on, and one of them first.
                    if let Some(outcome) = outcome {
                        self.stats.shared += 1;
                        return Turn::Answer(outcome);
                    }
                }
            }
        }
        self.forget_old(now);
        if let Some(output) = self.cache.get(program) {
            self.stats.hits += 1;
            return Turn::Answer(Ok(output.clone()));
        }
        if let Some(flight) = self.in_the_air.get(program).copied() {
            if let Some(flight) = self.flights.get_mut(&flight) {
                flight.followers += 1;
            }
            *following = Some(flight);
            return Turn::Follow;
        }
        self.start(Some(program))
    }

    /// A call for a result of its own.
    pub(super) fn alone(&mut self) -> Turn {
        self.start(None)
    }

    fn start(&mut self, program: Option<&Program>) -> Turn {
        if self.stats.active >= self.max_active.get() {
            return Turn::Full;
        }
        let id = self.next;
        self.next += 1;
        self.stats.active += 1;
        self.stats.executed += 1;
        let flight = Flight {
            program: program.cloned(),
            followers: 0,
            outcome: None,
        };
        self.flights.insert(id, flight);
        if let Some(program) = program {
            self.in_the_air.insert(program.clone(), id);
        }
        Turn::Run(id)
    }

    /// The command of that flight is over and reaped.
    pub(super) fn land(&mut self, id: FlightId, outcome: Outcome, now: Instant) {
        let Some(mut flight) = self.flights.remove(&id) else {
            return;
        };
        self.stats.active -= 1;
        let is_success = outcome.as_ref().is_ok_and(CommandOutput::is_success);
        self.stats.failed += u64::from(!is_success);
        self.stats.timed_out += u64::from(matches!(outcome, Err(CommandError::TimedOut { .. })));
        if let Some(program) = flight.program.take() {
            self.in_the_air.remove(&program);
            if let (true, Ok(output)) = (is_success, &outcome) {
                self.keep(program, output.clone(), now);
            }
        }
        if flight.followers > 0 {
            flight.outcome = Some(outcome);
            self.flights.insert(id, flight);
        }
    }

    /// A call waits for that flight no more.
    pub(super) fn leave(&mut self, id: FlightId) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        flight.followers -= 1;
        if flight.followers == 0 && flight.outcome.is_some() {
            self.flights.remove(&id);
        }
    }

    /// What a flight came to, for one of its followers, who leaves it: `None` while it is in the air, `Some(None)` if it
    /// says nothing about the command.
    fn landed(&mut self, id: FlightId) -> Option<Option<Outcome>> {
        let outcome = self.flights.get(&id)?.outcome.clone()?;
        self.leave(id);
        let is_about_the_command = match &outcome {
            Ok(_) => true,
            Err(CommandError::Process(error)) => !matches!(error, ProcessError::Fenced),
            Err(_) => false,
        };
        Some(is_about_the_command.then_some(outcome))
    }

    fn keep(&mut self, program: Program, output: CommandOutput, now: Instant) {
        if self.max_cached == 0 || self.ttl.is_zero() {
            return;
        }
        self.forget_old(now);
        if self.cache.len() >= self.max_cached
            && let Some((_, oldest)) = self.by_age.pop_front()
        {
            self.cache.remove(&oldest);
        }
        self.by_age.push_back((now, program.clone()));
        self.cache.insert(program, output);
        self.stats.cached = self.cache.len();
    }

    /// Fresh is what is not older than the time to live; what is older goes.
    fn forget_old(&mut self, now: Instant) {
        let is_old = |at: Instant| now.saturating_duration_since(at) > self.ttl;
        while self.by_age.front().is_some_and(|(at, _)| is_old(*at)) {
            if let Some((_, program)) = self.by_age.pop_front() {
                self.cache.remove(&program);
            }
        }
        self.stats.cached = self.cache.len();
    }

    /// Whether nobody runs, and nobody waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty() && self.in_the_air.is_empty()
    }

    pub(super) fn clear_cache(&mut self) {
        self.cache.clear();
        self.by_age.clear();
        self.stats.cached = 0;
    }
}
