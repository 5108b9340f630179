//! A small world in virtual time: a state, a journal in memory, and actions that do as they are told.
#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod audit;

use std::time::Duration;

use salve_core::{Name, Place};
use salve_healer::{
    ActionResult, Captured, Condition, Decision, Digest, Fact, Force, HoldReason, IncidentId,
    Intake, Next, Phase, Plan, PlanId, Policy, Record, Refused, Report, State, Target, Time, Wall,
    Who, decide, due, intake,
};

/// What an action does in this world.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) after: Duration,
    pub(crate) result: ActionResult,
    pub(crate) heals: bool,
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn heals() -> Effect {
    Effect { after: secs(2), result: ActionResult::Done, heals: true }
}

pub(crate) fn does_nothing() -> Effect {
    Effect { heals: false, ..heals() }
}

pub(crate) fn fails(again: bool) -> Effect {
    let why = "no".to_owned();
    Effect { result: ActionResult::Failed { why, again }, ..does_nothing() }
}

pub(crate) fn person(name: &'static str) -> Who {
    Who::Person(name.into())
}

pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) policy: Policy,
    pub(crate) now: Time,
    pub(crate) records: Vec<Record>,
    pub(crate) rng: fastrand::Rng,
    pub(crate) effects: Box<dyn FnMut(&Plan) -> Effect>,
    pub(crate) running: Vec<(Time, PlanId, Name, Effect)>,
    pub(crate) last: Decision,
}

impl World {
    pub(crate) fn new(policy: Policy, targets: &[Target]) -> Self {
        assert_eq!(policy.validate(), Ok(()));
        let mut world = Self {
            state: State::new(),
            policy,
            now: Time::from_secs(1),
            records: Vec::new(),
            rng: fastrand::Rng::with_seed(1),
            effects: Box::new(|_| heals()),
            running: Vec::new(),
            last: Decision::default(),
        };
        world.tell(Fact::Started { healer: "h".into() });
        for target in targets {
            world.tell(Fact::TargetSet(target.clone()));
            world.observe(target.name.as_str(), Condition::Healthy);
        }
        world
    }

    pub(crate) fn write(&mut self, by: Who, fact: Fact) -> Result<(), Refused> {
        let wall = Wall(self.now.as_nanos() / 1_000_000);
        let record = self.state.record(self.now, wall, by, "test", fact);
        self.state.apply(&record)?;
        self.records.push(record);
        Ok(())
    }

    /// A fact by the healer or whoever watches, which has to be right.
    #[track_caller]
    pub(crate) fn tell(&mut self, fact: Fact) {
        let told = format!("{fact:?}");
        if let Err(refused) = self.write(Who::Healer, fact) {
            panic!("{refused}: {told}");
        }
    }

    pub(crate) fn by(&mut self, name: &'static str, fact: Fact) -> Result<(), Refused> {
        self.write(person(name), fact)
    }

    pub(crate) fn observe(&mut self, target: &str, condition: Condition) {
        self.tell(Fact::Observed { target: target.to_owned().into(), condition });
    }

    pub(crate) fn report(&mut self, report: &Report) -> Intake {
        let taken = intake(&self.state, &self.policy, report, self.now);
        if let Intake::New(_, fact) | Intake::Changed(_, fact) = &taken {
            self.tell((**fact).clone());
        }
        taken
    }

    /// Does all that is due and decided now.
    pub(crate) fn turn(&mut self) {
        for _ in 0..10_000 {
            if let Some(at) = self.running.iter().position(|(until, ..)| *until <= self.now) {
                let (_, plan, target, effect) = self.running.remove(at);
                if self.state.incident_of(plan).is_some_and(|it| it.phase == Phase::Acting) {
                    self.tell(Fact::ActionFinished { plan, result: effect.result.clone() });
                    if effect.heals {
                        self.observe(target.as_str(), Condition::Healthy);
                    }
                }
                continue;
            }
            let facts = due(&self.state, &self.policy, self.now);
            if !facts.is_empty() {
                facts.into_iter().for_each(|(fact, _)| self.tell(fact));
                continue;
            }
            let seed = self.rng.get_seed();
            let decision = decide(&self.state, &self.policy, self.now, &mut self.rng);
            if decision.next.is_some() {
                let mut again = fastrand::Rng::with_seed(seed);
                let repeated = decide(&self.state, &self.policy, self.now, &mut again);
                assert_eq!(decision, repeated, "the same seed gives the same decision");
            }
            let news: Vec<_> = decision.news(&self.state).cloned().collect();
            for hold in news {
                self.tell(Fact::Held { incident: hold.incident, reason: hold.reason });
            }
            self.last = decision.clone();
            match decision.next {
                None => return,
                Some(Next::Plan(plan)) => self.tell(Fact::Planned(plan)),
                Some(Next::Start(plan)) => self.start(plan),
                Some(Next::RollBack(plan)) => {
                    self.tell(Fact::RollbackStarted(plan));
                    self.tell(Fact::RollbackFinished { plan, ok: true });
                }
                Some(Next::TakeBack(plan)) => {
                    self.tell(Fact::TakingBack(plan));
                    self.tell(Fact::Expired { plan, ok: true });
                }
            }
        }
        panic!("there is no end to what is to be done: {:?}", self.records.last());
    }

    fn start(&mut self, id: PlanId) {
        let plan = self.plan(id);
        let (digest, before) = (plan.digest(), Captured::default());
        let token = self.state.totals().started + 1;
        self.tell(Fact::ActionStarted { plan: id, digest, token, before });
        let effect = (self.effects)(&plan);
        self.running.push((self.now.after(effect.after), id, plan.target, effect));
    }

    pub(crate) fn plan(&self, id: PlanId) -> Plan {
        self.state.incident_of(id).and_then(|it| it.plan()).unwrap().clone()
    }

    /// Lets time pass in whole seconds, and does what comes up.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.turn();
        for _ in 0..seconds {
            self.now = self.now.after(secs(1));
            self.turn();
        }
    }

    /// As [`pass`](Self::pass), in steps that are seldom too long to matter.
    pub(crate) fn leap(&mut self, seconds: u64) {
        for step in (0..seconds).step_by(11) {
            self.now = self.now.after(secs(11.min(seconds - step)));
            self.turn();
        }
    }

    pub(crate) fn fail(&mut self, target: &str) {
        self.observe(target, Condition::Failed);
        self.turn();
    }

    pub(crate) fn approve(&mut self, name: &'static str, plan: PlanId) -> Result<(), Refused> {
        let digest: Digest = self.plan(plan).digest();
        self.by(name, Fact::Approved { plan, digest })
    }

    pub(crate) fn force(
        &mut self,
        name: &'static str,
        incident: IncidentId,
        action: &'static str,
    ) -> Result<(), Refused> {
        let force = Force { by: person(name), action: action.into(), last_member: false };
        self.by(name, Fact::Forced { incident, force })
    }

    /// The actions that were started, as `action@target`.
    pub(crate) fn started(&self) -> Vec<String> {
        let plans: Vec<&Plan> = self.plans();
        let started = self.records.iter().filter_map(|record| match &record.fact {
            Fact::ActionStarted { plan, .. } => plans.iter().find(|it| it.id == *plan),
            _ => None,
        });
        started.map(|plan| format!("{}@{}", plan.action, plan.target)).collect()
    }

    pub(crate) fn plans(&self) -> Vec<&Plan> {
        let planned = self.records.iter().filter_map(|record| match &record.fact {
            Fact::Planned(plan) => Some(&**plan),
            _ => None,
        });
        planned.collect()
    }

    pub(crate) fn count(&self, is: impl Fn(&Fact) -> bool) -> usize {
        self.records.iter().filter(|record| is(&record.fact)).count()
    }

    /// The first incident about this target.
    pub(crate) fn incident(&self, target: &str) -> Option<&salve_healer::Incident> {
        let about = |it: &&salve_healer::Incident| {
            it.opening.subject.target().is_some_and(|name| name == target)
        };
        self.state.incidents().find(about)
    }

    /// Why nothing is done for this target now.
    pub(crate) fn held(&self, target: &str) -> Option<HoldReason> {
        let id = self.incident(target)?.id();
        let hold = self.last.holds.iter().find(|hold| hold.incident == id);
        hold.map(|hold| hold.reason.clone())
    }

    /// Ends the process and starts another on the same journal.
    pub(crate) fn restart(&mut self) {
        let mut state = State::new();
        for record in &self.records {
            state.apply(record).unwrap();
        }
        assert!(state == self.state, "a replay gives the same state");
        let written = serde_json::to_string(&state).unwrap();
        self.state = serde_json::from_str(&written).unwrap();
        assert!(state == self.state, "what is written is read again");
        self.running.clear();
        self.tell(Fact::Started { healer: "h".into() });
    }
}

pub(crate) fn lone(name: &'static str) -> Target {
    Target::new(name, "service")
}

pub(crate) fn member(name: &'static str, group: &'static str, domain: &'static str) -> Target {
    Target::new(name, "service").with_place(Place::new().in_group(group).in_domain(domain))
}
