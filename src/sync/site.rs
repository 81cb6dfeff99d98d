//! Named sites: the orderings and second looks that a model may break on purpose.
//!
//! The selector is thread-local to the operating-system thread that runs a model. Loom runs all threads of a model on
//! that one thread, so a model sees its own selection and no other test's.

/// Names an ordering: `ord!("ring.publish", Release)`.
///
/// In a real build it *is* the ordering. Under loom the runner may weaken exactly this site. A site that no model can
/// catch says so: `ord!("x", Acquire, unproved = "the reason")`; `.ci/mutate-orderings` refuses a silent survivor.
macro_rules! ord {
    ($site:literal, $order:ident $(, unproved = $why:literal)?) => {{
        #[cfg(all(test, loom))]
        {
            $crate::sync::pick($site, $crate::sync::atomic::Ordering::$order)
        }
        #[cfg(not(all(test, loom)))]
        {
            $crate::sync::atomic::Ordering::$order
        }
    }};
}

/// Names a second look: `recheck!("waiters.recheck", try_op())`.
///
/// In a real build it *is* the expression. Under loom the runner may drop exactly this one; the value is then the
/// type's default: `None`, `false` or `()`.
macro_rules! recheck {
    ($site:literal, $look:expr $(, unproved = $why:literal)?) => {{
        #[cfg(all(test, loom))]
        {
            if $crate::sync::dropped($site) {
                Default::default()
            } else {
                $look
            }
        }
        #[cfg(not(all(test, loom)))]
        {
            $look
        }
    }};
}

pub(crate) use {ord, recheck};

#[cfg(all(test, loom))]
pub(crate) use selector::{Break, dropped, pick, select, touched};

#[cfg(all(test, loom))]
mod selector {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use loom::sync::atomic::Ordering;

    /// What happens to the selected site.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) enum Break {
        /// An ordering becomes `Relaxed` (a fence vanishes), a second look does not happen.
        Drop(String),
        /// A sequentially consistent fence becomes an acquire-release one.
        Soften(String),
    }

    thread_local! {
        static SELECTED: RefCell<Option<Break>> = const { RefCell::new(None) };
        static TOUCHED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// Selects what to break in the models that this thread runs from now on.
    pub(crate) fn select(choice: Option<Break>) {
        SELECTED.set(choice);
    }

    /// The sites that this thread's models have passed since the last call.
    pub(crate) fn touched() -> BTreeSet<&'static str> {
        TOUCHED.take()
    }

    /// The ordering of `site` as selected.
    pub(crate) fn pick(site: &'static str, order: Ordering) -> Ordering {
        touch(site);
        SELECTED.with_borrow(|choice| match choice {
            Some(Break::Drop(name)) if name == site => Ordering::Relaxed,
            Some(Break::Soften(name)) if name == site => Ordering::AcqRel,
            _ => order,
        })
    }

    /// True if the second look `site` is not to happen.
    pub(crate) fn dropped(site: &'static str) -> bool {
        touch(site);
        SELECTED.with_borrow(|choice| matches!(choice, Some(Break::Drop(name)) if name == site))
    }

    fn touch(site: &'static str) {
        TOUCHED.with_borrow_mut(|sites| sites.insert(site));
    }
}
