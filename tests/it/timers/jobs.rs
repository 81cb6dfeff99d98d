//! Jobs: what a timer runs as a task.

use steadfast::channel::{self, Receiver, Sender};
use steadfast::timer::{Every, TimerError};
use steadfast::{
    Child, Restart, Shutdown, System, TaskSupervisor, TaskSupervisorRef, WorkerContext,
};

use super::{next, settle};
use crate::support::{Gate, LONG, OpenAtEnd, SECOND, config, eventually, idle, timeless};

fn tasks(system: &System, max: usize) -> TaskSupervisorRef {
    let tasks = TaskSupervisor::new("jobs").max_tasks(max);
    system.spawn(tasks).expect("started")
}

/// A job that says when it begins and ends when it is told to.
struct Job {
    begun: Receiver<()>,
    end: Sender<()>,
}

impl Job {
    fn new() -> (
        Self,
        impl Fn(&WorkerContext) -> Result<(), steadfast::Failure> + Send + Sync,
    ) {
        let ((tell, begun), (end, ends)) = (channel::bounded(8), channel::bounded(8));
        let job = move |ctx: &WorkerContext| {
            tell.send(())?;
            ends.recv(ctx)?;
            Ok(())
        };
        (Job { begun, end }, job)
    }

    fn end(&self, tasks: &TaskSupervisorRef) {
        self.end.send(()).expect("it runs");
        eventually("the job has ended", || tasks.stats().active == 0);
    }
}

#[test]
fn a_job_runs_once_as_a_task_when_its_time_has_come() {
    let (system, _recorder, manual) = timeless(config());
    let tasks = tasks(&system, 4);
    let (tx, rx) = channel::bounded(4);
    let job = move |ctx: &WorkerContext| Ok(tx.send(ctx.path().to_string())?);
    let timer = system
        .timers()
        .after(SECOND)
        .run(&tasks, job)
        .expect("armed");
    settle(&system.timers());
    assert_eq!(tasks.stats().started, 0);
    manual.advance(SECOND);
    assert_eq!(next(&rx), "test/jobs/task-1");
    assert_eq!((timer.is_pending(), system.pending_timers()), (false, 0));
}

// S5: with a fixed rate the same job never runs twice at once
#[test]
fn ticks_that_come_while_the_job_runs_are_missed_and_counted() {
    let (system, recorder, manual) = timeless(config());
    let tasks = tasks(&system, 4);
    let (job, work) = Job::new();
    let timers = system.timers();
    let timer = timers
        .every(Every::rate(SECOND))
        .run(&tasks, work)
        .expect("armed");
    manual.advance(SECOND);
    next(&job.begun);
    for _ in 0..3 {
        manual.advance(SECOND);
        settle(&timers);
    }
    assert_eq!(timer.fire_now(), Err(TimerError::Busy));
    assert_eq!((timer.stats().delivered, timer.stats().missed), (1, 3));
    recorder.wait_for(LONG, "timer.missed", 3);
    job.end(&tasks);
    manual.advance(SECOND);
    next(&job.begun);
    settle(&timers);
    assert_eq!((timer.stats().delivered, timer.stats().ticks()), (2, 5));
    assert_eq!((tasks.stats().started, job.begun.depth()), (2, 0));
}

#[test]
fn a_fixed_delay_begins_at_the_end_of_the_job() {
    let (system, _recorder, manual) = timeless(config());
    let tasks = tasks(&system, 4);
    let (job, work) = Job::new();
    let timers = system.timers();
    let timer = timers
        .every(Every::delay(SECOND))
        .run(&tasks, work)
        .expect("armed");
    for round in 1..=3 {
        manual.advance(SECOND);
        next(&job.begun);
        manual.advance(100 * SECOND);
        settle(&timers);
        assert_eq!((timer.due(), timer.stats().ticks()), (None, round));
        job.end(&tasks);
        eventually("the delay begins", || {
            timer.due() == Some(manual.now() + SECOND)
        });
    }
    assert_eq!(timer.stats().missed, 0);
}

#[test]
fn a_job_that_panics_is_begun_again_at_the_next_tick() {
    let (system, recorder, manual) = timeless(config());
    let tasks = tasks(&system, 4);
    let every = system.timers().every(Every::delay(SECOND));
    let timer = every
        .run(&tasks, |_| panic!("as it was told"))
        .expect("armed");
    for failed in 1..=3 {
        manual.advance(SECOND);
        eventually("it failed", || tasks.stats().failed == failed);
        eventually("the delay begins", || timer.due().is_some());
    }
    recorder.wait_for(LONG, "child.exited", 3);
}

#[test]
fn a_job_that_was_given_up_does_not_keep_its_timer() {
    let (system, recorder, manual) = timeless(config());
    let tasks = tasks(&system, 4).with(|task| task.shutdown(Shutdown::Abandon).timeout(SECOND));
    let gate = Gate::new();
    let _open = OpenAtEnd(gate.clone());
    let inside = gate.clone();
    let job = move |_: &WorkerContext| {
        inside.pass();
        Ok(())
    };
    let timer = system
        .timers()
        .every(Every::delay(SECOND))
        .run(&tasks, job)
        .expect("armed");
    for hung in 1..=2 {
        manual.advance(SECOND);
        gate.wait_for(hung);
        // The task's time counts from its start, which the steward has to be through with.
        settle(&system.timers());
        manual.advance(SECOND);
        recorder.wait_for(LONG, "child.abandoned", hung as u64);
        eventually("the delay begins", || timer.due().is_some());
    }
}

// property 14, property 66: no unsupervised thread, and a tick that began nothing is told
#[test]
fn a_tick_without_room_or_supervisor_begins_nothing_and_the_next_tries_again() {
    let (system, recorder, manual) = timeless(config());
    let tasks = tasks(&system, 1);
    let (blocker, work) = Job::new();
    tasks.spawn(work).expect("room").detach();
    next(&blocker.begun);
    let (tx, rx) = channel::bounded(4);
    let timers = system.timers();
    let every = timers.every(Every::rate(SECOND));
    let timer = every.run(&tasks, move |_| Ok(tx.send(())?)).expect("armed");
    manual.advance(SECOND);
    recorder.wait_for(LONG, "timer.refused", 1);
    assert_eq!(timer.fire_now(), Err(TimerError::Full));
    blocker.end(&tasks);
    manual.advance(SECOND);
    next(&rx);
    eventually("it ended", || tasks.stats().active == 0);
    settle(&timers);
    tasks.terminate().expect("terminated");
    assert_eq!(timer.fire_now(), Err(TimerError::NotRunning));
    assert_eq!((timer.stats().delivered, timer.stats().refused), (1, 3));
    assert!(timer.is_pending());
}

#[test]
fn the_end_of_the_owner_ends_the_timer_and_not_the_job_that_runs() {
    let (system, _recorder, manual) = timeless(config());
    let tasks = tasks(&system, 4);
    let (job, work) = Job::new();
    let work = std::sync::Arc::new(work);
    let own = tasks.clone();
    let child = Child::worker("w", move |ctx: &WorkerContext| {
        let work = std::sync::Arc::clone(&work);
        let every = ctx.timers().every(Every::rate(SECOND)).key("k");
        every.run(&own, move |ctx| work(ctx))?;
        idle(ctx)
    });
    let worker = system
        .spawn(child.restart(Restart::Temporary))
        .expect("started");
    eventually("it has armed", || system.pending_timers() == 1);
    manual.advance(SECOND);
    next(&job.begun);
    worker.terminate().expect("terminated");
    assert_eq!((system.pending_timers(), tasks.stats().active), (0, 1));
    manual.advance(10 * SECOND);
    settle(&system.timers());
    job.end(&tasks);
    assert_eq!(tasks.stats().started, 1);
}

#[test]
fn a_job_that_could_never_be_spawned_is_refused_when_it_is_armed() {
    let (system, _recorder, _manual) = timeless(config());
    let tasks = tasks(&system, 4).with(|task| task.name("no/such"));
    let timers = system.timers();
    let once = timers
        .after(SECOND)
        .run(&tasks, |_| Ok(()))
        .expect_err("invalid");
    assert_eq!(once.cause(), TimerError::InvalidTask);
    let every = timers.every(Every::rate(SECOND)).run(&tasks, |_| Ok(()));
    assert_eq!(every.expect_err("invalid"), TimerError::InvalidTask);
}
