//! Scoped tasks: they may borrow what outlives the scope, because the scope does not end before their threads.
//!
//! They are children of their supervisor like all tasks: counted, asked to stop with it, reported. Only their threads
//! are not of the crew, which carries nothing that borrows, but their own.
//!
//! * `task_scope.rs`: what a program writes; `map.rs`: many items by a few threads.
//! * `crowd.rs`: who is in the scope, and how it waits for them; `summons.rs`: how a thread is handed its run.
//! * `scope_error.rs`: what became of tasks that nobody joined.

mod crowd;
mod map;
mod scope_error;
mod summons;
mod task_scope;

pub use scope_error::{ScopeError, ScopeFailure};
pub use task_scope::TaskScope;
