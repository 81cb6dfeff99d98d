//! Telemetry of a system: every kind is provoked, in order, and nobody depends on it.

use std::collections::BTreeMap;

use steadfast::channel;
use steadfast::guards::breaker::{BreakerConfig, Trip};
use steadfast::guards::cache::CacheConfig;
use steadfast::guards::rate_limit::RateLimiterConfig;
use steadfast::process::{CommandConfig, CommandRunner, ProcessRef, Program};
use steadfast::supervision::{Init, Outcome, SupervisorTuning};
use steadfast::telemetry::{EventKind, Filter, RecordedEvent, Recorder, Telemetry, kinds};
use steadfast::time::ManualClock;
use steadfast::timer::Every;
use steadfast::{
    AutoShutdown, Backoff, Child, CircuitBreaker, DataParallel, DataParallelRef, Intensity, OnHang,
    Quota, RateLimiter, Restart, Shutdown, StopPhases, Strategy, Supervisor, System,
    TaskSupervisor,
};

use crate::support::{
    Act, FAR, Gate, Journal, LONG, OpenAtEnd, Puppet, SECOND, config, idle, idler, is_first,
    recorded, recorded_by, timeless,
};

struct Stage {
    system: System,
    recorder: Recorder,
    manual: ManualClock,
}

impl Stage {
    fn puppet(
        &self,
        set: impl FnOnce(Child<steadfast::WorkerRef>) -> Child<steadfast::WorkerRef>,
    ) -> Puppet {
        let (child, puppet) = Puppet::alone("w");
        self.system.spawn(set(child)).expect("started");
        puppet
    }

    /// Abandons a worker, lets it return, and waits until it has done `late` on its way.
    fn abandon(&self, late: impl Fn() + Send + Sync + 'static) {
        let gate = Gate::new();
        let _open = OpenAtEnd(gate.clone());
        let inside = gate.clone();
        let child = Child::worker("w", move |_| {
            inside.pass();
            late();
            Ok(())
        });
        let child = child.shutdown(Shutdown::Abandon);
        let worker = self.system.spawn(child).expect("started");
        gate.wait_for(1);
        worker.terminate().expect("terminated");
        gate.open();
        self.recorder.wait_for(LONG, "child.abandoned_returned", 1);
    }

    fn supervise(&self, supervisor: Supervisor) -> steadfast::SupervisorRef {
        let child = supervisor.into_child().restart(Restart::Temporary);
        self.system.spawn(child).expect("started")
    }

    /// A pool that is given up as soon as it is asked to stop.
    fn pool(&self) -> DataParallelRef {
        let child = Child::data_parallel("pool", DataParallel::new());
        let child = child.shutdown(Shutdown::Abandon);
        self.system.spawn(child).expect("started")
    }

    /// A task that takes too long, and returns a value when nobody wants it any more.
    fn time_out(&self) {
        let tasks = TaskSupervisor::new("tasks").timeout(SECOND);
        let tasks = self.system.spawn(tasks).expect("started");
        let gate = Gate::new();
        let _open = OpenAtEnd(gate.clone());
        let inside = gate.clone();
        let work = move |_: &_| {
            inside.pass();
            Ok(())
        };
        tasks.spawn(work).expect("spawned").detach();
        gate.wait_for(1);
        self.manual.advance(SECOND);
        self.recorder.wait_for(LONG, "task.timed_out", 1);
    }

    fn sleeper(&self) -> ProcessRef {
        self.system.spawn(sleeper()).expect("started")
    }

    fn runner(&self, allowed: &[&str]) -> CommandRunner {
        let telemetry = self.system.telemetry().clone();
        let config = CommandConfig::new().allow(allowed).telemetry(telemetry);
        CommandRunner::new(config)
    }

    fn cache(&self) -> steadfast::Cache<u64, u64> {
        let config = CacheConfig::new(1).telemetry(self.system.telemetry().clone());
        let config = config.listener(|_, value, _| assert!(*value != 13, "in the listener"));
        let cache = config.name("pages").build().expect("valid");
        cache.insert(1, 1).expect("room");
        cache
    }

    fn limiter(&self, quota: Quota) -> RateLimiter {
        let telemetry = self.system.telemetry().clone();
        let config = RateLimiterConfig::new(quota).telemetry(telemetry);
        config.build().expect("valid")
    }

    fn breaker(&self) -> CircuitBreaker {
        let telemetry = self.system.telemetry().clone();
        let config = BreakerConfig::new(Trip::consecutive(1)).telemetry(telemetry);
        config.build().expect("valid")
    }

    fn span(&self) -> steadfast::telemetry::SpanGuard {
        self.system.telemetry().span("work")
    }
}

/// An OS process that does nothing until a signal ends it.
fn sleeper() -> Child<ProcessRef> {
    Child::process("p", Program::new("sleep").arg("1000"))
}

type Row = (&'static EventKind, fn(&Stage));

/// How each kind comes about.
static TABLE: &[Row] = &[
    (&kinds::CHILD_STARTED, |stage| {
        stage.puppet(|child| child);
    }),
    (&kinds::CHILD_IGNORED, |stage| {
        let child = Child::worker_try_from("w", |_| Ok(Init::Ignore), |(), ctx| idle(ctx));
        stage.system.spawn(child).expect("no error");
    }),
    (&kinds::CHILD_START_FAILED, |stage| {
        let init = |_: &_| Err::<Init<()>, _>("no".into());
        let child = Child::worker_try_from("w", init, |(), ctx| idle(ctx));
        stage.system.spawn(child).expect_err("no start");
    }),
    (&kinds::CHILD_ENDED, |stage| {
        stage.puppet(|child| child).pull(Act::Return);
    }),
    (&kinds::CHILD_EXITED, |stage| {
        stage.puppet(|child| child).pull(Act::Panic);
    }),
    (&kinds::CHILD_RESTARTING, |stage| {
        stage.puppet(|child| child).pull(Act::Fail);
    }),
    (&kinds::CHILD_STOPPING, |stage| {
        let puppet = stage.puppet(|child| child);
        puppet.handle.terminate().expect("terminated");
    }),
    (&kinds::CHILD_ABANDONED, |stage| stage.abandon(|| {})),
    (&kinds::CHILD_ABANDONED_RETURNED, |stage| {
        stage.abandon(|| {})
    }),
    (&kinds::CHILD_HUNG, |stage| {
        let puppet = stage.puppet(|child| child.warn_after(SECOND).on_hang(OnHang::Report));
        let gate = Gate::new();
        let _open = OpenAtEnd(gate.clone());
        puppet.pull(Act::Hang(gate.clone()));
        gate.wait_for(1);
        stage.manual.advance(SECOND);
        stage.recorder.wait_for(LONG, "child.hung", 1);
    }),
    (&kinds::CHILD_FORGOTTEN, |stage| {
        let puppet = stage.puppet(|child| child.restart(Restart::Temporary));
        puppet.handle.terminate().expect("terminated");
    }),
    (&kinds::HOOK_FAILED, |stage| {
        let journal = Journal::new();
        let notes = journal.clone();
        let child = Child::worker("w", move |ctx| {
            ctx.on_stop(|| panic!("in the hook")).keep();
            notes.note("ready");
            idle(ctx)
        });
        let worker = stage.system.spawn(child).expect("started");
        journal.take(1);
        worker.terminate().expect("terminated");
    }),
    (&kinds::SUPERVISOR_STARTED, |stage| {
        stage.supervise(Supervisor::new("tree"));
    }),
    (&kinds::SUPERVISOR_STOPPING, |stage| {
        let tree = stage.supervise(Supervisor::new("tree"));
        tree.terminate().expect("terminated");
    }),
    (&kinds::SUPERVISOR_ENDED, |stage| {
        let tree = stage.supervise(Supervisor::new("tree"));
        tree.terminate().expect("terminated");
    }),
    (&kinds::SUPERVISOR_BUDGET_EXHAUSTED, |stage| {
        let (child, puppet) = Puppet::alone("w");
        let tree = Supervisor::new("tree").intensity(Intensity::new(0, SECOND));
        stage.supervise(tree.child(child));
        puppet.pull(Act::Fail);
    }),
    (&kinds::SUPERVISOR_AUTO_SHUTDOWN, |stage| {
        let (child, puppet) = Puppet::alone("w");
        let tree = Supervisor::new("tree").auto_shutdown(AutoShutdown::AnySignificant);
        stage.supervise(tree.child(child.restart(Restart::Transient).significant(true)));
        puppet.pull(Act::Return);
    }),
    (&kinds::SUPERVISOR_SPEC_WARNING, |stage| {
        let tree = Supervisor::new("tree").strategy(Strategy::OneForAll);
        stage.supervise(tree.child(idler("slow").shutdown(Shutdown::Deadline(FAR))));
    }),
    (&kinds::SUPERVISOR_SPEC_CHANGED, |stage| {
        let tuning = SupervisorTuning::new().max_abandoned(1);
        stage.system.root().retune(tuning).expect("changed");
    }),
    (&kinds::FENCE_REFUSED, |stage| {
        let root = stage.system.root().clone();
        stage.abandon(move || assert!(root.terminate_child("nobody").is_err()));
    }),
    (&kinds::POOL_REFUSED, |stage| {
        let pool = stage.pool();
        pool.terminate().expect("terminated");
        pool.spawn(|| ()).expect_err("it does not run");
    }),
    (&kinds::POOL_PANICKED, |stage| {
        stage
            .pool()
            .install(|| panic!("in work"))
            .expect_err("it panicked");
    }),
    (&kinds::POOL_LOST, |stage| {
        let (pool, gate) = (stage.pool(), Gate::new());
        let _open = OpenAtEnd(gate.clone());
        let inside = gate.clone();
        pool.spawn(move || inside.pass()).expect("taken");
        pool.terminate().expect("terminated");
    }),
    (&kinds::TASK_REFUSED, |stage| {
        let tasks = TaskSupervisor::new("tasks").max_tasks(1);
        let tasks = stage.system.spawn(tasks).expect("started");
        tasks.try_spawn(idle).expect("room").detach();
        tasks.try_spawn(idle).expect_err("full");
    }),
    (&kinds::TASK_TIMED_OUT, |stage| stage.time_out()),
    (&kinds::TASK_LATE, |stage| stage.time_out()),
    (&kinds::MAP_ITEM_FAILED, |stage| {
        let tasks = stage.system.spawn(TaskSupervisor::new("tasks"));
        let mapped = tasks.expect("started").scope(|scope| {
            let fails = |_: &u8, _: &_| Err::<(), _>("no".into());
            scope.map(&[1], fails).expect("a slot").len()
        });
        assert_eq!(mapped.expect("no failures of lanes"), 1);
    }),
    (&kinds::MAP_ENDED, |stage| {
        let tasks = stage.system.spawn(TaskSupervisor::new("tasks"));
        let map = tasks.expect("started").map(0..9, |item: &u32, _| Ok(*item));
        let mut results = map.start().expect("started");
        assert!(results.next().is_some());
    }),
    (&kinds::SYSTEM_STARTED, |_| {}),
    (&kinds::SYSTEM_STOPPING, |stage| {
        stage.system.request_stop(LONG)
    }),
    (&kinds::PHASE_STARTED, |stage| {
        stage.system.request_stop(LONG)
    }),
    (&kinds::PHASE_ENDED, |stage| stage.system.request_stop(LONG)),
    (&kinds::PHASE_HOOK_FAILED, |stage| {
        let system = &stage.system;
        system
            .on_phase("first", |_| panic!("in the hook"))
            .expect("a phase");
        system.request_stop(LONG);
    }),
    (&kinds::SYSTEM_STOPPED, |stage| {
        assert!(stage.system.stop_within(LONG).is_clean());
    }),
    (&kinds::CHANNEL_REFUSED, |stage| {
        let options = channel::Options::new(1).telemetry(stage.system.telemetry().clone());
        let (sender, _receiver) = options.open().expect("valid");
        sender.try_send(1).expect("room");
        sender.try_send(2).expect_err("full");
    }),
    (&kinds::TIMER_MISSED, |stage| {
        let (sender, _receiver) = channel::bounded(8);
        let every = Every::rate(SECOND);
        let timers = stage.system.timers();
        timers.every(every).send(&sender).expect("armed");
        stage.manual.advance(100 * SECOND);
    }),
    (&kinds::TIMER_REFUSED, |stage| {
        let (sender, _) = channel::bounded(1);
        let timers = stage.system.timers();
        timers
            .at(stage.manual.now())
            .send(&sender, ())
            .expect("armed");
    }),
    (&kinds::TIMER_DISCARDED, |stage| {
        let (sender, _receiver) = channel::bounded(1);
        let timers = stage.system.timers();
        timers.after(SECOND).send(&sender, ()).expect("armed");
        stage.system.request_stop(LONG);
    }),
    (&kinds::PROCESS_SPAWNED, |stage| drop(stage.sleeper())),
    (&kinds::PROCESS_ENDED, |stage| {
        stage.sleeper().terminate().expect("terminated");
    }),
    (&kinds::PROCESS_KILLED, |stage| {
        let child = sleeper().shutdown(Shutdown::Abandon);
        let process = stage.system.spawn(child).expect("started");
        process.terminate().expect("terminated");
    }),
    (&kinds::COMMAND_REFUSED, |stage| {
        let runner = stage.runner(&[]);
        runner.run(&Program::new("true")).expect_err("not allowed");
    }),
    (&kinds::COMMAND_FAILED, |stage| {
        let runner = stage.runner(&["false"]);
        let output = runner.run(&Program::new("false")).expect("an output");
        assert!(!output.is_success());
    }),
    (&kinds::CACHE_HIT, |stage| {
        assert_eq!(stage.cache().get(&1), Some(1));
    }),
    (&kinds::CACHE_MISSED, |stage| {
        assert_eq!(stage.cache().get(&2), None);
    }),
    (&kinds::CACHE_EVICTED, |stage| {
        stage.cache().insert(2, 2).expect("room");
    }),
    (&kinds::CACHE_REFUSED, |stage| {
        let ttl = std::time::Duration::ZERO;
        let refused = stage.cache().insert_with_ttl(2, 2, ttl);
        refused.expect_err("expired at once");
    }),
    (&kinds::CACHE_LOAD_FAILED, |stage| {
        let loaded = stage.cache().try_get_or_insert_with(2, || Err("down"));
        loaded.expect_err("down");
    }),
    (&kinds::CACHE_INVALIDATED, |stage| {
        stage.cache().invalidate_all();
    }),
    (&kinds::CACHE_PURGED, |stage| {
        stage.cache().purge();
    }),
    (&kinds::CACHE_PANICKED, |stage| {
        let cache = stage.cache();
        cache.insert(1, 13).expect("room");
        cache.remove(&1);
    }),
    (&kinds::RATE_LIMIT_REFUSED, |stage| {
        let limiter = stage.limiter(Quota::per_second(0));
        limiter.check().expect_err("nothing passes");
    }),
    (&kinds::RATE_LIMIT_KEYS_FULL, |stage| {
        let config = RateLimiterConfig::new(Quota::per_hour(1)).max_keys(1);
        let config = config.telemetry(stage.system.telemetry().clone());
        let limiter = config.build_keyed::<u8>().expect("valid");
        limiter.check(&1).expect("the first key");
        limiter.check(&2).expect_err("no place");
    }),
    (&kinds::RATE_LIMIT_RECONFIGURED, |stage| {
        let limiter = stage.limiter(Quota::per_second(1));
        limiter.reconfigure(Quota::per_second(2)).expect("valid");
    }),
    (&kinds::BREAKER_CHANGED, |stage| stage.breaker().open()),
    (&kinds::BREAKER_REFUSED, |stage| {
        let breaker = stage.breaker();
        breaker.force_open();
        breaker.admit().expect_err("nothing passes");
    }),
    (&kinds::HANDLER_DETACHED, |stage| {
        let telemetry = stage.system.telemetry();
        let attached = telemetry.attach("bad", Filter::All, |_| panic!("bad handler"));
        attached.expect("a new id");
        stage.puppet(|child| child);
    }),
    (&kinds::DROPPED, |stage| {
        let telemetry = stage.system.telemetry();
        let gate = Gate::new();
        let _open = OpenAtEnd(gate.clone());
        let inside = gate.clone();
        let started = Filter::kind("child.started");
        let attached = telemetry.attach("slow", started, move |_| inside.pass());
        attached.expect("a new id");
        stage.puppet(|child| child);
        gate.wait_for(1);
        for _ in 0..=Telemetry::POST_CAPACITY {
            telemetry.post(&kinds::SYSTEM_STARTED, |event| {
                event.tag("name", "flood");
            });
        }
    }),
    (&kinds::SPAN_START, |stage| drop(stage.span())),
    (&kinds::SPAN_STOP, |stage| drop(stage.span())),
    (&kinds::SPAN_EXCEPTION, |stage| {
        let child = Child::worker("w", |ctx| {
            let _span = ctx.span("work");
            if is_first(ctx) {
                panic!("in a span");
            }
            idle(ctx)
        });
        let _answer = stage.system.spawn(child);
    }),
    (&kinds::SPAN_EVENT, |stage| {
        stage.span().event("half way");
    }),
    (&kinds::SPAN_LINK, |stage| {
        let other = stage.span().context();
        stage.span().link(other);
    }),
];

// property 66, OTP-20, decision 49, S26
#[test]
fn every_kind_of_the_table_is_emitted_when_its_cause_comes() {
    for kind in kinds::ALL {
        let row = TABLE
            .iter()
            .find(|(provoked, _)| provoked.name == kind.name);
        let (_, provoke) = row.unwrap_or_else(|| panic!("nothing provokes {}", kind.name));
        let phases = StopPhases::new().phase("first", LONG);
        let (system, recorder, manual) = timeless(config().stop_phases(phases));
        let stage = Stage {
            system,
            recorder,
            manual,
        };
        provoke(&stage);
        let found = stage.recorder.wait_until(LONG, |events| {
            events
                .iter()
                .find(|event| event.name() == kind.name)
                .cloned()
        });
        let names: Vec<_> = found.metadata().iter().map(|(name, _)| *name).collect();
        assert!(
            kind.metadata.iter().all(|name| names.contains(name)),
            "{found:?}"
        );
        if let Some(path) = found.text("path") {
            assert!(path.starts_with("test"), "{found:?}");
        }
    }
}

fn texts(recorder: &Recorder, path: &str) -> Vec<String> {
    let of_path = |event: &&RecordedEvent| event.text("path").is_some_and(|found| found == path);
    let text = |event: &RecordedEvent| {
        let generation = event.text("generation").unwrap_or_default().into_owned();
        format!("{} {generation}", event.name())
    };
    recorder.events().iter().filter(of_path).map(text).collect()
}

// decision 49
#[test]
fn the_events_of_one_child_come_in_their_order() {
    let (system, recorder) = recorded(config());
    let (child, puppet) = Puppet::alone("w");
    system
        .spawn(child.restart(Restart::Temporary))
        .expect("started");
    let permanent =
        |tuning: steadfast::supervision::ChildTuning| tuning.restart(Restart::Permanent);
    system.root().update_child("w", permanent).expect("changed");
    for _ in 0..3 {
        puppet.crash();
    }
    let temporary =
        |tuning: steadfast::supervision::ChildTuning| tuning.restart(Restart::Temporary);
    system.root().update_child("w", temporary).expect("changed");
    puppet.handle.terminate().expect("terminated");
    recorder.wait_for(LONG, "child.forgotten", 1);
    let mut expected = Vec::new();
    for generation in 1..=3 {
        for kind in ["started", "exited", "restarting"] {
            expected.push(format!("child.{kind} {generation}"));
        }
    }
    for rest in ["started 4", "stopping 4", "ended 4", "forgotten "] {
        expected.push(format!("child.{rest}"));
    }
    assert_eq!(texts(&recorder, "test/w"), expected);
}

/// What a program sees of a run with crashes, a group restart, an escalation and a stop.
#[derive(Debug, PartialEq)]
struct Seen {
    order: Vec<String>,
    generations: [u64; 3],
    counts: BTreeMap<Outcome, u64>,
    clean: bool,
    budget_left: u32,
}

fn scenario(telemetry: Telemetry) -> Seen {
    let system = System::with(config().telemetry(telemetry)).expect("a system");
    let journal = Journal::new();
    let trio = ["a", "b", "c"].map(|id| Puppet::new(id, &journal));
    let puppets = trio.each_ref().map(|(_, puppet)| puppet.clone());
    let mut tree = Supervisor::new("tree")
        .strategy(Strategy::RestForOne)
        .intensity(Intensity::new(3, FAR));
    for (child, _) in trio {
        tree = tree.child(child.backoff(Backoff::none()));
    }
    let tree = system.supervise(tree).expect("started");
    let mut order = journal.take(3);
    for (act, lines) in [(Act::Panic, 4), (Act::Fail, 4)] {
        puppets[1].pull(act);
        order.extend(journal.take(lines));
    }
    tree.terminate_child("c").expect("terminated");
    let budget_left = tree.budget_left();
    let report = system.stop_within(LONG);
    order.extend(journal.take(3));
    Seen {
        order,
        generations: puppets.map(|puppet| puppet.handle.generation().get()),
        clean: report.is_clean(),
        counts: report.counts,
        budget_left,
    }
}

// property 64, S26
#[test]
fn the_results_are_the_same_with_handlers_without_and_with_bad_ones() {
    let without = scenario(Telemetry::new());
    assert_eq!(without.generations, [1, 3, 3]);
    assert!(without.clean);
    let telemetry = Telemetry::new();
    let recorder = Recorder::attach(&telemetry, Filter::All);
    assert_eq!(scenario(telemetry), without);
    assert!(recorder.count("child.restarting") >= 2);
    let telemetry = Telemetry::new();
    let attached = telemetry.attach("bad", Filter::All, |_| panic!("bad handler"));
    attached.expect("a new id");
    assert_eq!(scenario(telemetry.clone()), without);
    assert!(telemetry.handlers().is_empty());
}

// property 64
#[test]
fn a_handler_that_blocks_delays_no_supervision() {
    let telemetry = Telemetry::new();
    let gate = Gate::new();
    let inside = gate.clone();
    let attached = telemetry.attach("slow", Filter::All, move |_| inside.pass());
    attached.expect("a new id");
    let system = System::with(config().telemetry(telemetry)).expect("a system");
    let _open = OpenAtEnd(gate.clone());
    let (child, puppet) = Puppet::alone("w");
    system.spawn(child).expect("started");
    gate.wait_for(1);
    assert_eq!(puppet.crash().get(), 2);
    puppet.handle.terminate().expect("terminated");
    assert_eq!(gate.arrived(), 1, "the handler still blocks");
}

#[test]
fn two_systems_of_one_telemetry_are_told_apart_by_their_names() {
    let telemetry = Telemetry::new();
    let (one, recorder) = recorded_by(telemetry.clone(), config());
    let other = steadfast::SystemConfig::new("other").without_log();
    let other = System::with(other.telemetry(telemetry)).expect("a system");
    assert!(one.stop_within(LONG).is_clean());
    assert!(other.stop_within(LONG).is_clean());
    recorder.wait_for(LONG, "system.stopped", 2);
    let name = |event: &RecordedEvent| event.text("name").map(|name| name.into_owned());
    let mut names: Vec<_> = recorder.events().iter().filter_map(name).collect();
    names.dedup();
    assert_eq!(names, ["test", "other", "test", "other"]);
}
