//! What rate limits of the same settings share: name, listeners and counts.

use std::sync::Arc;

use salve_core::sync::{AtomicBool, Ordering};
use salve_core::{Events, Moment, Origin, Reason, Rejection, Told, clock};

use crate::config::{ROOM, Settings};
use crate::event::Event;
use crate::pace::Turn;
use crate::status::Totals;

/// What every rate limit made from the same settings shares.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) origin: Origin,
    pub(crate) events: Events<Event>,
    pub(crate) totals: Totals,
    is_shadow: AtomicBool,
}

/// Why a call is refused, and when it could be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) cost: u32,
    /// [`Moment::MAX`] if never.
    pub(crate) until: Moment,
}

impl Refusal {
    /// Refuses a call whose turn has not come.
    pub(crate) const fn of(turn: Turn, cost: u32) -> Self {
        match turn {
            Turn::At(at) => Self::late(Reason::RateLimited, cost, at),
            Turn::Granted(_) | Turn::Never => {
                Self { reason: Reason::TooCostly, cost, until: Moment::MAX }
            }
        }
    }

    pub(crate) const fn late(reason: Reason, cost: u32, at: u64) -> Self {
        Self { reason, cost, until: Moment::from_nanos(at) }
    }
}

impl Policy {
    pub(crate) fn new(settings: &Settings) -> Arc<Self> {
        let policy = Self {
            origin: Origin::new(ROOM, settings.config.name.clone()),
            events: Events::default(),
            totals: Totals::new(),
            is_shadow: AtomicBool::new(settings.is_shadow()),
        };
        Arc::new(policy)
    }

    pub(crate) fn reconfigure(&self, settings: &Settings) {
        self.is_shadow.store(settings.is_shadow(), Ordering::Relaxed);
    }

    pub(crate) fn is_shadow(&self) -> bool {
        self.is_shadow.load(Ordering::Relaxed)
    }

    /// Counts and tells a refusal, which in shadow mode is none. Call it with no lock held.
    #[cold]
    pub(crate) fn refuse(
        &self,
        refusal: Refusal,
        now: Moment,
        key: impl FnOnce() -> Option<String>,
    ) -> Result<(), Rejection> {
        let Refusal { reason, cost, until } = refusal;
        let shadow = self.is_shadow();
        self.totals.count_rejection(reason, shadow);
        let retry_after = (until < Moment::MAX).then(|| until.since(now));
        self.tell(key, || Event::Rejected { reason, cost, retry_after, shadow });
        if shadow {
            return Ok(());
        }
        let rejection = Rejection::new(&self.origin, reason);
        Err(match retry_after {
            Some(wait) => rejection.with_retry_after(wait),
            None => rejection,
        })
    }

    pub(crate) fn tell(&self, key: impl FnOnce() -> Option<String>, event: impl FnOnce() -> Event) {
        if self.events.is_listened_to() {
            let by = self.origin.name().clone();
            self.events.tell(&Told { by, key: key(), at: clock::now(), event: event() });
        }
    }
}
