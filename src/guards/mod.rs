//! Guards: what admits, refuses or remembers. Passive: they start no threads, and any thread may use them, with a
//! [`System`](crate::System) or without one.
//!
//! | you want | see |
//! |---|---|
//! | to stop calling what does not work | [`breaker`] |
//! | to keep what was expensive to get | [`cache`] |
//! | to bound how much passes in how long a time | [`rate_limit`] |

pub mod breaker;
pub mod cache;
pub mod rate_limit;
