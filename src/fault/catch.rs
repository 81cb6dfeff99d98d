//! The one file that catches unwinding.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::hook::Catching;
use super::panic_report::PanicReport;

/// Drops of payloads that may panic in turn, one within the other, before the last one is leaked.
const MAX_DROP_PANICS: usize = 4;

/// What stopped a closure before its end.
#[derive(Clone, Debug)]
pub(crate) enum Caught {
    /// It panicked.
    Panic(Arc<PanicReport>),
    /// It passed a checkpoint in a fenced thread: a quiet end, not a panic.
    Fenced,
}

/// The payload of the quiet unwind. Private: nobody else can throw or take it.
struct FencedUnwind;

/// Runs the closure, and catches what unwinds from it.
///
/// What the closure owns is dropped inside. Nothing it touched may be used again after a panic, but by
/// its owner's decision; that is why no `UnwindSafe` is asked for: a unit's state goes with its unit.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Caught> {
    let catching = Catching::begin();
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| judge(&catching, payload))
}

/// What was thrown, of a payload that somebody else has caught on this thread.
pub(crate) fn thrown(payload: Box<dyn Any + Send>) -> Caught {
    judge(&Catching::begin_late(), payload)
}

fn judge(catching: &Catching, payload: Box<dyn Any + Send>) -> Caught {
    if payload.is::<FencedUnwind>() {
        return Caught::Fenced;
    }
    let recorded = catching.take_note(&*payload);
    Caught::Panic(Arc::new(PanicReport::new(payload, recorded)))
}

/// Drops the value; a panic of its drop is caught and returned.
pub(crate) fn catch_drop<T>(value: T) -> Result<(), Caught> {
    catch(move || drop(value))
}

/// Whether a panic ends the process, so that there is nothing to catch.
pub(crate) const fn panics_abort() -> bool {
    cfg!(panic = "abort")
}

/// Ends the thread's work quietly: no hook runs, and [`catch`] returns [`Caught::Fenced`].
pub(crate) fn unwind_fenced() -> ! {
    resume_unwind(Box::new(FencedUnwind))
}

/// Drops a payload; if that panics, the payload of that panic, and so on. The last one is leaked.
pub(super) fn drop_payload(payload: Box<dyn Any + Send>) {
    let mut payload = payload;
    for _ in 0..MAX_DROP_PANICS {
        match catch_unwind(AssertUnwindSafe(move || drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
    use std::sync::Arc;

    use super::{Caught, catch, catch_drop, unwind_fenced};
    use crate::fault::hook::{Identity, enter_identity, set_handling};
    use crate::fault::{Backtraces, ErrorContext, Generation, PanicReport, UnitPath};

    fn quietly<T>(f: impl FnOnce() -> T) -> Result<T, Caught> {
        let _quiet = enter_identity(Identity {
            quiet: true,
            ..Identity::new(UnitPath::new("demo/unit"), Generation::first())
        });
        catch(f)
    }

    fn report_of<T>(caught: Result<T, Caught>) -> Arc<PanicReport> {
        match caught {
            Err(Caught::Panic(report)) => report,
            _ => panic!("no panic was caught"),
        }
    }

    // decision 3
    #[test]
    fn a_report_says_what_and_where_and_who() {
        let line = line!() + 4;
        let report = report_of(quietly(|| {
            set_handling("Add");
            let _operation = ErrorContext::enter("sum");
            panic!("at {}", 7);
        }));
        assert_eq!(report.message(), "at 7");
        let location = report.location().unwrap();
        assert_eq!((location.line, location.column), (line, 13));
        assert!(location.file.ends_with("catch.rs"));
        assert_eq!(report.path().unwrap().as_str(), "demo/unit");
        assert_eq!(report.generation(), Some(Generation::first()));
        assert_eq!(report.handling(), Some("Add"));
        assert_eq!(report.context().to_string(), "sum");
        assert_eq!(
            report.to_string(),
            format!("panic: at 7 at {location} while handling Add")
        );
        assert!(ErrorContext::capture().is_empty());
    }

    // decision 3
    #[test]
    fn a_payload_can_be_downcast_and_taken_once() {
        let report = report_of(quietly(|| panic_any(42_u64)));
        assert_eq!(report.message(), "panic payload of an unknown type");
        assert_eq!(report.with_payload(|n: &u64| *n), Some(42));
        assert_eq!(report.with_payload(|n: &u32| *n), None);
        assert!(report.location().is_some());
        assert!(report.take_payload().unwrap().is::<u64>());
        assert!(report.take_payload().is_none());
    }

    #[test]
    fn a_swallowed_panic_is_not_taken_for_the_one_that_ended_the_unit() {
        let report = report_of(quietly(|| {
            let _swallowed = catch_unwind(|| panic!("swallowed"));
            resume_unwind(Box::new("never seen by a hook"))
        }));
        assert_eq!(report.message(), "never seen by a hook");
        assert_eq!(report.location(), None);
        assert!(quietly(|| catch_unwind(|| panic!("swallowed"))).is_ok());
        let later = report_of(quietly(|| resume_unwind(Box::new("swallowed"))));
        assert_eq!(later.location(), None, "a note outlived its catch");
    }

    #[test]
    fn a_panic_that_is_thrown_on_keeps_its_place() {
        let line = line!() + 2;
        let report = report_of(quietly(|| {
            let payload = catch_unwind(|| panic!("thrown on")).unwrap_err();
            let _other = catch_unwind(|| panic!("other"));
            resume_unwind(payload)
        }));
        assert_eq!(report.location().unwrap().line, line);
    }

    // decision 21
    #[test]
    fn a_fenced_thread_ends_without_a_panic() {
        let caught = quietly(|| unwind_fenced());
        assert!(matches!(caught, Err(Caught::Fenced)));
    }

    #[test]
    fn what_a_closure_returns_passes_through() {
        assert!(!super::panics_abort());
        assert!(matches!(catch(|| 7), Ok(7)));
    }

    struct DropPanics;
    impl Drop for DropPanics {
        fn drop(&mut self) {
            // The second panic of a thread that unwinds already would abort the process.
            assert!(std::thread::panicking(), "dropped");
        }
    }

    // decision 4
    #[test]
    fn a_panicking_drop_is_caught_and_reported() {
        let _quiet = enter_identity(Identity {
            quiet: true,
            ..Identity::new(UnitPath::new("demo/unit"), Generation::first())
        });
        assert_eq!(report_of(catch_drop(DropPanics)).message(), "dropped");
    }

    // decision 4
    #[test]
    fn a_payload_whose_drop_panics_hurts_nobody() {
        let report = report_of(quietly(|| panic_any(DropPanics)));
        let _quiet = enter_identity(Identity {
            quiet: true,
            ..Identity::new(UnitPath::new("demo/unit"), Generation::first())
        });
        let dropped = catch_unwind(AssertUnwindSafe(move || drop(report)));
        assert!(dropped.is_ok());
    }

    // decision 3
    #[test]
    fn a_backtrace_is_captured_where_it_is_asked_for() {
        let caught = |backtraces| {
            let _identity = enter_identity(Identity {
                quiet: true,
                backtraces,
                ..Identity::new(UnitPath::new("demo/unit"), Generation::first())
            });
            report_of(catch(|| panic!("where")))
        };
        let always = caught(Backtraces::Always);
        assert!(format!("{always:#}").contains("a_backtrace_is_captured_where"));
        assert!(caught(Backtraces::Never).backtrace().is_none());
    }

    // property 47
    #[test]
    fn the_identity_of_a_thread_is_restored_by_its_scope() {
        let outer = enter_identity(Identity::new("a".into(), Generation::first()));
        set_handling("outer");
        let _panic = quietly(|| set_handling("inner"));
        let (path, generation) = crate::fault::hook::current_unit().unwrap();
        assert_eq!((path.as_str(), generation.get()), ("a", 1));
        let report = report_of(catch(|| resume_unwind(Box::new("x"))));
        assert_eq!(report.handling(), Some("outer"));
        drop(outer);
        assert!(crate::fault::hook::current_unit().is_none());
    }
}
