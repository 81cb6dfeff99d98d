//! A cache: what was expensive to get, kept within a bound.
//!
//! Reading, replacing, expiring and removing what is there are lock-free: no thread that stands still stops them. Only
//! who brings a *new* key passes a lock, one of several, under which the policy says who goes for it. There are two
//! exceptions, for writers alone: a heavier value that has no room makes it under that lock; and while keys are being
//! loaded, who inserts or removes passes a short lock of their list, and, for the very key that is loaded, the first one
//! too, so that the load does not come in behind it.
//!
//! | to see | read |
//! |---|---|
//! | what a program writes | `cache.rs` (look-ups), `write.rs`, `load.rs`, `bulk.rs`; `config.rs`, `entry_options.rs` |
//! | what it is told | `insert_error.rs`, `load_error.rs`, `cache_error.rs`, `cause.rs`, `stats.rs` |
//! | what is decided | `policy.rs` and `ghosts.rs` (who goes), `lifetime.rs` (who is over) |
//! | what the decisions go by | `law.rs`, `chooser.rs`, `entry.rs` |
//! | how loads of one key are one load | `load.rs`, and `flights` in the kernel |
//! | where the state lives | `shard`, `table`, `graveyard`, `hazard`, `era`, `expiry` in the kernel |
//!
//! # What it costs
//! A hit is a hash, two stores and a fence, one or two cache lines; nothing that other threads read is written once an
//! entry is warm, and nothing is allocated. Beside key and value an entry takes some 80 bytes, of which
//! some 18 are allocated for the whole capacity when the cache is built; `purge` looks at all of them. There is no background
//! thread: what has expired goes when it is met, when there is no room, or by [`Cache::purge`].
//!
//! # What it promises
//! * No look-up returns what has expired, by the clock of the cache, or was invalidated before it began.
//! * At no time is there more inside than the capacity.
//! * What removes an old value (its expiry, an eviction, a condition) never removes a newer one.
//! * Keys and values are dropped once, outside of all locks, by writers and by `purge`, never by who only looks.
//! * What has gone and waits for that is bounded: per shard by 64 entries and by a fifth of its capacity, and one entry for
//!   each thread that looks at one. What look-ups found expired comes on top until the next writer.
//!
//! Not for state that must not be lost: everything in a cache may go at any time. Not for limits per key: an evicted
//! limiter forgets.

mod bulk;
#[expect(
    clippy::module_inception,
    reason = "the file is named after its type, like every other"
)]
mod cache;
mod cache_error;
mod cause;
mod chooser;
mod config;
mod entry;
mod entry_options;
mod ghosts;
mod insert_error;
mod law;
mod lifetime;
mod load;
mod load_error;
mod policy;
#[cfg(test)]
mod stall_tests;
mod stats;
#[cfg(test)]
mod storm_tests;
mod write;

pub use bulk::Iter;
pub use cache::Cache;
pub use cache_error::{CacheError, CacheFault};
pub use cause::RemovalCause;
pub use config::{CacheConfig, MAX_CAPACITY, MAX_ENTRIES, MAX_GROUPS};
pub use entry_options::EntryOptions;
pub use insert_error::{InsertError, InsertRefusal};
pub use load_error::LoadError;
pub use stats::CacheStats;
