//! Who listens: handlers under their ids, each with a filter. They run outside of all locks.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::event::{Event, EventKind};
use crate::fault::catch::{Caught, catch, catch_drop};
use crate::fault::{Category, Classify, PanicReport, Severity};

/// How deep handlers may emit within handlers, so that two that answer each other come to an end.
const MAX_NESTING: u32 = 4;

thread_local! {
    static NESTING: Cell<u32> = const { Cell::new(0) };
}

/// Which events a handler wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// All of them.
    #[default]
    All,
    /// Those of the kind with this name.
    Kind(Cow<'static, str>),
    /// Those whose name begins with these words: `child` takes `child.started`, not `children.counted`.
    Prefix(Cow<'static, str>),
    /// Those of this target and the targets below it: `steadfast` takes `steadfast::supervision`.
    Target(Cow<'static, str>),
}

impl Filter {
    /// Events of the kind with this name.
    #[must_use]
    pub fn kind(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Kind(name.into())
    }

    /// Events whose name begins with these words: `child` or `child.`.
    #[must_use]
    pub fn prefix(prefix: impl Into<Cow<'static, str>>) -> Self {
        Self::Prefix(prefix.into())
    }

    /// Events of this target and the targets below it.
    #[must_use]
    pub fn target(target: impl Into<Cow<'static, str>>) -> Self {
        Self::Target(target.into())
    }

    /// Whether events of this kind pass.
    #[must_use]
    pub fn matches(&self, kind: &EventKind) -> bool {
        match self {
            Self::All => true,
            Self::Kind(name) => kind.name == name,
            Self::Prefix(prefix) => is_below(kind.name, prefix, "."),
            Self::Target(target) => is_below(kind.target, target, "::"),
        }
    }
}

/// Whether the name is the parent or stands below it, word by word.
fn is_below(name: &str, parent: &str, separator: &str) -> bool {
    let parent = parent.strip_suffix(separator).unwrap_or(parent);
    name.strip_prefix(parent)
        .is_some_and(|rest| parent.is_empty() || rest.is_empty() || rest.starts_with(separator))
}

/// A handler that is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerInfo {
    /// Under which id.
    pub id: String,
    /// Which events it wants.
    pub filter: Filter,
}

/// Why a handler was not attached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// Another handler has this id; it stays.
    #[error("a handler with the id {id:?} is already attached")]
    DuplicateId {
        /// The id.
        id: String,
    },
}

impl Classify for AttachError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Low
    }

    fn code(&self) -> &'static str {
        "telemetry.duplicate_handler"
    }
}

/// Why a handler was not detached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetachError {
    /// There is none with this id; it may have panicked before.
    #[error("no handler with the id {id:?} is attached")]
    NotFound {
        /// The id.
        id: String,
    },
}

impl Classify for DetachError {
    fn category(&self) -> Category {
        Category::Validation
    }

    fn severity(&self) -> Severity {
        Severity::Low
    }

    fn code(&self) -> &'static str {
        "telemetry.unknown_handler"
    }
}

/// What a handler is.
pub(super) type Handle = Box<dyn Fn(&Event) + Send + Sync>;

/// A handler with its filter. The last one to let go of it drops the user's closure, and survives that.
struct Handler {
    id: String,
    filter: Filter,
    /// The quietest level that it wants now.
    level: fn() -> log::LevelFilter,
    handle: Option<Handle>,
}

impl Handler {
    fn wants(&self, kind: &EventKind) -> bool {
        kind.level <= (self.level)() && self.filter.matches(kind)
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // What a closure's drop throws must not hit whoever happens to be the last to let go.
        let _dropped = catch_drop(self.handle.take());
    }
}

/// The handlers of one telemetry, in the order in which they were attached.
pub(super) struct Handlers {
    count: AtomicUsize,
    list: RwLock<Arc<[Arc<Handler>]>>,
}

/// A handler that panicked and was detached.
pub(super) struct Detached {
    pub(super) id: String,
    pub(super) report: Arc<PanicReport>,
}

/// An event was emitted by a handler, by a handler, by a handler...
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

impl Handlers {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            list: RwLock::new(Arc::new([])),
        }
    }

    /// Whether there is none; all that an event costs then.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // Relaxed: nothing is read by way of it; the list has its lock.
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Whether an event of this kind would be handled. Runs no code of a handler.
    pub(super) fn want(&self, kind: &EventKind) -> bool {
        self.list.read().iter().any(|handler| handler.wants(kind))
    }

    pub(super) fn attach(
        &self,
        id: String,
        filter: Filter,
        level: fn() -> log::LevelFilter,
        handle: Handle,
    ) -> Result<(), AttachError> {
        let handler = Arc::new(Handler {
            id,
            filter,
            level,
            handle: Some(handle),
        });
        // A refused handler is dropped after the lock.
        let refused = self.change(|list| {
            if list.iter().any(|other| other.id == handler.id) {
                return (None, true);
            }
            let added = list.iter().chain([&handler]).cloned().collect();
            (Some(added), false)
        });
        if refused {
            let id = handler.id.clone();
            return Err(AttachError::DuplicateId { id });
        }
        Ok(())
    }

    pub(super) fn detach(&self, id: &str) -> Result<(), DetachError> {
        if self.remove(|handler| handler.id == id) {
            return Ok(());
        }
        Err(DetachError::NotFound { id: id.to_owned() })
    }

    fn remove(&self, is_it: impl Fn(&Handler) -> bool) -> bool {
        self.change(|list| {
            let kept: Arc<[_]> = list.iter().filter(|other| !is_it(other)).cloned().collect();
            let found = kept.len() < list.len();
            (found.then_some(kept), found)
        })
    }

    /// Replaces the list. What was in the old one is dropped after the lock.
    fn change<T>(
        &self,
        decide: impl FnOnce(&[Arc<Handler>]) -> (Option<Arc<[Arc<Handler>]>>, T),
    ) -> T {
        let mut list = self.list.write();
        let (changed, answer) = decide(&list);
        let old = changed.map(|new| {
            // Relaxed: nothing is read by way of it; the list has its lock.
            self.count.store(new.len(), Ordering::Relaxed);
            std::mem::replace(&mut *list, new)
        });
        drop(list);
        drop(old);
        answer
    }

    pub(super) fn infos(&self) -> Vec<HandlerInfo> {
        let list = self.list.read();
        let info = |handler: &Arc<Handler>| HandlerInfo {
            id: handler.id.clone(),
            filter: handler.filter.clone(),
        };
        list.iter().map(info).collect()
    }

    /// Hands the event to all who want it, and detaches those that panic.
    pub(super) fn handle(&self, event: &Event) -> Result<Vec<Detached>, TooDeep> {
        let _nesting = Nesting::enter()?;
        let list = Arc::clone(&*self.list.read());
        let mut detached = Vec::new();
        for handler in list.iter().filter(|handler| handler.wants(event.kind())) {
            let Some(handle) = &handler.handle else {
                continue;
            };
            // A fenced thread ends quietly at its next checkpoint, also if that lies in a handler: the
            // handler is not to blame, and who emits passes a checkpoint of its own.
            if let Err(Caught::Panic(report)) = catch(|| handle(event))
                && self.remove(|other| std::ptr::eq(other, &raw const **handler))
            {
                let id = handler.id.clone();
                detached.push(Detached { id, report });
            }
        }
        Ok(detached)
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: a number for people.
        let count = self.count.load(Ordering::Relaxed);
        write!(f, "Handlers({count})")
    }
}

/// One more handler runs on this thread.
struct Nesting;

impl Nesting {
    fn enter() -> Result<Self, TooDeep> {
        let depth = NESTING.try_with(|depth| {
            depth.set(depth.get() + 1);
            depth.get()
        });
        let entered = Self;
        if depth.is_ok_and(|depth| depth <= MAX_NESTING) {
            Ok(entered)
        } else {
            Err(TooDeep)
        }
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        let _gone = NESTING.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}
