//! The scenarios, each with its parameters.

use super::{Beyond, Fault, Scenario, Service};
use crate::time::{MS, SECOND};

/// Nothing beyond the plain model.
const PLAIN: Beyond = Beyond {
    queue: None,
    refusal: 0.0,
    users: None,
    unrepeatable: 0.0,
    front: false,
    half_naive: false,
    clocks: None,
};

const LOG_NORMAL: Service = Service::LogNormal { mean: 10.0, sigma: 0.6 };

/// 20 clients and 4 replicas with 10 workers each: 2,400 requests a second where 4,000 fit.
pub(super) const fn plain(id: &'static str, name: &'static str, fault: Fault) -> Scenario {
    Scenario {
        id,
        name,
        clients: 20,
        rate: 2_400.0,
        deadline: SECOND,
        attempt_timeout: 250 * MS,
        dependencies: 1,
        replicas: 4,
        workers: 10,
        service: LOG_NORMAL,
        base_errors: 0.0,
        contention: 0.0,
        pool: None,
        hidden: false,
        fault,
        beyond: PLAIN,
        from: 10 * SECOND,
        clears: 30 * SECOND,
        ends: 60 * SECOND,
    }
}

/// Every scenario in order.
pub(crate) fn all() -> Vec<Scenario> {
    vec![
        Scenario { base_errors: 0.001, ..plain("S01", "healthy, 0.1 % errors", Fault::Nothing) },
        plain("S02", "5 % random fast errors", Fault::Errors(0.05)),
        plain("S03", "40 % random fast errors", Fault::Errors(0.4)),
        plain("S04", "6 of 10 shards dead", Fault::DeadShards(6)),
        plain("S05", "capacity drops to 40 %", Fault::Workers(4)),
        Scenario {
            contention: 0.001,
            clears: 20 * SECOND,
            ..plain("S06", "2.5 x the load, contention", Fault::Spike(2.5))
        },
        Scenario {
            rate: 3_400.0,
            contention: 0.0002,
            clears: 13 * SECOND,
            ..plain("S07", "3 s stall at 85 % load", Fault::Stall)
        },
        // The fault is over at once; what it leaves behind is not.
        Scenario {
            service: CACHE,
            clears: 10 * SECOND + MS,
            ..plain("S08", "cache flushed", Fault::Flush)
        },
        plain("S09", "down, refused", Fault::Down),
        Scenario {
            dependencies: 2,
            replicas: 2,
            pool: Some(32),
            attempt_timeout: SECOND,
            ..plain("S10", "black hole, shared pool of 32", Fault::BlackHole)
        },
        Scenario {
            rate: 2_000.0,
            ..plain("S11", "1 of 4 replicas 20 x slow", Fault::SlowReplica(20.0))
        },
        Scenario {
            rate: 2_000.0,
            ..plain("S12", "1 of 4 replicas fails fast", Fault::FailingReplica)
        },
        Scenario {
            clears: 37 * SECOND,
            ..plain("S13", "flapping, 3 s down, 3 s up", Fault::Flapping(3 * SECOND))
        },
        Scenario {
            clears: 35 * SECOND,
            ..plain(
                "S14",
                "brownout to 3 x and back",
                Fault::Brownout { times: 3.0, fall: 5 * SECOND },
            )
        },
        plain(
            "S15",
            "each second a replica stops for 400 ms",
            Fault::Pauses { every: SECOND, length: 400 * MS },
        ),
        plain("S16", "noisy tenant, 10 x", Fault::NoisyTenant(10.0)),
        plain(
            "S17",
            "cold restart after 10 s down",
            Fault::ColdRestart { down: 10 * SECOND, times: 5.0 },
        ),
        plain("S18", "quota of 1,500 a second", Fault::Quota(1_500.0)),
        Scenario {
            rate: 1_600.0,
            service: Service::Pareto { shape: 1.3, mean: 10.0, cap: 600.0 },
            ..plain("S19", "heavy tail, healthy", Fault::Nothing)
        },
        Scenario {
            clients: 200,
            ..plain("S20", "200 small clients, capacity 40 %", Fault::Workers(4))
        },
        Scenario {
            rate: 2_000.0,
            hidden: true,
            ..plain("S21", "slow replica behind one address", Fault::SlowReplica(20.0))
        },
        Scenario {
            rate: 1_000.0,
            workers: 20,
            service: Service::Bimodal { mean: 10.0, sigma: 0.6, share: 0.2, long: 200.0 },
            ..plain("S22", "20 % of the requests take 200 ms", Fault::Nothing)
        },
    ]
}

const CACHE: Service =
    Service::Cache { hit: 7.5, miss: 57.5, sigma: 0.6, share: 0.95, warmth: 12_000.0 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_every_fault_ends_within_its_run() {
        for (index, scenario) in all().iter().enumerate() {
            assert_eq!(scenario.id, format!("S{:02}", index + 1));
            assert!(scenario.from < scenario.clears, "{}", scenario.id);
            assert!(scenario.measured_until() + scenario.deadline <= scenario.ends);
        }
    }

    #[test]
    fn the_usual_service_has_the_usual_capacity() {
        for scenario in all().iter().filter(|scenario| scenario.id != "S22") {
            let workers = f64::from(scenario.all_replicas() * scenario.workers);
            let capacity = workers / scenario.service.mean() * 1_000.0;
            assert!((capacity - 4_000.0).abs() < 1e-6, "{}: {capacity}", scenario.id);
        }
    }
}
