//! What single entries are let in with.

use std::time::Duration;

/// What an entry is let in with, where it differs from the configuration.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast::guards::cache::{CacheConfig, EntryOptions};
///
/// const SESSIONS: usize = 0;
/// let cache = CacheConfig::new(100).groups(1).build()?;
/// let options = EntryOptions::new().ttl(Duration::from_secs(60)).group(SESSIONS);
/// cache.insert_with(7, "session", options)?;
/// cache.invalidate_group(SESSIONS);
/// assert_eq!(cache.get(&7), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryOptions {
    pub(super) ttl: Option<Duration>,
    pub(super) group: Option<usize>,
    pub(super) pinned: bool,
}

impl EntryOptions {
    /// As the configuration says.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ttl: None,
            group: None,
            pinned: false,
        }
    }

    /// How long it lives. Default: as the cache is configured; [`Duration::MAX`] is for ever.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The group that it is invalidated with. Default: what [`CacheConfig::group_of`](super::CacheConfig::group_of) says.
    #[must_use]
    pub const fn group(mut self, group: usize) -> Self {
        self.group = Some(group);
        self
    }

    /// Whether it stays when there is no room; it still expires and can be removed. Pinned entries that fill the cache keep
    /// all others out. Default: no, and what replaces a pinned entry stays pinned until [`Cache::unpin`](super::Cache::unpin).
    #[must_use]
    pub const fn pinned(mut self, pinned: bool) -> Self {
        self.pinned = pinned;
        self
    }
}
