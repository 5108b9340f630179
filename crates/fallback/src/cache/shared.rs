//! What every call through one cache shares, whatever it keeps: settings, verdict, counters.

use std::sync::Arc;

use salve_core::sync::{AtomicBool, AtomicU64, Lock, Ordering};
use salve_core::{Check, ConfigError, Events, Moment, Name, Told, clock};

use super::config::{Config, ROOM, Scope};
use super::event::Event;
use super::life::{Cause, Kept, Reach, Terms};
use super::status::Totals;

/// A cache without its answers.
///
/// # Invariants
/// 1. `version` is written under `config`'s lock, after the settings: whoever has seen a version
///    finds settings at least as new.
/// 2. What was asked for in an earlier generation is not kept, and what was kept in one is not
///    served.
/// 3. Listeners are told with no lock held.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: Name,
    pub(crate) totals: Totals,
    pub(crate) events: Events<Event>,
    version: AtomicU64,
    config: Lock<Arc<Config>>,
    generation: AtomicU64,
    /// Until when the source as a whole is held to be unreachable, in nanoseconds.
    unreachable_until: AtomicU64,
    is_held: AtomicBool,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            name: config.name.clone(),
            totals: Totals::default(),
            events: Events::default(),
            version: AtomicU64::new(0),
            config: Lock::new(Arc::new(config)),
            generation: AtomicU64::new(0),
            unreachable_until: AtomicU64::new(0),
            is_held: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn terms(&self) -> Terms {
        Terms::of(&self.config.lock())
    }

    pub(crate) fn config(&self) -> Config {
        Config::clone(&self.config.lock())
    }

    pub(crate) fn reconfigure(&self, mut config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        config.name = self.name.clone();
        let mut present = self.config.lock();
        let fixed = present.max_entries;
        let bound = format_args!("{fixed}, which is fixed while it runs").to_string();
        let same = config.max_entries == fixed;
        Check::room(ROOM).that("max_entries", config.max_entries, same, bound)?;
        *present = Arc::new(config);
        self.version.fetch_add(1, Ordering::Release);
        drop(present);
        self.tell(Event::Reconfigured);
        Ok(())
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    pub(crate) fn set_held(&self, held: bool) {
        if self.is_held.swap(held, Ordering::Relaxed) != held {
            self.tell(if held { Event::Held } else { Event::Released });
        }
    }

    /// The verdict that a key is under, of which `of_key` is its own.
    pub(crate) fn unreachable_until(&self, terms: &Terms, of_key: &AtomicU64) -> Moment {
        let cell = if terms.scope == Scope::Key { of_key } else { &self.unreachable_until };
        Moment::from_nanos(cell.load(Ordering::Relaxed))
    }

    /// Until when the source as a whole is held to be unreachable.
    pub(crate) fn source_unreachable_until(&self) -> Moment {
        Moment::from_nanos(self.unreachable_until.load(Ordering::Relaxed))
    }

    /// Takes down what the end of a call says of the way to the source. `of_key` is the verdict
    /// about the key, if it has an answer: without one it has nothing to serve.
    pub(crate) fn note(
        &self,
        terms: &Terms,
        reach: Reach,
        of_key: Option<&AtomicU64>,
        now: Moment,
    ) {
        let cell = match (terms.scope, of_key) {
            (Scope::Source, _) => &self.unreachable_until,
            (Scope::Key, Some(of_key)) => of_key,
            (Scope::Key, None) => return,
        };
        let before = Moment::from_nanos(cell.load(Ordering::Relaxed));
        let Some(until) = terms.verdict(reach, before, now) else { return };
        // Of two calls that end at once either may be the last: the next one asks again.
        cell.store(until.as_nanos(), Ordering::Relaxed);
        if until == Moment::ZERO {
            self.tell(Event::Reached);
        } else if before <= now {
            self.tell(Event::FoundUnreachable { wait: until.since(now) });
        }
    }

    /// Notes that a kept answer was served.
    pub(crate) fn served(&self, kept: Kept) {
        self.totals.served(kept.cause).add_one();
        if kept.cause != Cause::Fresh {
            self.tell(Event::Served(kept));
        }
    }

    /// Notes that a kept answer would have been served, but for shadow mode.
    pub(crate) fn would_have_served(&self, kept: Kept) {
        self.totals.shadow.add_one();
        self.tell(Event::WouldHaveServed(kept));
    }

    /// Tells the listeners, if there are any.
    pub(crate) fn tell(&self, event: Event) {
        if self.events.is_listened_to() {
            let told = Told { by: self.name.clone(), key: None, at: clock::now(), event };
            self.events.tell(&told);
        }
    }
}
