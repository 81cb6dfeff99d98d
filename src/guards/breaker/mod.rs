//! Circuit breakers: to stop calling what does not work, and to try again later.
//!
//! * [`CircuitBreaker`]: runs calls ([`call`](CircuitBreaker::call)), or lets them pass and hears how they ended
//!   ([`admit`](CircuitBreaker::admit), [`BreakerPermit`]).
//! * [`Trip`]: when it opens; failures in a row, the last calls, the calls of the last while; [`BreakerConfig`]: the rest.
//! * [`BreakerRegistry`]: breakers by name.
//!
//! Cut on four axes. What is configured: `trip`, `config`. What is decided: `state`, `threshold`, `count_window`, `tally`;
//! pure. Where the state lives: `switch`, two words of the kernel, and the windows: `time_window`, or `calls_window`, which
//! has a lock. What time it is: a [`Clock`](crate::time::Clock).
//!
//! A call through a closed breaker that succeeds costs two loads, and one more with a count window that has seen no failure;
//! with failures in it, a lock for a few stores. A time window costs a reading of the clock and a swap, a failure one more;
//! slow calls two readings, of which a time window shares one.
//!
//! When not to use it: where each failure is the caller's own (a breaker would punish the others), and where retrying is
//! harmless anyway.

#[expect(
    clippy::module_inception,
    reason = "the file is named after its type, like every other"
)]
mod breaker;
mod breaker_error;
mod calls_window;
mod config;
mod count_window;
mod permit;
mod registry;
mod state;
mod stats;
mod switch;
mod tally;
mod threshold;
mod time_window;
mod trip;

pub use breaker::CircuitBreaker;
pub use breaker_error::{BreakerError, BreakerFault, CallError, Open};
pub use config::BreakerConfig;
pub use permit::BreakerPermit;
pub use registry::{BreakerRegistry, RegistryError};
pub use state::{Outcome, Phase};
pub use stats::BreakerStats;
pub use trip::Trip;
