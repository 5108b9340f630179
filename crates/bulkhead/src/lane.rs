//! How a call holds on to its bulkhead.

use salve_core::Hold;

use crate::shared::Shared;

/// How a permit holds on to its bulkhead. The two ways are [`Single`] and [`Member`].
pub trait Lane: Hold<Shared> {}

impl<L: Hold<Shared>> Lane for L {}

/// Holds on to a bulkhead that stands alone.
pub type Single = salve_core::Single<Shared>;

/// Holds on to the bulkhead of one key, and keeps it from being evicted.
pub type Member<K> = salve_core::Member<K, Shared>;
