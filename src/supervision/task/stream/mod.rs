//! Maps: a function applied to many items by a few tasks, and the stream of its results.
//!
//! | to see | read |
//! |---|---|
//! | what a program writes and reads | `map.rs`, `map_stream.rs`, `item_failure.rs` |
//! | what is decided: order, bound, who has what | `window.rs`, `hand.rs`, `pace.rs` |
//! | where consumer and lanes meet | `exchange.rs`, `supply.rs`, `expiry.rs` |
//! | what a lane's thread does | `lane.rs` |
//!
//! The consumer pulls the source and collects results; the lanes are tasks, each of which works on one item after
//! the other. So the source need not be `Send`, a thread serves many items, and a small item costs a lock of its
//! lane alone. Not for borrowed data: that is a scope.

mod exchange;
mod expiry;
mod hand;
mod item_failure;
mod lane;
mod map;
mod map_stream;
mod pace;
mod supply;
mod window;

pub use exchange::OnTimeout;
pub use item_failure::ItemFailure;
pub use map::Map;
pub use map_stream::MapStream;
