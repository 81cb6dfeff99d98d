//! Random sequences of events against a naive model of what a supervisor owes its world.
//!
//! `sequence.rs` plays a world at random: runs come up, fail, hang, ignore, answer late or never;
//! calls, stops and stale events come at any time. `model.rs`, with `intake.rs` and `rules.rs`,
//! learns from the effects alone, one by one, what runs there are, recounts every budget from the
//! full list of failures, and refuses what must not be. `specs.rs` makes the specifications.
//!
//! A release build runs a million sequences; a debug build, which is five times slower, fifty
//! thousand. `STEADFAST_SEQUENCES` sets another number, `STEADFAST_SEED` replays one sequence and
//! prints it.

mod intake;
mod model;
mod rules;
mod sequence;
mod specs;

use sequence::Sequence;

/// How many sequences a test runs unless it is told.
const SEQUENCES: u64 = if cfg!(debug_assertions) {
    50_000
} else {
    1_000_000
};

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number in the environment"))
}

/// Plays one sequence; one that fails is played again and printed.
fn play(seed: u64) -> sequence::Tally {
    match Sequence::new(seed).play() {
        Ok(tally) => tally,
        Err(fault) => {
            let mut again = Sequence::new(seed).printing();
            let _ = again.play();
            panic!("STEADFAST_SEED={seed}: {fault}");
        }
    }
}

// OTP-12, OTP-14, OTP-18, OTP-22, OTP-23, OTP-24, OTP-26, OTP-28, OTP-30, OTP-36, OTP-40, OTP-45
#[test]
fn no_random_sequence_breaks_what_a_supervisor_owes() {
    if let Some(seed) = number("STEADFAST_SEED") {
        let _ = Sequence::new(seed).printing().play();
        play(seed);
        return;
    }
    let mut total = sequence::Tally::default();
    for seed in 0..number("STEADFAST_SEQUENCES").unwrap_or(SEQUENCES) {
        total.add(&play(seed));
    }
    // A test that never meets what it is about proves nothing.
    assert!(total.is_rich(), "a poor mix of sequences: {total:?}");
}
