//! What a thread is doing, so that an error can say it: operations, breadcrumbs, a correlation id.
//!
//! The context of a thread is a stack of *layers*; a layer is what was attached from elsewhere
//! ([`ErrorContext::attach`]) and the *frames* entered since. Guards remove what they added, also while
//! unwinding. A guard that is dropped late, after what lay below it has gone, removes nothing: it
//! knows its own number, and numbers are not used twice.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::context_snapshot::{ContextSnapshot, Operation};

thread_local! {
    static LOCAL: RefCell<Local> = const { RefCell::new(Local::new()) };
}

/// What the current thread is doing. A name for the functions below; there is no value of this type.
///
/// Every thread that the library starts begins with the context of the thread that started it.
///
/// # Examples
///
/// ```
/// use steadfast::fault::ErrorContext;
///
/// let _load = ErrorContext::enter("load configuration");
/// ErrorContext::breadcrumb("opened app.toml");
/// {
///     let _parse = ErrorContext::enter("parse");
///     assert_eq!(
///         ErrorContext::capture().to_string(),
///         "load configuration [opened app.toml] > parse"
///     );
/// }
/// assert_eq!(
///     ErrorContext::capture().to_string(),
///     "load configuration [opened app.toml]"
/// );
/// ```
#[derive(Debug)]
pub enum ErrorContext {}

impl ErrorContext {
    /// Enters an operation; dropping the guard leaves it, with its breadcrumbs.
    pub fn enter(operation: impl Into<Cow<'static, str>>) -> ContextGuard {
        push(Operation::new(Some(operation.into()), None))
    }

    /// Ties what follows to an id from outside, until the guard is dropped.
    pub fn correlate(id: impl Into<Arc<str>>) -> ContextGuard {
        push(Operation::new(None, Some(id.into())))
    }

    /// Leaves a mark in the current operation: of the last 16 an error will tell. Without an operation
    /// it does nothing, because nothing would ever remove it.
    pub fn breadcrumb(mark: impl Into<Cow<'static, str>>) {
        let mark = mark.into();
        with_local(|local| local.breadcrumb(mark));
    }

    /// The context as a value: to keep in an error, or to attach on another thread. Costs one reference
    /// count when nothing changed since the last capture.
    #[must_use]
    pub fn capture() -> ContextSnapshot {
        with_local(Local::capture).unwrap_or_default()
    }

    /// Makes the snapshot the context of this thread, until the guard is dropped.
    pub fn attach(snapshot: &ContextSnapshot) -> ContextGuard {
        let snapshot = snapshot.clone();
        ContextGuard::of(with_local(|local| local.attach(snapshot)))
    }
}

fn push(frame: Operation) -> ContextGuard {
    ContextGuard::of(with_local(|local| local.push(frame)))
}

/// `None` while the thread ends and its locals are gone.
fn with_local<T>(use_it: impl FnOnce(&mut Local) -> T) -> Option<T> {
    LOCAL
        .try_with(|local| {
            local
                .try_borrow_mut()
                .ok()
                .map(|mut local| use_it(&mut local))
        })
        .ok()
        .flatten()
}

/// Leaves the operation, or takes the attached context away, when dropped. It stays on its thread.
#[must_use = "the context is left when the guard is dropped"]
pub struct ContextGuard {
    mark: Option<Mark>,
    on_its_thread: PhantomData<*const ()>,
}

impl ContextGuard {
    const fn of(mark: Option<Mark>) -> Self {
        Self {
            mark,
            on_its_thread: PhantomData,
        }
    }
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        if let Some(mark) = self.mark.take() {
            // What is removed is dropped here, with the context no longer borrowed.
            drop(with_local(|local| local.remove(&mark)));
        }
    }
}

impl fmt::Debug for ContextGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContextGuard")
    }
}

/// What a guard has to remove.
struct Mark {
    layer: usize,
    /// `None`: the layer itself.
    frame: Option<usize>,
    number: u64,
}

/// What was removed; dropped by the guard.
type Removed = (Vec<Layer>, Vec<Operation>);

/// The context of one thread. The first layer is the thread's own and has nothing attached.
struct Local {
    layers: Vec<Layer>,
    last_number: u64,
    unchanged: Option<ContextSnapshot>,
}

struct Layer {
    number: u64,
    attached: ContextSnapshot,
    frames: Vec<Operation>,
}

impl Local {
    const fn new() -> Self {
        Self {
            layers: Vec::new(),
            last_number: 0,
            unchanged: None,
        }
    }

    fn next_number(&mut self) -> u64 {
        self.unchanged = None;
        self.last_number += 1;
        self.last_number
    }

    fn attach(&mut self, attached: ContextSnapshot) -> Mark {
        let number = self.next_number();
        self.layers.push(Layer {
            number,
            attached,
            frames: Vec::new(),
        });
        Mark {
            layer: self.layers.len() - 1,
            frame: None,
            number,
        }
    }

    fn push(&mut self, mut frame: Operation) -> Mark {
        if self.layers.is_empty() {
            self.attach(ContextSnapshot::default());
        }
        let number = self.next_number();
        frame.number = number;
        let layer = self.layers.len() - 1;
        let frames = &mut self.layers[layer].frames;
        frames.push(frame);
        Mark {
            layer,
            frame: Some(frames.len() - 1),
            number,
        }
    }

    fn remove(&mut self, mark: &Mark) -> Option<Removed> {
        let layer = self.layers.get_mut(mark.layer)?;
        let Some(frame) = mark.frame else {
            if layer.number != mark.number {
                return None;
            }
            self.unchanged = None;
            return Some((self.layers.split_off(mark.layer), Vec::new()));
        };
        if layer.frames.get(frame)?.number != mark.number {
            return None;
        }
        self.unchanged = None;
        Some((Vec::new(), layer.frames.split_off(frame)))
    }

    fn breadcrumb(&mut self, mark: Cow<'static, str>) {
        let Some(frame) = self.layers.last_mut().and_then(|top| top.frames.last_mut()) else {
            return;
        };
        self.unchanged = None;
        frame.breadcrumb(mark);
    }

    fn capture(&mut self) -> ContextSnapshot {
        if let Some(unchanged) = &self.unchanged {
            return unchanged.clone();
        }
        let snapshot = self.layers.last().map(Layer::snapshot).unwrap_or_default();
        self.unchanged = Some(snapshot.clone());
        snapshot
    }
}

impl Layer {
    fn snapshot(&self) -> ContextSnapshot {
        self.attached.extended(&self.frames)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::ErrorContext;
    use crate::fault::context_snapshot::{MAX_BREADCRUMBS, MAX_OPERATIONS};

    fn shown() -> String {
        ErrorContext::capture().to_string()
    }

    // property 47
    #[test]
    fn leaving_an_operation_restores_what_was_before() {
        let _a = ErrorContext::enter("a");
        assert_eq!(shown(), "a");
        ErrorContext::breadcrumb("1");
        assert_eq!(shown(), "a [1]");
        {
            let _b = ErrorContext::enter("b");
            ErrorContext::breadcrumb("2");
            let _c = ErrorContext::correlate("id");
            assert_eq!(shown(), "a [1] > b [2] (correlation id)");
        }
        assert_eq!(shown(), "a [1]");
    }

    // property 47
    #[test]
    fn a_panic_leaves_the_operations_it_unwinds_through() {
        let _outer = ErrorContext::enter("outer");
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _inner = ErrorContext::enter("inner");
            let elsewhere = ErrorContext::capture();
            let _attached = ErrorContext::attach(&elsewhere);
            let _innermost = ErrorContext::enter("innermost");
            assert_eq!(shown(), "outer > inner > innermost");
            resume_unwind(Box::new(()));
        }));
        assert!(unwound.is_err());
        assert_eq!(shown(), "outer");
    }

    // property 47
    #[test]
    fn an_attached_context_replaces_the_own_one_until_it_is_dropped() {
        let there = {
            let _sender = ErrorContext::enter("sender");
            let _id = ErrorContext::correlate("r1");
            ErrorContext::breadcrumb("sent");
            ErrorContext::capture()
        };
        let _own = ErrorContext::enter("own");
        {
            let _attached = ErrorContext::attach(&there);
            assert_eq!(shown(), "sender (correlation r1)");
            let _handle = ErrorContext::enter("handle");
            assert_eq!(shown(), "sender > handle (correlation r1)");
        }
        assert_eq!(shown(), "own");
    }

    // property 47
    #[test]
    fn guards_dropped_out_of_order_remove_only_their_own() {
        let a = ErrorContext::enter("a");
        let b = ErrorContext::enter("b");
        drop(a);
        let _c = ErrorContext::enter("c");
        let _d = ErrorContext::enter("d");
        drop(b);
        assert_eq!(shown(), "c > d");
        let layer = ErrorContext::attach(&ErrorContext::capture());
        let inner = ErrorContext::attach(&ErrorContext::capture());
        drop(layer);
        let _layer = ErrorContext::attach(&ErrorContext::capture());
        let _inner = ErrorContext::attach(&ErrorContext::capture());
        let _e = ErrorContext::enter("e");
        drop(inner);
        assert_eq!(shown(), "c > d > e");
    }

    // property 47
    #[test]
    fn random_nests_of_guards_always_restore_the_context() {
        fn nest(rng: &mut fastrand::Rng, depth: u32) {
            for _ in 0..rng.u32(0..3) {
                let before = shown();
                let unwound = catch_unwind(AssertUnwindSafe(|| {
                    let _guard = match rng.u32(0..3) {
                        0 => ErrorContext::enter(depth.to_string()),
                        1 => ErrorContext::correlate(depth.to_string()),
                        _ => ErrorContext::attach(&ErrorContext::capture()),
                    };
                    let _frame = ErrorContext::enter("frame");
                    (0..rng.u32(0..20)).for_each(|_| ErrorContext::breadcrumb("mark"));
                    if depth > 0 {
                        nest(rng, depth - 1);
                    }
                    if rng.bool() {
                        resume_unwind(Box::new(()));
                    }
                }));
                drop(unwound);
                assert_eq!(shown(), before);
            }
        }
        for seed in 0..500 {
            let _root = ErrorContext::enter("root");
            nest(&mut fastrand::Rng::with_seed(seed), 5);
        }
        assert!(ErrorContext::capture().is_empty());
    }

    #[test]
    fn breadcrumbs_are_bounded_and_the_dropped_ones_counted() {
        let _operation = ErrorContext::enter("loop");
        for index in 0..=MAX_BREADCRUMBS {
            ErrorContext::breadcrumb(index.to_string());
        }
        let snapshot = ErrorContext::capture();
        assert_eq!(snapshot.breadcrumbs().count(), MAX_BREADCRUMBS);
        assert_eq!(snapshot.breadcrumbs().next(), Some("1"));
        assert_eq!(snapshot.dropped(), 1);
        assert!(snapshot.to_string().ends_with("(1 marks dropped)"));
    }

    #[test]
    fn a_context_handed_on_for_ever_stays_bounded() {
        let mut snapshot = ErrorContext::capture();
        for round in 0..10 * MAX_OPERATIONS {
            let _from = ErrorContext::attach(&snapshot);
            let _operation = ErrorContext::enter(round.to_string());
            snapshot = ErrorContext::capture();
        }
        assert_eq!(snapshot.operations().count(), MAX_OPERATIONS);
        assert_eq!(snapshot.operations().last(), Some("319"));
        assert_eq!(snapshot.dropped(), 9 * 32);
    }

    #[test]
    fn a_mark_without_an_operation_stays_nowhere() {
        ErrorContext::breadcrumb("lost");
        assert!(ErrorContext::capture().is_empty());
    }
}
