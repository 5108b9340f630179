//! The same engine behind the same gates, with the same readings: but for each fault its chain holds
//! what helps, in the best order, and waits no longer for a proof than it takes.

use std::time::Duration;

use salve_healer::policy::Order;
use salve_healer::{ActionResult, Kind, PlanId, Policy, Record, State, Step, Strategy, Target};

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
    /// What everybody may do.
    rules: Policy,
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
        let targets = scenario.targets.iter().map(|spot| own(&spot.target));
        let targets: Vec<Target> = targets.collect();
        let rules = policy.clone();
        // Where nothing is wrong nothing is to be done.
        for target in &targets {
            let kind = target.kind.clone();
            let (class, steps) = (Some(target.name.clone()), vec![nothing()]);
            policy.strategies.set(Strategy { kind, class, steps });
        }
        let engine = Engine::with(scenario, policy, targets, State::new());
        Self { engine, rules, every: scenario.every, seen: vec![false; scenario.faults.len()] }
    }
}

/// A step that nobody has an action for: a person is called.
fn nothing() -> Step {
    Step::new("nothing")
}

/// What is worth trying of what the rules allow for this kind, as often as they allow it: the best
/// chance for the time that a try takes, again and again.
fn chain(policy: &Policy, fault: &Fault, allowed: &[Step], every: u64) -> Vec<Step> {
    let cure = |step: &Step| {
        let meta = policy.actions.get(&step.action)?;
        let free = !policy.needs_approval(step.action.as_str(), meta);
        let cure = fault.cure(step.action.as_str()).filter(|cure| cure.topples == 0.0)?;
        free.then_some(*cure)
    };
    let mut left: Vec<(Cure, u32)> =
        allowed.iter().filter_map(|step| Some((cure(step)?, step.attempts))).collect();
    let proof = |cure: &Cure| cure.settles + 4 * every;
    let worth = |cure: &Cure| {
        let takes = catalogue::find(cure.action).map_or(1, |act| act.takes) as f64;
        let (well, ill) = (takes + cure.settles as f64, takes + proof(cure) as f64);
        cure.chance / (cure.chance * well + (1.0 - cure.chance) * ill)
    };
    left.sort_by(|(a, _), (b, _)| worth(b).total_cmp(&worth(a)));
    let step = |(cure, attempts): (Cure, u32)| {
        Step::new(cure.action)
            .with_attempts(attempts)
            .with_timeout(Duration::from_secs(LONG))
            .verified_within(Duration::from_secs(proof(&cure)))
    };
    left.into_iter().map(step).collect()
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
        self.engine.look(world);
        for (nth, fault) in world.scenario.faults.iter().enumerate() {
            if self.seen[nth] || fault.at > world.now() {
                continue;
            }
            self.seen[nth] = true;
            let target = &world.scenario.targets[fault.target].target;
            let mut kinds: Vec<Kind> = vec![target.kind.clone()];
            if let Signal::Gauge(kind) = &fault.signal {
                kinds.push(kind.clone());
            }
            for kind in kinds {
                let rules = self.rules.strategies.find(&kind, target.class.as_str());
                let allowed = rules.map_or(&[][..], |chain| &chain.steps);
                let mut steps = chain(&self.engine.policy, fault, allowed, self.every);
                if steps.is_empty() {
                    steps.push(nothing());
                }
                let strategy = Strategy { kind, class: Some(target.name.clone()), steps };
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
