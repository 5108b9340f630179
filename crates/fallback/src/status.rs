//! What a chain of alternatives has counted.

use std::sync::atomic::{AtomicU64, Ordering};

use salve_core::Name;

/// What a policy has counted since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that failed or were refused, panics that were caught among them.
    pub failed: u64,
    /// Panics that were caught, of calls and of alternatives.
    pub panics: u64,
    /// Calls that an alternative answered.
    pub answered: u64,
    /// Calls that no alternative answered.
    pub exhausted: u64,
    /// Calls for which an alternative would have been tried, but for shadow mode.
    pub shadow: u64,
    /// Each alternative by name, in the order in which the policy came to know them.
    pub alternatives: Vec<AlternativeCounts>,
}

/// What a policy has counted of one alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternativeCounts {
    /// Its name.
    pub name: Name,
    /// Calls that it answered.
    pub answered: u64,
    /// Calls that it failed to answer.
    pub failed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) failed: Counter,
    pub(crate) panics: Counter,
    pub(crate) answered: Counter,
    pub(crate) exhausted: Counter,
    pub(crate) shadow: Counter,
}

/// The counters of one alternative.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) name: Name,
    pub(crate) answered: Counter,
    pub(crate) failed: Counter,
}

impl Tally {
    pub(crate) fn new(name: Name) -> Self {
        Self { name, answered: Counter::default(), failed: Counter::default() }
    }

    pub(crate) fn read(&self) -> AlternativeCounts {
        let (answered, failed) = (self.answered.get(), self.failed.get());
        AlternativeCounts { name: self.name.clone(), answered, failed }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
