//! Guards: what admits, refuses or remembers. Passive: they start no threads, and any thread may use them, with a
//! [`System`](crate::System) or without one.
//!
//! | you want | see |
//! |---|---|
//! | to keep what was expensive to get | [`cache`] |

pub mod cache;
