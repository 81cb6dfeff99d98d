//! Models of the kernel, mounted white-box: they see the inside of what they prove.
//!
//! One file per kernel file, same name. Each model is a test, and each test is a model, so that counting the one counts
//! the other; what else the harness has to check is in `mutants`, which is ignored and run by `.ci/mutate-orderings`.
//!
//! How to write one is on the first page of `runner`.

mod mutants;
mod runner;
mod watched;

mod breaker;
mod counts;
mod era;
mod expiry;
mod flights;
mod graveyard;
mod hazard;
mod marks;
mod rate_limit;
mod ring;
mod rules;
mod shard;
mod shelf;
mod stop;
mod stripe;
mod table;
mod waiter;
mod waiters;
mod word;
