//! The same engine behind the same gates, with the same readings: but for each fault its chain holds
//! what helps, in the best order, and waits no longer for a proof than it takes.

use std::time::Duration;

use salve_healer::policy::Order;
use salve_healer::{
    ActionResult, Kind, PlanId, Policy, Record, State, Step, Strategy, Target,
};

use super::{Engine, Player, Wish};
use crate::catalogue;
use crate::scenario::{Cure, Fault, Scenario, Signal};
use crate::truth::World;
use crate::watch::Told;

/// Seconds until an action is cut, where it is known to take no longer.
const LONG: u64 = 1_800;

/// The oracle.
#[derive(Debug)]
pub struct Oracle {
    engine: Engine,
    every: u64,
    seen: Vec<bool>,
}

impl Oracle {
    /// It is told of each fault as it strikes, and acts only on readings.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let mut policy = catalogue::policy();
        policy.choice.order = Order::Fixed;
        // A class for each target, so that each has chains of its own.
        let own = |target: &Target| Target { class: target.name.clone(), ..target.clone() };
        let targets = scenario.targets.iter().map(|spot| own(&spot.target)).collect();
        let engine = Engine::with(scenario, policy, targets, State::new());
        Self { engine, every: scenario.every, seen: vec![false; scenario.faults.len()] }
    }
}

/// What is worth trying: the best chance for the time that a try takes, again and again.
fn chain(policy: &Policy, fault: &Fault, every: u64) -> Vec<Step> {
    let allowed = |cure: &&Cure| {
        let meta = policy.actions.get(cure.action);
        let free = meta.is_some_and(|meta| !policy.needs_approval(cure.action, meta));
        free && cure.topples == 0.0
    };
    let cures: Vec<_> = fault.cures.iter().filter(allowed).collect();
    let takes = |cure: &Cure| catalogue::find(cure.action).map_or(1, |act| act.takes);
    let proof = |cure: &Cure| cure.settles + 4 * every;
    let worth = |cure: &Cure, attempt: u32| {
        let (chance, takes) = (cure.chance_at(attempt), takes(cure) as f64);
        let (well, ill) = (takes + cure.settles as f64, takes + proof(cure) as f64);
        chance / (chance * well + (1.0 - chance) * ill)
    };
    let mut steps: Vec<(&Cure, u32)> = Vec::new();
    let mut tried = vec![0_u32; cures.len()];
    for _ in 0..6 {
        let best = (0..cures.len())
            .max_by(|a, b| worth(cures[*a], tried[*a]).total_cmp(&worth(cures[*b], tried[*b])));
        let Some(best) = best else { break };
        tried[best] += 1;
        let known = steps.iter().position(|(cure, _)| cure.action == cures[best].action);
        match known {
            Some(at) if at + 1 == steps.len() => steps[at].1 += 1,
            Some(_) => {}
            None => steps.push((cures[best], 1)),
        }
    }
    let step = |(cure, attempts): (&Cure, u32)| {
        Step::new(cure.action)
            .with_attempts(attempts)
            .with_timeout(Duration::from_secs(LONG))
            .verified_within(Duration::from_secs(proof(cure)))
    };
    steps.into_iter().map(step).collect()
}

impl Player for Oracle {
    fn see(&mut self, now: u64, told: &[Told]) {
        self.engine.see(now, told);
    }

    fn finished(&mut self, now: u64, plan: PlanId, result: &ActionResult) {
        self.engine.finished(now, plan, result);
    }

    fn rolled_back(&mut self, now: u64, plan: PlanId) {
        self.engine.rolled_back(now, plan);
    }

    fn look(&mut self, world: &World<'_>) {
        for (nth, fault) in world.scenario.faults.iter().enumerate() {
            if self.seen[nth] || fault.at > world.now() {
                continue;
            }
            self.seen[nth] = true;
            let target = &world.scenario.targets[fault.target].target;
            let steps = chain(&self.engine.policy, fault, self.every);
            // What does not help is not tried either.
            let steps = if steps.is_empty() { vec![Step::new("nothing")] } else { steps };
            let mut kinds: Vec<Kind> = vec![target.kind.clone()];
            if let Signal::Gauge(kind) = &fault.signal {
                kinds.push(kind.clone());
            }
            for kind in kinds {
                let strategy = Strategy { kind, class: Some(target.name.clone()), steps: steps.clone() };
                self.engine.policy.strategies.set(strategy);
            }
        }
    }

    fn turn(&mut self, now: u64) -> Vec<Wish> {
        self.engine.turn(now)
    }

    fn journal(&self) -> &[Record] {
        self.engine.journal()
    }

    fn incidents(&self) -> u64 {
        self.engine.incidents()
    }

    fn escalated(&self) -> u64 {
        self.engine.escalated()
    }
}
