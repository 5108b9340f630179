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
        blind: Vec::new(),
        every: rng.u64(2..=8),
        wrong: 0.008 * rng.f64(),
        lost: 0.03 * rng.f64(),
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
        cure.chance *= 0.65 + 0.35 * rng.f64();
        cure.settles = cure.settles * rng.u64(50..200) / 100;
    }
    if fault.cures.len() > 1 && rng.f64() < 0.15 {
        let (one, other) = (rng.usize(0..fault.cures.len()), rng.usize(0..fault.cures.len()));
        let chance = fault.cures[one].chance;
        fault.cures[one].chance = fault.cures[other].chance;
        fault.cures[other].chance = chance;
    }
    fault.grows = fault.grows.map(|after| after * rng.u64(50..200) / 100);
}

/// How a graph hangs together.
#[derive(Clone, Copy)]
enum Shape {
    /// Each needs the one before, in a few long lines.
    Lines(usize),
    /// Many need one of a few.
    Stars(usize),
    /// Each needs up to two of the layer below.
    Layers(usize),
    /// Nobody needs anybody.
    Loose,
}

impl Shape {
    fn any(rng: &mut Rng) -> Self {
        let some = rng.usize(1..=4);
        match rng.u32(0..4) {
            0 => Self::Lines(some),
            1 => Self::Stars(some),
            2 => Self::Layers(some + 1),
            _ => Self::Loose,
        }
    }

    /// Whom the nth needs.
    fn needs(self, nth: usize, rng: &mut Rng) -> Vec<usize> {
        match self {
            Self::Lines(lines) if nth >= lines => vec![nth - lines],
            Self::Stars(hubs) if nth >= hubs => vec![rng.usize(0..hubs)],
            Self::Layers(width) if nth >= width => {
                let below = (nth / width - 1) * width;
                (0..rng.usize(0..=2)).map(|_| below + rng.usize(0..width)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn build(rng: &mut Rng) -> House {
    let mut house = House::default();
    let (shape, groups) = (Shape::any(rng), rng.usize(1..=6));
    let (grouped, placed) = (rng.f64(), rng.f64());
    for nth in 0..rng.usize(3..=26) {
        let (class, kind) = match rng.u32(0..8) {
            0 => ("database", Kind::Database),
            1..=2 => ("pod", Kind::PodCrash),
            3 => ("host", Kind::Service),
            _ => ("service", Kind::Service),
        };
        let mut place = Place::new();
        if rng.f64() < grouped {
            place = place.in_group(format!("g-{}", rng.usize(0..groups)));
        }
        if rng.f64() < placed {
            place = place.in_domain(DOMAINS[rng.usize(0..DOMAINS.len())]);
        }
        for provider in shape.needs(nth, rng) {
            let name = format!("t-{provider}");
            place = if rng.f64() < 0.8 { place.needs(name) } else { place.can_use(name) };
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
