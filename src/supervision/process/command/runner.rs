//! The runner: one-shot commands on the caller's time, within bounds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::command_error::CommandError;
use super::config::CommandConfig;
use super::desk::{CommandStats, Desk, FlightId, Outcome, Turn};
use super::output::{Capture, CommandOutput};
use crate::kernel::stop::{StopSignal, current_stop};
use crate::kernel::waiters::{WaitList, Wake, wait_for};
use crate::supervision::process::crew::Crew;
use crate::supervision::process::running::{Running, Tended};
use crate::supervision::process::sink::Sink;
use crate::supervision::process::{OutputStream, ProcessError, ProcessStatus, Program, Signal};
use crate::supervision::refuses;
use crate::supervision::unit::current;
use crate::telemetry::kinds;
use crate::time::Deadline;

/// Runs commands and gives back what they write. Clones are the same runner.
///
/// Only what is allowed is run, never through a shell, never more than so many at once. Equal calls share one run while it
/// goes on, and its success for a while after that; a failure is never kept. Whatever becomes of a call, its process is
/// ended, killed if need be, and reaped before the call returns.
///
/// It needs no system. Within a unit it obeys the unit's stop.
///
/// # Examples
///
/// ```
/// use steadfast::process::{CommandConfig, CommandError, CommandRunner, Program};
///
/// let runner = CommandRunner::new(CommandConfig::new().allow(["echo"]));
/// # if cfg!(unix) {
/// let output = runner.run(&Program::new("echo").arg("a  b; $(c)"))?;
/// assert_eq!(output.text(), "a  b; $(c)\n");
/// # }
/// let refused = runner.run(&Program::new("rm").args(["-rf", "/"]));
/// assert!(matches!(refused, Err(CommandError::NotAllowed(_))));
/// # Ok::<(), CommandError>(())
/// ```
#[derive(Clone)]
pub struct CommandRunner {
    shared: Arc<Shared>,
}

struct Shared {
    config: CommandConfig,
    desk: Mutex<Desk>,
    changed: WaitList,
}

/// Whether the result of another run will do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Shared,
    Alone,
}

impl CommandRunner {
    /// A runner that runs nothing yet.
    #[must_use]
    pub fn new(config: CommandConfig) -> Self {
        let desk = Desk::new(config.max_concurrent, config.max_cached, config.ttl);
        Self {
            shared: Arc::new(Shared {
                config,
                desk: Mutex::new(desk),
                changed: WaitList::new(),
            }),
        }
    }

    /// Runs the program, or takes the result of an equal one: a success from the cache, or whatever comes of one that runs
    /// already. Waits for a slot, and for the end, for at most the [timeout](CommandConfig::timeout).
    ///
    /// Equal are programs with the same executable, arguments, directory, input and wishes for the environment.
    ///
    /// # Blocking
    /// Until the command has ended and is reaped; after the timeout for the time that its end takes.
    ///
    /// # Errors
    /// [`CommandError`]. A command that ended with another code than zero is none.
    pub fn run(&self, program: &Program) -> Result<CommandOutput, CommandError> {
        self.run_timeout(program, self.shared.config.timeout)
    }

    /// As [`run`](Self::run), for at most `timeout`.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_timeout(
        &self,
        program: &Program,
        timeout: Duration,
    ) -> Result<CommandOutput, CommandError> {
        self.run_within(program, Sharing::Shared, timeout, true)
    }

    /// As [`run`](Self::run), and always runs the program itself: for commands that do something.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_alone(&self, program: &Program) -> Result<CommandOutput, CommandError> {
        self.run_within(program, Sharing::Alone, self.shared.config.timeout, true)
    }

    /// As [`run`](Self::run), and waits for no slot.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`Busy`](CommandError::Busy) at once.
    pub fn run_unless_busy(&self, program: &Program) -> Result<CommandOutput, CommandError> {
        self.run_within(program, Sharing::Shared, self.shared.config.timeout, false)
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> CommandStats {
        self.shared.desk.lock().stats
    }

    /// Forgets the cached successes.
    pub fn clear_cache(&self) {
        self.shared.desk.lock().clear_cache();
    }

    fn run_within(
        &self,
        program: &Program,
        sharing: Sharing,
        timeout: Duration,
        waits: bool,
    ) -> Outcome {
        if refuses("command.run") {
            return Err(ProcessError::Fenced.into());
        }
        let shared = &*self.shared;
        if !shared.config.allows(program.executable()) {
            return Err(shared.refuse(program, CommandError::NotAllowed(name(program))));
        }
        program.validate().map_err(ProcessError::Invalid)?;
        let call = Call {
            shared,
            program,
            limit: timeout,
            deadline: shared.config.clock.deadline(timeout),
            stop: current_stop(),
        };
        match call.admit(sharing, waits)? {
            Turn::Answer(outcome) => outcome,
            Turn::Run(flight) => call.fly(flight),
            Turn::Follow | Turn::Full => Err(call.busy()),
        }
    }
}

/// One call, from its admission to its end.
struct Call<'a> {
    shared: &'a Shared,
    program: &'a Program,
    limit: Duration,
    deadline: Deadline,
    stop: Option<Arc<StopSignal>>,
}

impl Call<'_> {
    /// Waits until there is something to do; a call that does not wait is told of the full house instead.
    fn admit(&self, sharing: Sharing, waits: bool) -> Result<Turn, CommandError> {
        let clock = &self.shared.config.clock;
        let mut following = Following {
            shared: self.shared,
            flight: None,
        };
        let look = || {
            let mut desk = self.shared.desk.lock();
            let turn = match sharing {
                Sharing::Shared => desk.share(self.program, &mut following.flight, clock.now()),
                Sharing::Alone => desk.alone(),
            };
            match turn {
                Turn::Follow => None,
                Turn::Full if waits => None,
                turn => Some(turn),
            }
        };
        let stop = self.stop.as_deref();
        let waited = waiting(|| {
            wait_for(
                &self.shared.changed,
                stop,
                clock,
                self.deadline.instant(),
                look,
            )
        });
        waited.map_err(|woken| match woken {
            Wake::Stopped => CommandError::Stopped,
            // Another's run took too long for this call; it goes on for who has more time.
            _ if following.flight.is_some() => self.timed_out(),
            _ => self.busy(),
        })
    }

    /// Runs the command, and lands the flight whatever comes of it.
    fn fly(&self, flight: FlightId) -> Outcome {
        let mut landing = Landing {
            shared: self.shared,
            flight,
            outcome: Err(CommandError::Stopped),
        };
        let outcome = self.execute();
        self.tell(&outcome);
        landing.outcome = outcome.clone();
        outcome
    }

    fn execute(&self) -> Outcome {
        let config = &self.shared.config;
        let clock = &config.clock;
        let began = clock.now();
        let capture = Arc::new(Mutex::new(Capture::new(config.max_output)));
        let crew = Crew::of_caller();
        let sink = Box::new(CaptureSink(Arc::clone(&capture)));
        let started = Running::start(self.program, None, sink, &crew);
        let ended = started.map(|running| self.attend(&running));
        crew.join();
        let status = match ended? {
            Ok(status) => status,
            Err(Wake::Stopped) => return Err(CommandError::Stopped),
            Err(_) => return Err(self.timed_out()),
        };
        let elapsed = clock.now().saturating_duration_since(began);
        Ok(capture.lock().finish(status, elapsed))
    }

    /// Waits for the end of the command; brings it about when the time is over, or the caller is to stop.
    fn attend(&self, running: &Tended) -> Result<ProcessStatus, Wake> {
        let config = &self.shared.config;
        let clock = &config.clock;
        let until = self.deadline.instant();
        waiting(|| {
            let ended = running.wait(self.stop.as_deref(), clock, until);
            if ended.is_err() {
                let kill_at = clock.deadline(config.grace).instant();
                let ask = |running: &Running| running.signal_group(Signal::Term);
                let _its_end = running.bring_down(clock, ask, || kill_at);
            }
            ended
        })
    }

    fn busy(&self) -> CommandError {
        let max = self.shared.config.max_concurrent;
        self.shared.refuse(self.program, CommandError::Busy { max })
    }

    fn timed_out(&self) -> CommandError {
        CommandError::TimedOut {
            program: name(self.program),
            limit: self.limit,
        }
    }

    fn tell(&self, outcome: &Outcome) {
        let why = match outcome {
            Ok(output) if output.is_success() => return,
            Ok(output) => output.status.to_string(),
            Err(error) => error.to_string(),
        };
        if let Some(telemetry) = &self.shared.config.telemetry {
            telemetry.post(&kinds::COMMAND_FAILED, |event| {
                event.tag("program", name(self.program));
                event.tag("why", why);
            });
        }
    }
}

impl Shared {
    /// Counts and tells a refusal.
    fn refuse(&self, program: &Program, error: CommandError) -> CommandError {
        self.desk.lock().stats.refused += 1;
        if let Some(telemetry) = &self.config.telemetry {
            telemetry.post(&kinds::COMMAND_REFUSED, |event| {
                event.tag("program", name(program));
                event.tag("why", error.to_string());
            });
        }
        error
    }
}

/// Lands a flight, also when its call unwinds.
struct Landing<'a> {
    shared: &'a Shared,
    flight: FlightId,
    outcome: Outcome,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Err(CommandError::Stopped));
        let now = self.shared.config.clock.now();
        self.shared.desk.lock().land(self.flight, outcome, now);
        self.shared.changed.notify_all();
    }
}

/// The flight that a call waits for; whoever waits no more says so.
struct Following<'a> {
    shared: &'a Shared,
    flight: Option<FlightId>,
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        if let Some(flight) = self.flight {
            self.shared.desk.lock().leave(flight);
        }
    }
}

/// Keeps what comes within the bound, and reads on.
struct CaptureSink(Arc<Mutex<Capture>>);

impl Sink for CaptureSink {
    fn take(&mut self, stream: OutputStream, bytes: &[u8]) -> bool {
        self.0.lock().push(stream, bytes);
        false
    }

    fn end(&mut self, _stream: OutputStream) -> bool {
        false
    }
}

/// Waits; the watchdog does not count it as silence.
fn waiting<T>(wait: impl FnOnce() -> T) -> T {
    match current::current() {
        Some(run) => run.waiting(wait),
        None => wait(),
    }
}

fn name(program: &Program) -> String {
    program.executable().to_string_lossy().into_owned()
}

impl fmt::Debug for CommandRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandRunner")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
