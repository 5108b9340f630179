//! From what became of every request to figures that can be compared.

use crate::model::{Class, Fate, Fates, Request};
use crate::oracle::Bound;
use crate::scenario::{Scenario, TENANTS};
use crate::time::{MS, Micros, SECOND};

/// How a policy fared in a scenario. Shares are of the requests that count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Score {
    /// 100 times the weight that was reached of the bound's, less for attempts beyond it.
    pub(crate) score: f64,
    /// Answered in time, of what the bound reaches, by number.
    pub(crate) goodput: f64,
    /// The same of the critical class alone.
    pub(crate) critical: f64,
    /// Attempts for each request.
    pub(crate) amplification: f64,
    /// Attempts sent to what was dead, for each request during the fault.
    pub(crate) dead: f64,
    /// Work whose answer nobody waited for, of all work.
    pub(crate) waste: f64,
    /// In milliseconds.
    pub(crate) p99: f64,
    /// In milliseconds: how long a caller waits to be failed.
    pub(crate) failing: f64,
    /// Refused while nothing was wrong.
    pub(crate) false_refusals: f64,
    /// Seconds until it hardly calls what is dead.
    pub(crate) detect: f64,
    /// Seconds from the end of the fault until all is well; 99 for never.
    pub(crate) recover: f64,
    /// The worst tenant's goodput of its fair share.
    pub(crate) worst_tenant: f64,
    /// Of a thousand requests, those that were carried out twice and may not be.
    pub(crate) doubled: f64,
}

impl Score {
    pub(crate) fn of(scenario: &Scenario, fates: &Fates, bound: &Bound) -> Self {
        let all = || fates.requests.iter().zip(&fates.fates);
        let counted: Vec<(&Request, &Fate)> =
            all().filter(|(request, _)| scenario.is_measured(request.arrives)).collect();
        let count = counted.len().max(1) as f64;
        let good = counted.iter().filter(|(_, fate)| fate.answered.is_some());
        let mut served = [0.0; 3];
        let mut latencies = Vec::new();
        for (request, fate) in good {
            served[request.class as usize] += 1.0;
            latencies.extend(fate.answered.map(|at| at - request.arrives));
        }
        let failing = counted.iter().filter(|(_, fate)| fate.answered.is_none());
        let mut failing: Vec<Micros> = failing
            .filter_map(|(request, fate)| fate.failed.map(|at| at - request.arrives))
            .collect();
        let weight: f64 =
            Class::ALL.iter().map(|class| class.weight() * served[*class as usize]).sum();
        let attempts: f64 = counted.iter().map(|(_, fate)| f64::from(fate.attempts)).sum();
        let excess = (attempts - bound.attempts).max(0.0) / count;
        let reached = (weight / bound.weight()).min(1.0);
        let before = || all().filter(|(request, _)| request.arrives < scenario.from);
        let refused = before().filter(|(_, fate)| fate.rejected).count() as f64;
        Self {
            score: 100.0 * reached / (1.0 + 0.25 * excess),
            goodput: served.iter().sum::<f64>() / bound.count(),
            critical: served[0] / bound.served[0].max(1.0),
            amplification: attempts / count,
            dead: dead(scenario, fates),
            waste: fates.work.wasted as f64 / fates.work.all.max(1) as f64,
            p99: quantile(&mut latencies, 0.99),
            failing: quantile(&mut failing, 0.5),
            false_refusals: refused / before().count().max(1) as f64,
            detect: detected(scenario, fates),
            recover: recovered(scenario, fates),
            worst_tenant: worst_tenant(&counted, bound),
            doubled: 1_000.0 * counted.iter().filter(|(_, it)| it.doubled).count() as f64 / count,
        }
    }
}

/// In milliseconds.
fn quantile(latencies: &mut [Micros], quantile: f64) -> f64 {
    latencies.sort_unstable();
    let place = (latencies.len() as f64 * quantile) as usize;
    latencies
        .get(place.min(latencies.len().saturating_sub(1)))
        .map_or(0.0, |&at| at as f64 / MS as f64)
}

fn dead(scenario: &Scenario, fates: &Fates) -> f64 {
    let during = |at: Micros| at >= scenario.from && at < scenario.clears;
    let requests = fates.requests.iter().filter(|request| during(request.arrives)).count();
    let sent = fates.sent_to_dead.iter().filter(|&&at| during(at)).count();
    sent as f64 / requests.max(1) as f64
}

/// The first moment from which, for a second, attempts to what is dead stay below a tenth of the
/// requests.
fn detected(scenario: &Scenario, fates: &Fates) -> f64 {
    const STEP: Micros = 100 * MS;
    let steps = (scenario.ends / STEP) as usize + 1;
    let count = |moments: &mut dyn Iterator<Item = Micros>| {
        let mut counts = vec![0_u32; steps];
        moments.for_each(|at| counts[(at / STEP) as usize] += 1);
        counts
    };
    let dead = count(&mut fates.sent_to_dead.iter().copied());
    let asked = count(&mut fates.requests.iter().map(|request| request.arrives));
    let first = (scenario.from / STEP) as usize;
    let last = (scenario.clears / STEP) as usize;
    let calm = (first..last).find(|&step| {
        let second = step..(step + 10).min(steps);
        let dead: u32 = dead[second.clone()].iter().sum();
        let asked: u32 = asked[second].iter().sum();
        f64::from(dead) < 0.1 * f64::from(asked)
    });
    let until = calm.unwrap_or(last) - first;
    until as f64 * STEP as f64 / SECOND as f64
}

/// The first moment after the fault from which 95 % are answered in each fifth of a second, for a
/// second.
fn recovered(scenario: &Scenario, fates: &Fates) -> f64 {
    const STEP: Micros = 200 * MS;
    let steps = ((scenario.measured_until() - scenario.clears) / STEP) as usize;
    let (mut asked, mut good) = (vec![0_u32; steps], vec![0_u32; steps]);
    for (request, fate) in fates.requests.iter().zip(&fates.fates) {
        let Some(since) = request.arrives.checked_sub(scenario.clears) else { continue };
        let step = (since / STEP) as usize;
        if step < steps {
            asked[step] += 1;
            good[step] += u32::from(fate.answered.is_some());
        }
    }
    let is_well = |step: usize| f64::from(good[step]) >= 0.95 * f64::from(asked[step]);
    let first = (0..steps.saturating_sub(4)).find(|&step| (step..step + 5).all(is_well));
    first.map_or(99.0, |step| step as f64 * STEP as f64 / SECOND as f64)
}

/// What the worst served tenant got of its max-min fair share of what the bound reaches.
fn worst_tenant(counted: &[(&Request, &Fate)], bound: &Bound) -> f64 {
    let mut asked = [0.0; TENANTS as usize];
    let mut good = asked;
    for (request, fate) in counted {
        asked[request.tenant as usize] += 1.0;
        good[request.tenant as usize] += f64::from(u8::from(fate.answered.is_some()));
    }
    let mut by_size: Vec<usize> = (0..asked.len()).collect();
    by_size.sort_by(|&one, &other| asked[one].total_cmp(&asked[other]));
    let mut left = bound.count();
    let mut worst = f64::MAX;
    for (place, &tenant) in by_size.iter().enumerate() {
        let share = asked[tenant].min(left / (asked.len() - place) as f64);
        left -= share;
        // Who asks for nothing lacks nothing.
        if asked[tenant] == 0.0 {
            continue;
        }
        worst = worst.min(good[tenant] / share.max(1.0));
    }
    worst
}
