//! Recovery under load: clients go on calling while the services crash under them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use steadfast::channel::{self, Receiver, SendError, Sender};
use steadfast::supervision::Standing;
use steadfast::telemetry::Recorder;
use steadfast::time::ManualClock;
use steadfast::{
    Child, ExitReason, Failure, Generation, Intensity, Strategy, Supervisor, SupervisorRef, System,
    SystemConfig, WorkerContext, WorkerRef,
};

use crate::support::{LONG, config, eventually, timeless};

const SERVICES: usize = 3;
const CLIENTS: u64 = 4;

/// The default window of restarts, and a moment more.
const WINDOW: Duration = Duration::from_millis(5001);

/// Longer in the long run, which has an environment variable for the number of calls.
fn rounds() -> u32 {
    let storm = std::env::var("STEADFAST_STORM").ok();
    let calls: Option<u32> = storm.and_then(|storm| storm.parse().ok());
    calls.map_or(10, |calls| (calls / 250).max(1))
}

/// Longer than any default time after which a run counts as healthy.
const HEALTH: Duration = Duration::from_secs(600);

struct Request {
    number: u64,
    reply: Sender<u64>,
}

/// A service that doubles numbers, and panics with a request in hand when it is armed.
struct Service {
    requests: Sender<Request>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_armed: AtomicBool,
    served: AtomicU64,
    crashed: AtomicU64,
}

impl State {
    fn serve(&self, inbox: &Receiver<Request>, ctx: &WorkerContext) -> Result<(), Failure> {
        while let Some(Request { number, reply }) = inbox.recv(ctx)? {
            if self.is_armed.swap(false, Ordering::SeqCst) {
                self.crashed.fetch_add(1, Ordering::SeqCst);
                panic!("with a request in hand");
            }
            ctx.progress();
            self.served.fetch_add(1, Ordering::SeqCst);
            reply.try_send(number * 2)?;
        }
        Ok(())
    }
}

impl Service {
    fn new(number: usize) -> (Child<WorkerRef>, Self) {
        let (requests, inbox) = channel::bounded(8);
        let state = Arc::new(State::default());
        let own = Arc::clone(&state);
        let child = Child::worker(format!("s{number}"), move |ctx| own.serve(&inbox, ctx));
        (child, Service { requests, state })
    }

    /// Crashes it under the load, and waits until it serves again: a run that has served is restarted at once.
    fn crash(&self) {
        self.crash_for_good();
        self.serves();
    }

    fn serves(&self) {
        let served = self.state.served.load(Ordering::SeqCst);
        eventually("it serves again", || {
            self.state.served.load(Ordering::SeqCst) > served
        });
    }

    fn crash_for_good(&self) {
        let crashed = self.state.crashed.load(Ordering::SeqCst);
        self.state.is_armed.store(true, Ordering::SeqCst);
        eventually("it crashes", || {
            self.state.crashed.load(Ordering::SeqCst) > crashed
        });
    }
}

/// What became of the calls of one client.
#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    attempted: u64,
    answered: u64,
    /// Accepted, and then the service crashed or ended.
    lost: u64,
    refused: u64,
}

impl Calls {
    /// One call: an answer that is right or an error that is typed, and no hang.
    fn call(&mut self, service: &Service, number: u64) -> bool {
        self.attempted += 1;
        let (reply, answer) = channel::bounded(1);
        match service
            .requests
            .send_timeout(Request { number, reply }, LONG)
        {
            Ok(()) => {}
            Err(SendError::Disconnected(_)) => {
                self.refused += 1;
                return false;
            }
            Err(hang) => panic!("{hang}"),
        }
        match answer.recv_timeout(LONG) {
            Ok(Some(answer)) => {
                assert_eq!(answer, number * 2, "a wrong answer");
                self.answered += 1;
                true
            }
            Ok(None) => {
                self.lost += 1;
                false
            }
            Err(hang) => panic!("{hang}"),
        }
    }

    fn and(self, other: Self) -> Self {
        Calls {
            attempted: self.attempted + other.attempted,
            answered: self.answered + other.answered,
            lost: self.lost + other.lost,
            refused: self.refused + other.refused,
        }
    }
}

/// Services under one supervisor, with the default budget of 3 restarts in 5 seconds.
struct Scene {
    system: System,
    recorder: Recorder,
    manual: ManualClock,
    services: Vec<Service>,
}

impl Scene {
    fn new(config: SystemConfig, strategy: Strategy) -> Self {
        let (system, recorder, manual) = timeless(config);
        let (children, services): (Vec<_>, Vec<_>) = (0..SERVICES).map(Service::new).unzip();
        let tree = Supervisor::new("tree").strategy(strategy);
        let tree = children.into_iter().fold(tree, Supervisor::child);
        system.supervise(tree).expect("started");
        Scene {
            system,
            recorder,
            manual,
            services,
        }
    }

    /// Lets clients call while `crashes` happen, then a hundred times each. Returns what became of the calls of
    /// both times.
    fn under_load(&self, seed: u64, crashes: impl FnOnce(fastrand::Rng)) -> (Calls, Calls) {
        let is_over = AtomicBool::new(false);
        let client = |seed: u64| {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut during, mut after) = (Calls::default(), Calls::default());
            let mut next = || (rng.usize(0..SERVICES), rng.u64(0..1 << 32));
            while !is_over.load(Ordering::SeqCst) {
                let (service, number) = next();
                during.call(&self.services[service], number);
            }
            for _ in 0..100 {
                let (service, number) = next();
                after.call(&self.services[service], number);
            }
            (during, after)
        };
        let client = &client;
        std::thread::scope(|scope| {
            let seeds = (1..=CLIENTS).map(|number| seed.wrapping_add(number));
            let clients: Vec<_> = seeds
                .map(|seed| scope.spawn(move || client(seed)))
                .collect();
            let over = OverAtEnd(&is_over);
            crashes(fastrand::Rng::with_seed(seed));
            drop(over);
            let calls = clients
                .into_iter()
                .map(|client| client.join().expect("no hang"));
            calls.fold(
                Default::default(),
                |(during, after): (Calls, Calls), one| (during.and(one.0), after.and(one.1)),
            )
        })
    }

    /// Not kept: a handle keeps the specifications below it, and with them the receivers.
    fn tree(&self) -> SupervisorRef {
        let root = self.system.root();
        root.child("tree").expect("known")
    }

    fn one(&self, rng: &mut fastrand::Rng) -> &Service {
        &self.services[rng.usize(0..SERVICES)]
    }

    /// The sum over the services.
    fn sum(&self, of: impl Fn(&Service) -> u64) -> u64 {
        self.services.iter().map(of).sum()
    }

    /// What clients and services have counted agrees, call by call.
    fn adds_up(&self, calls: Calls, buried: u64) {
        let Calls {
            attempted,
            answered,
            lost,
            refused,
        } = calls;
        assert_eq!(attempted, answered + lost + refused);
        assert_eq!(
            answered,
            self.sum(|service| service.state.served.load(Ordering::SeqCst))
        );
        let crashed = self.sum(|service| service.state.crashed.load(Ordering::SeqCst));
        assert_eq!(
            lost,
            crashed + buried,
            "each crash loses the one request in hand"
        );
        assert_eq!(
            answered + lost,
            self.sum(|service| service.requests.stats().accepted)
        );
        assert_eq!(
            refused,
            self.sum(|service| service.requests.stats().refused)
        );
        assert_eq!(buried, self.sum(|service| service.requests.stats().dead));
    }
}

/// Lets the clients come to their end, also when the test fails.
struct OverAtEnd<'a>(&'a AtomicBool);

impl Drop for OverAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn all_answered(calls: Calls) -> bool {
    calls.attempted == CLIENTS * 100 && calls.answered == calls.attempted
}

fn bears_the_crashes(strategy: Strategy) {
    let seed = fastrand::u64(..);
    println!("seed {seed}, {strategy:?}");
    let scene = Scene::new(config(), strategy);
    let (during, after) = scene.under_load(seed, |mut rng| {
        for _ in 0..rounds() {
            // As many as the budget allows; and the next ones in the next window.
            for _ in 0..rng.u32(1..=3) {
                scene.one(&mut rng).crash();
            }
            scene.manual.advance(WINDOW);
        }
    });
    assert!(all_answered(after), "{after:?}");
    assert_eq!(during.refused, 0, "{during:?}");
    scene.adds_up(during.and(after), 0);
    assert_eq!(scene.tree().generation(), Generation::first());
}

// property 20, 21, 95, S68: recovery under load, which the original's tests had lost; within the strict budget
#[test]
fn clients_keep_calling_while_services_crash_and_lose_only_what_was_in_hand() {
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ] {
        bears_the_crashes(strategy);
    }
}

// property 20, 21, S68: beyond the strict budget
#[test]
fn clients_are_served_again_after_crashes_beyond_the_budget_have_ended_the_supervisor() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let scene = Scene::new(config(), Strategy::OneForOne);
    let number = rounds();
    let (during, after) = scene.under_load(seed, |mut rng| {
        for _ in 0..number {
            let before = scene.tree().generation();
            (0..3).for_each(|_| scene.one(&mut rng).crash());
            scene.one(&mut rng).crash_for_good();
            eventually("the root has started the supervisor again", || {
                let tree = scene.tree();
                tree.generation() > before && matches!(tree.standing(), Standing::Up)
            });
            scene.services.iter().for_each(Service::serves);
            // A supervisor that was up for long is restarted at once the next time.
            scene.manual.advance(HEALTH);
        }
    });
    assert!(all_answered(after), "{after:?}");
    scene.adds_up(during.and(after), 0);
    assert_eq!(scene.tree().generation().get(), u64::from(number) + 1);
    scene
        .recorder
        .wait_for(LONG, "supervisor.budget_exhausted", u64::from(number));
}

// property 21, S68: beyond all budgets the end is orderly, and told to every client
#[test]
fn clients_are_told_when_the_last_budget_is_used_up_and_none_hangs() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let strict = config().intensity(Intensity::new(0, WINDOW));
    let scene = Scene::new(strict, Strategy::OneForOne);
    let mut own = Calls::default();
    let (during, after) = scene.under_load(seed, |mut rng| {
        (0..3).for_each(|_| scene.one(&mut rng).crash());
        scene.one(&mut rng).crash_for_good();
        for service in &scene.services {
            eventually("it is gone", || {
                let refused = own.refused;
                own.call(service, 0);
                own.refused > refused
            });
        }
    });
    assert_eq!(after.refused, CLIENTS * 100, "{after:?}");
    let buried = scene.sum(|service| service.requests.stats().dead);
    scene.adds_up(during.and(after).and(own), buried);
    assert!(matches!(
        scene.system.wait_timeout(LONG),
        Some(ExitReason::BudgetExhausted(_))
    ));
    let report = scene.system.stop_within(LONG);
    assert!(
        report.is_complete() && report.threads_left.is_empty(),
        "{report}"
    );
}
