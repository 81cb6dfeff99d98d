//! Guards: what any thread may use, with or without a system.

mod backoff_window;
mod breaker;
mod keyed;
mod rate_limit;
