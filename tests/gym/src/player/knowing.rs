//! Sees every fault as it strikes and knows which try will help: what nobody can beat.

use salve_healer::{ActionResult, PlanId};

use super::{Player, Wish};
use crate::catalogue::ACTS;
use crate::scenario::Scenario;
use crate::truth::World;
use crate::watch::Told;

/// The one who knows, or one who knows and does nothing.
#[derive(Debug)]
pub struct Knowing {
    idle: bool,
    due: Vec<(usize, &'static str)>,
    plans: u64,
}

impl Knowing {
    /// Does what helps.
    #[must_use]
    pub fn new(_scenario: &Scenario) -> Self {
        Self { idle: false, due: Vec::new(), plans: 0 }
    }

    /// Does nothing.
    #[must_use]
    pub fn idle(scenario: &Scenario) -> Self {
        Self { idle: true, ..Self::new(scenario) }
    }
}

impl Player for Knowing {
    fn see(&mut self, _now: u64, _told: &[Told]) {}

    fn finished(&mut self, _now: u64, _plan: PlanId, _result: &ActionResult) {}

    fn rolled_back(&mut self, _now: u64, _plan: PlanId) {}

    fn look(&mut self, world: &World<'_>) {
        if self.idle {
            return;
        }
        for (nth, fault) in world.scenario.faults.iter().enumerate() {
            let there = fault.at <= world.now() && fault.ends.is_none_or(|at| world.now() < at);
            let free = !world.is_cured(nth) && !world.is_busy(fault.target);
            if !there || !free || fault.unreal {
                continue;
            }
            let ways = ACTS.iter().filter_map(|act| {
                let takes = world.would_cure(nth, act.name)?;
                let sooner = fault.ends.is_none_or(|at| world.now() + takes < at);
                let kind = fault.cure(act.name).is_some_and(|cure| cure.topples == 0.0);
                (sooner && kind).then_some((takes, act.name))
            });
            if let Some((_, action)) = ways.min() {
                self.due.push((fault.target, action));
            }
        }
    }

    fn turn(&mut self, _now: u64) -> Vec<Wish> {
        let due = std::mem::take(&mut self.due);
        let wishes = due.into_iter().map(|(target, action)| {
            self.plans += 1;
            let plan = PlanId(self.plans);
            Wish::Start { plan, target, action: action.to_owned(), timeout: 3_600 }
        });
        wishes.collect()
    }
}
