//! Clocks, deadlines and backoff.
