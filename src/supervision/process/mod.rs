//! OS processes: kept alive as children of a supervisor, or run once for what they write.
//!
//! A [`Program`] is a value: an executable, its arguments, never a shell, and an environment that is empty but for what is
//! named. [`Child::process`](crate::supervision::Child::process) keeps one alive as it keeps a worker, and its handle is a
//! [`ProcessRef`]. A [`CommandRunner`] runs allowed ones once and gives back a bounded output.
//!
//! A process is the one kind of unit that can be killed. Whatever becomes of a run or a call, of its thread or its
//! supervisor, the process and its group are killed and it is reaped. A descendant that leaves the group (a daemon) is not
//! seen: have it stay in the foreground.
//!
//! | to see | read |
//! |---|---|
//! | what a program writes | `program.rs`, `process.rs`, `process_ref.rs` |
//! | what is decided | `ladder.rs`, `lines.rs`, `stdin_buffer.rs`, `command/desk.rs` |
//! | how one process is started, moved and reaped | `running.rs`, `pump.rs`, `crew.rs` |
//! | how it is kept as a child | `keeper.rs`, `seat.rs`, `line_sink.rs` |
//! | how commands are run | `command/` |
//! | what the machine says of itself | `machine.rs` |
//!
//! It costs two threads beside the one that waits, and four descriptors. On Linux, macOS and the BSDs that have `waitid`;
//! elsewhere a start is refused with [`ProcessError::Unsupported`]. A program that waits for all of its children itself, or
//! ignores `SIGCHLD`, takes their ends away from here.

#![cfg_attr(
    not(all(unix, not(any(target_os = "openbsd", target_os = "redox")))),
    expect(dead_code, reason = "what nothing can be started for is not used")
)]

mod command;
mod crew;
mod keeper;
#[cfg(all(unix, not(any(target_os = "openbsd", target_os = "redox"))))]
mod ladder;
mod line_sink;
mod lines;
mod machine;
#[expect(
    clippy::module_inception,
    reason = "the file is named after its type, like every other"
)]
mod process;
mod process_error;
mod process_ref;
mod program;
mod program_error;
#[cfg(all(unix, not(any(target_os = "openbsd", target_os = "redox"))))]
mod pump;
#[cfg_attr(
    not(all(unix, not(any(target_os = "openbsd", target_os = "redox")))),
    path = "absent.rs"
)]
mod running;
mod seat;
mod sink;
mod status;
#[cfg(all(unix, not(any(target_os = "openbsd", target_os = "redox"))))]
mod stdin_buffer;

pub use command::{CommandConfig, CommandError, CommandOutput, CommandRunner, CommandStats};
pub use line_sink::ProcessStats;
pub use lines::{OutputLine, OutputStream};
pub use machine::{LoadAverage, MachineError, MemoryInfo, load_average, memory_info};
pub use process::{DEFAULT_MAX_LINE, DEFAULT_TAIL, Process, Ready, StopBy};
pub use process_error::{ProcessError, WriteError};
pub use process_ref::ProcessRef;
pub use program::Program;
pub use program_error::{ProgramError, ProgramFault};
pub use status::{ProcessExit, ProcessStatus, Signal};
