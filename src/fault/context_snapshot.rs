//! What a thread was doing at some moment, as a value of bounded size.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Breadcrumbs kept per operation; older ones are dropped and counted.
pub(super) const MAX_BREADCRUMBS: usize = 16;
/// Operations kept in a snapshot; the outermost ones beyond it are dropped and counted, so that a
/// context which is handed from thread to thread for ever does not grow for ever.
pub(super) const MAX_OPERATIONS: usize = 32;

/// What a thread was doing at some moment. Cheap to clone, and may go to other threads.
#[derive(Clone, Default)]
pub struct ContextSnapshot(Option<Arc<Captured>>);

#[derive(Default)]
struct Captured {
    operations: Vec<Operation>,
    correlation: Option<Arc<str>>,
    dropped: u64,
}

/// One operation of a context, or a correlation id without a name.
#[derive(Clone)]
pub(super) struct Operation {
    /// Which guard put it there.
    pub(super) number: u64,
    name: Option<Cow<'static, str>>,
    correlation: Option<Arc<str>>,
    breadcrumbs: VecDeque<Cow<'static, str>>,
    dropped: u64,
}

impl ContextSnapshot {
    /// Whether there is nothing to tell.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The operations, the outermost first.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.captured()
            .flat_map(|captured| &captured.operations)
            .filter_map(|operation| operation.name.as_deref())
    }

    /// The breadcrumbs of all operations, the oldest first.
    pub fn breadcrumbs(&self) -> impl Iterator<Item = &str> {
        self.captured()
            .flat_map(|captured| &captured.operations)
            .flat_map(|operation| &operation.breadcrumbs)
            .map(AsRef::as_ref)
    }

    /// The id given to [`ErrorContext::correlate`](super::ErrorContext::correlate), the innermost one.
    #[must_use]
    pub fn correlation(&self) -> Option<&str> {
        self.0.as_ref()?.correlation.as_deref()
    }

    /// How many breadcrumbs and operations were dropped, because there were too many.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.captured()
            .map(|captured| {
                let breadcrumbs: u64 = captured.operations.iter().map(|one| one.dropped).sum();
                captured.dropped + breadcrumbs
            })
            .sum()
    }

    /// This context with these operations inside of it.
    pub(super) fn extended(&self, frames: &[Operation]) -> Self {
        if frames.is_empty() {
            return self.clone();
        }
        let outer = self.0.as_deref();
        let inherited = outer.map_or(&[][..], |captured| &captured.operations);
        let beyond = (inherited.len() + frames.len()).saturating_sub(MAX_OPERATIONS);
        let operations = inherited
            .iter()
            .chain(frames)
            .skip(beyond)
            .cloned()
            .collect();
        let own = frames
            .iter()
            .rev()
            .find_map(|frame| frame.correlation.clone());
        let dropped = outer.map_or(0, |captured| captured.dropped);
        Self(Some(Arc::new(Captured {
            operations,
            correlation: own.or_else(|| outer?.correlation.clone()),
            dropped: dropped + u64::try_from(beyond).unwrap_or(u64::MAX),
        })))
    }

    fn captured(&self) -> impl Iterator<Item = &Captured> {
        self.0.as_deref().into_iter()
    }
}

impl fmt::Display for ContextSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(captured) = &self.0 else {
            return Ok(());
        };
        let mut lead = "";
        for operation in captured.operations.iter().filter(|one| one.name.is_some()) {
            write!(f, "{lead}{operation}")?;
            lead = " > ";
        }
        if let Some(id) = &captured.correlation {
            let space = if lead.is_empty() { "" } else { " " };
            write!(f, "{space}(correlation {id})")?;
        }
        match self.dropped() {
            0 => Ok(()),
            dropped => write!(f, " ({dropped} marks dropped)"),
        }
    }
}

impl fmt::Debug for ContextSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContextSnapshot({self})")
    }
}

impl Operation {
    pub(super) const fn new(
        name: Option<Cow<'static, str>>,
        correlation: Option<Arc<str>>,
    ) -> Self {
        Self {
            number: 0,
            name,
            correlation,
            breadcrumbs: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Adds a mark; the oldest goes, and is counted, when there are too many.
    pub(super) fn breadcrumb(&mut self, mark: Cow<'static, str>) {
        if self.breadcrumbs.len() == MAX_BREADCRUMBS {
            self.breadcrumbs.pop_front();
            self.dropped += 1;
        }
        self.breadcrumbs.push_back(mark);
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or_default())?;
        for (index, mark) in self.breadcrumbs.iter().enumerate() {
            write!(f, "{}{mark}", if index == 0 { " [" } else { "; " })?;
        }
        f.write_str(if self.breadcrumbs.is_empty() { "" } else { "]" })
    }
}
