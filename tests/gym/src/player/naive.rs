//! Restarts what has failed three times in a row, as many scripts do: no gate, no limit, no proof.

use std::collections::{HashMap, HashSet};

use salve_healer::{ActionResult, PlanId};

use super::{Player, Wish};
use crate::scenario::Scenario;
use crate::watch::Told;

/// The script.
#[derive(Debug)]
pub struct Naive {
    due: Vec<usize>,
    busy: HashMap<PlanId, usize>,
    plans: u64,
    incidents: HashSet<usize>,
}

impl Naive {
    /// It knows nothing.
    #[must_use]
    pub fn new(_scenario: &Scenario) -> Self {
        Self { due: Vec::new(), busy: HashMap::new(), plans: 0, incidents: HashSet::new() }
    }
}

impl Player for Naive {
    fn see(&mut self, _now: u64, told: &[Told]) {
        for told in told {
            if let Told::Failures(target, row) = told
                && *row >= 3
                && row % 3 == 0
            {
                self.due.push(*target);
            }
        }
    }

    fn finished(&mut self, _now: u64, plan: PlanId, _result: &ActionResult) {
        self.busy.remove(&plan);
    }

    fn rolled_back(&mut self, _now: u64, _plan: PlanId) {}

    fn turn(&mut self, _now: u64) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for target in std::mem::take(&mut self.due) {
            if self.busy.values().any(|it| *it == target) {
                continue;
            }
            self.plans += 1;
            self.incidents.insert(target);
            let plan = PlanId(self.plans);
            self.busy.insert(plan, target);
            wishes.push(Wish::Start { plan, target, action: "restart".to_owned(), timeout: 300 });
        }
        wishes
    }

    fn incidents(&self) -> u64 {
        self.incidents.len() as u64
    }
}
