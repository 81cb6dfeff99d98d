//! The guide: documentation, no code.
//!
//! * [`from_otp`]: for those who know Erlang or Elixir.
//! * `testing` (feature `testkit`): how to test a program that uses this library.

pub mod from_otp;
#[cfg(feature = "testkit")]
pub mod testing;
