//! Guards: what any thread may use, with or without a system.

mod backoff_window;
mod breaker;
mod breaker_registry;
mod breaker_windows;
mod keyed;
mod keyed_turns;
mod rate_limit;
