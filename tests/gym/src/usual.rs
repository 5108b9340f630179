//! The first generator: a house as many have it, with one main fault and sometimes another.

use fastrand::Rng;
use salve_core::{Name, Place};
use salve_healer::{Kind, Priority, Target};

use crate::catalogue as cures;
use crate::scenario::{Class, Cure, Fault, Scenario, Signal, Source, Spot};

const DOMAINS: [&str; 3] = ["a", "b", "c"];

/// Collects targets, providers first.
#[derive(Debug, Default)]
pub(crate) struct House {
    pub(crate) spots: Vec<Spot>,
}

impl House {
    pub(crate) fn add(&mut self, target: Target) -> usize {
        let at = |name: &Name| self.spots.iter().position(|spot| spot.target.name == *name);
        let needs = target.place.dependencies.iter();
        let needs = needs.filter(|it| it.need == salve_core::Need::Required);
        let needs = needs.filter_map(|it| at(&it.on)).collect();
        self.spots.push(Spot { target, needs });
        self.spots.len() - 1
    }
}

/// Targets by what may be wrong with them.
pub(crate) struct Parts {
    pub(crate) database: usize,
    pub(crate) queue: usize,
    pub(crate) gateway: usize,
    pub(crate) host: usize,
    pub(crate) api: Vec<usize>,
    pub(crate) pods: Vec<usize>,
    pub(crate) caches: Vec<usize>,
}

fn build(rng: &mut Rng) -> (House, Parts) {
    let mut house = House::default();
    let database = house
        .add(Target::new("db", "database").with_kind(Kind::Database).with_priority(Priority::High));
    let queue = house.add(Target::new("queue", "service"));
    let place = |group: &str, nth: usize| {
        Place::new().in_group(group.to_owned()).in_domain(DOMAINS[nth % DOMAINS.len()])
    };
    let members = |house: &mut House, name: &str, count: usize, class, kind: Kind, need: &str| {
        let mut all = Vec::new();
        for nth in 0..count {
            let mut place = place(name, nth);
            if !need.is_empty() {
                place = place.needs(need.to_owned());
            }
            let target = Target::new(format!("{name}-{}", nth + 1), class);
            all.push(house.add(target.with_kind(kind.clone()).with_place(place)));
        }
        all
    };
    let caches = members(&mut house, "cache", 2, "service", Kind::Service, "");
    let api = members(&mut house, "api", rng.usize(3..=6), "service", Kind::Service, "db");
    let mut pods = members(&mut house, "web", rng.usize(2..=4), "pod", Kind::PodCrash, "");
    pods.extend(members(&mut house, "worker", rng.usize(1..=3), "pod", Kind::PodCrash, "queue"));
    let gateway = house.add(Target::new("gateway", "service").with_priority(Priority::High));
    let host = house.add(Target::new("host", "host"));
    (house, Parts { database, queue, gateway, host, api, pods, caches })
}

/// The scenario of this seed and class.
#[must_use]
pub fn scenario(seed: u64, class: Class) -> Scenario {
    let mut rng = Rng::with_seed(seed);
    let (house, parts) = build(&mut rng);
    let mut scenario = Scenario {
        seed,
        source: Source::Usual,
        class,
        targets: house.spots,
        faults: Vec::new(),
        changes: Vec::new(),
        suspicions: Vec::new(),
        pauses: Vec::new(),
        blind: Vec::new(),
        every: 5,
        wrong: 0.001,
        lost: 0.003,
        horizon: 2_700,
    };
    let at = rng.u64(60..400);
    strike(&mut scenario, &parts, class, at, &mut rng);
    if class != Class::NoFault && rng.f64() < 0.25 {
        let others = [Class::Crash, Class::Hang, Class::DiskFill, Class::Drift, Class::Leak];
        let other = others[rng.usize(0..others.len())];
        let at = rng.u64(60..1_200);
        let before = scenario.faults.len();
        strike(&mut scenario, &parts, other, at, &mut rng);
        // Two faults of one target are one fault too many to say what has helped.
        let taken = |target| scenario.faults[..before].iter().any(|it| it.target == target);
        if scenario.faults[before..].iter().any(|it| taken(it.target)) {
            scenario.faults.truncate(before);
        }
    }
    if rng.f64() < 0.1 {
        let target = rng.usize(0..scenario.targets.len());
        scenario.changes.push((rng.u64(30..300), target));
    }
    scenario
}

fn any(rng: &mut Rng, among: &[&[usize]]) -> usize {
    let all: Vec<usize> = among.iter().flat_map(|some| some.iter().copied()).collect();
    all[rng.usize(0..all.len())]
}

fn gauge(target: usize, at: u64, kind: Kind, cures: Vec<Cure>) -> Fault {
    Fault { signal: Signal::Gauge(kind), ..Fault::new(target, at, cures) }
}

/// What a class of faults does to a house.
pub(crate) fn strike(scenario: &mut Scenario, parts: &Parts, class: Class, at: u64, rng: &mut Rng) {
    let one = |target: usize| vec![target];
    let services = [&parts.api, &parts.caches, &one(parts.gateway), &one(parts.queue)];
    let services: Vec<&[usize]> = services.iter().map(|it| it.as_slice()).collect();
    let faults = match class {
        Class::Crash => {
            let target = any(rng, &[&parts.api, &parts.pods, &parts.caches, &[parts.gateway]]);
            vec![Fault::new(target, at, cures::crash())]
        }
        Class::Hang => {
            let cures = if rng.f64() < 0.35 { cures::stuck() } else { cures::hang() };
            vec![Fault::new(any(rng, &services), at, cures)]
        }
        Class::Slow if rng.bool() => {
            vec![gauge(parts.database, at, Kind::SlowDatabase, cures::slow_database())]
        }
        Class::Slow => {
            vec![gauge(any(rng, &services), at, Kind::NetworkLatency, cures::slow_network())]
        }
        Class::Leak => {
            let target = any(rng, &[&parts.api, &parts.pods]);
            let grows = Some(rng.u64(600..1_500));
            vec![Fault { grows, ..gauge(target, at, Kind::HighMemory, cures::leak()) }]
        }
        Class::DiskFill => {
            let target = any(rng, &[&[parts.database, parts.host, parts.queue]]);
            let grows = Some(rng.u64(600..1_800));
            vec![Fault { grows, ..gauge(target, at, Kind::DiskFull, cures::disk()) }]
        }
        Class::Certificate => {
            let target = any(rng, &[&[parts.gateway], &parts.pods]);
            vec![gauge(target, at, Kind::CertificateExpiry, cures::certificate())]
        }
        Class::Drift => {
            let target = any(rng, &[&parts.api, &parts.pods, &[parts.host, parts.gateway]]);
            vec![gauge(target, at, Kind::ConfigDrift, cures::drift())]
        }
        Class::Dependency if rng.bool() => {
            vec![Fault::new(parts.database, at, cures::database())]
        }
        Class::Dependency => vec![Fault::new(parts.queue, at, cures::crash())],
        Class::Overload if rng.bool() => {
            let target = any(rng, &[&parts.api, &parts.pods]);
            vec![gauge(target, at, Kind::HighCpu, cures::processor())]
        }
        Class::Overload => {
            let grows = Some(rng.u64(240..600));
            vec![Fault {
                grows,
                ..gauge(any(rng, &[&parts.api]), at, Kind::Overload, cures::overload())
            }]
        }
        Class::BadDeploy => {
            let target = any(rng, &services);
            scenario.changes.push((at.saturating_sub(rng.u64(5..60)), target));
            vec![Fault::new(target, at, cures::bad_deploy())]
        }
        Class::Grey => {
            let shows = 0.7 + 0.25 * rng.f64();
            let cures = if rng.f64() < 0.35 { cures::poisoned() } else { cures::grey() };
            vec![Fault { shows, ..Fault::new(any(rng, &services), at, cures) }]
        }
        Class::ObserverPause => {
            let from = at.saturating_sub(rng.u64(0..25));
            scenario.pauses.push((from, from + rng.u64(20..120)));
            let target = any(rng, &services);
            let some = rng.f64() < 0.7;
            some.then(|| Fault::new(target, at, cures::crash())).into_iter().collect()
        }
        Class::Flapping => {
            let beat = Some((rng.u64(25..60), rng.u64(25..60)));
            let ends = Some(at + rng.u64(600..1_500));
            let cures = vec![Cure { action: "restart", chance: 0.05, settles: 4, topples: 0.0 }];
            vec![Fault { beat, ends, ..Fault::new(any(rng, &services), at, cures) }]
        }
        Class::NetworkLoss => {
            let ends = Some(at + rng.u64(60..600));
            let lost = |target| Fault { ends, ..Fault::new(target, at, Vec::new()) };
            if rng.bool() {
                parts.api.iter().copied().map(lost).collect()
            } else {
                let domain = DOMAINS[rng.usize(0..2)];
                let within = |at: &usize| {
                    let place = &scenario.targets[*at].target.place;
                    place.domain.as_ref().is_some_and(|it| it == domain)
                };
                (0..scenario.targets.len()).filter(within).map(lost).collect()
            }
        }
        Class::SelfRecovering => {
            let ends = Some(at + rng.u64(20..240));
            vec![Fault { ends, ..Fault::new(any(rng, &services), at, cures::crash()) }]
        }
        Class::Unfixable => vec![Fault::new(any(rng, &services), at, Vec::new())],
        Class::FalseAlarm => false_alarm(scenario, at, rng),
        Class::WrongCheck => {
            let ends = Some(at + rng.u64(120..600));
            let target = any(rng, &services);
            vec![Fault { unreal: true, ends, ..Fault::new(target, at, Vec::new()) }]
        }
        Class::NoFault => Vec::new(),
    };
    scenario.faults.extend(faults);
}

/// Readings that fail too seldom to convict, a detector's suspicion, or a watcher without network.
fn false_alarm(scenario: &mut Scenario, at: u64, rng: &mut Rng) -> Vec<Fault> {
    let count = scenario.targets.len();
    let unreal = |target, at, seconds| {
        let ends = Some(at + seconds);
        Fault { unreal: true, ends, ..Fault::new(target, at, Vec::new()) }
    };
    match rng.u32(0..10) {
        0..=4 => {
            let short = 2 * scenario.every;
            (0..4).map(|nth| unreal(rng.usize(0..count), at + nth * 240, short)).collect()
        }
        5..=7 => {
            let target = rng.usize(0..count);
            // As many last ten to a hundred seconds as a hundred to a thousand.
            let seconds = 10.0 * 100.0_f64.powf(rng.f64());
            scenario.suspicions.push((at, at + seconds as u64, target));
            Vec::new()
        }
        _ => {
            let seconds = rng.u64(30..120);
            scenario.blind.push((at, at + seconds));
            (0..count).map(|target| unreal(target, at, seconds)).collect()
        }
    }
}
