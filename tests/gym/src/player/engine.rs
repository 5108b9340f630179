//! The healer's own engine, driven as its driver drives it, with a journal in memory.

use std::collections::HashMap;
use std::time::Duration;

use salve_core::Name;
use salve_healer::policy::Order;
use salve_healer::{
    ActionResult, Captured, Condition, Fact, HoldReason, Intake, Kind, Looked, Looks, Next, Plan,
    PlanId, Policy, Record, Report, Severity, State, Target, Time, Wall, Who, decide_beside, due,
    intake, may_start,
};

use super::{Luggage, Player, Wish};
use crate::catalogue;
use crate::dice::{About, luck};
use crate::scenario::{Scenario, Signal};
use crate::truth::World;
use crate::watch::{Told, sees_witness};

/// More steps at one instant than anything sensible takes.
const MANY: usize = 20_000;

/// The engine.
#[derive(Debug)]
pub struct Engine {
    /// What it knows.
    pub state: State,
    /// By which rules.
    pub policy: Policy,
    records: Vec<Record>,
    rng: fastrand::Rng,
    targets: Vec<Target>,
    numbers: HashMap<Name, usize>,
    /// Whether anything has happened since it had nothing to do.
    stirred: bool,
    wake: u64,
    /// What a look at each of those that are convicted would say at this second.
    looks: Vec<Option<bool>>,
    /// And one at the witness.
    witness: Option<bool>,
    /// Plans whose target is looked at again, when, and what was seen until now.
    looking: HashMap<PlanId, (u64, Looks)>,
    /// Plans whose target was well, and when they are thought of again.
    spared: HashMap<PlanId, u64>,
}

/// What whoever sees anybody sees.
const WITNESS: &str = "witness";

impl Engine {
    /// With the default rules and the ready chains.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let targets = scenario.targets.iter().map(|spot| spot.target.clone()).collect();
        Self::with(scenario, catalogue::policy(), targets, State::new())
    }

    /// With the steps as they stand.
    #[must_use]
    pub fn fixed(scenario: &Scenario) -> Self {
        let mut engine = Self::new(scenario);
        engine.policy.choice.order = Order::Fixed;
        engine
    }

    /// With what was learned in other worlds.
    #[must_use]
    pub fn seasoned(scenario: &Scenario, luggage: &Luggage) -> Self {
        let known = luggage.knowledge.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let targets = scenario.targets.iter().map(|spot| spot.target.clone()).collect();
        Self::with(scenario, catalogue::policy(), targets, known.unwrap_or_default())
    }

    pub(super) fn with(
        scenario: &Scenario,
        policy: Policy,
        targets: Vec<Target>,
        state: State,
    ) -> Self {
        let numbers = targets.iter().enumerate().map(|(at, it)| (it.name.clone(), at)).collect();
        let mut engine = Self {
            state,
            policy,
            records: Vec::new(),
            rng: fastrand::Rng::with_seed(scenario.seed),
            numbers,
            looks: vec![None; targets.len()],
            witness: None,
            looking: HashMap::new(),
            spared: HashMap::new(),
            targets: targets.clone(),
            stirred: true,
            wake: 0,
        };
        engine.tell(0, Fact::Started { healer: "gym".into() });
        let all = targets.into_iter().chain([Target::witness(WITNESS)]);
        all.for_each(|target| engine.tell(0, Fact::TargetSet(target)));
        engine
    }

    /// What it has learned, as a state that knows nothing else.
    #[must_use]
    pub fn luggage(&self) -> Luggage {
        let mut empty = serde_json::to_value(State::new()).unwrap_or_default();
        let mut known = serde_json::to_value(self.state.knowledge()).unwrap_or_default();
        // What failed in a row has done so long ago.
        for arm in known.as_array_mut().into_iter().flatten() {
            for arm in arm[1].as_object_mut().into_iter().flat_map(|arms| arms.values_mut()) {
                arm["failed_at"] = serde_json::Value::Array(Vec::new());
            }
        }
        empty["knowledge"] = known;
        Luggage { knowledge: Some(empty.to_string()) }
    }

    /// Writes a fact down; the engine has asked for it, so that a refusal is a defect.
    fn tell(&mut self, now: u64, fact: Fact) {
        let record = self.state.record(time(now), Wall(now * 1_000), Who::Healer, "", fact);
        if let Err(refused) = self.state.apply(&record) {
            panic!("{refused}: {:?}", record.fact);
        }
        self.records.push(record);
        self.stirred = true;
    }

    fn name(&self, target: usize) -> Name {
        self.targets[target].name.clone()
    }

    fn report(&mut self, now: u64, report: &Report) {
        let taken = intake(&self.state, &self.policy, report, time(now));
        if let Intake::New(_, fact) | Intake::Changed(_, fact) = taken {
            self.tell(now, *fact);
        }
    }

    /// Looks at the target of a plan, as its driver does: whether it may begin now.
    fn looks_ill(&mut self, now: u64, plan: &Plan, mut looks: Looks) -> bool {
        let target = self.looks[self.numbers[&plan.target]];
        let believed = self.state.targets().witnesses().filter(|it| !it.discredited);
        let witnesses: Vec<_> = believed.map(|_| self.witness).collect();
        let until = time(now + self.policy.calm.second_look.as_secs());
        match looks.take(target, &witnesses, &self.policy.calm) {
            Looked::Ill => return true,
            Looked::Well => self.spare(now, plan, HoldReason::LooksWell { until }),
            Looked::Blind => {
                let witnesses = vec![WITNESS.into()];
                self.spare(now, plan, HoldReason::Blind { witnesses, until });
            }
            Looked::Again(pause) => {
                self.looking.insert(plan.id, (now + pause.as_secs(), looks));
            }
        }
        false
    }

    /// Plans whose target is to be looked at again now: they begin, wait on, or are left alone.
    fn look_again(&mut self, now: u64) -> Vec<Wish> {
        let due =
            |(id, (at, looks)): (&PlanId, &(u64, Looks))| (*at <= now).then_some((*id, *looks));
        let mut due: Vec<_> = self.looking.iter().filter_map(due).collect();
        due.sort_by_key(|(id, _)| *id);
        let mut wishes = Vec::new();
        for (id, looks) in due {
            self.looking.remove(&id);
            let plan = self.state.incident_of(id).and_then(|it| it.plan()).cloned();
            let Some(plan) = plan else { continue };
            self.stirred = true;
            if self.looks_ill(now, &plan, looks)
                && may_start(&self.state, &self.policy, time(now), id).is_ok()
            {
                wishes.push(self.begin(now, &plan));
            }
        }
        wishes
    }

    fn spare(&mut self, now: u64, plan: &Plan, reason: HoldReason) {
        self.spared.insert(plan.id, now + self.policy.calm.second_look.as_secs());
        let known = self.state.incident(plan.incident).and_then(|it| it.hold.as_ref());
        if !known.is_some_and(|known| known.is_like(&reason)) {
            self.tell(now, Fact::Held { incident: plan.incident, reason });
        }
    }

    fn start(&mut self, now: u64, id: PlanId) -> Option<Wish> {
        let incident = self.state.incident_of(id)?;
        let (plan, looks) = (incident.plan()?.clone(), Looks::before(incident));
        if looks.is_some_and(|looks| !self.looks_ill(now, &plan, looks)) {
            return None;
        }
        Some(self.begin(now, &plan))
    }

    fn begin(&mut self, now: u64, plan: &Plan) -> Wish {
        let token = self.state.totals().started + 1;
        let (digest, before) = (plan.digest(), Captured::default());
        self.tell(now, Fact::ActionStarted { plan: plan.id, digest, token, before });
        Wish::Start {
            plan: plan.id,
            target: self.numbers[&plan.target],
            action: plan.action.to_string(),
            timeout: plan.timeout.as_secs().max(1),
        }
    }
}

const fn time(now: u64) -> Time {
    Time::from_secs(now + 1)
}

impl Player for Engine {
    fn see(&mut self, now: u64, told: &[Told]) {
        for told in told {
            match told {
                Told::Condition(target, condition) => {
                    let (target, condition) = (self.name(*target), *condition);
                    self.tell(now, Fact::Observed { target, condition });
                }
                Told::Witness(condition) => {
                    let (target, condition) = (WITNESS.into(), *condition);
                    self.tell(now, Fact::Observed { target, condition });
                }
                Told::Gauge(target, kind, over) => {
                    let mut report = Report::new(self.name(*target), kind.clone(), Severity::High);
                    report.resolved = !over;
                    self.report(now, &report);
                }
                Told::Suspicion(target, on) => {
                    let name = self.name(*target);
                    let mut report =
                        Report::new(name, Kind::HighMemory, Severity::Medium).suspected();
                    report.resolved = !on;
                    self.report(now, &report);
                }
                Told::Change(target) => {
                    let target = self.name(*target);
                    self.tell(now, Fact::ChangeSeen { target, what: "release".into() });
                }
                Told::StoodStill(gap) => {
                    let until = time(now).after(Duration::from_secs(15));
                    self.tell(now, Fact::StoodStill { gap: Duration::from_secs(*gap), until });
                }
                Told::Failures(..) => {}
            }
        }
    }

    /// Readings of the convicted and of the witness, as right as any others, for those that are about to be restarted.
    fn look(&mut self, world: &World<'_>) {
        let scenario = world.scenario;
        let targets = self.state.targets().patients().enumerate();
        for (target, _) in targets.filter(|(_, it)| it.condition == Condition::Failed) {
            let of = [target as u64, world.now(), 0];
            let lost = luck(scenario.seed, About::Again, of) < scenario.lost;
            let wrong = luck(scenario.seed, About::Again, [of[0], of[1], 1]) < scenario.wrong;
            let well = world.shows(target, &Signal::Probe) == wrong;
            self.looks[target] = (!lost).then_some(well);
        }
        self.witness = sees_witness(world, About::Again, About::WrongAgain, 2);
    }

    fn finished(&mut self, now: u64, plan: PlanId, result: &ActionResult) {
        self.tell(now, Fact::ActionFinished { plan, result: result.clone() });
    }

    fn rolled_back(&mut self, now: u64, plan: PlanId) {
        self.tell(now, Fact::RollbackFinished { plan, ok: true });
    }

    fn turn(&mut self, now: u64) -> Vec<Wish> {
        let open = self.state.incidents().next().is_some() || !self.state.storms().is_empty();
        let slow = now.is_multiple_of(if open { 5 } else { 60 });
        if !self.stirred && !slow && now < self.wake {
            return Vec::new();
        }
        let mut wishes = self.look_again(now);
        self.spared.retain(|_, until| now < *until);
        for _ in 0..MANY {
            let facts = due(&self.state, &self.policy, time(now));
            if !facts.is_empty() {
                facts.into_iter().for_each(|(fact, _)| self.tell(now, fact));
                continue;
            }
            let spared = |plan| self.spared.contains_key(&plan) || self.looking.contains_key(&plan);
            let (state, policy, at) = (&self.state, &self.policy, time(now));
            let decision = decide_beside(state, policy, at, &mut self.rng, spared);
            let news: Vec<_> = decision.news(&self.state).cloned().collect();
            for hold in news {
                self.tell(now, Fact::Held { incident: hold.incident, reason: hold.reason });
            }
            match decision.next {
                None => {
                    self.stirred = false;
                    let wake = decision.wake().map(|at| at.as_nanos().div_ceil(1_000_000_000));
                    let wake = wake.map_or(u64::MAX, |at| at.saturating_sub(1));
                    let looks = self.looking.values().map(|(at, _)| *at);
                    self.wake = self.spared.values().copied().chain(looks).fold(wake, u64::min);
                    return wishes;
                }
                Some(Next::Plan(plan)) => self.tell(now, Fact::Planned(plan)),
                Some(Next::Start(plan)) => wishes.extend(self.start(now, plan)),
                Some(Next::RollBack(plan)) => {
                    self.tell(now, Fact::RollbackStarted(plan));
                    wishes.push(Wish::RollBack(plan));
                }
                Some(Next::TakeBack(plan)) => {
                    self.tell(now, Fact::TakingBack(plan));
                    self.tell(now, Fact::Expired { plan, ok: true });
                }
            }
        }
        panic!("there is no end to what is to be done: {:?}", self.records.last());
    }

    fn journal(&self) -> &[Record] {
        &self.records
    }

    fn incidents(&self) -> u64 {
        self.records.iter().filter(|it| matches!(it.fact, Fact::Opened(_))).count() as u64
    }

    fn escalated(&self) -> u64 {
        self.state.totals().escalated
    }
}
