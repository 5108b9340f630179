//! Whom to call: the better of two replicas by latency, load and success.

use std::time::Duration;

use salve_core::Moment;

use crate::pulse::{Change, Probing, Pulse, Verdict};
use crate::suspicion::Suspicion;

/// The replicas of a dependency, as far as the client sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    replicas: Vec<Replica>,
}

#[derive(Clone, Copy, Debug)]
struct Replica {
    under_way: u32,
    /// Seconds, smoothed; grows at once and falls slowly.
    latency: f64,
    success: f64,
    pulse: Pulse,
}

impl Default for Replica {
    fn default() -> Self {
        Self { under_way: 0, latency: 0.0, success: 1.0, pulse: Pulse::default() }
    }
}

impl Replica {
    fn cost(&self) -> f64 {
        (self.latency + 0.0005) * f64::from(self.under_way + 1) / (self.success * self.success)
    }
}

impl Routes {
    const SMOOTHING: f64 = 0.1;

    pub(crate) fn resize(&mut self, count: usize) {
        if self.replicas.len() != count {
            self.replicas.resize(count, Replica::default());
        }
    }

    /// A replica for the next attempt, another than `not` where there is one.
    pub(crate) fn choose(
        &mut self,
        not: Option<u32>,
        probing: &Probing,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) -> u32 {
        let count = self.replicas.len();
        if count <= 1 {
            return 0;
        }
        // One that is dead beside living ones is asked now and then by an ordinary call.
        let alive = self.replicas.iter().filter(|replica| !replica.pulse.is_dead()).count();
        if alive == 0 {
            return rng.usize(0..count) as u32;
        }
        for place in 0..count {
            let pulse = &mut self.replicas[place].pulse;
            if pulse.is_dead() && pulse.ask(probing, now, rng) == Verdict::Probe {
                return place as u32;
            }
        }
        let mut draw = || {
            for _ in 0..8 {
                let place = rng.usize(0..count);
                let other = alive > 1 && not == Some(place as u32);
                let usable = !self.replicas[place].pulse.is_dead() && !other;
                if usable {
                    return place;
                }
            }
            let living = |place: &usize| !self.replicas[*place].pulse.is_dead();
            (0..count).find(living).unwrap_or(0)
        };
        let (one, other) = (draw(), draw());
        let better = if self.replicas[other].cost() < self.replicas[one].cost() { other } else { one };
        better as u32
    }

    pub(crate) fn started(&mut self, replica: u32) {
        if let Some(replica) = self.replicas.get_mut(replica as usize) {
            replica.under_way += 1;
        }
    }

    /// How many attempts are under way at replicas that have gone quiet while others answer.
    pub(crate) fn ended(&mut self, replica: u32, took: Duration, failed: Option<bool>, now: Moment) {
        let others_live = self.replicas.iter().filter(|one| !one.pulse.is_dead()).count() > 1;
        let Some(replica) = self.replicas.get_mut(replica as usize) else { return };
        replica.under_way = replica.under_way.saturating_sub(1);
        let Some(failed) = failed else { return };
        let took = took.as_secs_f64();
        if !failed || took > replica.latency {
            let weight = if replica.latency == 0.0 { 1.0 } else { Self::SMOOTHING };
            replica.latency += (took - replica.latency) * weight;
        }
        let result = if failed { 0.0 } else { 1.0 };
        replica.success = (replica.success + (result - replica.success) * Self::SMOOTHING).max(0.05);
        if others_live || replica.pulse.is_dead() {
            let change = replica.pulse.note(failed, Suspicion::CERTAIN_AMONG_THE_DEAD, now);
            if change == Change::Woke {
                replica.success = 1.0;
            }
        }
    }
}
