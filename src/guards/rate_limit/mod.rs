//! Rate limiters: how much may pass in how long a time.
//!
//! * [`Quota`]: what may pass, as a value that reads as a sentence: `Quota::per_second(100).burst(20)`.
//! * [`RateLimiter`]: one quota for all threads that share it. It is asked ([`check`](RateLimiter::check)), or waited at
//!   ([`acquire`](RateLimiter::acquire)), or a turn is taken for later ([`Reservation`]).
//! * [`KeyedRateLimiter`]: the same for each of many keys, whose number has a bound.
//! * [`BackoffWindow`]: for each key, a time before which it is left alone.
//!
//! Cut on four axes. What is configured: `quota`, `config`. What is decided: `gcra`, `fixed_window`, `sliding_window`, and
//! `rule` over the first two; pure, over numbers that `place` explains. Where the state lives: `meter`: a word of
//! the kernel under rules that can be replaced (`position`), or `window_log`; `keys` has many of
//! them. What time it is: `timeline`, over a [`Clock`](crate::time::Clock).
//!
//! A check costs a reading of the clock, a few loads and one swap; a refusal no swap.
//!
//! When not to use it: to bound how many do something *at once*, which is no rate; and between processes.

mod backoff_window;
mod config;
mod fixed_window;
mod gcra;
mod keyed;
mod keyed_turns;
mod keys;
mod limiter;
mod meter;
mod place;
mod position;
mod quota;
mod rate_limit_error;
mod refusal;
mod reports;
mod reservation;
mod rule;
mod sliding_window;
mod stats;
mod timeline;
mod window_log;

pub use backoff_window::{BackoffWindow, BackoffWindowError};
pub use config::{Beyond, RateLimiterConfig};
pub use keyed::KeyedRateLimiter;
pub use limiter::RateLimiter;
pub use quota::{Algorithm, Quota};
pub use rate_limit_error::{RateLimitError, RateLimitFault};
pub use refusal::{AcquireError, CheckError, Refused};
pub use reservation::Reservation;
pub use stats::{KeyStats, RateLimiterStats};
