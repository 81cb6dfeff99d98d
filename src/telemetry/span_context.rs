//! The ids of a span, and the stack of spans that are open on a thread.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;

/// Frames that a thread keeps. A span beyond it has ids and events, but its children name another
/// parent. Only guards that were forgotten come near it.
const MAX_DEPTH: usize = 1024;

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack { frames: Vec::new(), next: 0 }) };
    static RANDOM: RefCell<fastrand::Rng> = RefCell::new(seeded());
}

/// What all spans of one piece of work have in common: 16 random bytes, shown as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// One span within its trace: 8 random bytes, shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

impl TraceId {
    pub(super) fn random() -> Self {
        Self(with_random(|random| random.u128(1..)))
    }

    /// The id from elsewhere, such as the header of a request; `None` for zero, which is not an id.
    #[must_use]
    pub const fn from_u128(id: u128) -> Option<Self> {
        if id == 0 { None } else { Some(Self(id)) }
    }

    /// The id as a number, never zero.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl SpanId {
    pub(super) fn random() -> Self {
        Self(with_random(|random| random.u64(1..)))
    }

    /// The id from elsewhere; `None` for zero, which is not an id.
    #[must_use]
    pub const fn from_u64(id: u64) -> Option<Self> {
        if id == 0 { None } else { Some(Self(id)) }
    }

    /// The id as a number, never zero.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// Not fastrand's own generator: a test that seeds it on every thread would make the same ids on each.
fn seeded() -> fastrand::Rng {
    fastrand::Rng::with_seed(RandomState::new().build_hasher().finish())
}

/// While the thread ends its generator may be gone; then one is made for this once.
fn with_random<T>(draw: impl Fn(&mut fastrand::Rng) -> T) -> T {
    RANDOM
        .try_with(|random| draw(&mut random.borrow_mut()))
        .unwrap_or_else(|_| draw(&mut seeded()))
}

macro_rules! shown_as_hex {
    ($($id:ident: $digits:literal),+) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $digits, "x}"), self.0)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($id), "({})"), self)
            }
        }
    )+};
}

shown_as_hex!(TraceId: "32", SpanId: "16");

/// The ids of a span: a small value to hand to other threads, processes or logs.
///
/// # Examples
///
/// ```
/// use steadfast::telemetry::{SpanContext, Telemetry};
///
/// let telemetry = Telemetry::new();
/// let request = telemetry.span("request");
/// let context = request.context();
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         assert_eq!(SpanContext::current(), None); // nothing crosses by itself
///         let _handed_over = context.attach();
///         let part = telemetry.span("part");
///         assert_eq!(part.context().trace(), context.trace());
///         assert_eq!(part.parent(), Some(context.span()));
///     });
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanContext {
    trace: TraceId,
    span: SpanId,
}

impl SpanContext {
    /// The context with these ids.
    #[must_use]
    pub const fn new(trace: TraceId, span: SpanId) -> Self {
        Self { trace, span }
    }

    /// The span that is open on this thread, or was attached to it.
    #[must_use]
    pub fn current() -> Option<Self> {
        current().map(|(context, _)| context)
    }

    /// Its trace.
    #[must_use]
    pub const fn trace(self) -> TraceId {
        self.trace
    }

    /// Its span.
    #[must_use]
    pub const fn span(self) -> SpanId {
        self.span
    }

    /// Makes it the parent of the spans that this thread opens, until the guard is dropped.
    pub fn attach(self) -> AttachGuard {
        AttachGuard {
            mark: push(self, None),
            on_its_thread: PhantomData,
        }
    }
}

impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.trace, self.span)
    }
}

/// Takes the attached context away when dropped. It stays on its thread.
#[must_use = "the context is taken away when the guard is dropped"]
pub struct AttachGuard {
    mark: Option<Mark>,
    on_its_thread: PhantomData<*const ()>,
}

impl Drop for AttachGuard {
    fn drop(&mut self) {
        if let Some(mark) = self.mark.take() {
            remove(mark);
        }
    }
}

impl fmt::Debug for AttachGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttachGuard")
    }
}

/// Which frame a guard put on the stack. Numbers are not used twice on a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u64);

struct Stack {
    frames: Vec<Frame>,
    next: u64,
}

struct Frame {
    mark: Mark,
    context: SpanContext,
    parent: Option<SpanId>,
}

/// The topmost frame of this thread: the span and its parent.
pub(super) fn current() -> Option<(SpanContext, Option<SpanId>)> {
    let read = |stack: &RefCell<Stack>| {
        let stack = stack.try_borrow().ok()?;
        stack.frames.last().map(|top| (top.context, top.parent))
    };
    STACK.try_with(read).ok().flatten()
}

/// Puts a frame on the stack; `None` at the bound, or while the thread's locals go.
pub(super) fn push(context: SpanContext, parent: Option<SpanId>) -> Option<Mark> {
    let push = |stack: &RefCell<Stack>| {
        let mut stack = stack.try_borrow_mut().ok()?;
        if stack.frames.len() >= MAX_DEPTH {
            return None;
        }
        let mark = Mark(stack.next);
        stack.next += 1;
        stack.frames.push(Frame {
            mark,
            context,
            parent,
        });
        Some(mark)
    };
    STACK.try_with(push).ok().flatten()
}

/// Takes exactly this frame away. Frames above it stay: `guard = telemetry.span("next")` opens the next
/// span before it drops the last one, and the next one is then the current span.
pub(super) fn remove(mark: Mark) {
    let _gone = STACK.try_with(|stack| {
        if let Ok(mut stack) = stack.try_borrow_mut()
            && let Some(index) = stack.frames.iter().rposition(|frame| frame.mark == mark)
        {
            stack.frames.remove(index);
        }
    });
}
