//! The one panic hook: installed once per process, it notes what only a hook can see, then calls the
//! hook that was there before.
//!
//! Notes are made only where somebody will ask for them: inside [`catch`](super::catch::catch). A panic
//! on any other thread just goes to the previous hook. A note waits in a thread-local until the catch
//! takes it; it is found again by what was thrown, so that a panic which the user caught and swallowed
//! in between is not taken for the one that ended the unit.

use std::any::{Any, TypeId};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::context::ErrorContext;
use super::context_snapshot::ContextSnapshot;
use super::generation::Generation;
use super::panic_report::{PanicLocation, message_of};
use super::shared_notes::SharedNotes;
use super::unit_path::UnitPath;

/// Notes that one thread keeps at most; panics that were swallowed fall out first.
const MAX_NOTES: usize = 4;

thread_local! {
    static IDENTITY: RefCell<Option<Identity>> = const { RefCell::new(None) };
    static HANDLING: Cell<Option<&'static str>> = const { Cell::new(None) };
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
}

/// When the hook captures a backtrace.
///
/// To capture walks the stack and resolves no names: 2 us for a shallow stack, 5 us for one of thirty
/// frames, beside 12 to 30 us for a thread that starts, panics and ends (release build, two-core x86-64
/// virtual machine, 2026-11). Names are resolved when the report is displayed with `{:#}`; the first
/// time that costs tens of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backtraces {
    /// For every panic of a unit, whatever the environment says.
    #[default]
    Always,
    /// When `RUST_LIB_BACKTRACE` or, without it, `RUST_BACKTRACE` asks for them.
    FromEnvironment,
    /// Never.
    Never,
}

/// Whose code runs on this thread.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) path: UnitPath,
    pub(crate) generation: Generation,
    /// Whether a panic is kept from the previous hook, which usually prints it.
    pub(crate) quiet: bool,
    pub(crate) backtraces: Backtraces,
}

impl Identity {
    pub(crate) const fn new(path: UnitPath, generation: Generation) -> Self {
        Self {
            path,
            generation,
            quiet: false,
            backtraces: Backtraces::Always,
        }
    }
}

/// Gives the thread its previous identity back when dropped.
#[must_use = "the identity ends with the scope"]
pub(crate) struct IdentityScope {
    previous: Option<(Option<Identity>, Option<&'static str>)>,
    on_its_thread: PhantomData<*const ()>,
}

/// Says whose code runs on this thread from here on.
pub(crate) fn enter_identity(identity: Identity) -> IdentityScope {
    let previous = IDENTITY
        .try_with(|own| own.replace(Some(identity)))
        .map(|previous| (previous, replace_handling(None)));
    IdentityScope {
        previous: previous.ok(),
        on_its_thread: PhantomData,
    }
}

impl Drop for IdentityScope {
    fn drop(&mut self) {
        if let Some((identity, handling)) = self.previous.take() {
            replace_handling(handling);
            let ended = IDENTITY.try_with(|own| own.replace(identity));
            drop(ended);
        }
    }
}

/// Whose code runs on this thread.
pub(crate) fn current_unit() -> Option<(UnitPath, Generation)> {
    read_identity(|identity| (identity.path.clone(), identity.generation))
}

/// Notes what is being handled from here on: the type of a message, or a checkpoint.
pub(crate) fn set_handling(what: &'static str) {
    replace_handling(Some(what));
}

fn replace_handling(what: Option<&'static str>) -> Option<&'static str> {
    HANDLING.try_with(|own| own.replace(what)).ok().flatten()
}

fn read_identity<T>(read: impl FnOnce(&Identity) -> T) -> Option<T> {
    IDENTITY
        .try_with(|own| own.try_borrow().ok()?.as_ref().map(read))
        .ok()
        .flatten()
}

/// What the hook saw.
pub(super) struct Recorded {
    pub(super) location: Option<PanicLocation>,
    pub(super) backtrace: Option<Backtrace>,
    pub(super) path: Option<UnitPath>,
    pub(super) generation: Option<Generation>,
    pub(super) thread: Option<String>,
    pub(super) handling: Option<&'static str>,
    pub(super) context: ContextSnapshot,
}

impl Recorded {
    /// What is known without the hook: who and what, not where.
    pub(super) fn unseen() -> Self {
        let unit = current_unit();
        Self {
            location: None,
            backtrace: None,
            path: unit.as_ref().map(|(path, _)| path.clone()),
            generation: unit.map(|(_, generation)| generation),
            thread: std::thread::current().name().map(str::to_owned),
            handling: HANDLING.try_with(Cell::get).ok().flatten(),
            context: ErrorContext::capture(),
        }
    }

    fn seen(info: &PanicHookInfo<'_>) -> Self {
        let wanted = read_identity(|identity| identity.backtraces).unwrap_or_default();
        Self {
            location: info.location().map(|at| PanicLocation {
                file: at.file().to_owned(),
                line: at.line(),
                column: at.column(),
            }),
            backtrace: match wanted {
                Backtraces::FromEnvironment => Some(Backtrace::capture()),
                Backtraces::Always => Some(Backtrace::force_capture()),
                Backtraces::Never => None,
            },
            ..Self::unseen()
        }
    }
}

/// What the hook saw, and of which payload.
pub(super) struct Note {
    kind: TypeId,
    message: Option<String>,
    recorded: Recorded,
}

impl Note {
    pub(super) fn is_of(&self, payload: &(dyn Any + Send)) -> bool {
        self.kind == payload.type_id() && self.message.as_deref() == message_of(payload)
    }

    pub(super) fn into_recorded(self) -> Recorded {
        self.recorded
    }
}

/// Installs the hook, once per process. It stays, and calls the hook that it found.
///
/// A panicking thread cannot install a hook; the next call does.
pub(crate) fn install_once() {
    static INSTALLED: Once = Once::new();
    if INSTALLED.is_completed() || std::thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note(info);
            if read_identity(|identity| identity.quiet) != Some(true) {
                previous(info);
            }
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    if CATCHING.try_with(Cell::get).unwrap_or(0) == 0 {
        return;
    }
    let payload = info.payload();
    let note = Note {
        kind: payload.type_id(),
        message: message_of(payload).map(str::to_owned),
        recorded: Recorded::seen(info),
    };
    if let Some(shared) = SharedNotes::current() {
        return shared.put(note);
    }
    let _gone = NOTES.try_with(|notes| {
        if let Ok(mut notes) = notes.try_borrow_mut() {
            if notes.len() == MAX_NOTES {
                notes.remove(0);
            }
            notes.push(note);
        }
    });
}

/// Makes the hook take notes on this thread while it lives.
pub(super) struct Catching {
    /// How many notes the thread and those that it shares them with had made before.
    before: u64,
    on_its_thread: PhantomData<*const ()>,
}

impl Catching {
    pub(super) fn begin() -> Self {
        install_once();
        let _gone = CATCHING.try_with(|depth| depth.set(depth.get() + 1));
        Self {
            before: SharedNotes::current().map_or(0, |shared| shared.made()),
            on_its_thread: PhantomData,
        }
    }

    /// As [`begin`](Self::begin), for what somebody else has caught already.
    pub(super) fn begin_late() -> Self {
        let mut late = Self::begin();
        late.before = 0;
        late
    }

    /// The note of what was caught, if the hook saw it.
    pub(super) fn take_note(&self, payload: &(dyn Any + Send)) -> Option<Recorded> {
        let taken = NOTES.try_with(|notes| {
            let mut notes = notes.try_borrow_mut().ok()?;
            let index = notes.iter().rposition(|note| note.is_of(payload))?;
            Some(notes.remove(index))
        });
        let own = taken.ok().flatten().map(Note::into_recorded);
        own.or_else(|| SharedNotes::current()?.take(payload, self.before))
    }
}

impl Drop for Catching {
    /// The outermost one throws away the notes of panics that were swallowed on the way.
    fn drop(&mut self) {
        let depth = CATCHING.try_with(|depth| {
            depth.set(depth.get().saturating_sub(1));
            depth.get()
        });
        if depth == Ok(0) {
            let swallowed = NOTES.try_with(RefCell::take);
            drop(swallowed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{Identity, NOTES, enter_identity};
    use crate::fault::catch::catch;
    use crate::fault::{Generation, UnitPath};

    const CHILD: &str = "STEADFAST_TEST_HOOK_CHILD";
    const NAME: &str = "fault::hook::tests::the_hook_is_installed_once_and_calls_the_one_before";

    /// The hook belongs to the whole process, so this runs in one of its own: itself, once more.
    // decision 3
    #[test]
    fn the_hook_is_installed_once_and_calls_the_one_before() {
        if std::env::var_os(CHILD).is_some() {
            return count_calls_of_the_previous_hook();
        }
        let mut itself = Command::new(std::env::current_exe().unwrap());
        let run = itself.args(["--exact", NAME]).env(CHILD, "1").output();
        let run = run.unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
    }

    fn count_calls_of_the_previous_hook() {
        let calls = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&calls);
        std::panic::set_hook(Box::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        // Relaxed: one thread counts and reads.
        let calls = || calls.load(Ordering::Relaxed);

        assert!(catch(|| ()).is_ok());
        assert!(catch_unwind(|| panic!("not ours")).is_err());
        assert_eq!(calls(), 1, "a panic outside of the library goes on");
        assert!(NOTES.with_borrow(Vec::is_empty), "and leaves no note");

        for _ in 0..3 {
            assert!(catch(|| panic!("ours")).is_err());
        }
        assert_eq!(calls(), 4, "a panic of a unit goes on, once");
        let notes = catch(|| {
            let _swallowed = catch_unwind(|| panic!("noted"));
            NOTES.with_borrow(Vec::len)
        });
        assert_eq!(notes.unwrap(), 1, "and is noted once");

        let mut identity = Identity::new(UnitPath::new("demo/quiet"), Generation::first());
        identity.quiet = true;
        let _quiet = enter_identity(identity);
        assert!(catch(|| panic!("quiet")).is_err());
        assert_eq!(calls(), 5, "a panic of a quiet unit does not");
    }
}
