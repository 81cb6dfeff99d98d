//! The job itself: everything but the command line and the terminal.
//!
//! * Pure: `chaos` (what goes wrong), `parse` (what a file says), `ledger` and `book` (what counts),
//!   `digest` and `totals` (what it comes to), `plan` (what to do, with the numbers of the tree).
//! * With the file system: `walk`, `open`, `checkpoint` (with its `format`).
//! * With threads: `pipeline` (the tree), `stages` (walker, aggregator), `parser`, and what they share:
//!   `shared`, `slots`.
//! * `plain`: the same work without the library, to check and to measure against.

pub(crate) mod book;
pub(crate) mod chaos;
pub(crate) mod checkpoint;
pub(crate) mod digest;
pub(crate) mod format;
pub(crate) mod ledger;
pub(crate) mod open;
pub(crate) mod parse;
pub(crate) mod parser;
pub(crate) mod pipeline;
pub(crate) mod plain;
pub(crate) mod plan;
#[cfg(test)]
pub(crate) mod scratch;
pub(crate) mod shared;
pub(crate) mod slots;
pub(crate) mod stages;
pub(crate) mod totals;
pub(crate) mod walk;
