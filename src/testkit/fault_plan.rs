//! Which faults a test injects, where and when: an inert value, and the pure decision.

use std::num::NonZeroU32;
use std::time::Duration;

/// What goes wrong at a fault point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It panics.
    Panic,
    /// It hangs and hears no stop, until the end of the test or [`Faults::release`](super::Faults::release).
    Hang,
    /// It takes this long on the clock of the test system; a stop ends it. At the point of a start function
    /// this is a slow start.
    Slow(Duration),
    /// The channel is full: [`Faults::send`](super::Faults::send) gives the value back.
    FullChannel,
}

/// The faults of a test, from a seed: the same plan and seed have the same faults at the same hits.
///
/// A *fault point* is a name that the code under test passes with [`Faults::hit`](super::Faults::hit); its
/// passages are counted from one. The first rule that applies to a passage decides.
///
/// # Examples
/// ```
/// use steadfast::testkit::{Fault, FaultPlan};
///
/// let plan = FaultPlan::new(7)
///     .at("parse", 3, Fault::Panic)
///     .one_in("store", 100.try_into()?, Fault::Hang);
/// assert_eq!(plan.decide("parse", 2), None);
/// assert_eq!(plan.decide("parse", 3), Some(Fault::Panic));
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a plan does nothing until `TestSystem::faults` puts it into force"]
pub struct FaultPlan {
    seed: u64,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    point: &'static str,
    when: When,
    fault: Fault,
}

#[derive(Clone, Copy, Debug)]
enum When {
    At(u64),
    OneIn(NonZeroU32),
    Always,
}

impl FaultPlan {
    /// A plan without faults. For a seed that is another one in each run, and is printed when the test
    /// fails, see [`seed`](super::seed).
    pub const fn new(seed: u64) -> Self {
        FaultPlan {
            seed,
            rules: Vec::new(),
        }
    }

    /// The fault at just this passage of the point, counted from one.
    pub fn at(self, point: &'static str, passage: u64, fault: Fault) -> Self {
        self.rule(point, When::At(passage), fault)
    }

    /// The fault at one in `n` passages of the point, drawn from the seed.
    pub fn one_in(self, point: &'static str, n: NonZeroU32, fault: Fault) -> Self {
        self.rule(point, When::OneIn(n), fault)
    }

    /// The fault at every passage of the point.
    pub fn always(self, point: &'static str, fault: Fault) -> Self {
        self.rule(point, When::Always, fault)
    }

    fn rule(mut self, point: &'static str, when: When, fault: Fault) -> Self {
        self.rules.push(Rule { point, when, fault });
        self
    }

    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The fault at this passage of the point, if there is one.
    #[must_use]
    pub fn decide(&self, point: &str, passage: u64) -> Option<Fault> {
        let rules = self.rules.iter().enumerate();
        let mut of_point = rules.filter(|(_, rule)| rule.point == point);
        let applies = |index: usize, when: When| match when {
            When::At(at) => at == passage,
            When::OneIn(n) => draw(self.seed, index, point, passage, n.get()) == 0,
            When::Always => true,
        };
        let (_, rule) = of_point.find(|(index, rule)| applies(*index, rule.when))?;
        Some(rule.fault)
    }
}

/// A number below `n` that depends on nothing but what is given.
fn draw(seed: u64, rule: usize, point: &str, passage: u64, n: u32) -> u32 {
    // Each of the four goes through the generator, so that neighbours have nothing in common.
    let bytes = point.bytes().map(u64::from);
    let parts = [rule as u64, passage].into_iter().chain(bytes);
    let mixed = parts.fold(seed, |mixed, part| {
        fastrand::Rng::with_seed(mixed ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15)).u64(..)
    });
    fastrand::Rng::with_seed(mixed).u32(0..n)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::{Fault, FaultPlan};

    const PASSAGES: u64 = 100_000;

    fn drawn(seed: u64, n: u32) -> Vec<u64> {
        let n = NonZeroU32::new(n).unwrap();
        let plan = FaultPlan::new(seed).one_in("p", n, Fault::Panic);
        let faulty = |passage: &u64| plan.decide("p", *passage).is_some();
        (1..=PASSAGES).filter(faulty).collect()
    }

    // decision 51
    #[test]
    fn a_seed_replays_its_faults_and_another_seed_has_others() {
        assert_eq!(drawn(7, 50), drawn(7, 50));
        assert_ne!(drawn(7, 50), drawn(8, 50));
    }

    #[test]
    fn a_chance_comes_true_as_often_as_it_says() {
        for (seed, n) in [(1, 2), (2, 10), (3, 1000)] {
            let (found, expected) = (drawn(seed, n).len() as f64, PASSAGES as f64 / f64::from(n));
            let off = (found - expected).abs();
            // Four standard deviations.
            assert!(off < 4.0 * expected.sqrt(), "{found} of {expected}");
        }
    }

    #[test]
    fn two_points_and_two_rules_draw_apart() {
        let n = NonZeroU32::new(10).unwrap();
        let plan = FaultPlan::new(7)
            .one_in("p", n, Fault::Panic)
            .one_in("p", n, Fault::Hang)
            .one_in("q", n, Fault::Panic);
        let of = |point: &str, fault| {
            let is = |passage: &u64| plan.decide(point, *passage) == Some(fault);
            (1..=PASSAGES).filter(is).collect::<Vec<_>>()
        };
        assert_ne!(of("p", Fault::Panic), of("q", Fault::Panic));
        assert!(of("p", Fault::Hang).len() > 1000, "the first rule hides it");
    }

    #[test]
    fn the_first_rule_that_applies_decides() {
        let slow = Fault::Slow(Duration::from_secs(1));
        let plan = FaultPlan::new(0)
            .at("p", 2, Fault::Panic)
            .always("p", slow)
            .at("p", 3, Fault::Hang);
        let decided: Vec<_> = (1..=3).map(|passage| plan.decide("p", passage)).collect();
        assert_eq!(decided, [Some(slow), Some(Fault::Panic), Some(slow)]);
        assert_eq!(plan.decide("q", 2), None);
    }
}
