//! The seed of a test run.

/// The variable of the environment that gives a seed.
pub(super) const VARIABLE: &str = "STEADFAST_SEED";

/// A seed for a test: the number in the variable `STEADFAST_SEED` of the environment, else a random one.
///
/// A failing test prints its seed; with the variable set to it, the run is replayed. It decides about
/// faults and jitter, not about how the operating system schedules threads.
///
/// # Panics
/// If the variable is set, but not to a number.
#[must_use]
pub fn seed() -> u64 {
    let Ok(given) = std::env::var(VARIABLE) else {
        return fastrand::u64(..);
    };
    let seed = given.parse();
    seed.unwrap_or_else(|_| panic!("{VARIABLE} is not a number: {given:?}"))
}
