//! The world as it is, whoever watches: who serves, what is wrong, what actions do.

use std::collections::HashMap;

use salve_healer::Step;

use crate::catalogue::{self, Act};
use crate::dice::{About, luck, word};
use crate::scenario::{Fault, Scenario, Signal};

/// How often an action says that it has failed.
const FAILS: f64 = 0.01;
/// How long a target that another's repair brought down stays down, in seconds.
const TOPPLED: u64 = 120;

/// The world at a second.
#[derive(Clone, Debug)]
pub struct World<'a> {
    /// What it was made of.
    pub scenario: &'a Scenario,
    now: u64,
    /// From when on each fault is cured.
    cured: Vec<Option<u64>>,
    toppled: Vec<(usize, u64, u64)>,
    work: Vec<Work>,
    tries: HashMap<(usize, &'static str), u32>,
    serving: Vec<bool>,
}

/// An action that runs.
#[derive(Clone, Copy, Debug)]
struct Work {
    target: usize,
    act: &'static Act,
    ends: u64,
    attempt: u32,
    /// Whether it comes to its end and does what it is for.
    works: bool,
}

/// How an action will go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It ends.
    Done,
    /// It says that it has failed, and has done nothing.
    Failed,
    /// It takes too long and is cut.
    Cut,
}

impl<'a> World<'a> {
    /// The world before anything happens.
    #[must_use]
    pub fn new(scenario: &'a Scenario) -> Self {
        let mut world = Self {
            scenario,
            now: 0,
            cured: vec![None; scenario.faults.len()],
            toppled: Vec::new(),
            work: Vec::new(),
            tries: HashMap::new(),
            serving: vec![true; scenario.targets.len()],
        };
        world.look();
        world
    }

    /// The second that it is.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// Lets a second pass.
    pub fn pass(&mut self) {
        self.now += 1;
        let now = self.now;
        let mut done = Vec::new();
        self.work.retain(|work| {
            let ends = work.ends <= now;
            if ends {
                done.push(*work);
            }
            !ends
        });
        for work in done {
            self.finish(work);
        }
        self.look();
    }

    /// Begins an action at a target; says how many seconds it will take and how it will go.
    pub fn start(&mut self, target: usize, action: &str, timeout: u64) -> (u64, Course) {
        let Some(act) = catalogue::find(action) else { return (1, Course::Failed) };
        let tries = self.tries.entry((target, act.name)).or_insert(0);
        let attempt = *tries;
        *tries += 1;
        let takes = self.takes(target, act, attempt);
        let of = [target as u64, word(act.name), u64::from(attempt)];
        let fails = luck(self.scenario.seed, About::Fails, of) < FAILS;
        let course = match (takes > timeout, fails) {
            (true, _) => Course::Cut,
            (false, true) => Course::Failed,
            (false, false) => Course::Done,
        };
        let takes = takes.min(timeout);
        let works = course == Course::Done;
        self.work.push(Work { target, act, ends: self.now + takes, attempt, works });
        self.topple(target, act, attempt);
        self.look();
        (takes, course)
    }

    fn takes(&self, target: usize, act: &Act, attempt: u32) -> u64 {
        let of = [target as u64, word(act.name), u64::from(attempt)];
        let spread = 0.7 + 0.8 * luck(self.scenario.seed, About::Takes, of);
        ((act.takes as f64 * spread) as u64).max(1)
    }

    /// Whether a target does its work: nothing stops it, and what it needs serves.
    #[must_use]
    pub fn serves(&self, target: usize) -> bool {
        self.serving[target]
    }

    /// How many are unhealthy.
    #[must_use]
    pub fn failing(&self) -> usize {
        (0..self.serving.len()).filter(|at| self.is_unhealthy(*at)).count()
    }

    /// Whether something has been done that cures a fault, be it that this needs a moment more.
    #[must_use]
    pub fn is_cured(&self, nth: usize) -> bool {
        self.cured[nth].is_some()
    }

    /// Whether anything is wrong with a target: a real fault, or it does not serve.
    #[must_use]
    pub fn is_unhealthy(&self, target: usize) -> bool {
        !self.serving[target]
            || self.faults_at(target).any(|(_, fault)| !fault.unreal && !self.is_pausing(fault))
    }

    /// Whether a signal of a target is past its limit, as a perfect reading would say.
    #[must_use]
    pub fn shows(&self, target: usize, signal: &Signal) -> bool {
        let reading = |fault: &Fault| {
            let of = [target as u64, self.now, 0];
            fault.shows >= 1.0 || luck(self.scenario.seed, About::Shows, of) < fault.shows
        };
        let seen = |(_, fault): (usize, &Fault)| {
            let at_probe = *signal == Signal::Probe && self.stops_serving(fault);
            (fault.signal == *signal || at_probe) && !self.is_pausing(fault) && reading(fault)
        };
        if self.faults_at(target).any(seen) {
            return true;
        }
        // What others or an action do to it shows in every reading.
        let own = self.faults_at(target).any(|(_, fault)| self.stops_serving(fault));
        *signal == Signal::Probe && !self.serving[target] && !own
    }

    /// Faults of a target that are there now, with their numbers.
    pub fn faults_at(&self, target: usize) -> impl Iterator<Item = (usize, &'a Fault)> {
        let all = self.scenario.faults.iter().enumerate();
        all.filter(move |(nth, fault)| fault.target == target && self.is_there(*nth, fault))
    }

    fn is_there(&self, nth: usize, fault: &Fault) -> bool {
        let ended = fault.ends.is_some_and(|at| at <= self.now);
        let cured = self.cured[nth].is_some_and(|at| at <= self.now);
        fault.at <= self.now && !ended && !cured
    }

    /// Whether it has come and gone, and is to come again.
    fn is_pausing(&self, fault: &Fault) -> bool {
        fault.beat.is_some_and(|(down, up)| (self.now - fault.at) % (down + up) >= down)
    }

    fn stops_serving(&self, fault: &Fault) -> bool {
        let grown = fault.grows.is_some_and(|after| self.now >= fault.at + after);
        let stops = fault.signal == Signal::Probe || grown;
        stops && !fault.unreal && !self.is_pausing(fault)
    }

    fn finish(&mut self, work: Work) {
        let seed = self.scenario.seed;
        let Work { target, act, ends, attempt, works } = work;
        if !works {
            return;
        }
        let cured: Vec<_> = self
            .faults_at(target)
            .filter_map(|(nth, fault)| {
                let cure = fault.cure(act.name)?;
                let of = [nth as u64, word(act.name), u64::from(attempt)];
                let helps = luck(seed, About::Cures, of) < cure.chance_at(attempt);
                helps.then_some((nth, ends + cure.settles))
            })
            .collect();
        for (nth, at) in cured {
            let known = self.cured[nth].get_or_insert(at);
            *known = at.min(*known);
        }
    }

    /// Who takes capacity from what has too little brings the next one down.
    fn topple(&mut self, target: usize, act: &Act, attempt: u32) {
        let chance = self.faults_at(target).filter_map(|(_, fault)| fault.cure(act.name));
        let chance = chance.map(|cure| cure.topples).fold(0.0, f64::max);
        let of = [target as u64, word(act.name), u64::from(attempt)];
        if luck(self.scenario.seed, About::Topples, of) >= chance {
            return;
        }
        let group = |at: usize| self.scenario.targets[at].target.place.group.as_ref();
        let others = 0..self.scenario.targets.len();
        let next = others
            .filter(|at| *at != target && group(*at).is_some() && group(*at) == group(target))
            .find(|at| self.serving[*at]);
        if let Some(next) = next {
            self.toppled.push((next, self.now, self.now + TOPPLED));
        }
    }

    fn look(&mut self) {
        for target in 0..self.scenario.targets.len() {
            let stopped = self.faults_at(target).any(|(_, fault)| self.stops_serving(fault));
            let at_work = self.work.iter().any(|work| work.target == target && work.act.stops);
            let toppled = self.toppled.iter();
            let toppled = toppled
                .filter(|(who, from, until)| *who == target && (*from..*until).contains(&self.now));
            let needs = &self.scenario.targets[target].needs;
            let starved = needs.iter().any(|need| !self.serving[*need]);
            self.serving[target] = !stopped && !at_work && toppled.count() == 0 && !starved;
        }
    }

    /// For who knows everything: after how many seconds this action, begun now and as often as it
    /// takes, would have cured a fault, if it ever does.
    #[must_use]
    pub fn would_cure(&self, nth: usize, action: &'static str) -> Option<u64> {
        let fault = &self.scenario.faults[nth];
        let (cure, act) = (fault.cure(action)?, catalogue::find(action)?);
        let tried = self.tries.get(&(fault.target, act.name)).copied().unwrap_or(0);
        let seed = self.scenario.seed;
        let mut sum = 0;
        for attempt in tried..tried + 6 {
            sum += self.takes(fault.target, act, attempt);
            let of = [nth as u64, word(action), u64::from(attempt)];
            let helps = luck(seed, About::Cures, of) < cure.chance_at(attempt);
            let of = [fault.target as u64, word(act.name), u64::from(attempt)];
            if helps && luck(seed, About::Fails, of) >= FAILS {
                return Some(sum + cure.settles);
            }
        }
        None
    }

    /// Whether one of these steps cures a fault, as often as they may be tried.
    #[must_use]
    pub fn is_curable(&self, nth: usize, steps: &[Step]) -> bool {
        let fault = &self.scenario.faults[nth];
        let seed = self.scenario.seed;
        steps.iter().any(|step| {
            let name = step.action.as_str();
            let Some(cure) = fault.cure(name) else { return false };
            (0..step.attempts).any(|attempt| {
                let of = [nth as u64, word(name), u64::from(attempt)];
                let helps = luck(seed, About::Cures, of) < cure.chance_at(attempt);
                let of = [fault.target as u64, word(name), u64::from(attempt)];
                helps && luck(seed, About::Fails, of) >= FAILS
            })
        })
    }

    /// Whether anything is being done at a target.
    #[must_use]
    pub fn is_busy(&self, target: usize) -> bool {
        self.work.iter().any(|work| work.target == target)
    }
}
