//! What may be sent to other threads and shared with them, and what must not: a list for the compiler.

use steadfast::channel::{
    ChannelError, ChannelFault, ChannelStats, Drain, Iter, Options, Receiver, RecvError, SendError,
    Sender,
};
use steadfast::fault::{
    Backtraces, BudgetReport, Category, ContextGuard, ContextSnapshot, ErrorContext, Exhausted,
    ExitReason, Failure, Generation, HangPhase, HangReport, PanicLocation, PanicReport, Severity,
    StartFailure, StopCause, UnitPath,
};
use steadfast::guards::breaker::{
    BreakerConfig, BreakerError, BreakerFault, BreakerPermit, BreakerRegistry, BreakerStats,
    CallError, CircuitBreaker, Open, Outcome as CallOutcome, Phase as BreakerPhase, RegistryError,
    Trip,
};
use steadfast::guards::cache::{
    Cache, CacheConfig, CacheError, CacheFault, CacheStats, EntryOptions, InsertError,
    InsertRefusal, Iter as CacheIter, LoadError, RemovalCause,
};
use steadfast::guards::rate_limit::{
    AcquireError, Algorithm, BackoffWindow, BackoffWindowError, Beyond, CheckError, KeyStats,
    KeyedRateLimiter, Quota, RateLimitError, RateLimitFault, RateLimiter, RateLimiterConfig,
    RateLimiterStats, Refused, Reservation,
};
use steadfast::process::{
    CommandConfig, CommandError, CommandOutput, CommandRunner, CommandStats, LoadAverage,
    MachineError, MemoryInfo, OutputLine, OutputStream, Process, ProcessError, ProcessExit,
    ProcessRef, ProcessStats, ProcessStatus, Program, ProgramError, ProgramFault, Ready, Signal,
    StopBy, WriteError,
};
use steadfast::supervision::{
    AutoShutdown, Child, ChildError, ChildId, ChildInfo, ChildKind, ChildSpec, ChildState,
    ChildTuning, Counts, Down, DynamicSupervisor, HookGuard, Init, Intensity, ItemFailure,
    JoinError, ManageError, Map, MapStream, Monitor, OnHang, OnTimeout, Outcome, Phase, PoolError,
    PoolReport, Restart, ScopeError, ScopeFailure, Shutdown, ShutdownReport, Snapshot, SpawnError,
    SpawnRefusal, SpecError, SpecWarning, Standing, StopToken, Strategy, Supervisor, SupervisorRef,
    SupervisorSnapshot, SupervisorTuning, Task, TaskError, TaskOptions, TaskPools, TaskPoolsRef,
    TaskScope, TaskStats, TaskSupervisor, TaskSupervisorRef, ThreadLeft, Unclean, UnitEnd, UnitRef,
    UnitSnapshot, Waited, WorkerContext, WorkerRef,
};
use steadfast::supervision::{
    DataParallel, DataParallelRef, InstallError, PoolCounters, PoolRefusal,
};
use steadfast::supervision::{NoPartition, PartitionSupervisor, PartitionsRef, ResizeError};
use steadfast::supervision::{PhaseEnd, PhaseError, StopPhases};
#[cfg(feature = "signals")]
use steadfast::system::RunReport;
use steadfast::system::{StartError, System, SystemConfig, SystemHandle};
use steadfast::telemetry::{
    AttachError, AttachGuard, DetachError, Event, EventKind, Filter, HandlerInfo, Measure,
    RecordedEvent, Recorder, SpanContext, SpanGuard, SpanId, Telemetry, TraceId, Value,
};
use steadfast::time::{Backoff, BackoffError, BackoffFault, Clock, Deadline, Jitter, ManualClock};
use steadfast::timer::{
    ArmError, Every, OneShot, Periodic, Tick, Timer, TimerError, TimerStats, Timers,
};

/// Compiles for types that may be sent and shared.
const fn crosses<T: Send + Sync>() {}

/// Compiles for types that stay on their thread: for others the parameter `A` is ambiguous.
trait StaysHere<A> {
    const OK: () = ();
}
struct Sendable;
impl<T: ?Sized> StaysHere<()> for T {}
impl<T: ?Sized + Send> StaysHere<Sendable> for T {}

const _: () = {
    crosses::<Backtraces>();
    crosses::<BudgetReport>();
    crosses::<Category>();
    crosses::<ContextSnapshot>();
    crosses::<ErrorContext>();
    crosses::<Exhausted>();
    crosses::<ExitReason>();
    crosses::<Failure>();
    crosses::<Generation>();
    crosses::<HangPhase>();
    crosses::<HangReport>();
    crosses::<PanicLocation>();
    crosses::<PanicReport>();
    crosses::<Severity>();
    crosses::<StartFailure>();
    crosses::<StopCause>();
    crosses::<UnitPath>();
    crosses::<Cache<u64, u64>>();
    crosses::<CacheConfig<u64, u64>>();
    crosses::<CacheError>();
    crosses::<CacheFault>();
    crosses::<CacheStats>();
    crosses::<EntryOptions>();
    crosses::<InsertError<u64, u64>>();
    crosses::<CacheIter<'static, u64, u64, std::hash::RandomState>>();
    crosses::<LoadError<u64>>();
    crosses::<InsertRefusal>();
    crosses::<RemovalCause>();
    crosses::<ChildError>();
    crosses::<ChildInfo>();
    crosses::<ChildSpec>();
    crosses::<ChildTuning>();
    crosses::<Down>();
    crosses::<DynamicSupervisor>();
    crosses::<HookGuard>();
    crosses::<Monitor>();
    crosses::<Outcome>();
    crosses::<Phase>();
    crosses::<ShutdownReport>();
    crosses::<Snapshot>();
    crosses::<Standing>();
    crosses::<StopToken>();
    crosses::<Supervisor>();
    crosses::<SupervisorRef>();
    crosses::<SupervisorSnapshot>();
    crosses::<SupervisorTuning>();
    crosses::<ThreadLeft>();
    crosses::<Unclean>();
    crosses::<UnitEnd>();
    crosses::<UnitRef>();
    crosses::<UnitSnapshot>();
    crosses::<Waited>();
    crosses::<WorkerContext>();
    crosses::<WorkerRef>();
    crosses::<Child<WorkerRef>>();
    crosses::<Init<u8>>();
    crosses::<StartError>();
    crosses::<System>();
    crosses::<SystemConfig>();
    crosses::<SystemHandle>();
};

const _: () = {
    // A task crosses with any value that may be sent, shared or not.
    crosses::<Task<std::cell::Cell<u8>>>();
    crosses::<JoinError>();
    crosses::<PoolError>();
    crosses::<PoolReport>();
    crosses::<ScopeError<u8>>();
    crosses::<ScopeFailure>();
    crosses::<SpawnError<u8>>();
    crosses::<SpawnRefusal>();
    crosses::<ItemFailure<u8>>();
    crosses::<Map<std::vec::IntoIter<u8>, fn(&u8)>>();
    crosses::<MapStream<std::vec::IntoIter<u8>, u8>>();
    crosses::<OnTimeout>();
    crosses::<TaskError>();
    crosses::<TaskOptions>();
    crosses::<TaskPools>();
    crosses::<TaskPoolsRef>();
    crosses::<TaskScope<'static, 'static>>();
    crosses::<TaskStats>();
    crosses::<TaskSupervisor>();
    crosses::<TaskSupervisorRef>();
};

const _: () = {
    crosses::<ChannelError>();
    crosses::<ChannelFault>();
    crosses::<ChannelStats>();
    crosses::<Options>();
    crosses::<RecvError>();
    crosses::<SendError<u8>>();
    // An end crosses with any value that may be sent, shared or not.
    crosses::<Sender<std::cell::Cell<u8>>>();
    crosses::<Receiver<std::cell::Cell<u8>>>();
    crosses::<Iter<'static, u8>>();
    crosses::<Drain<'static, u8>>();
};

const _: () = {
    crosses::<ArmError<u8>>();
    crosses::<Every>();
    crosses::<OneShot>();
    crosses::<Periodic>();
    crosses::<Tick>();
    crosses::<Timer>();
    crosses::<TimerError>();
    crosses::<TimerStats>();
    crosses::<Timers>();
};

const _: () = {
    crosses::<BreakerConfig>();
    crosses::<BreakerError>();
    crosses::<BreakerFault>();
    crosses::<BreakerStats>();
    crosses::<BreakerPermit<'static>>();
    crosses::<BreakerPhase>();
    crosses::<BreakerRegistry>();
    crosses::<CallError<u8>>();
    crosses::<CallOutcome>();
    crosses::<CircuitBreaker>();
    crosses::<Open>();
    crosses::<RegistryError>();
    crosses::<Trip>();
};

const _: () = {
    crosses::<AcquireError>();
    crosses::<Algorithm>();
    crosses::<BackoffWindow<u8>>();
    crosses::<BackoffWindowError>();
    crosses::<Beyond>();
    crosses::<CheckError>();
    crosses::<KeyStats>();
    crosses::<KeyedRateLimiter<u8>>();
    crosses::<Quota>();
    crosses::<RateLimitError>();
    crosses::<RateLimitFault>();
    crosses::<RateLimiter>();
    crosses::<RateLimiterConfig>();
    crosses::<RateLimiterStats>();
    crosses::<Refused>();
    crosses::<Reservation<'static>>();
};

const _: () = {
    crosses::<Backoff>();
    crosses::<BackoffError>();
    crosses::<BackoffFault>();
    crosses::<Clock>();
    crosses::<Deadline>();
    crosses::<Jitter>();
    crosses::<ManualClock>();
};

const _: () = {
    crosses::<AutoShutdown>();
    crosses::<ChildId>();
    crosses::<ChildKind>();
    crosses::<ChildState>();
    crosses::<Counts>();
    crosses::<Intensity>();
    crosses::<ManageError>();
    crosses::<OnHang>();
    crosses::<Restart>();
    crosses::<Shutdown>();
    crosses::<SpecError>();
    crosses::<SpecWarning>();
    crosses::<Strategy>();
};

const _: () = {
    crosses::<CommandConfig>();
    crosses::<CommandError>();
    crosses::<CommandOutput>();
    crosses::<CommandRunner>();
    crosses::<CommandStats>();
    crosses::<LoadAverage>();
    crosses::<MachineError>();
    crosses::<MemoryInfo>();
    crosses::<OutputLine>();
    crosses::<OutputStream>();
    crosses::<Process>();
    crosses::<ProcessError>();
    crosses::<ProcessExit>();
    crosses::<ProcessRef>();
    crosses::<ProcessStats>();
    crosses::<ProcessStatus>();
    crosses::<Program>();
    crosses::<ProgramError>();
    crosses::<ProgramFault>();
    crosses::<Ready>();
    crosses::<Signal>();
    crosses::<StopBy>();
    crosses::<WriteError>();
};

const _: () = {
    crosses::<AttachError>();
    crosses::<DetachError>();
    crosses::<Event>();
    crosses::<EventKind>();
    crosses::<Filter>();
    crosses::<HandlerInfo>();
    crosses::<Measure>();
    crosses::<RecordedEvent>();
    crosses::<Recorder>();
    crosses::<SpanContext>();
    crosses::<SpanId>();
    crosses::<Telemetry>();
    crosses::<TraceId>();
    crosses::<Value>();
};

const _: () = <AttachGuard as StaysHere<_>>::OK;
const _: () = <SpanGuard as StaysHere<_>>::OK;

// A guard gives back on the thread that made it.
const _: () = <ContextGuard as StaysHere<_>>::OK;

const _: () = {
    crosses::<DataParallel>();
    crosses::<DataParallelRef>();
    crosses::<InstallError>();
    crosses::<PoolCounters>();
    crosses::<PoolRefusal>();
};

const _: () = {
    crosses::<PhaseEnd>();
    crosses::<PhaseError>();
    crosses::<StopPhases>();
};

const _: () = {
    crosses::<NoPartition>();
    crosses::<PartitionSupervisor<WorkerRef>>();
    crosses::<PartitionsRef<WorkerRef>>();
    crosses::<ResizeError>();
};

#[cfg(feature = "signals")]
const _: () = crosses::<RunReport>();

#[cfg(feature = "testkit")]
const _: () = {
    use steadfast::testkit as kit;
    crosses::<kit::Contamination>();
    crosses::<kit::Fault>();
    crosses::<kit::FaultPlan>();
    crosses::<kit::Faults>();
    crosses::<kit::Grown>();
    crosses::<kit::Growth>();
    crosses::<kit::Injected>();
    crosses::<kit::Leftover>();
    crosses::<kit::OnStart>();
    crosses::<kit::OnStop>();
    crosses::<kit::Script>();
    crosses::<kit::TestSystem>();
};

// It measures by closures of the test, which may be of one thread.
#[cfg(feature = "testkit")]
const _: () = <steadfast::testkit::LinearGrowth<'_> as StaysHere<_>>::OK;
