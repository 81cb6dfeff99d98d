//! Breakers by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use super::breaker::CircuitBreaker;
use super::breaker_error::{BreakerError, BreakerFault};
use super::config::BreakerConfig;
use crate::fault::{Category, Classify, Severity};

/// Breakers by name, each made when it is first asked for: one per host, one per service.
///
/// # Examples
///
/// ```
/// use steadfast::guards::breaker::{BreakerConfig, BreakerRegistry, Trip};
///
/// let hosts = BreakerRegistry::new(BreakerConfig::new(Trip::consecutive(3)))?;
/// let answer = hosts.breaker("example.org")?.call(|| Ok::<_, std::io::Error>(42));
/// assert_eq!(answer.ok(), Some(42));
/// assert_eq!(hosts.names().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BreakerRegistry {
    config: BreakerConfig,
    most: usize,
    breakers: RwLock<BTreeMap<Arc<str>, Arc<CircuitBreaker>>>,
}

/// Why there is no breaker of a name.
///
/// # Examples
///
/// ```
/// use steadfast::guards::breaker::{BreakerConfig, BreakerRegistry, RegistryError, Trip};
///
/// let hosts = BreakerRegistry::with_max_breakers(BreakerConfig::new(Trip::consecutive(3)), 1)?;
/// hosts.breaker("example.org")?;
/// let full = hosts.breaker("example.com").map(drop);
/// assert_eq!(full, Err(RegistryError::TooMany { most: 1 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no place for another breaker.
    #[error("there is no place for another breaker beside {most}")]
    TooMany {
        /// How many there are.
        most: usize,
    },
    /// The configuration that was made for it makes no sense.
    #[error(transparent)]
    Invalid(#[from] BreakerError),
}

impl BreakerRegistry {
    /// How many breakers a registry has at most where nothing else is said.
    pub const DEFAULT_MAX_BREAKERS: usize = 1024;

    /// A registry whose breakers are made from `config`, each with its own name.
    ///
    /// # Errors
    /// What [`BreakerConfig::validate`] finds.
    pub fn new(config: BreakerConfig) -> Result<Self, BreakerError> {
        Self::with_max_breakers(config, Self::DEFAULT_MAX_BREAKERS)
    }

    /// As [`new`](Self::new), for at most so many breakers.
    ///
    /// # Errors
    /// What [`BreakerConfig::validate`] finds; [`BreakerFault::NoPlaces`] for none.
    pub fn with_max_breakers(config: BreakerConfig, most: usize) -> Result<Self, BreakerError> {
        config.validate()?;
        let no_places = (most == 0).then_some(BreakerFault::NoPlaces);
        BreakerError::unless_empty(no_places.into_iter().collect())?;
        Ok(Self {
            config,
            most,
            breakers: RwLock::default(),
        })
    }

    /// The breaker of this name, which is made if it is not there yet. Keep it: it stays the same until it is removed.
    ///
    /// # Errors
    /// [`RegistryError::TooMany`], and [`RegistryError::Invalid`] for an empty name.
    pub fn breaker(&self, name: &str) -> Result<Arc<CircuitBreaker>, RegistryError> {
        self.breaker_with(name, |config| config)
    }

    /// As [`breaker`](Self::breaker), made from what `change` makes of the configuration if it is not there yet; one that is
    /// there stays as it is.
    ///
    /// # Errors
    /// [`RegistryError::TooMany`], [`RegistryError::Invalid`].
    pub fn breaker_with(
        &self,
        name: &str,
        change: impl FnOnce(BreakerConfig) -> BreakerConfig,
    ) -> Result<Arc<CircuitBreaker>, RegistryError> {
        if let Some(breaker) = self.get(name) {
            return Ok(breaker);
        }
        // Outside of the lock: it is the user's code.
        let config = change(self.config.clone());
        let name: Arc<str> = name.into();
        let made = Arc::new(config.name(Arc::clone(&name)).build()?);
        let mut breakers = self.breakers.write();
        if !breakers.contains_key(&name) && breakers.len() >= self.most {
            return Err(RegistryError::TooMany { most: self.most });
        }
        Ok(Arc::clone(breakers.entry(name).or_insert(made)))
    }

    /// The breaker of this name, if it was made.
    pub fn get(&self, name: &str) -> Option<Arc<CircuitBreaker>> {
        self.breakers.read().get(name).cloned()
    }

    /// Removes the breaker of this name; who has it keeps it. False if there is none.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.breakers.write().remove(name);
        removed.is_some()
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.breakers.read().keys().cloned().collect()
    }
}

impl fmt::Debug for BreakerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerRegistry")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl Classify for RegistryError {
    fn category(&self) -> Category {
        match self {
            Self::TooMany { .. } => Category::Capacity,
            Self::Invalid(error) => error.category(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Medium
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "breaker.too_many",
            Self::Invalid(error) => error.code(),
        }
    }
}
