//! What bulkheads of the same settings share: name, listeners and counts.

use std::sync::Arc;

use salve_core::{Class, Events, Origin, Reason, Rejection, Told, clock};

use crate::config::{Config, ROOM};
use crate::event::Event;
use crate::status::Totals;

/// What every bulkhead made from the same settings shares.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) origin: Origin,
    pub(crate) events: Events<Event>,
    pub(crate) totals: Totals,
}

impl Policy {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        let origin = Origin::new(ROOM, config.name.clone());
        Arc::new(Self { origin, events: Events::default(), totals: Totals::new() })
    }

    /// Counts and tells a refusal, and makes the rejection. Call it with no lock held.
    #[cold]
    pub(crate) fn reject(
        &self,
        refusal: Refusal,
        key: impl FnOnce() -> Option<String>,
    ) -> Rejection {
        let Refusal { reason, class, shadow } = refusal;
        self.totals.count_rejection(reason, shadow);
        self.tell(key, Event::Rejected { reason, class, shadow });
        Rejection::new(&self.origin, reason)
    }

    pub(crate) fn tell(&self, key: impl FnOnce() -> Option<String>, event: Event) {
        if self.events.is_listened_to() {
            let by = self.origin.name().clone();
            self.events.tell(&Told { by, key: key(), at: clock::now(), event });
        }
    }
}

/// Who is refused, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) class: Class,
    pub(crate) shadow: bool,
}
