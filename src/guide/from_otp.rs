//! Coming from Erlang or Elixir: what is the same here, and what is not.
//!
//! # The same words
//!
//! | OTP, Elixir | here |
//! |---|---|
//! | `supervisor`, child spec, restart type, shutdown, significant | [`Supervisor`], [`Child`] and its setters, [`Restart`], [`Shutdown`] |
//! | `one_for_one`, `one_for_all`, `rest_for_one` | [`Strategy`], with OTP's orders of stopping and starting |
//! | intensity, period | [`Intensity`]: 3 in 5 s, as Elixir has it, with nanoseconds instead of whole seconds |
//! | `auto_shutdown` | [`AutoShutdown`] |
//! | `DynamicSupervisor` | [`DynamicSupervisor`] |
//! | `PartitionSupervisor` | [`PartitionSupervisor`], by jump consistent hashing |
//! | `Task.Supervisor`, `async_nolink`, `await` | [`TaskSupervisor`], [`spawn`](crate::supervision::TaskSupervisorRef::spawn), [`Task::join`] |
//! | `send_after`, `send_interval` | [`timer`]: [`after`](crate::supervision::timer::Timers::after), [`every`](crate::supervision::timer::Timers::every); they end with their owner |
//! | a port | [`Child::process`], supervised as any child |
//! | `gen_server:start_link`, `init` | [`Child::worker_from`], [`Child::worker_try_from`]: the start is over when the start function returns |
//! | `ignore` from `init` | [`Init::Ignore`](crate::supervision::Init::Ignore) |
//! | `erlang:monitor`, `DOWN` | [`Monitor`], [`Down`]: exactly one each |
//! | pid | a handle ([`WorkerRef`], [`SupervisorRef`]): it names the logical unit and is good after a restart |
//! | exit reason `normal`, `shutdown`, `{shutdown, _}` | [`ExitReason::Normal`], [`ExitReason::Stopped`] |
//! | `start_child`, `terminate_child`, `which_children`, … | the same calls on a [`SupervisorRef`], with OTP's answers in [`ManageError`] |
//! | `application:stop` | [`System::stop_within`](SystemHandle::stop_within), which returns a report |
//! | `observer`, `sys:get_status` | [`SystemHandle::snapshot`] |
//!
//! A tree reads as it does there:
//!
//! ```
//! use std::time::Duration;
//! use steadfast::{Child, Intensity, Restart, Strategy, Supervisor, System};
//!
//! let tree = Supervisor::new("pipeline")
//!     .strategy(Strategy::RestForOne)
//!     .intensity(Intensity::new(3, Duration::from_secs(5)))
//!     .child(Child::worker("source", |ctx| Ok(drop(ctx.wait(Duration::MAX)))))
//!     .child(Child::worker("once", |_| Ok(())).restart(Restart::Transient));
//! let system = System::new("demo")?;
//! let pipeline = system.supervise(tree)?;
//! assert_eq!(pipeline.count_children().specs, 2);
//! assert!(system.stop_within(Duration::from_secs(5)).is_clean());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What differs
//!
//! **There is no kill.** A BEAM process can be ended between any two reductions, a thread cannot. `brutal_kill`
//! and an expired shutdown become [abandonment](Shutdown::Abandon): the run is *fenced*, so that whatever it
//! still tries through the library is refused; its name is free, its monitors are told, its replacement may
//! start; its thread is named and counted, and ends at its next checkpoint if it ever wakes. Too many such
//! threads end their supervisor. The one true kill is that of an OS [process](crate::supervision::process).
//!
//! **A stop is obeyed, not suffered.** A unit is asked to stop; every wait of the library ends then, and code
//! that computes for long asks [`StopToken::is_stopping`](crate::supervision::StopToken::is_stopping) or passes a
//! [`checkpoint`](crate::supervision::WorkerContext::checkpoint). First the queued work is drained, up to a deadline.
//!
//! **There is no selective receive, and no mailbox of "anything".** Threads share memory and pass values through
//! typed, bounded [`channel`]s. A full one makes the sender wait for at most 5 seconds, or says so at once:
//! what OTP leaves to the reader of a growing mailbox is here a decision of the sender.
//!
//! **Memory is shared.** State that panicked half-way is dropped, never used again; but what two units share
//! behind a lock is shared still. Locks of the library do not poison.
//!
//! **An exhausted budget is abnormal.** OTP's supervisor exits with `shutdown`, which a transient parent's
//! restart takes for a clean end; here it is [`ExitReason::BudgetExhausted`], and the parent restarts it.
//!
//! **Restarts back off.** The first is immediate; failures in a row without
//! [progress](crate::supervision::WorkerContext::progress) wait longer and longer ([`Backoff`]). OTP has no delay.
//!
//! **A supervisor is not a process.** It is a value that whoever has news steps. A child that hangs in its start
//! delays no query and no stop, and a thousand supervisors cost no thread.
//!
//! **A timeout of a task does not end its thread.** The owner hears of it at once; the task's slot stays taken until
//! its thread is through or was abandoned, so the bound on threads is true. A task is not linked to its owner:
//! dropping the handle detaches it.
//!
//! **Links are a matter of the tree.** There is no `link/1`: what must end together stands under one supervisor
//! with [`Strategy::OneForAll`], or is watched by a [`Monitor`].
//!
//! **Ids of dynamic children are unique among the living**, because a handle and a report need a path.
//!
//! **No distribution, no hot code loading.**

#[cfg(doc)]
use crate::{
    fault::ExitReason,
    supervision::{
        AutoShutdown, Child, Down, DynamicSupervisor, Intensity, ManageError, Monitor,
        PartitionSupervisor, Restart, Shutdown, Strategy, Supervisor, SupervisorRef, Task,
        TaskSupervisor, WorkerRef, channel, timer,
    },
    system::SystemHandle,
    time::Backoff,
};
