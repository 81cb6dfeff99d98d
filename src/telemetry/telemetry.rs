//! Where events go.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::drainer::{self, Drainer};
use super::event::{Event, EventKind};
use super::handlers::{AttachError, DetachError, Filter, Handle, HandlerInfo, Handlers};
use super::kinds;
use super::span::SpanGuard;
use super::span_context;
use crate::time::{Clock, Deadline};

/// Where events go: a cheap handle to a list of handlers.
///
/// Each system has one; a guard that is used without a system can be given one of its own. Two of them
/// never see each other's events, so tests that run at once do not disturb each other.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use std::sync::Arc;
/// use steadfast::telemetry::{EventKind, Filter, Telemetry};
///
/// static SOLD: EventKind = EventKind {
///     name: "shop.sold",
///     target: "shop",
///     level: log::Level::Info,
///     measurements: &["price"],
///     metadata: &["what"],
///     doc: "Something was sold.",
/// };
///
/// let telemetry = Telemetry::new();
/// let sold = Arc::new(AtomicU64::new(0));
/// let count = Arc::clone(&sold);
/// telemetry.attach("count", Filter::prefix("shop"), move |_| {
///     count.fetch_add(1, Relaxed);
/// })?;
/// telemetry.emit(&SOLD, |event| {
///     event.measure("price", 3u64).tag("what", "apples");
/// });
/// assert_eq!(sold.load(Relaxed), 1);
/// # Ok::<(), steadfast::telemetry::AttachError>(())
/// ```
#[derive(Clone)]
pub struct Telemetry {
    pub(super) hub: Arc<Hub>,
    _last: Arc<LastHandle>,
}

/// What the handles and the drainer thread share.
pub(super) struct Hub {
    pub(super) handlers: Handlers,
    pub(super) drainer: Drainer,
    clock: Clock,
}

/// Lets the drainer go when the last handle is dropped; it may hold the hub a little longer.
struct LastHandle(Arc<Hub>);

impl Drop for LastHandle {
    fn drop(&mut self) {
        self.0.drainer.refuse();
    }
}

impl Telemetry {
    /// Events that may wait for the drainer thread; what is posted beyond it is dropped and counted.
    pub const POST_CAPACITY: usize = 4096;

    /// A telemetry without handlers, on the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    /// A telemetry whose events bear this clock's time.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        Self::with_drainer(clock, Drainer::new(Self::POST_CAPACITY, drainer::IDLE))
    }

    pub(super) fn with_drainer(clock: Clock, drainer: Drainer) -> Self {
        let hub = Arc::new(Hub {
            handlers: Handlers::new(),
            drainer,
            clock,
        });
        Self {
            _last: Arc::new(LastHandle(Arc::clone(&hub))),
            hub,
        }
    }

    /// Hands an event to the handlers that want it, here and now; they run on this thread, outside of
    /// all locks. `fill` runs only if there is such a handler.
    ///
    /// Without any handler this is one relaxed load.
    ///
    /// # Panics
    ///
    /// In debug builds, if the event does not carry exactly what its kind declares. A panic of a handler
    /// does not come here: it is caught, the handler is detached, and that is an event
    /// ([`kinds::HANDLER_DETACHED`]).
    #[inline]
    #[track_caller]
    pub fn emit(&self, kind: &'static EventKind, fill: impl FnOnce(&mut Event)) {
        if !self.hub.handlers.is_empty()
            && let Some(event) = self.hub.make(kind, fill)
        {
            self.hub.handle(&event);
        }
    }

    /// As [`emit`](Self::emit), but the handlers run on the drainer thread, in the order of the posts:
    /// for code that must never run a user's code. A bounded number of events wait
    /// ([`POST_CAPACITY`](Self::POST_CAPACITY)); what does not fit is dropped and counted.
    ///
    /// The drainer is started by the first event that somebody listens to, and ends when it has had
    /// nothing to do for some time.
    ///
    /// # Panics
    ///
    /// As [`emit`](Self::emit).
    #[inline]
    #[track_caller]
    pub fn post(&self, kind: &'static EventKind, fill: impl FnOnce(&mut Event)) {
        if !self.hub.handlers.is_empty()
            && let Some(event) = self.hub.make(kind, fill)
        {
            self.hub.drainer.post(&self.hub, event);
        }
    }

    /// Waits until all events that were posted so far are handled; false if the deadline passes before,
    /// or if a handler asks on the drainer thread itself.
    ///
    /// # Blocking
    ///
    /// Until the deadline at most: what is left of it by this telemetry's clock, waited for in real time.
    pub fn flush(&self, deadline: Deadline) -> bool {
        self.hub.drainer.flush(self.in_real_time(deadline))
    }

    /// Handles what was posted, ends the drainer thread and waits until it is gone; false if the deadline
    /// passes before. What is posted from now on is dropped and counted; [`emit`](Self::emit) works on.
    ///
    /// # Blocking
    ///
    /// As [`flush`](Self::flush).
    pub fn close(&self, deadline: Deadline) -> bool {
        self.hub.drainer.close(self.in_real_time(deadline))
    }

    /// A manual clock may stand still while real threads work.
    fn in_real_time(&self, deadline: Deadline) -> Deadline {
        let left = deadline.remaining(self.hub.clock.now());
        Clock::system().deadline(left)
    }

    /// Attaches a handler for the events that pass the filter. It is called after those attached before
    /// it, and may be called by several threads at once.
    ///
    /// A handler must be quick, because it runs where the event is emitted. It may emit; four levels deep
    /// events are dropped and counted. One that keeps a `Telemetry` keeps it alive until it is detached.
    ///
    /// # Errors
    ///
    /// [`AttachError::DuplicateId`]: another handler has this id.
    pub fn attach(
        &self,
        id: impl Into<String>,
        filter: Filter,
        handler: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Result<(), AttachError> {
        self.attach_up_to(
            id.into(),
            filter,
            || log::LevelFilter::Trace,
            Box::new(handler),
        )
    }

    /// As [`attach`](Self::attach), for a handler that wants nothing quieter than a level that may change.
    pub(super) fn attach_up_to(
        &self,
        id: String,
        filter: Filter,
        level: fn() -> log::LevelFilter,
        handler: Handle,
    ) -> Result<(), AttachError> {
        self.hub.handlers.attach(id, filter, level, handler)
    }

    /// Detaches the handler with this id. Calls that have begun on other threads go on to their end.
    ///
    /// # Errors
    ///
    /// [`DetachError::NotFound`]: there is none.
    pub fn detach(&self, id: &str) -> Result<(), DetachError> {
        self.hub.handlers.detach(id)
    }

    /// The handlers that are attached, in the order in which they are called.
    #[must_use]
    pub fn handlers(&self) -> Vec<HandlerInfo> {
        self.hub.handlers.infos()
    }

    /// How many events were dropped so far: posted beyond the bound or after the close, or emitted too
    /// deep within handlers.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.hub.drainer.dropped()
    }

    /// Opens a span: the child of the one that is open on this thread, or the first of a new trace.
    pub fn span(&self, name: impl Into<Cow<'static, str>>) -> SpanGuard {
        SpanGuard::begin(self.clone(), name.into())
    }

    /// The clock that stamps the events.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.hub.clock
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("handlers", &self.hub.handlers)
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// The event, if there is a handler that wants it.
    #[cold]
    #[track_caller]
    fn make(&self, kind: &'static EventKind, fill: impl FnOnce(&mut Event)) -> Option<Event> {
        if !self.handlers.want(kind) {
            return None;
        }
        let mut event = Event::new(kind, self.clock.now());
        if let Some((span, parent)) = span_context::current() {
            event.within(span, parent);
        }
        fill(&mut event);
        debug_assert!(
            event.keeps_to_its_kind(),
            "the kind declares {kind:?}, but the event carries {event:?}"
        );
        Some(event)
    }

    /// Runs the handlers, and tells those that are left of the ones that panicked.
    pub(super) fn handle(&self, event: &Event) {
        let Ok(detached) = self.handlers.handle(event) else {
            self.drainer.count_dropped();
            return;
        };
        for one in detached {
            let event = self.make(&kinds::HANDLER_DETACHED, |event| {
                event.tag("handler", one.id);
                event.tag("problem", format_args!("{}", one.report));
            });
            if let Some(event) = event {
                self.handle(&event);
            }
        }
    }

    /// Tells how many events were dropped, from the drainer thread.
    pub(super) fn tell_dropped(&self, count: u64) {
        let event = self.make(&kinds::DROPPED, |event| {
            event.measure("count", count);
        });
        if let Some(event) = event {
            self.handle(&event);
        }
    }
}
