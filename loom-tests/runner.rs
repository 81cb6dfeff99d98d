//! Runs a model so that a green one is not an empty one.
//!
//! A model is a state, two or three roles, and a look at the end. Loom keeps only the last access of each atomic, so that
//! some interleavings hide from it; and a model that reaches nothing is green too. Hence the five rules, each of which
//! is a line of the model or happens by itself:
//!
//! 1. `outcomes` is the exact set of ends. One that is missing fails as one too many does.
//! 2. `floor` is the least number of interleavings of the best rotation.
//! 3. Roles rotate: each is once the main thread and once the first spawned; the outcomes are united.
//! 4. `breaks` names sites. Each is broken in a process of its own (an ordering becomes `Relaxed`, a second look does not
//!    happen), and the model must then fail. `.ci/mutate-orderings` does it for all sites and all models.
//! 5. A role that is the only writer of an atomic keeps a private mirror and only stores (this one is up to the author).
//!
//! A broken model is *caught* by a panic (an assertion, a race on a cell, a deadlock, a leak) or by an outcome that is
//! not allowed. An outcome that is merely missing does not count, and neither does the floor.
//!
//! At most three threads of three operations. `preemptions` bounds how often a running thread is interrupted in favour
//! of another, where the whole space is too large; the line that a model prints says so.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Debug;
use std::io::{Write, stderr};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::sync::{Break, select, touched};

/// The environment variable that breaks a site: `drop:ring.pop.turn`, `soften:waiters.enter`; or `none`, which runs a
/// model for its outcomes and sites alone.
pub(super) const BREAK: &str = "STEADFAST_BREAK";

/// A broken model that has not failed by then has survived.
const BROKEN_LIMIT: Duration = Duration::from_secs(60);

/// A broken model is caught with few preemptions or counts as surviving: this bounds the time for all mutants.
const BROKEN_PREEMPTIONS: usize = 2;

/// The path of the test that it stands in, as the test binary names it.
macro_rules! here {
    () => {{
        fn place() {}
        $crate::loom_tests::runner::test_name(::std::any::type_name_of_val(&place))
    }};
}
pub(super) use here;

/// `steadfast::loom_tests::ring::model::place` without the crate and the marker.
pub(super) fn test_name(place: &'static str) -> &'static str {
    let inside = place.split_once("::").map_or(place, |(_, inside)| inside);
    inside.trim_end_matches("::place")
}

/// What a model claims about itself.
pub(super) struct Model<S> {
    name: &'static str,
    state: fn() -> S,
    floor: usize,
    preemptions: Option<usize>,
    breaks: Vec<&'static str>,
}

/// What the rotations of a model reached.
struct Reached<O> {
    outcomes: BTreeSet<O>,
    interleavings: Vec<usize>,
}

impl<S: Send + Sync + 'static> Model<S> {
    /// The model in the test named `name` (say `here!()`), whose threads share what `state` makes.
    pub(super) fn new(name: &'static str, state: fn() -> S) -> Self {
        Self {
            name,
            state,
            floor: 2,
            preemptions: None,
            breaks: Vec::new(),
        }
    }

    /// The least number of interleavings of the best rotation.
    pub(super) fn floor(self, floor: usize) -> Self {
        Self { floor, ..self }
    }

    /// Bounds the preemptions; without it all interleavings are run.
    pub(super) fn preemptions(self, bound: usize) -> Self {
        Self {
            preemptions: Some(bound),
            ..self
        }
    }

    /// Sites that this model must fail without.
    pub(super) fn breaks(self, sites: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            breaks: sites.into_iter().collect(),
            ..self
        }
    }

    /// Runs `roles` in all rotations; what `end` makes of their results must be exactly `outcomes`.
    pub(super) fn run<R, O, const N: usize>(
        self,
        outcomes: impl IntoIterator<Item = O>,
        roles: [fn(&S) -> R; N],
        end: fn(&S, [R; N]) -> O,
    ) where
        R: Send + 'static,
        O: Ord + Clone + Debug + Send + 'static,
    {
        assert!((2..=3).contains(&N), "a model has two or three roles");
        let allowed: BTreeSet<O> = outcomes.into_iter().collect();
        let broken = chosen_break();
        select(broken.clone());
        touched();
        let reached = self.reach(roles, end);
        let forbidden: Vec<_> = reached.outcomes.difference(&allowed).collect();
        assert!(
            forbidden.is_empty(),
            "{} reached what is forbidden: {forbidden:?}",
            self.name
        );
        if broken.is_some() {
            return;
        }
        let missing: Vec<_> = allowed.difference(&reached.outcomes).collect();
        assert!(
            missing.is_empty(),
            "{} never reached {missing:?}",
            self.name
        );
        self.report(&reached, &touched());
        if is_probed() {
            return;
        }
        let best = reached
            .interleavings
            .iter()
            .max()
            .copied()
            .unwrap_or_default();
        assert!(
            best >= self.floor,
            "{}: {best} interleavings, at least {} expected",
            self.name,
            self.floor
        );
        self.breaks
            .iter()
            .for_each(|site| self.must_fail_without(site));
    }

    fn reach<R, O, const N: usize>(
        &self,
        roles: [fn(&S) -> R; N],
        end: fn(&S, [R; N]) -> O,
    ) -> Reached<O>
    where
        R: Send + 'static,
        O: Ord + Clone + Debug + Send + 'static,
    {
        let mut reached = Reached {
            outcomes: BTreeSet::new(),
            interleavings: Vec::new(),
        };
        for rotation in 0..N {
            let state = self.state;
            let seen = Arc::new(Mutex::new((0, BTreeSet::new())));
            let record = Arc::clone(&seen);
            self.builder().check(move || {
                let outcome = once(rotation, state, roles, end);
                let mut record = record.lock().unwrap();
                record.0 += 1;
                record.1.insert(outcome);
            });
            let (interleavings, outcomes) = seen.lock().unwrap().clone();
            reached.interleavings.push(interleavings);
            reached.outcomes.extend(outcomes);
        }
        reached
    }

    fn builder(&self) -> loom::model::Builder {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = self.preemptions;
        builder.max_branches = 10_000;
        if is_probed() {
            builder.max_duration = Some(BROKEN_LIMIT);
            builder.preemption_bound = self.preemptions.map(|bound| bound.min(BROKEN_PREEMPTIONS));
        }
        builder
    }

    /// Past the capture of the test harness: the numbers are there to be seen.
    fn report<O>(&self, reached: &Reached<O>, sites: &BTreeSet<&str>) {
        let bound = self.preemptions.map_or_else(
            || "unbounded".to_owned(),
            |bound| format!("{bound} preemptions"),
        );
        let sites: Vec<_> = sites.iter().copied().collect();
        let line = format!(
            "model {}: interleavings {:?} ({bound}), outcomes {}, sites {}\n",
            self.name,
            reached.interleavings,
            reached.outcomes.len(),
            sites.join(",")
        );
        // A closed stderr takes the line with it; the verdict does not depend on it.
        let _ = stderr().write_all(line.as_bytes());
    }

    fn must_fail_without(&self, site: &str) {
        assert!(
            fails(self.name, &format!("drop:{site}")),
            "{} does not notice that `{site}` is broken",
            self.name
        );
    }
}

/// Runs the roles once: the role `rotation` on this thread, the others after it in their order.
fn once<S, R, O, const N: usize>(
    rotation: usize,
    state: fn() -> S,
    roles: [fn(&S) -> R; N],
    end: fn(&S, [R; N]) -> O,
) -> O
where
    S: Send + Sync + 'static,
    R: Send + 'static,
{
    let state = crate::sync::Arc::new(state());
    let spawned: Vec<_> = (1..N)
        .map(|step| {
            let at = (rotation + step) % N;
            let state = crate::sync::Arc::clone(&state);
            (at, loom::thread::spawn(move || roles[at](&state)))
        })
        .collect();
    let mut results: [Option<R>; N] = [const { None }; N];
    results[rotation] = Some(roles[rotation](&state));
    for (at, thread) in spawned {
        results[at] = Some(thread.join().unwrap());
    }
    end(&state, results.map(Option::unwrap))
}

/// True in a process that runs a model for the table of mutants.
fn is_probed() -> bool {
    env::var_os(BREAK).is_some()
}

/// What the environment says is broken in this process.
fn chosen_break() -> Option<Break> {
    let text = env::var(BREAK).ok()?;
    match text.split_once(':') {
        None if text == "none" => None,
        Some(("drop", site)) => Some(Break::Drop(site.to_owned())),
        Some(("soften", site)) => Some(Break::Soften(site.to_owned())),
        _ => panic!("{BREAK} is `drop:site`, `soften:site` or `none`, not `{text}`"),
    }
}

/// True if the model `name` fails when `broken` is broken. In a process of its own: a model that panics while its state
/// is dropped aborts.
pub(super) fn fails(name: &str, broken: &str) -> bool {
    let status = child(name)
        .env(BREAK, broken)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    !status.unwrap().success()
}

/// The model `name` alone, in a process of its own.
pub(super) fn child(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env_remove(BREAK);
    command
}

/// Two roles that add, on a state that cannot tell who was first: one outcome.
fn two_adders(name: &'static str) -> Model<loom::sync::atomic::AtomicU8> {
    Model::new(name, || loom::sync::atomic::AtomicU8::new(0))
}

fn run_two_adders(model: Model<loom::sync::atomic::AtomicU8>, outcomes: &[u8]) {
    use loom::sync::atomic::{AtomicU8, Ordering::Relaxed};
    let add: fn(&AtomicU8) -> u8 = |it| it.fetch_add(1, Relaxed);
    model.run(outcomes.to_vec(), [add, add], |it, _| it.load(Relaxed));
}

#[test]
#[should_panic(expected = "never reached [3]")]
fn an_outcome_that_is_never_reached_fails_the_model() {
    run_two_adders(two_adders(here!()), &[2, 3]);
}

#[test]
#[should_panic(expected = "reached what is forbidden: [2]")]
fn an_outcome_that_is_not_allowed_fails_the_model() {
    run_two_adders(two_adders(here!()), &[3]);
}

#[test]
#[should_panic(expected = "at least 1000 expected")]
fn too_few_interleavings_fail_the_model() {
    run_two_adders(two_adders(here!()).floor(1000), &[2]);
}

/// `must_fail_without` asks this; were it always true, each twin would pass.
#[test]
fn a_model_does_not_fail_without_a_site_that_it_never_passes() {
    let model = "loom_tests::stop::who_sees_a_level_sees_what_was_done_before_the_raise";
    assert!(!fails(model, "drop:ring.pop.turn"));
    assert!(fails(model, "drop:stop.raise"));
}
