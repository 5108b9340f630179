//! The second generator: any graph, any noise, several faults at once, other chances. No rule and no
//! number of the healer or of the gym is chosen by what comes out here.

use fastrand::Rng;
use salve_core::Place;
use salve_healer::{Kind, Priority, Target};

use crate::scenario::{Class, Fault, Scenario, Source};
use crate::usual::{House, Parts, strike};

const DOMAINS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The scenario of this seed and class.
#[must_use]
pub fn scenario(seed: u64, class: Class) -> Scenario {
    let mut rng = Rng::with_seed(seed ^ 0xD1CE);
    let house = build(&mut rng);
    let parts = parts(&house, &mut rng);
    let mut scenario = Scenario {
        seed,
        source: Source::Wild,
        class,
        targets: house.spots,
        faults: Vec::new(),
        changes: Vec::new(),
        suspicions: Vec::new(),
        pauses: Vec::new(),
        every: rng.u64(3..=10),
        wrong: 0.005 * rng.f64(),
        lost: 0.02 * rng.f64(),
        horizon: rng.u64(1_800..3_600),
    };
    let at = rng.u64(40..600);
    strike(&mut scenario, &parts, class, at, &mut rng);
    if class != Class::NoFault {
        more(&mut scenario, &parts, &mut rng);
    }
    for _ in 0..rng.u32(0..3) {
        let target = rng.usize(0..scenario.targets.len());
        scenario.changes.push((rng.u64(10..900), target));
    }
    for fault in &mut scenario.faults {
        bend(fault, &mut rng);
    }
    scenario
}

/// Up to three more faults, at targets of their own.
fn more(scenario: &mut Scenario, parts: &Parts, rng: &mut Rng) {
    let kinds: Vec<_> = Class::ALL.into_iter().filter(|it| it.is_fixable()).collect();
    for _ in 0..rng.u32(0..=3) {
        let kind = kinds[rng.usize(0..kinds.len())];
        let (at, before) = (rng.u64(40..1_500), scenario.faults.len());
        strike(scenario, parts, kind, at, rng);
        let taken = |target| scenario.faults[..before].iter().any(|it| it.target == target);
        if scenario.faults[before..].iter().any(|it| taken(it.target)) {
            scenario.faults.truncate(before);
        }
    }
}

/// Other chances, other times; what helps most elsewhere need not do so here.
fn bend(fault: &mut Fault, rng: &mut Rng) {
    for cure in &mut fault.cures {
        cure.chance *= 0.75 + 0.25 * rng.f64();
        cure.settles = cure.settles * rng.u64(50..200) / 100;
    }
    if fault.cures.len() > 1 && rng.f64() < 0.1 {
        let (one, other) = (rng.usize(0..fault.cures.len()), rng.usize(0..fault.cures.len()));
        let chance = fault.cures[one].chance;
        fault.cures[one].chance = fault.cures[other].chance;
        fault.cures[other].chance = chance;
    }
    fault.grows = fault.grows.map(|after| after * rng.u64(50..200) / 100);
}

fn build(rng: &mut Rng) -> House {
    let mut house = House::default();
    let groups = rng.usize(1..=4);
    for nth in 0..rng.usize(4..=20) {
        let (class, kind) = match rng.u32(0..10) {
            0 => ("database", Kind::Database),
            1..=3 => ("pod", Kind::PodCrash),
            4 => ("host", Kind::Service),
            _ => ("service", Kind::Service),
        };
        let mut place = Place::new();
        if rng.f64() < 0.6 {
            place = place.in_group(format!("g-{}", rng.usize(0..groups)));
        }
        if rng.f64() < 0.7 {
            place = place.in_domain(DOMAINS[rng.usize(0..DOMAINS.len())]);
        }
        for provider in 0..nth {
            // A few chains and a few hubs, and many who need nobody.
            if rng.f64() < 0.25 / (1 + provider) as f64 {
                place = place.needs(format!("t-{provider}"));
            }
        }
        let priority = [Priority::Low, Priority::Medium, Priority::High][rng.usize(0..3)];
        let target = Target::new(format!("t-{nth}"), class).with_kind(kind);
        house.add(target.with_place(place).with_priority(priority));
    }
    house
}

/// Who plays which part: anybody that fits, and else anybody.
fn parts(house: &House, rng: &mut Rng) -> Parts {
    let count = house.spots.len();
    let of = |class: &str| -> Vec<usize> {
        let fits = |at: &usize| house.spots[*at].target.class == *class;
        let found: Vec<_> = (0..count).filter(fits).collect();
        if found.is_empty() { (0..count).collect() } else { found }
    };
    let (databases, services, pods) = (of("database"), of("service"), of("pod"));
    let mut one = |among: &[usize]| among[rng.usize(0..among.len())];
    Parts {
        database: one(&databases),
        queue: one(&services),
        gateway: one(&services),
        host: one(&of("host")),
        caches: vec![one(&services), one(&services)],
        api: services,
        pods,
    }
}
