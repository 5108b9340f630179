//! Reading a bulkhead and steering it while it runs.

use std::time::Duration;

use salve_core::clock;
use salve_core::sync::Ordering;

use super::{Shared, Word, flags};
use crate::config::Config;
use crate::limit::Limiter;
use crate::status::Status;

/// What moves the number of places by these settings, going on from what did so before.
pub(super) fn limiter(config: &Config, before: Option<Box<Limiter>>) -> Option<Box<Limiter>> {
    let adaptive = config.adaptive?;
    match before {
        Some(mut limiter) => {
            limiter.reconfigure(adaptive);
            Some(limiter)
        }
        None => Some(Box::new(Limiter::new(adaptive, config.places))),
    }
}

impl Shared {
    /// Sets how many places there are, and returns how many there were.
    pub(crate) fn resize(&self, places: u32) -> u32 {
        let mut inner = self.inner.lock();
        inner.config.places = places;
        let mut limiter = self.limiter.lock();
        let places = limiter.as_mut().map_or(places, |limiter| {
            limiter.set(places, clock::now());
            limiter.limit()
        });
        let before = self.change(|word| word.with_places(places));
        drop(limiter);
        drop(inner);
        self.serve();
        before.places()
    }

    /// Takes no new calls, or takes them again; says whether that was new.
    pub(crate) fn set_closed(&self, closed: bool) -> bool {
        let flag = Word::CLOSED;
        let before = self.change(|word| Word(if closed { word.0 | flag } else { word.0 & !flag }));
        before.has(flag) != closed
    }

    pub(crate) fn reconfigure(&self, config: Config) {
        let mut inner = self.inner.lock();
        let Config { queue, order, tenant_lanes, .. } = config;
        inner.compartment.reconfigure(queue as usize, order, tenant_lanes);
        let mut held = self.limiter.lock();
        *held = limiter(&config, held.take());
        let places = held.as_ref().map_or(config.places, |limiter| limiter.limit());
        let unflagged = !(Word::SHADOW | Word::MEASURED);
        self.change(|word| Word(word.with_places(places).0 & unflagged | flags(&config)));
        drop(held);
        inner.config = config;
        drop(inner);
        self.serve();
    }

    pub(crate) fn config(&self) -> Config {
        self.inner.lock().config.clone()
    }

    pub(crate) fn status(&self) -> Status {
        let inner = self.inner.lock();
        let limiter = self.limiter.lock();
        let latency = |of: fn(&Limiter) -> Option<f64>| {
            Some(Duration::from_nanos(of(limiter.as_ref()?)? as u64))
        };
        let (usual_latency, baseline_latency) =
            (latency(Limiter::usual), latency(Limiter::baseline));
        let word = Word(self.word.load(Ordering::Acquire));
        Status {
            places: word.places(),
            in_use: word.in_use(),
            waiting: inner.compartment.waiting(),
            closed: word.has(Word::CLOSED),
            usual_latency,
            baseline_latency,
        }
    }
}
