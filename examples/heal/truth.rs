//! What is really so in a house, whatever its healer thinks: asked ten times a second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::children::answers;
use crate::house::{House, SCRATCH, SCRATCH_LIMIT, SHOP, STORE, WORKER};
use crate::script::RUN;
use crate::summary::Share;

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(100);
/// More jobs than this wait only for a worker that is stuck.
const JOBS: u64 = 10;

/// How often each part of a house worked, of how many times that it was asked. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Truth(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    worked: BTreeMap<&'static str, (u64, u64)>,
    now: BTreeMap<&'static str, bool>,
}

impl Truth {
    /// Asks until the run is over.
    pub(crate) fn watch(house: &Arc<House>, start: Instant) -> Self {
        let (truth, house) = (Self::default(), Arc::downgrade(house));
        let told = truth.clone();
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            let mut ticks = interval_at(start, EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while ticks.tick().await < start + RUN {
                let Some(house) = house.upgrade() else { return };
                told.note(SHOP, house.sells(&client).await);
                if let Some(port) = house.ports.store {
                    told.note(STORE, answers(port, b"PING\r\n").await);
                }
                told.note(WORKER, house.waiting().is_ok_and(|jobs| jobs <= JOBS));
                told.note(SCRATCH, house.scratched().is_ok_and(|bytes| bytes < SCRATCH_LIMIT));
            }
        });
        truth
    }

    fn note(&self, part: &'static str, works: bool) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (worked, asked) = seen.worked.entry(part).or_default();
        (*worked, *asked) = (*worked + u64::from(works), *asked + 1);
        seen.now.insert(part, works);
    }

    /// What does not work just now.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.now.iter().filter(|(_, works)| !**works).map(|(part, _)| *part).collect()
    }

    /// The share of the time in which each part worked.
    fn shares(self) -> BTreeMap<&'static str, f64> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let share = |(worked, asked): (u64, u64)| worked as f64 / asked.max(1) as f64;
        seen.worked.iter().map(|(part, counts)| (*part, share(*counts))).collect()
    }
}

/// What a part was worth without a healer and with one.
pub(crate) fn beside(bare: Truth, healed: Truth) -> Vec<Share> {
    let (bare, healed) = (bare.shares(), healed.shares());
    let healed = |part| healed.get(part).copied().unwrap_or_default();
    let rows = bare.iter().map(|(part, bare)| Share {
        part: (*part).to_owned(),
        bare: *bare,
        healed: healed(part),
    });
    rows.collect()
}
