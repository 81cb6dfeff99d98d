//! Bounded channels between supervised threads: many senders, many receivers, each value read once.
//!
//! The queue is flume's; the waits are the library's own. So a stop wakes a receiver and a blocked sender, a manual
//! clock drives their deadlines, and what was refused, what waits and what was left behind can be asked for. There is
//! no channel without a bound.
//!
//! | to see | read |
//! |---|---|
//! | what a program writes | `options.rs`, `sender.rs`, `receiver.rs` |
//! | why something was refused | `send_error.rs`, `recv_error.rs` |
//! | how both ends meet | `link.rs`, `counters.rs` |
//! | what a stop does to a wait | `obeyed.rs`, `drains.rs` |
//!
//! # Stop
//! A unit that is asked to stop *drains*: its [`Receiver::recv`] goes on with what was queued when it first looked
//! after the request, and then ends; its sends go on while there is room, and wait for room until the unit's drain
//! deadline. A pipeline whose consumers are started before their producers is stopped in the reverse order and
//! loses nothing: the source ends, each stage passes on what it had, the last one reads it all. The other way round,
//! producers wait until their drain deadline for consumers that have ended, and get their value back.
//!
//! A unit that is told to end at once reads no more; what it left is in the report of the stop. A unit that was given
//! up reads and sends nothing.
//!
//! # Cost
//! A send or a receive that need not wait costs flume's operation and a few loads, and a send one addition to a
//! striped counter. For one producer and one consumer that saturate the channel with no work at all, a channel
//! without locks is faster; for values that need no bound on their number, use a collection.

mod counters;
mod drains;
mod link;
mod obeyed;
mod options;
mod receiver;
mod recv_error;
mod send_error;
mod sender;

#[cfg(test)]
mod storm_tests;
#[cfg(test)]
mod tests;

pub use counters::ChannelStats;
pub use options::{ChannelError, ChannelFault, DEFAULT_CAPACITY, MAX_CAPACITY, Options};
pub use receiver::{Drain, Iter, Receiver};
pub use recv_error::RecvError;
pub use send_error::SendError;
pub use sender::{DEFAULT_SEND, Sender};

/// A channel that holds at most `capacity` values.
///
/// A capacity of zero is taken as one, and one beyond [`MAX_CAPACITY`] as that: a channel holds at least the value
/// that is on its way, and always has a bound. Where such a number should be an error, and for a name, another clock
/// or telemetry, see [`Options`].
///
/// # Examples
///
/// ```
/// let (lines, inbox) = steadfast::channel::bounded(2);
/// lines.send("one")?;
/// lines.send("two")?;
/// assert_eq!(lines.try_send("three").unwrap_err().into_inner(), "three");
/// drop(lines);
/// assert_eq!(inbox.drain().collect::<Vec<_>>(), ["one", "two"]);
/// # Ok::<(), steadfast::channel::SendError<&str>>(())
/// ```
#[must_use = "a channel without its ends is gone"]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let options = Options::new(capacity.clamp(1, MAX_CAPACITY));
    link::Link::open(&options)
}
