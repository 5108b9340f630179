//! How a call holds on to its rate limit.

use salve_core::Hold;

use crate::shared::Shared;

/// How a call holds on to its rate limit. The two ways are [`Single`] and [`Member`].
pub trait Lane: Hold<Shared> {}

impl<L: Hold<Shared>> Lane for L {}

/// Holds on to a rate limit that stands alone.
pub type Single = salve_core::Single<Shared>;

/// Holds on to the rate limit of one key, and keeps it from being evicted.
pub type Member<K> = salve_core::Member<K, Shared>;
