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

pub(crate) mod ring;
pub(crate) mod stop;
pub(crate) mod stripe;
pub(crate) mod waiter;
pub(crate) mod waiters;
