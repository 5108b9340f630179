//! All cases and all instances, one file per peer.
//!
//! A new peer is a file with `cases()` and, if it holds state, `instances()`, named in both lists.

mod backon;
mod bare;
mod chaos;
mod degradation;
mod failsafe;
mod fallback;
mod governor;
mod health;
mod keyed;
mod recloser;
mod salve;
mod tower;
mod tower_acc;
mod tower_resilience;

use crate::case::Case;
use crate::memory::Instance;

/// The case that everything is compared with.
pub(crate) const BARE: &str = "bare / service";

pub(crate) const BREAKER_CLOSED: &str = "breaker closed";
pub(crate) const BREAKER_OPEN: &str = "breaker open";
pub(crate) const BULKHEAD: &str = "bulkhead";
pub(crate) const ADAPTIVE: &str = "adaptive bulkhead";
pub(crate) const RATE_LIMIT: &str = "rate limit";
pub(crate) const RETRY: &str = "retry";
pub(crate) const HEDGE: &str = "hedge, not late";
pub(crate) const TIMEOUT: &str = "timeout";
pub(crate) const FALLBACK: &str = "fallback";
pub(crate) const CACHE: &str = "cache";
pub(crate) const SINGLE_FLIGHT: &str = "single flight";
pub(crate) const DEGRADATION: &str = "degradation";
pub(crate) const HEALTH: &str = "passive health";
pub(crate) const CONTROLLER: &str = "adaptive controller";
pub(crate) const CHAOS: &str = "chaos, not armed";
pub(crate) const FULL: &str = "full stack";

const GROUPS: &[&str] = &[
    "bare",
    BREAKER_CLOSED,
    BREAKER_OPEN,
    BULKHEAD,
    ADAPTIVE,
    RATE_LIMIT,
    RETRY,
    HEDGE,
    TIMEOUT,
    FALLBACK,
    CACHE,
    SINGLE_FLIGHT,
    DEGRADATION,
    HEALTH,
    CONTROLLER,
    CHAOS,
    FULL,
];

/// Every case, grouped by pattern, the bare service first.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [
        bare::cases(),
        salve::cases(),
        chaos::cases(),
        degradation::cases(),
        fallback::cases(),
        health::cases(),
        keyed::cases(),
        recloser::cases(),
        failsafe::cases(),
        governor::cases(),
        tower::cases(),
        tower_acc::cases(),
        tower_resilience::cases(),
        backon::cases(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    cases.sort_by_key(|case| GROUPS.iter().position(|group| *group == case.group));
    cases
}

/// Every policy whose memory is measured.
pub(crate) fn instances() -> Vec<Instance> {
    [
        salve::instances(),
        recloser::instances(),
        failsafe::instances(),
        tower::instances(),
        tower_resilience::instances(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tokio::task::unconstrained;

    use super::*;
    use crate::clock::runtime;

    #[test]
    fn every_case_takes_the_path_that_it_names() {
        for case in cases() {
            let mut worker = case.worker();
            let answered = runtime().block_on(unconstrained(worker.batch(300)));
            assert_eq!(answered, case.answers(300), "{}", case.title());
        }
    }

    #[test]
    fn open_breakers_refuse_and_nothing_else_does() {
        for case in cases() {
            let refuses = case.answers(1) == 0;
            assert_eq!(refuses, case.group == BREAKER_OPEN, "{}", case.title());
        }
    }

    #[test]
    fn titles_are_unique_and_every_group_is_listed() {
        let cases = cases();
        let titles = cases.iter().map(Case::title).collect::<HashSet<_>>();
        assert_eq!(titles.len(), cases.len());
        assert!(cases.iter().all(|case| GROUPS.contains(&case.group)));
        assert_eq!(cases[0].title(), BARE);
    }

    #[test]
    fn contended_cases_hand_out_two_workers() {
        for case in cases().iter().filter(|case| case.contended) {
            for mut worker in case.workers(2) {
                let answered = runtime().block_on(unconstrained(worker.batch(3)));
                assert_eq!(answered, case.answers(3), "{}", case.title());
            }
        }
    }
}
