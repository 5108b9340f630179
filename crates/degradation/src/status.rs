//! What a ladder shows of itself: its level, its features and what it has counted.

use salve_core::sync::{AtomicU64, Ordering};
use salve_core::{Class, Name};

use crate::shared::{Inner, ReadOnly};

/// A ladder at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The level of the whole.
    pub level: Name,
    /// Its place, 0 for the best.
    pub level_index: usize,
    /// The place of the level that an operator holds it at; 0 if none.
    pub held_index: usize,
    /// Whether it no longer moves by itself.
    pub paused: bool,
    /// What is left of each feature of which not all is, in percent.
    pub degraded: Vec<(Name, u8)>,
    /// The readings of the rules that ask for a worse level.
    pub asking: Vec<Name>,
    /// The readings that were not there at the last look.
    pub unknown: Vec<Name>,
    /// The highest class of calls that are shed.
    pub sheds: Option<Class>,
    /// An operator's read-only mode.
    pub read_only: Option<ReadOnly>,
}

impl Status {
    pub(crate) fn of(inner: &Inner) -> Self {
        let Inner { plan, ladder, read_only, .. } = inner;
        let readings = |places: &mut dyn Iterator<Item = usize>| {
            places.filter_map(|place| Some(plan.rules.get(place)?.rule.reading.clone())).collect()
        };
        let level_index = ladder.level();
        Self {
            level: plan.level_name(level_index),
            level_index,
            held_index: ladder.held(),
            paused: ladder.is_paused(),
            degraded: inner.degraded(),
            asking: readings(&mut ladder.asking()),
            unknown: readings(&mut ladder.unknown()),
            sheds: plan.sheds(level_index),
            read_only: read_only.clone(),
        }
    }
}

/// What a ladder has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Times that the level of the whole became worse.
    pub degradations: u64,
    /// Times that it became better.
    pub recoveries: u64,
    /// Calls that were refused.
    pub rejected: u64,
    /// Calls that would have been refused, but for shadow mode.
    pub shadow_rejected: u64,
}

/// The counters behind [`Counts`]; a call that is let through touches none of them.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    degradations: AtomicU64,
    recoveries: AtomicU64,
    rejected: AtomicU64,
    shadow_rejected: AtomicU64,
}

impl Totals {
    pub(crate) fn count_move(&self, worse: bool) {
        let counter = if worse { &self.degradations } else { &self.recoveries };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_rejection(&self, shadow: bool) {
        let counter = if shadow { &self.shadow_rejected } else { &self.rejected };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            degradations: read(&self.degradations),
            recoveries: read(&self.recoveries),
            rejected: read(&self.rejected),
            shadow_rejected: read(&self.shadow_rejected),
        }
    }
}
