//! Data-parallel work: a private rayon pool as a supervised unit.
//!
//! For work that is computed from all cores at once: `par_iter`, `join` and `scope` inside of
//! [`install`](DataParallelRef::install) use the unit's threads and no others. A panic comes back as a
//! value, a stop refuses new work and lets what was accepted finish, and every thread is in the reports.
//! Not for work that waits (that is a worker's or a task's), and never for agents.
//!
//! One thread beside the pool's, the keeper, makes the pool, waits for the stop and ends it in order.
//!
//! * `config.rs`: the configuration and the child; `data_parallel_ref.rs`: the handle.
//! * `books.rs`: what was accepted and what became of it (pure).
//! * `desk.rs`: the books, the pool of the present run, and who waits; `keeper.rs`: the life of one run.
//! * `slot.rs`: where the result of an installed piece arrives; `pool_error.rs`: why there is none.

mod books;
mod config;
mod data_parallel_ref;
mod desk;
mod keeper;
mod pool_error;
mod slot;

pub use books::PoolCounters;
pub use config::DataParallel;
pub use data_parallel_ref::DataParallelRef;
pub use pool_error::{InstallError, PoolRefusal};
