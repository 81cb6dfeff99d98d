//! A kept process: the worker whose work is to start an OS process, to wait for its end, and to bring that about.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crew::Crew;
use super::line_sink::{LineSink, LineStore};
use super::lines::OutputLine;
use super::process::{Process, Sign, StopBy};
use super::process_error::ProcessError;
use super::process_ref::ProcessRef;
use super::running::{Running, Tended, is_answer_to};
use super::seat::Seat;
use super::status::{ProcessExit, ProcessStatus};
use crate::fault::{Failure, StopCause};
use crate::kernel::waiters::{Wake, wait_for};
use crate::supervision::child::{Body, ChildSpec};
use crate::supervision::unit::logical::Unit;
use crate::supervision::unit::run::Run;
use crate::supervision::unit::stop_token::drain_until;
use crate::supervision::worker::{Init, WorkerBody};
use crate::supervision::{Child, ChildId, ChildPolicy, SpecError, WorkerContext, refuses};
use crate::telemetry::kinds;
use crate::time::Deadline;

impl Child<ProcessRef> {
    /// An OS process: started in a process group of its own, and again after each restart.
    ///
    /// It is a child as any other: same strategies, backoff, budgets, monitors and deadlines. It counts as started when it is
    /// [ready](Process::ready). An end with the code zero is [`Normal`](crate::fault::ExitReason::Normal), any other an
    /// [`Error`](crate::fault::ExitReason::Error) that holds a [`ProcessExit`].
    ///
    /// A stop asks the process to end, [as it is told to](Process::stop_by); shortly before the deadline it is killed. A
    /// process that is not ready shortly before its start deadline is killed, and its start has failed with
    /// [`ProcessError::NotReady`]. Whatever happens to the run, the process and its group are killed and it is reaped: this
    /// is the one kind of child that never outlives its end. A descendant that has left the group is not seen.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use steadfast::process::{Process, Program, Ready};
    /// use steadfast::{Child, System};
    ///
    /// let system = System::new("shop")?;
    /// let redis = Program::new("redis-server").args(["--port", "0", "--unixsocket", "/run/shop/redis"]);
    /// let redis = Process::new(redis).ready(Ready::output(|line| line.contains("ready to accept")));
    /// let redis = system.spawn(Child::process("redis", redis).start_deadline(Duration::from_secs(10)))?;
    /// println!("redis runs as {:?}", redis.pid());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn process(id: impl Into<ChildId>, process: impl Into<Process>) -> Self {
        let id = id.into();
        let unit = Unit::new(id.clone());
        let seat = Arc::new(Seat::new());
        let process = Arc::new(process.into());
        let handle = ProcessRef::new(Arc::clone(&unit), Arc::clone(&seat));
        let keeper = (Arc::clone(&process), Arc::clone(&seat));
        let worker = WorkerBody::staged(
            move |ctx: &WorkerContext| Kept::begin(&keeper.0, &keeper.1, ctx).map(Init::Ready),
            |kept: &mut Kept, _: &WorkerContext| kept.keep(),
        );
        let body = ProcessBody {
            id: id.clone(),
            worker,
            process,
            seat,
        };
        Child::new(ChildPolicy::worker(id), unit, Arc::new(body), handle)
    }
}

struct ProcessBody {
    id: ChildId,
    worker: WorkerBody,
    process: Arc<Process>,
    seat: Arc<Seat>,
}

impl Body for ProcessBody {
    fn launch(&self, run: &Arc<Run>, spec: &ChildSpec) {
        let is_awaited = matches!(self.process.ready.0, Sign::Output(_));
        let lines = LineStore::new(self.process.tail, is_awaited);
        let limit = spec.policy().start_deadline;
        let now = run.runtime().clock().now();
        let deadline = limit.and_then(|limit| now.checked_add(limit));
        // As with a stop, a tenth of the time is left for the end.
        let give_up_at = deadline.map(|deadline| drain_until(now, deadline));
        self.seat.begin(run, lines, give_up_at);
        self.worker.launch(run, spec);
    }

    fn ask_stop(&self, run: &Arc<Run>, _cause: StopCause, deadline: Option<Instant>) {
        let now = run.runtime().clock().now();
        let kill_at = deadline.map(|deadline| drain_until(now, deadline));
        self.seat.hasten(run.generation(), kill_at);
    }

    fn over(&self) {
        if let Some((run, process)) = self.seat.over() {
            tell_killed(&run, &process, "given up");
        }
    }

    fn errors(&self) -> Vec<SpecError> {
        let id = self.id.clone();
        let error = self.process.validate().err();
        let error = error.map(|error| SpecError::Process { id, error });
        error.into_iter().collect()
    }
}

/// The process of one run, in the hands of the run's thread.
struct Kept {
    running: Tended,
    process: Arc<Process>,
    seat: Arc<Seat>,
    run: Arc<Run>,
    lines: Arc<LineStore>,
    was_ready: bool,
}

impl Kept {
    /// Starts the process, and waits until it is ready or the run is asked to stop.
    fn begin(
        process: &Arc<Process>,
        seat: &Arc<Seat>,
        ctx: &WorkerContext,
    ) -> Result<Self, Failure> {
        let run = ctx.run();
        let orders = seat.orders(run.generation());
        let (lines, give_up_at) = orders
            .filter(|_| !refuses("process.spawn"))
            .ok_or(ProcessError::Fenced)?;
        let sink = LineSink::new(Arc::clone(&lines), process.output.clone(), process.max_line);
        let crew = Crew::Unit(Arc::clone(run));
        let running = Running::start(&process.program, process.stdin, Box::new(sink), &crew)?;
        let mut kept = Self {
            running,
            process: Arc::clone(process),
            seat: Arc::clone(seat),
            run: Arc::clone(run),
            lines,
            was_ready: false,
        };
        kept.tell_spawned();
        if !seat.take(run.generation(), &kept.running) {
            return Err(ProcessError::Fenced.into());
        }
        kept.wait_until_ready(give_up_at)?;
        kept.lines.stop_awaiting();
        kept.running.wake();
        Ok(kept)
    }

    fn wait_until_ready(&mut self, give_up_at: Option<Instant>) -> Result<(), Failure> {
        match &self.process.ready.0 {
            Sign::Spawned => {}
            Sign::Output(is_ready) => loop {
                let Some(line) = self.next_line(give_up_at)? else {
                    return Ok(());
                };
                if is_ready(&line.text) {
                    break;
                }
            },
            Sign::Probe { every, probe } => {
                while !probe() {
                    if !self.pause(*every, give_up_at)? {
                        return Ok(());
                    }
                }
            }
        }
        self.was_ready = true;
        Ok(())
    }

    /// The next line; `None` if the run is to stop.
    fn next_line(&self, give_up_at: Option<Instant>) -> Result<Option<OutputLine>, Failure> {
        let next = || match self.lines.next_awaited() {
            Some(line) => Some(Ok(line)),
            None => self.running.end().map(Err),
        };
        match self.wait(give_up_at, next) {
            Ok(Ok((line, makes_room))) => {
                if makes_room {
                    self.running.wake();
                }
                Ok(Some(line))
            }
            Ok(Err(status)) => Err(self.exit(status).into()),
            Err(Wake::TimedOut) => Err(self.never_ready()),
            Err(_) => Ok(None),
        }
    }

    /// Waits for the next probe; false if the run is to stop.
    fn pause(&self, every: Duration, give_up_at: Option<Instant>) -> Result<bool, Failure> {
        let clock = self.run.runtime().clock();
        let next = clock.deadline(every);
        let give_up = give_up_at.map_or(Deadline::NEVER, Deadline::at);
        let until = Deadline::earliest(next, give_up).instant();
        match self.wait(until, || self.running.end()) {
            Ok(status) => Err(self.exit(status).into()),
            Err(Wake::TimedOut) if give_up.is_past(clock.now()) => Err(self.never_ready()),
            Err(Wake::TimedOut) => Ok(true),
            Err(_) => Ok(false),
        }
    }

    fn wait<T>(&self, until: Option<Instant>, look: impl FnMut() -> Option<T>) -> Result<T, Wake> {
        let clock = self.run.runtime().clock();
        let stop = Some(&**self.run.token().signal());
        let changed = self.running.changed();
        self.run
            .waiting(|| wait_for(changed, stop, clock, until, look))
    }

    fn never_ready(&self) -> Failure {
        if self.running.kill() {
            tell_killed(&self.run, &self.running, "not ready");
        }
        ProcessError::NotReady(self.name()).into()
    }

    /// Waits for the end of the process, or brings it about when the run is asked to stop.
    fn keep(&self) -> Result<(), Failure> {
        let status = match self.wait(None, || self.running.end()) {
            Ok(status) => status,
            Err(_) => return self.stop(),
        };
        if status.is_success() {
            return Ok(());
        }
        Err(self.exit(status).into())
    }

    fn stop(&self) -> Result<(), Failure> {
        let clock = self.run.runtime().clock();
        let stop_by = self.process.stop_by;
        let ask = |running: &Running| match stop_by {
            StopBy::Signal(signal) => running.signal_group(signal),
            StopBy::ClosingStdin => running.close_stdin(),
        };
        let kill_at = || self.seat.kill_at(self.run.generation());
        let (status, is_killed) = self
            .run
            .waiting(|| self.running.bring_down(clock, ask, kill_at));
        if is_killed {
            tell_killed(&self.run, &self.running, "deadline");
        }
        let is_asked = matches!(stop_by, StopBy::Signal(signal) if is_answer_to(status, signal));
        if status.is_success() || (is_asked && !is_killed) {
            return Ok(());
        }
        // For the report of the stop.
        Err(self.exit(status).into())
    }

    fn exit(&self, status: ProcessStatus) -> ProcessExit {
        ProcessExit {
            program: self.name(),
            status,
            was_ready: self.was_ready,
            tail: self.lines.tail(),
        }
    }

    fn name(&self) -> String {
        let name = self.process.program.executable();
        name.to_string_lossy().into_owned()
    }

    fn tell_spawned(&self) {
        let telemetry = self.run.runtime().telemetry();
        telemetry.post(&kinds::PROCESS_SPAWNED, |event| {
            event.measure("pid", u64::from(self.running.pid()));
            event.tag("path", self.run.path());
            event.tag("generation", self.run.generation());
        });
    }

    fn tell_ended(&self, status: ProcessStatus) {
        let stats = self.lines.stats();
        let telemetry = self.run.runtime().telemetry();
        telemetry.post(&kinds::PROCESS_ENDED, |event| {
            event.measure("pid", u64::from(self.running.pid()));
            event.measure("lines", stats.lines);
            event.measure("cut", stats.cut);
            event.measure("refused", stats.refused);
            event.tag("path", self.run.path());
            event.tag("generation", self.run.generation());
            event.tag("status", status.to_string());
        });
    }
}

/// The process does not outlive the hands it is in, whether they return or unwind.
impl Drop for Kept {
    fn drop(&mut self) {
        self.running.let_go();
        if let Some(status) = self.running.status() {
            self.tell_ended(status);
        }
    }
}

fn tell_killed(run: &Run, process: &Running, why: &'static str) {
    let telemetry = run.runtime().telemetry();
    telemetry.post(&kinds::PROCESS_KILLED, |event| {
        event.measure("pid", u64::from(process.pid()));
        event.tag("path", run.path());
        event.tag("generation", run.generation());
        event.tag("why", why);
    });
}
