//! The one place that starts threads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle, Scope, Thread};

use super::catch::{Caught, catch};
use super::context::ErrorContext;
#[cfg(test)]
use super::panic_report::PanicReport;
use super::unit_path::UnitPath;
use crate::kernel::waiters::{WaitList, wait_for};
use crate::time::{Clock, Deadline};

/// What Linux keeps of a thread's name.
const MAX_NAME: usize = 15;

thread_local! {
    /// Registered before any other local of the thread, hence dropped after all of them: std drops them in
    /// the reverse order of their registration. (A panic of such a drop aborts the process; Rust's rule.)
    static SENTINEL: OnceLock<Sentinel> = const { OnceLock::new() };
}

/// What a thread is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadPlan {
    /// At most 15 bytes are kept; see [`thread_name`].
    pub(crate) name: String,
    /// In bytes; `None` leaves it to std (2 MiB, or `RUST_MIN_STACK`).
    pub(crate) stack_size: Option<usize>,
}

/// A thread that was started.
#[derive(Debug)]
pub(crate) struct StartedThread {
    thread: Thread,
    gone: Gone,
    /// `None` when it was joined, and of a scoped thread.
    handle: Option<JoinHandle<()>>,
}

/// Whether a thread is gone: its body has returned *and* its thread-locals are destroyed.
#[derive(Clone, Debug)]
pub(crate) struct Gone(Arc<Life>);

#[derive(Debug)]
struct Life {
    os_id: OnceLock<OsId>,
    gone: AtomicBool,
    waiting: WaitList,
    #[cfg(test)]
    panic: OnceLock<Arc<PanicReport>>,
}

struct Sentinel(Arc<Life>);

impl Drop for Sentinel {
    fn drop(&mut self) {
        // Release: all that the thread did happens before what is done once it is known to be gone.
        self.0.gone.store(true, Ordering::Release);
        self.0.waiting.notify_all();
    }
}

/// Starts a thread that runs the body, under the context of this one.
///
/// # Errors
///
/// What the operating system says when it refuses.
pub(crate) fn start(
    plan: ThreadPlan,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<StartedThread> {
    let (builder, gone, body) = prepare(plan, body);
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts threads"
    )]
    let handle = builder.spawn(body)?;
    Ok(StartedThread {
        thread: handle.thread().clone(),
        gone,
        handle: Some(handle),
    })
}

/// A scope for threads that borrow what outlives it; it ends after them.
pub(crate) fn with_scope<'env, R>(
    run: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> R {
    std::thread::scope(run)
}

/// As [`start`], for a body that borrows what outlives the scope. The scope joins the thread.
///
/// # Errors
///
/// What the operating system says when it refuses.
pub(crate) fn start_scoped<'scope>(
    scope: &'scope Scope<'scope, '_>,
    plan: ThreadPlan,
    body: impl FnOnce() + Send + 'scope,
) -> io::Result<StartedThread> {
    let (builder, gone, body) = prepare(plan, body);
    let handle = builder.spawn_scoped(scope, body)?;
    Ok(StartedThread {
        thread: handle.thread().clone(),
        gone,
        handle: None,
    })
}

/// The thread to be, and what it runs around the body.
fn prepare<F: FnOnce() + Send>(plan: ThreadPlan, body: F) -> (Builder, Gone, impl FnOnce() + Send) {
    let life = Arc::new(Life {
        os_id: OnceLock::new(),
        gone: AtomicBool::new(false),
        waiting: WaitList::new(),
        #[cfg(test)]
        panic: OnceLock::new(),
    });
    let gone = Gone(Arc::clone(&life));
    let context = ErrorContext::capture();
    let mut builder = Builder::new().name(os_name(&plan.name));
    if let Some(size) = plan.stack_size {
        builder = builder.stack_size(size);
    }
    let whole = move || {
        SENTINEL.with(|sentinel| {
            let _first = sentinel.set(Sentinel(Arc::clone(&life)));
        });
        let _only = life.os_id.set(OsId::current());
        let _context = (!context.is_empty()).then(|| ErrorContext::attach(&context));
        if let Err(Caught::Panic(report)) = catch(body) {
            // Kept first: a logger is user code, and may panic.
            #[cfg(test)]
            let _only = life.panic.set(Arc::clone(&report));
            log::error!(target: "steadfast::fault", "thread.panicked {report}");
        }
    };
    (builder, gone, whole)
}

impl StartedThread {
    /// The thread, to compare and to unpark.
    pub(crate) const fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Whether it is gone; may be kept and asked apart from the thread.
    pub(crate) const fn gone(&self) -> &Gone {
        &self.gone
    }

    /// Gives the operating system's thread back if it is gone; true if it is. Does not block for longer
    /// than the system's own end of a thread takes.
    pub(crate) fn join_if_gone(&mut self) -> bool {
        if !self.gone.is_gone() {
            return false;
        }
        if let Some(handle) = self.handle.take() {
            // The body ran under the catch: there is no panic to hear of here.
            let _ended = handle.join();
        }
        true
    }
}

impl Gone {
    /// Whether the thread has ended, with all its thread-locals destroyed.
    pub(crate) fn is_gone(&self) -> bool {
        // Acquire: pairs with the Release in the sentinel's drop.
        self.0.gone.load(Ordering::Acquire)
    }

    /// Waits until the thread is gone; false if the deadline passes before. It obeys no stop signal: who
    /// stops a tree waits for threads after everything has been told to stop.
    pub(crate) fn wait(&self, clock: &Clock, deadline: Deadline) -> bool {
        let gone = || self.is_gone().then_some(());
        wait_for(&self.0.waiting, None, clock, deadline.instant(), gone).is_ok()
    }

    /// What the operating system says the thread does: `S (sleeping) in futex_do_wait`. `None` when the
    /// thread has not begun or is gone, and where the system does not tell. Reads files; for reports.
    pub(crate) fn os_state(&self) -> Option<String> {
        let state = self.0.os_id.get()?.state()?;
        // An id is given to another thread only after this one is gone.
        (!self.is_gone()).then_some(state)
    }

    /// The panic of the body itself, if there was one: the log has it, tests look for it here.
    #[cfg(test)]
    pub(crate) fn panic(&self) -> Option<Arc<PanicReport>> {
        self.0.panic.get().cloned()
    }
}

/// What the operating system calls a thread.
#[derive(Clone, Copy, Debug)]
struct OsId(#[cfg(target_os = "linux")] rustix::thread::Pid);

#[cfg(target_os = "linux")]
impl OsId {
    fn current() -> Self {
        Self(rustix::thread::gettid())
    }

    fn state(self) -> Option<String> {
        let folder = format!("/proc/self/task/{}", self.0.as_raw_nonzero());
        let status = std::fs::read_to_string(format!("{folder}/status")).ok()?;
        let mut lines = status.lines();
        let state = lines.find_map(|line| line.strip_prefix("State:"))?.trim();
        match std::fs::read_to_string(format!("{folder}/wchan")) {
            Ok(place) if !matches!(place.trim(), "" | "0") => {
                Some(format!("{state} in {}", place.trim()))
            }
            // It runs, or the kernel does not tell where it waits.
            _ => Some(state.to_owned()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl OsId {
    const fn current() -> Self {
        Self()
    }

    const fn state(self) -> Option<String> {
        None
    }
}

/// The name of a unit's thread: its id, then as much of its parents as fits, from the inside out.
pub(crate) fn thread_name(path: &UnitPath) -> String {
    let mut parts = path.as_str().rsplit(UnitPath::SEPARATOR);
    let mut name = shortened(parts.next().unwrap_or_default());
    for part in parts {
        if name.len() + 1 >= MAX_NAME {
            break;
        }
        name.push('<');
        name.push_str(head(part, MAX_NAME - name.len()));
    }
    name
}

/// The id within the bound; the number at its end, which tells it from its siblings, is kept.
fn shortened(id: &str) -> String {
    if id.len() <= MAX_NAME {
        return id.to_owned();
    }
    let letters = id.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &id[letters.len()..];
    let number = &number[number.len().saturating_sub(MAX_NAME / 2)..];
    format!("{}{number}", head(id, MAX_NAME - number.len()))
}

/// The longest start of the text that fits, and does not end within a character.
fn head(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The name as the operating system takes it: short, and without the byte that ends C's strings.
fn os_name(name: &str) -> String {
    head(name, MAX_NAME).replace('\0', "?")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    use super::{Gone, StartedThread, ThreadPlan, start, thread_name};
    use crate::fault::ErrorContext;
    use crate::fault::hook::{Identity, enter_identity};
    use crate::fault::{Generation, UnitPath};
    use crate::time::{Clock, ManualClock};

    const PATIENCE: Duration = Duration::from_secs(10);

    fn plan(name: &str) -> ThreadPlan {
        ThreadPlan {
            name: name.to_owned(),
            stack_size: None,
        }
    }

    fn end(mut started: StartedThread) -> Gone {
        let clock = Clock::system();
        assert!(started.gone().wait(&clock, clock.deadline(PATIENCE)));
        assert!(started.join_if_gone());
        started.gone().clone()
    }

    // property 47
    #[test]
    fn a_thread_begins_with_the_context_of_its_starter() {
        let (tx, rx) = sync_channel(1);
        let _load = ErrorContext::enter("load");
        ErrorContext::breadcrumb("opened");
        let _id = ErrorContext::correlate("r17");
        let started = start(plan("reader"), move || {
            let _parse = ErrorContext::enter("parse");
            tx.send(ErrorContext::capture().to_string()).unwrap();
        });
        let seen = rx.recv_timeout(PATIENCE).unwrap();
        assert_eq!(seen, "load [opened] > parse (correlation r17)");
        end(started.unwrap());
    }

    #[test]
    fn a_thread_is_gone_only_after_its_locals_are_destroyed() {
        struct Slow(SyncSender<()>, Receiver<()>);
        impl Drop for Slow {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
                self.1.recv_timeout(PATIENCE).unwrap();
            }
        }
        thread_local!(static OWN: RefCell<Option<Slow>> = const { RefCell::new(None) });
        let (dropping, dropping_rx) = sync_channel(1);
        let (go_on, go_on_rx) = sync_channel(1);
        let mut started = start(plan("slow"), move || {
            OWN.set(Some(Slow(dropping, go_on_rx)));
        })
        .unwrap();
        dropping_rx.recv_timeout(PATIENCE).unwrap();
        assert!(!started.gone().is_gone());
        assert!(!started.join_if_gone());
        let clock = Clock::system();
        let soon = clock.deadline(Duration::from_millis(1));
        assert!(!started.gone().wait(&clock, soon));
        go_on.send(()).unwrap();
        assert!(end(started).is_gone());
    }

    #[test]
    fn a_wait_for_the_end_of_a_thread_ends_on_a_clock_that_stands_still() {
        let manual = ManualClock::new();
        let clock = manual.clock();
        let (go_on, go_on_rx) = sync_channel(1);
        let started = start(plan("waited for"), move || {
            go_on_rx.recv_timeout(PATIENCE).unwrap();
        });
        let started = started.unwrap();
        // A wait that does not end must fail this test, not hang it: so it runs on a thread of its own.
        let (waited, waited_rx) = sync_channel(1);
        let wait = || {
            let (gone, clock, waited) = (started.gone().clone(), clock.clone(), waited.clone());
            let waiting = start(plan("waiting"), move || {
                let deadline = clock.deadline(PATIENCE);
                waited.send(gone.wait(&clock, deadline)).unwrap();
            });
            manual.wait_for_sleepers(1);
            waiting
        };
        let first = wait().unwrap();
        manual.advance(PATIENCE);
        assert!(
            !waited_rx.recv_timeout(PATIENCE).unwrap(),
            "the deadline ends the wait"
        );
        let second = wait().unwrap();
        go_on.send(()).unwrap();
        assert!(
            waited_rx.recv_timeout(PATIENCE).unwrap(),
            "the thread's end ends the wait"
        );
        end(first);
        end(second);
        end(started);
    }

    // decision 24
    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_what_a_thread_does_until_it_is_gone() {
        let (begun, begun_rx) = sync_channel(1);
        let (go_on, go_on_rx) = sync_channel(1);
        let started = start(plan("blocked"), move || {
            begun.send(()).unwrap();
            go_on_rx.recv_timeout(PATIENCE).unwrap();
        });
        let started = started.unwrap();
        begun_rx.recv_timeout(PATIENCE).unwrap();
        let state = started.gone().os_state().unwrap();
        assert!(state.starts_with(['R', 'S', 'D']), "{state}");
        go_on.send(()).unwrap();
        assert_eq!(end(started).os_state(), None);
    }

    #[test]
    fn a_refusal_of_the_operating_system_is_an_error() {
        let huge = ThreadPlan {
            name: "huge".to_owned(),
            stack_size: Some(1 << 60),
        };
        let refused = start(huge, || {});
        assert!(refused.is_err());
    }

    #[test]
    fn a_panic_of_the_body_is_kept() {
        let started = start(plan("body"), || {
            let mut identity = Identity::new(UnitPath::new("demo/b"), Generation::first());
            identity.quiet = true;
            let _quiet = enter_identity(identity);
            panic!("lost?");
        });
        let report = end(started.unwrap()).panic().unwrap();
        assert_eq!(report.message(), "lost?");
        assert_eq!(report.thread(), Some("body"));
    }

    #[test]
    fn a_thread_has_the_name_and_size_of_its_plan() {
        let (tx, rx) = sync_channel(1);
        let named = ThreadPlan {
            name: "very\0long-with-a-nul".to_owned(),
            stack_size: Some(256 * 1024),
        };
        let started = start(named, move || {
            tx.send(std::thread::current().name().map(str::to_owned))
                .unwrap();
        });
        let started = started.unwrap();
        assert_eq!(started.thread().name(), Some("very?long-with-"));
        let name = rx.recv_timeout(PATIENCE).unwrap();
        assert_eq!(name.as_deref(), Some("very?long-with-"));
        end(started);
    }

    #[test]
    fn a_name_begins_with_what_tells_it_apart() {
        for (path, name) in [
            ("demo", "demo"),
            ("demo/readers/r1", "r1<readers<demo"),
            ("demo/readers/reader", "reader<readers"),
            ("demo/a-very-long-worker-17", "a-very-long-w17"),
            ("demo/12345678901234567", "123456781234567"),
            ("x/größerer-prüfer", "größerer-prü"),
            ("x/exactly-15-long", "exactly-15-long"),
        ] {
            assert_eq!(thread_name(&UnitPath::new(path)), name);
        }
    }
}
