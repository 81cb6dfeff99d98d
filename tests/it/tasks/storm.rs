//! Spawns, cancels, panics, resizes and stops, all at once: the counters add up.

use std::time::Duration;

use steadfast::supervision::{JoinError, TaskStats};
use steadfast::{System, Task, TaskSupervisor, TaskSupervisorRef, WorkerContext};

use super::tasks;
use crate::support::{LONG, eventually, system};

const CALLERS: u64 = 4;

/// How many tasks each caller spawns.
fn rounds() -> u64 {
    let set = std::env::var("STEADFAST_STORM").ok();
    set.and_then(|set| set.parse::<u64>().ok())
        .map_or(200, |storm| storm / 20)
}

/// What callers counted themselves.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    spawned: u64,
    refused: u64,
    values: u64,
}

struct Caller {
    rng: fastrand::Rng,
    tasks: TaskSupervisorRef,
    seen: Seen,
}

impl Caller {
    fn work(&mut self) -> impl FnOnce(&WorkerContext) -> Result<u64, steadfast::Failure> + use<> {
        let act = self.rng.u32(0..10);
        let nap = Duration::from_micros(self.rng.u64(0..50));
        move |ctx| match act {
            0 => panic!("in the storm"),
            1 => Err("failed".into()),
            2 => {
                let _ = ctx.wait(LONG);
                Err("stopped".into())
            }
            3 | 4 => {
                let _ = ctx.wait(nap);
                Ok(1)
            }
            _ => Ok(1),
        }
    }

    fn round(&mut self) {
        let work = self.work();
        let spawned = match self.rng.u32(0..3) {
            0 => self.tasks.try_spawn(work),
            _ => self.tasks.spawn_timeout(work, LONG),
        };
        match spawned {
            Ok(task) => {
                self.seen.spawned += 1;
                self.end(task);
            }
            Err(_) => self.seen.refused += 1,
        }
        if self.rng.u32(0..20) == 0 {
            self.tasks.resize(self.rng.usize(1..6)).expect("not zero");
        }
        assert_adds_up(&self.tasks.stats());
    }

    /// Each ends, also those that wait for their stop.
    fn end(&mut self, task: Task<u64>) {
        let joined = match self.rng.u32(0..4) {
            0 => return task.request_cancel(),
            1 => task
                .join_timeout(Duration::from_micros(20))
                .or_else(|_| task.cancel()),
            _ => task.cancel(),
        };
        match joined {
            Ok(value) => self.seen.values += value,
            Err(JoinError::Task(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[track_caller]
fn assert_adds_up(stats: &TaskStats) {
    let ended = stats.completed + stats.failed + stats.timed_out + stats.cancelled;
    assert_eq!(stats.started, ended + stats.active, "{stats:?}");
}

fn storm(system: &System, tasks: &TaskSupervisorRef, stops: bool) -> Seen {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let mut caller = Caller {
                    rng: fastrand::Rng::with_seed(seed.wrapping_add(number)),
                    tasks: tasks.clone(),
                    seen: Seen::default(),
                };
                scope.spawn(move || {
                    for _ in 0..rounds() {
                        caller.round();
                    }
                    caller.seen
                })
            })
            .collect();
        if stops {
            eventually("the storm is on", || tasks.stats().started > rounds());
            system.request_stop(LONG);
        }
        callers
            .into_iter()
            .map(|caller| caller.join().expect("no panic"))
            .collect()
    });
    seen.into_iter().fold(Seen::default(), |all, seen| Seen {
        spawned: all.spawned + seen.spawned,
        refused: all.refused + seen.refused,
        values: all.values + seen.values,
    })
}

// property 17, property 14
#[test]
fn in_a_storm_of_spawns_and_cancels_the_counters_add_up_and_nothing_is_left() {
    for stops in [false, true] {
        let system = system();
        let tasks = tasks(&system, TaskSupervisor::new("tasks").max_tasks(3));
        let seen = storm(&system, &tasks, stops);
        // A slot is free before the end of its task is counted.
        eventually("all are over", || {
            let stats = tasks.stats();
            (stats.slots, stats.active) == (0, 0)
        });
        let stats = tasks.stats();
        assert_eq!((stats.started, stats.waiting), (seen.spawned, 0));
        assert_eq!(stats.refused, seen.refused, "{stats:?}");
        assert!(
            stats.completed >= seen.values && stats.abandoned == 0,
            "{stats:?}"
        );
        let report = system.stop_within(LONG);
        // Tasks that fail by themselves while the system stops are in its report.
        assert!(
            report.is_complete() && report.threads_left.is_empty(),
            "{report}"
        );
    }
}
