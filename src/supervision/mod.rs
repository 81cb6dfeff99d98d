//! Supervisors, workers, channels and orderly stop.

mod child_id;
mod intensity;
#[expect(dead_code, reason = "the shell that carries effects out comes next")]
mod machine;
mod manage;
#[expect(dead_code, reason = "the specifications that make policies come next")]
mod policy;
mod spec_error;
mod strategy;
mod streak;
#[expect(dead_code, reason = "the specifications that are validated come next")]
mod validate;

pub use child_id::ChildId;
pub use intensity::Intensity;
pub use manage::{ChildState, Counts, ManageError};
pub use policy::{ChildKind, OnHang, Restart, Shutdown};
pub(crate) use policy::{ChildPolicy, Flavor, SupervisorPolicy};
pub use spec_error::{SpecError, SpecWarning};
pub use strategy::{AutoShutdown, Strategy};
