//! Who asks for what and when: the same for every player of a scenario and seed.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp};
use rand_pcg::Pcg64Mcg;

use super::random::{Purpose, Work, stream};
use super::request::{Class, Origin, Request};
use crate::scenario::{SHARDS, Scenario, TENANTS};
use crate::time::{Micros, SECOND};

/// Every request of the run, in the order in which they arrive: a Poisson process that is thinned
/// out where less than the heaviest load is asked for.
pub(crate) fn arrivals(scenario: &Scenario, seed: u64) -> Vec<Request> {
    let mut rng = stream(seed, Purpose::Arrivals);
    let mut repeatable = stream(seed, Purpose::Repeatable);
    let heaviest = scenario.heaviest_load();
    let gap = Exp::new(scenario.rate * heaviest / SECOND as f64).expect("a positive rate");
    let mut requests = Vec::new();
    let mut now = 0.0;
    loop {
        now += gap.sample(&mut rng);
        let arrives = now as Micros;
        if arrives >= scenario.ends {
            return requests;
        }
        let client = rng.random_range(0..scenario.clients);
        let tenant = client % TENANTS;
        // Drawn for each, so that the ones that are left out shift none of the others.
        let thinned = rng.random::<f64>() * heaviest;
        let traits = Traits::drawn(scenario, &mut rng);
        if thinned >= scenario.load(tenant, arrives) {
            continue;
        }
        let id = requests.len() as u32;
        let is_repeatable = is_repeatable(scenario, &mut repeatable);
        let request = traits.request(client, scenario, arrives, Origin::Open);
        requests.push(Request { id, is_repeatable, ..request });
    }
}

/// What is drawn for a request, whoever asks for it and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Traits {
    class: Class,
    shard: u32,
    dependency: u32,
    is_long: bool,
    is_repeatable: bool,
}

impl Traits {
    fn drawn(scenario: &Scenario, rng: &mut Pcg64Mcg) -> Self {
        Self {
            class: class(rng),
            shard: rng.random_range(0..SHARDS),
            dependency: rng.random_range(0..scenario.dependencies),
            is_long: Work::is_long(&scenario.service, rng),
            is_repeatable: true,
        }
    }

    pub(super) const fn request(
        self,
        client: u32,
        scenario: &Scenario,
        arrives: Micros,
        origin: Origin,
    ) -> Request {
        let Self { class, shard, dependency, is_long, is_repeatable } = self;
        let (tenant, deadline) = (client % TENANTS, arrives + scenario.deadline);
        Request {
            id: 0,
            client,
            tenant,
            class,
            shard,
            dependency,
            arrives,
            deadline,
            is_long,
            is_repeatable,
            origin,
        }
    }
}

/// What a user wishes for.
pub(super) fn traits(scenario: &Scenario, rng: &mut Pcg64Mcg) -> Traits {
    let drawn = Traits::drawn(scenario, rng);
    Traits { is_repeatable: is_repeatable(scenario, rng), ..drawn }
}

fn is_repeatable(scenario: &Scenario, rng: &mut Pcg64Mcg) -> bool {
    rng.random::<f64>() >= scenario.beyond.unrepeatable
}

fn class(rng: &mut impl Rng) -> Class {
    let drawn: f64 = rng.random();
    if drawn < Class::Critical.share() {
        Class::Critical
    } else if drawn < Class::Critical.share() + Class::Normal.share() {
        Class::Normal
    } else {
        Class::Sheddable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::all;

    #[test]
    fn rates_and_classes_are_as_asked_for() {
        for scenario in all() {
            let requests = arrivals(&scenario, 7);
            let before = requests.iter().filter(|r| r.arrives < scenario.from).count() as f64;
            let expected = scenario.rate * scenario.from as f64 / SECOND as f64;
            assert!((before / expected - 1.0).abs() < 0.03, "{}: {before}", scenario.id);
            for class in Class::ALL {
                let of_class = requests.iter().filter(|r| r.class == class).count() as f64;
                let share = of_class / requests.len() as f64;
                assert!((share - class.share()).abs() < 0.02, "{}: {class:?}", scenario.id);
            }
        }
    }

    #[test]
    fn the_noisy_tenant_alone_is_noisy() {
        let scenario = all().into_iter().find(|scenario| scenario.id == "S16").unwrap();
        let requests = arrivals(&scenario, 7);
        let during = |tenant: u32| {
            let faulty = |r: &&Request| r.arrives >= scenario.from && r.arrives < scenario.clears;
            requests.iter().filter(faulty).filter(|r| r.tenant == tenant).count() as f64
        };
        assert!((during(0) / during(1) - 10.0).abs() < 0.5);
        assert!((during(2) / during(1) - 1.0).abs() < 0.05);
    }
}
