//! What is asked on every request: how much of each feature is left, by name.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use salve_core::Name;
use salve_core::sync::{AtomicBool, AtomicU64, Ordering};

type Cells = HashMap<Name, Arc<Cell>, foldhash::fast::RandomState>;

/// The features by name.
///
/// Those of the first settings stay where they are for good, so that finding them takes no
/// synchronisation; only features that later settings add are looked for in a table that may be
/// exchanged. A cell is kept when its feature goes, so that a flag in hand finds it again.
#[derive(Debug)]
pub(crate) struct Table {
    first: Cells,
    later: ArcSwap<Cells>,
}

impl Table {
    /// A table of these features, and their cells in order.
    pub(crate) fn new(names: impl Iterator<Item = Name>) -> (Self, Vec<Arc<Cell>>) {
        let cells: Vec<_> = names.map(|name| Arc::new(Cell::new(name))).collect();
        let first = cells.iter().map(|cell| (cell.name.clone(), Arc::clone(cell))).collect();
        (Self { first, later: ArcSwap::default() }, cells)
    }

    /// What callers are told of a feature; `None` if it was never named.
    #[inline]
    pub(crate) fn told(&self, feature: &str) -> Option<u8> {
        match self.first.get(feature) {
            Some(cell) => Some(cell.told()),
            None => self.told_later(feature),
        }
    }

    #[cold]
    fn told_later(&self, feature: &str) -> Option<u8> {
        self.later.load().get(feature).map(|cell| cell.told())
    }

    /// A feature that the settings name.
    pub(crate) fn cell(&self, feature: &str) -> Option<Arc<Cell>> {
        self.known(feature).filter(|cell| cell.named.load(Ordering::Relaxed))
    }

    fn known(&self, feature: &str) -> Option<Arc<Cell>> {
        self.first.get(feature).cloned().or_else(|| self.later.load().get(feature).cloned())
    }

    /// Follows settings that name these features, and returns their cells in order. Of those that
    /// are named no more everything is left.
    pub(crate) fn rename(&self, names: impl Iterator<Item = Name>) -> Vec<Arc<Cell>> {
        let mut later = Cells::clone(&self.later.load());
        for cell in self.first.values().chain(later.values()) {
            cell.named.store(false, Ordering::Relaxed);
        }
        let mut cells = Vec::new();
        for name in names {
            let cell = self.known(name.as_str()).unwrap_or_else(|| {
                let cell = Arc::new(Cell::new(name.clone()));
                later.insert(name, Arc::clone(&cell));
                cell
            });
            cell.named.store(true, Ordering::Relaxed);
            cells.push(cell);
        }
        for cell in self.first.values().chain(later.values()) {
            if !cell.named.load(Ordering::Relaxed) {
                cell.set_override(None);
                cell.set(100, false);
            }
        }
        self.later.store(Arc::new(later));
        cells
    }
}

/// How much of one feature is left.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) name: Name,
    /// What callers are told, and above it what would be so without shadow mode, in percent.
    word: AtomicU64,
    /// Whether the settings name it.
    named: AtomicBool,
    /// What an operator has set, in percent, above all levels; [`NOT_SET`] if nothing.
    overridden: AtomicU64,
}

const NOT_SET: u64 = u64::MAX;
/// The word of a feature of which all is left.
const WHOLE: u64 = pack(100, 100);

const fn pack(told: u8, real: u8) -> u64 {
    told as u64 | (real as u64) << 8
}

impl Cell {
    fn new(name: Name) -> Self {
        Self {
            name,
            word: AtomicU64::new(WHOLE),
            overridden: AtomicU64::new(NOT_SET),
            named: AtomicBool::new(true),
        }
    }

    /// Whether all of it is left, in shadow mode and without.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.word.load(Ordering::Relaxed) == WHOLE
    }

    /// What is left, as callers are told.
    #[inline]
    pub(crate) fn told(&self) -> u8 {
        self.word.load(Ordering::Relaxed) as u8
    }

    /// What would be left without shadow mode.
    pub(crate) fn real(&self) -> u8 {
        (self.word.load(Ordering::Relaxed) >> 8) as u8
    }

    pub(crate) fn set(&self, real: u8, shadow: bool) {
        self.word.store(pack(if shadow { 100 } else { real }, real), Ordering::Relaxed);
    }

    pub(crate) fn overridden(&self) -> Option<u8> {
        u8::try_from(self.overridden.load(Ordering::Relaxed)).ok()
    }

    pub(crate) fn set_override(&self, percent: Option<u8>) {
        self.overridden.store(percent.map_or(NOT_SET, u64::from), Ordering::Relaxed);
    }
}
