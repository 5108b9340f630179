//! What a breaker needs only once it has opened: its wait, its probes, its ramp, its last trips.

use std::collections::VecDeque;
use std::time::Duration;

use salve_core::Moment;

use crate::breaker::Trip;
use crate::config::{Config, RampOver};
use crate::stripes::LAST_PROBE;
use crate::tally::TripReason;

/// How many trips are remembered.
const TRIPS: usize = 8;

/// The whole in parts per million, as `Ratio` has it.
const WHOLE: u64 = 1_000_000;

#[derive(Debug, Default)]
pub(crate) struct Episode {
    /// When the state was entered.
    pub(crate) since: Moment,
    pub(crate) open_until: Moment,
    pub(crate) trips_in_a_row: u32,
    probing: Probing,
    ramp: RampProgress,
    trips: VecDeque<Trip>,
}

/// The probes of one half-open stay.
#[derive(Debug, Default)]
struct Probing {
    out: Vec<Probe>,
    succeeded: u32,
    failed: u32,
    last_number: u32,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    number: u32,
    deadline: Moment,
}

#[derive(Debug, Default)]
struct RampProgress {
    admitted: u32,
    /// What is left over of the shares that were not enough for a whole call.
    credit: u64,
}

/// What the probes have shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeVerdict {
    Undecided,
    Close,
    /// So many failed that too few are left to close it.
    Reopen(u32),
}

impl Episode {
    pub(crate) fn start_probing(&mut self) {
        let Probing { out, succeeded, failed, last_number: _ } = &mut self.probing;
        out.clear();
        (*succeeded, *failed) = (0, 0);
    }

    /// The number of a new probe, if there is a place for one.
    pub(crate) fn admit_probe(&mut self, config: &Config, now: Moment) -> Option<u32> {
        let probing = &mut self.probing;
        probing.out.retain(|probe| now < probe.deadline);
        let taken = probing.out.len() as u32 + probing.succeeded + probing.failed;
        if taken >= config.probes {
            return None;
        }
        // Zero says that a call is no probe.
        probing.last_number = probing.last_number % LAST_PROBE + 1;
        let probe =
            Probe { number: probing.last_number, deadline: now.after(config.probe_deadline) };
        probing.out.push(probe);
        Some(probe.number)
    }

    /// Counts the end of a probe, unless its place has been given to another.
    pub(crate) fn end_probe(
        &mut self,
        config: &Config,
        number: u32,
        succeeded: bool,
    ) -> ProbeVerdict {
        let probing = &mut self.probing;
        if !probing.take(number) {
            return ProbeVerdict::Undecided;
        }
        probing.succeeded += u32::from(succeeded);
        probing.failed += u32::from(!succeeded);
        if probing.succeeded >= config.successes_to_close {
            ProbeVerdict::Close
        } else if probing.failed + config.successes_to_close > config.probes {
            ProbeVerdict::Reopen(probing.failed)
        } else {
            ProbeVerdict::Undecided
        }
    }

    pub(crate) fn release_probe(&mut self, number: u32) {
        self.probing.take(number);
    }

    pub(crate) fn start_ramp(&mut self) {
        self.ramp = RampProgress::default();
    }

    /// Whether a call on the ramp is admitted; `None` at its end.
    pub(crate) fn admit_ramped(&mut self, config: &Config, now: Moment) -> Option<bool> {
        let ramp = config.ramp?;
        let elapsed = now.since(self.since);
        let (done, all) = match ramp.over {
            RampOver::Time(over) => (elapsed.as_nanos(), over.as_nanos()),
            RampOver::Calls(calls) => (u128::from(self.ramp.admitted), u128::from(calls)),
        };
        if done >= all {
            return None;
        }
        let floor = u64::from(ramp.floor.parts_per_million());
        let grown = u128::from(WHOLE - floor) * done / all;
        self.ramp.credit += floor + grown as u64;
        let admitted = self.ramp.credit >= WHOLE;
        if admitted {
            self.ramp.credit -= WHOLE;
            self.ramp.admitted += 1;
        }
        Some(admitted)
    }

    /// Notes that the breaker opens, and says for how long.
    pub(crate) fn note_trip(
        &mut self,
        config: &Config,
        reason: TripReason,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        self.trips_in_a_row = self.trips_in_a_row.saturating_add(1);
        let wait = config.open_wait.after_trips(self.trips_in_a_row, rng);
        self.open_until = now.after(wait);
        if self.trips.len() == TRIPS {
            self.trips.pop_front();
        }
        self.trips.push_back(Trip { at: now, reason, wait });
        wait
    }

    /// Notes that the breaker is closed, which ends a row of trips.
    pub(crate) const fn close(&mut self, now: Moment) {
        self.since = now;
        self.trips_in_a_row = 0;
    }

    pub(crate) fn forget_trips(&mut self) {
        self.trips.clear();
    }

    /// The last trips, the oldest first.
    pub(crate) fn trips(&self) -> impl Iterator<Item = Trip> {
        self.trips.iter().copied()
    }
}

impl Probing {
    fn take(&mut self, number: u32) -> bool {
        let place = self.out.iter().position(|probe| probe.number == number);
        place.map(|place| self.out.swap_remove(place)).is_some()
    }
}
