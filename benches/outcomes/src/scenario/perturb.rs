//! The same trouble with other numbers: whoever is tuned to the list falls here.

use rand::{Rng, RngExt};

use super::{Fault, Scenario, Service};
use crate::time::{Micros, SECOND};

/// `scenario` with other service times, load, clients, deadlines and lengths, chosen by `rng`.
pub(crate) fn perturbed(scenario: &Scenario, rng: &mut impl Rng) -> Scenario {
    let mut changed = scenario.clone();
    let times: f64 = rng.random_range(0.4..2.0);
    let sigma: f64 = rng.random_range(0.3..1.0);
    changed.service = changed.service.scaled(times, sigma);
    // Workers follow, so that the capacity is about the same; the load makes up for rounding.
    let workers = f64::from(scenario.workers);
    changed.workers = ((workers * times).round() as u32).max(1);
    let rounded = f64::from(changed.workers) / (workers * times);
    let load: f64 = rng.random_range(0.8..1.15);
    changed.rate *= rounded * load;
    if let Fault::Workers(left) = scenario.fault {
        let share = f64::from(left) / workers;
        changed.fault =
            Fault::Workers(((f64::from(changed.workers) * share).round() as u32).max(1));
    }
    if let Fault::Quota(rate) = scenario.fault {
        changed.fault = Fault::Quota(rate * rounded);
    }
    if scenario.clients == 20 {
        changed.clients = [8, 20, 60][rng.random_range(0..3)];
    }
    changed.deadline = [7 * SECOND / 10, SECOND, 2 * SECOND][rng.random_range(0..3)];
    changed.attempt_timeout = changed.deadline / 4;
    let length: f64 = rng.random_range(0.6..1.4);
    changed.stretch(length);
    changed
}

impl Service {
    /// So many times as long, with another spread where it has one.
    fn scaled(self, times: f64, sigma: f64) -> Self {
        match self {
            Self::LogNormal { mean, .. } => Self::LogNormal { mean: mean * times, sigma },
            Self::Pareto { shape, mean, cap } => {
                Self::Pareto { shape, mean: mean * times, cap: cap * times }
            }
            Self::Bimodal { mean, share, long, .. } => {
                Self::Bimodal { mean: mean * times, sigma, share, long: long * times }
            }
            Self::Cache { hit, miss, share, warmth, .. } => {
                Self::Cache { hit: hit * times, miss: miss * times, sigma, share, warmth }
            }
        }
    }
}

impl Scenario {
    /// Lets the fault last so many times as long.
    fn stretch(&mut self, times: f64) {
        let stretched = |length: Micros| ((length as f64 * times) as Micros).max(1);
        let rest = self.ends - self.clears;
        self.clears = self.from + stretched(self.clears - self.from);
        match &mut self.fault {
            Fault::Flapping(each) => *each = stretched(*each),
            Fault::Brownout { fall, .. } => *fall = stretched(*fall),
            Fault::ColdRestart { down, .. } => *down = stretched(*down),
            _ => {}
        }
        self.ends = self.clears + rest;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::super::{all, further};
    use super::*;

    #[test]
    fn the_load_stays_within_what_was_asked_for() {
        for seed in 0..50 {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            for scenario in all().into_iter().chain(further()) {
                let changed = perturbed(&scenario, &mut rng);
                let utilisation = |scenario: &Scenario| {
                    let workers = f64::from(scenario.all_replicas() * scenario.workers);
                    scenario.rate * scenario.service.mean() / 1_000.0 / workers
                };
                let load = utilisation(&changed) / utilisation(&scenario);
                assert!((0.8..1.15).contains(&load), "{}: {load}", scenario.id);
                assert!(changed.measured_until() + changed.deadline <= changed.ends);
            }
        }
    }
}
