//! What every call through one policy shares: settings, counters, listeners.

use std::sync::Arc;

use salve_core::sync::{AtomicU32, Lock, Ordering};
use salve_core::{Enforcement, Events, Name, Told, clock};

use crate::config::{Config, Returned};
use crate::event::Event;
use crate::status::{Counts, Tally, Totals};

/// How many alternatives of different names are counted apart.
const MOST_TALLIES: usize = 256;

/// A policy that any number of threads may use.
///
/// # Invariants
/// 1. A call reads `word` when it fails, and tries its alternatives under these settings.
/// 2. Listeners are told with no lock held.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: Name,
    word: AtomicU32,
    pub(crate) totals: Totals,
    tallies: Lock<Vec<Arc<Tally>>>,
    pub(crate) events: Events<Event>,
}

/// The settings of a policy in one word, so that a call reads them at once and keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u32);

const CASCADE: u32 = 1;
const LAST: u32 = 2;
const CATCH: u32 = 4;
const SHADOW: u32 = 8;
const PAUSED: u32 = 16;

impl Word {
    fn of(config: &Config) -> Self {
        let bits = [
            (CASCADE, config.cascade),
            (LAST, config.returned == Returned::Last),
            (CATCH, config.catch_panics),
            (SHADOW, config.enforcement == Enforcement::Shadow),
        ];
        Self(bits.iter().filter(|(_, set)| *set).map(|(bit, _)| bit).sum())
    }

    const fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    pub(crate) const fn cascades(self) -> bool {
        self.has(CASCADE)
    }

    pub(crate) const fn returns_last(self) -> bool {
        self.has(LAST)
    }

    #[inline]
    pub(crate) const fn catches(self) -> bool {
        self.has(CATCH)
    }

    pub(crate) const fn is_shadow(self) -> bool {
        self.has(SHADOW)
    }

    pub(crate) const fn is_paused(self) -> bool {
        self.has(PAUSED)
    }

    /// Whether alternatives are tried.
    #[inline]
    pub(crate) const fn is_live(self) -> bool {
        !self.has(SHADOW | PAUSED)
    }

    fn config(self, name: Name) -> Config {
        let returned = if self.returns_last() { Returned::Last } else { Returned::Original };
        let enforcement = if self.is_shadow() { Enforcement::Shadow } else { Enforcement::Enforce };
        let (cascade, catch_panics) = (self.cascades(), self.catches());
        Config { name, cascade, returned, catch_panics, enforcement }
    }
}

impl Policy {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            word: AtomicU32::new(Word::of(&config).0),
            name: config.name,
            totals: Totals::default(),
            tallies: Lock::default(),
            events: Events::default(),
        }
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Relaxed))
    }

    pub(crate) fn config(&self) -> Config {
        self.word().config(self.name.clone())
    }

    /// Takes new settings; a pause stays.
    pub(crate) fn reconfigure(&self, config: &Config) {
        let new = Word::of(config).0;
        let change = |word| Some(word & PAUSED | new);
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        self.tell(Event::Reconfigured);
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        let before = if paused {
            self.word.fetch_or(PAUSED, Ordering::Relaxed)
        } else {
            self.word.fetch_and(!PAUSED, Ordering::Relaxed)
        };
        if Word(before).is_paused() != paused {
            self.tell(if paused { Event::Paused } else { Event::Resumed });
        }
    }

    /// The counters of the alternative of this name. Beyond the bound the last ones are shared.
    pub(crate) fn tally(&self, name: &Name) -> Arc<Tally> {
        let mut tallies = self.tallies.lock();
        let is_full = tallies.len() == MOST_TALLIES;
        let known = tallies.iter().find(|tally| tally.name == *name);
        if let Some(known) = known.or(if is_full { tallies.last() } else { None }) {
            return Arc::clone(known);
        }
        let name = if tallies.len() + 1 == MOST_TALLIES { "others".into() } else { name.clone() };
        let tally = Arc::new(Tally::new(name));
        tallies.push(Arc::clone(&tally));
        tally
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            failed: self.totals.failed.get(),
            panics: self.totals.panics.get(),
            answered: self.totals.answered.get(),
            exhausted: self.totals.exhausted.get(),
            shadow: self.totals.shadow.get(),
            alternatives: self.tallies.lock().iter().map(|tally| tally.read()).collect(),
        }
    }

    /// Tells the listeners, if there are any.
    pub(crate) fn tell(&self, event: Event) {
        if self.events.is_listened_to() {
            let told = Told { by: self.name.clone(), key: None, at: clock::now(), event };
            self.events.tell(&told);
        }
    }
}
