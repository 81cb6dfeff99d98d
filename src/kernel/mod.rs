//! The kernel: small pieces that threads share, each with its protocol on its first page and its models in `loom-tests/`.
//!
//! All `unsafe` of the crate, every compare-and-swap loop and every ordering stronger than `Relaxed` live here. A piece
//! takes raw instants and wakers, knows nothing of units or policies, and never runs user code under a lock.
//!
//! | file | what it is | what it costs |
//! |---|---|---|
//! | `waiter` | one waiting thread: a word that says once why the wait ended, and the thread to wake | cached per thread |
//! | `waiters` | the wait layer: a list of waiters, and `wait_for`, through which every wait of the crate goes | a notify with nobody waiting: one load (and one fence, if the state is lock-free) |
//! | `stop` | the stop signal of a unit: rising levels, first cause kept; the signal of the current thread | asking: one load |
//! | `stripe` | counters that many threads raise | one uncontended add |
//! | `ring` | the lossy event ring | one swap and one store per push |
//! | `hazard` | what a reader looks at is not freed; what waits to be freed is bounded | a look: two stores and a fence |
//! | `counts` | what those count who look | a load and a store |
//! | `graveyard` | unlinked nodes, until nobody looks at them | burying: one swap |
//! | `table` | lanes with tags: find, replace and unlink are lock-free | finding: one word, then one line per match |
//! | `shard` | a table with a bound; who comes in is admitted under a lock | replacing and removing: a swap and two counts |
//! | `shelf` | boxes that nobody needs at the moment | putting and taking: one swap |
//! | `flights` | of those who want the same at the same time one gets it, the others wait | leading: two short locks |
//! | `era` | what was made before a moment is invalid at once, and counted no more | asking: one load |
//! | `expiry` | a deadline that moves until it is taken | asking: one load |
//! | `marks` | bits of a byte, one of which may keep another from being set | one step |
//! | `word` | a word that is checked and changed in one step, by a pure function | one load and one swap; a refusal one load |
//! | `rules` | a rule that is replaced as a whole while words are decided by it | four loads |

pub(crate) mod counts;
pub(crate) mod era;
pub(crate) mod expiry;
pub(crate) mod flights;
pub(crate) mod graveyard;
pub(crate) mod hazard;
pub(crate) mod marks;
pub(crate) mod ring;
pub(crate) mod rules;
pub(crate) mod shard;
pub(crate) mod shelf;
pub(crate) mod stop;
pub(crate) mod stripe;
pub(crate) mod table;
#[cfg(all(test, not(loom)))]
pub(crate) mod test_support;
pub(crate) mod waiter;
pub(crate) mod waiters;
pub(crate) mod word;
