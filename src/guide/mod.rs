//! The guide: documentation, no code.
//!
//! * [`from_otp`]: for those who know Erlang or Elixir.

pub mod from_otp;
