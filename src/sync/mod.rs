//! The only door to loom: std and `parking_lot` in real builds, loom's twins under `cfg(all(test, loom))`.
//!
//! `kernel` imports its shared memory from here and from nowhere else, so that one source is both what runs and what
//! is modelled. Rooms above `kernel` are compiled out under loom and use std and `parking_lot` directly.
//!
//! Two macros name what a model may break on purpose: [`ord!`] names an ordering, [`recheck!`] names a second look.
//! In a real build both vanish; under loom the model runner selects one name, and exactly that ordering becomes
//! `Relaxed`, or exactly that second look does not happen. A model that stays green then proves nothing about it.

mod site;

#[cfg(all(test, loom))]
mod modelled;
#[cfg(not(all(test, loom)))]
mod real;

#[cfg(all(test, loom))]
pub(crate) use modelled::{Arc, Mutex, Parker, UnsafeCell, atomic, fence};
#[cfg(not(all(test, loom)))]
pub(crate) use real::{Arc, Mutex, Parker, UnsafeCell, atomic, cores, fence, spin_loop};
#[cfg(all(test, not(loom)))]
pub(crate) use real::{give_way, on_threads};
#[cfg(all(test, loom))]
pub(crate) use site::{Break, dropped, pick, select, touched};
pub(crate) use site::{ord, recheck};

#[cfg(all(test, not(loom)))]
mod loom_tests {
    /// The filter of `cargo loom` selects this test by its module's name; in a build without loom it is all it selects.
    #[test]
    fn models_run_under_loom_or_not_at_all() {
        let remedy = "no model was built: RUSTFLAGS in the environment hides the alias's `--cfg loom`; unset it";
        assert!(std::env::var_os("EXPECT_LOOM").is_none(), "{remedy}");
    }
}
