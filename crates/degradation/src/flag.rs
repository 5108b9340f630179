//! A feature in hand: what is asked on every request, and a form without tower.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use salve_core::{Name, Reason, Refusable, Rejection};

use crate::cells::Cell;
use crate::future::ResponseFuture;
use crate::shared::Shared;

/// One feature, to be asked on every request: one read of memory.
///
/// Clones are the same. It follows the feature through changes of the settings; while they do not
/// name the feature, it is on.
///
/// ```
/// use salve_degradation::{Config, Feature, Handle};
///
/// let shop = Handle::new(Config::new("shop").with_feature(Feature::new("search")))?;
/// let search = shop.feature("search").unwrap();
/// assert!(search.is_enabled());
/// shop.override_feature("search", Some(0)).unwrap();
/// assert!(!search.is_enabled());
/// # Ok::<(), salve_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct FeatureFlag {
    pub(crate) cell: Arc<Cell>,
    pub(crate) shared: Arc<Shared>,
}

impl FeatureFlag {
    /// The feature.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.cell.name
    }

    /// Whether any of it is left.
    #[must_use]
    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.cell.told() != 0
    }

    /// How much of it is left, in percent.
    #[must_use]
    #[inline]
    pub fn capability(&self) -> u8 {
        self.cell.told()
    }

    /// Asks to use the feature once, and counts and tells if that is refused.
    ///
    /// # Errors
    /// A [`Rejection`] as [`Disabled`](Reason::Disabled) if nothing is left of it.
    #[inline]
    pub fn check(&self) -> Result<(), Rejection> {
        self.ask().map_err(|reason| Rejection::new(&self.shared.origin, reason))
    }

    #[inline]
    pub(crate) fn ask(&self) -> Result<(), Reason> {
        if self.cell.is_whole() { Ok(()) } else { self.ask_partly() }
    }

    #[cold]
    fn ask_partly(&self) -> Result<(), Reason> {
        if self.cell.real() != 0 {
            return Ok(());
        }
        let shadow = self.is_enabled();
        self.shared.refuse(Reason::Disabled, shadow)
    }

    /// Makes a call if the feature is on.
    ///
    /// # Errors
    /// What `work` fails with, or a [`Rejection`] in its error type.
    ///
    /// # Cancellation
    /// Dropping the future drops the call's own.
    pub fn call<Work, F, T, E>(&self, work: Work) -> ResponseFuture<F>
    where
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        match self.ask() {
            Ok(()) => ResponseFuture::called(work()),
            Err(reason) => ResponseFuture::refused(&self.shared.origin, reason),
        }
    }
}

impl fmt::Debug for FeatureFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureFlag")
            .field("name", self.name())
            .field("capability", &self.capability())
            .finish_non_exhaustive()
    }
}
