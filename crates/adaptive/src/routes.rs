//! Whom to call: the better of two replicas by latency, load and success.

use std::time::Duration;

use salve_core::Moment;

use crate::gauge::Gauge;
use crate::pulse::{Probing, Verdict};
use crate::suspicion::Suspicion;

/// The replicas of a dependency, as far as the client sees them.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    replicas: Vec<Gauge>,
    /// Otherwise any replica is as good as another.
    compares: bool,
}

impl Routes {
    pub(crate) fn new(count: u32, compares: bool) -> Self {
        Self { replicas: vec![Gauge::default(); count as usize], compares }
    }

    pub(crate) const fn count(&self) -> u32 {
        self.replicas.len() as u32
    }

    pub(crate) const fn reconfigure(&mut self, compares: bool) {
        self.compares = compares;
    }

    /// Forgets what it knows of them, but for what is under way there.
    pub(crate) fn forget(&mut self) {
        self.replicas.iter_mut().for_each(Gauge::forget);
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
        let cost = |place: usize| self.replicas[place].cost(now);
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

    /// What is measured of a replica; with one address there is nothing to choose, and so nothing
    /// to measure.
    fn measured(&mut self, replica: u32) -> Option<&mut Gauge> {
        if self.replicas.len() > 1 { self.replicas.get_mut(replica as usize) } else { None }
    }

    pub(crate) fn started(&mut self, replica: u32) {
        if let Some(replica) = self.measured(replica) {
            replica.started();
        }
    }

    /// An attempt there has no answer yet at this age.
    pub(crate) fn overdue(&mut self, replica: u32, age: Duration, now: Moment) {
        if let Some(replica) = self.measured(replica) {
            replica.overdue(age, now);
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
        let living = self.replicas.iter().filter(|one| !one.pulse.is_dead()).count();
        let Some(replica) = self.measured(replica) else { return };
        replica.ended(took, failed, turned_away, now);
        if let Some(failed) = failed
            && (living > 1 || replica.pulse.is_dead())
        {
            replica.note_life(failed, Suspicion::CERTAIN_AMONG_THE_DEAD, now);
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
    fn nothing_adds_up_where_there_is_one_address() {
        let mut routes = Routes::new(1, true);
        let before = format!("{routes:?}");
        routes.started(0);
        routes.overdue(0, Duration::from_secs(1), Moment::ZERO);
        routes.started(0);
        routes.ended(0, Duration::from_secs(1), Some(true), true, Moment::ZERO);
        assert_eq!(format!("{routes:?}"), before);
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
