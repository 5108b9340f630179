//! Whom to call: the better of two replicas by latency, load and success.

use std::time::Duration;

use salve_core::Moment;

use crate::pulse::{Change, Probing, Pulse, Verdict};
use crate::suspicion::Suspicion;

/// The replicas of a dependency, as far as the client sees them.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    replicas: Vec<Replica>,
    /// Otherwise any replica is as good as another.
    compares: bool,
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

    pub(crate) fn new(count: u32, compares: bool) -> Self {
        Self { replicas: vec![Replica::default(); count as usize], compares }
    }

    pub(crate) const fn count(&self) -> u32 {
        self.replicas.len() as u32
    }

    pub(crate) const fn reconfigure(&mut self, compares: bool) {
        self.compares = compares;
    }

    /// Forgets what it knows of them, but for what is under way there.
    pub(crate) fn forget(&mut self) {
        for replica in &mut self.replicas {
            *replica = Replica { under_way: replica.under_way, ..Replica::default() };
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
        if !self.compares {
            return rng.usize(0..count) as u32;
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
        let one = self.draw(|place| alive == 1 || not != Some(place as u32), rng);
        let other = self.draw(|place| place != one && not != Some(place as u32), rng);
        let cost = |place: usize| self.replicas[place].cost();
        let better = if cost(other) < cost(one) { other } else { one };
        better as u32
    }

    /// A living replica that is fit, by chance; the first living one where none is.
    fn draw(&self, fits: impl Fn(usize) -> bool, rng: &mut fastrand::Rng) -> usize {
        let lives = |place: usize| !self.replicas[place].pulse.is_dead();
        let count = self.replicas.len();
        let start = rng.usize(0..count);
        let mut around = (start..count).chain(0..start);
        around
            .clone()
            .find(|&place| lives(place) && fits(place))
            .or_else(|| around.find(|&place| lives(place)))
            .unwrap_or(0)
    }

    pub(crate) fn started(&mut self, replica: u32) {
        if let Some(replica) = self.replicas.get_mut(replica as usize) {
            replica.under_way += 1;
        }
    }

    /// An attempt there has no answer yet at this age.
    pub(crate) fn overdue(&mut self, replica: u32, age: Duration) {
        if let Some(replica) = self.replicas.get_mut(replica as usize) {
            replica.latency = replica.latency.max(age.as_secs_f64());
        }
    }

    pub(crate) fn ended(
        &mut self,
        replica: u32,
        took: Duration,
        failed: Option<bool>,
        turned_away: bool,
        now: Moment,
    ) {
        let others_live = self.replicas.iter().filter(|one| !one.pulse.is_dead()).count() > 1;
        let Some(replica) = self.replicas.get_mut(replica as usize) else { return };
        replica.under_way = replica.under_way.saturating_sub(1);
        if turned_away {
            replica.success = (replica.success * (1.0 - Self::SMOOTHING)).max(0.05);
        }
        let Some(failed) = failed else { return };
        let took = took.as_secs_f64();
        if !failed || took > replica.latency {
            let weight = if replica.latency == 0.0 { 1.0 } else { Self::SMOOTHING };
            replica.latency += (took - replica.latency) * weight;
        }
        let result = if failed { 0.0 } else { 1.0 };
        replica.success =
            (replica.success + (result - replica.success) * Self::SMOOTHING).max(0.05);
        if others_live || replica.pulse.is_dead() {
            let change = replica.pulse.note(failed, Suspicion::CERTAIN_AMONG_THE_DEAD, now);
            if change == Change::Woke {
                replica.success = 1.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBING: Probing =
        Probing { shortest: Duration::from_millis(20), longest: Duration::from_secs(1) };

    /// How many of 1,000 calls go to each of four replicas, of which the first behaves otherwise.
    fn calls(took: u64, failed: bool) -> [u32; 4] {
        let mut routes = Routes::new(4, true);
        let mut rng = fastrand::Rng::with_seed(1);
        let mut calls = [0; 4];
        for call in 0..1_000_u64 {
            let now = Moment::from_nanos(call * 1_000_000);
            let replica = routes.choose(None, &PROBING, now, &mut rng);
            calls[replica as usize] += 1;
            routes.started(replica);
            let (took, failed) = if replica == 0 { (took, failed) } else { (10, false) };
            routes.ended(replica, Duration::from_millis(took), Some(failed), false, now);
        }
        calls
    }

    #[test]
    fn equals_share_and_the_slow_and_the_dead_get_little() {
        assert!(calls(10, false).iter().all(|&calls| calls > 150));
        assert!(calls(200, false)[0] < 50);
        let [dead, ..] = calls(1, true);
        assert!((1..150).contains(&dead), "{dead} calls of the dead");
    }

    #[test]
    fn another_attempt_goes_elsewhere() {
        let mut routes = Routes::new(2, true);
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..100 {
            assert_eq!(routes.choose(Some(0), &PROBING, Moment::ZERO, &mut rng), 1);
        }
    }
}
