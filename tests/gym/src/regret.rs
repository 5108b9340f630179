//! What learning costs: the reference's four sets of arms, drawn by the engine's own decisions.

use std::time::Duration;

use salve_core::Ratio;
use salve_healer::{
    ActionMeta, ActionResult, Captured, Condition, Fact, Kind, Next, Policy, Prior, State, Step,
    Strategy, Target, Time, Verdict, Wall, Who, decide, due,
};

/// Chances of success, and what Thompson sampling has lost after a thousand pulls in the reference.
pub const ARMS: [(&[f64], f64); 4] = [
    (&[0.70, 0.80, 0.95], 6.9),
    (&[0.85, 0.90], 8.7),
    (&[0.92, 0.95], 6.2),
    (&[0.75, 0.80, 0.85], 16.1),
];
const NAMES: [&str; 3] = ["first", "second", "third"];
const PULLS: usize = 1_000;

/// Successes lost against the best arm in a thousand incidents, on average over the runs.
#[must_use]
pub fn regret(arms: &[f64], runs: u64) -> f64 {
    let best = arms.iter().copied().fold(0.0, f64::max);
    let lost = (0..runs).map(|seed| {
        let mut trial = Trial::new(arms, seed);
        (0..PULLS).map(|_| best - arms[trial.pull(arms)]).sum::<f64>()
    });
    lost.sum::<f64>() / runs as f64
}

/// A healer that is given one failing target after another, each healed by chance.
struct Trial {
    state: State,
    policy: Policy,
    rng: fastrand::Rng,
    now: Time,
}

impl Trial {
    fn new(arms: &[f64], seed: u64) -> Self {
        let mut policy = Policy::default();
        let mut chain = Strategy::new(Kind::Service);
        for (name, rate) in NAMES.into_iter().zip(arms) {
            let rate = Ratio::try_from(*rate).unwrap_or(Ratio::ONE);
            policy = policy.with_action(name, ActionMeta::default().idempotent());
            let step = Step::new(name).verified_within(Duration::ZERO);
            chain = chain.then(step.expecting(Prior::new(rate, 10)));
        }
        policy = policy.with_strategy(chain);
        // Only the choice is looked at: nothing else may hold it.
        policy.limits.per_target = 1_000;
        policy.limits.total = 10_000;
        policy.stops.kill_share = Ratio::ONE;
        policy.stops.no_progress = 100;
        policy.calm.flaps = 64;
        let (state, rng) = (State::new(), fastrand::Rng::with_seed(seed));
        let mut trial = Self { state, policy, rng, now: Time::from_secs(1) };
        trial.tell(Fact::TargetSet(Target::new("api", "service")));
        trial
    }

    fn tell(&mut self, fact: Fact) {
        let record = self.state.record(self.now, Wall(0), Who::Healer, "", fact);
        if let Err(refused) = self.state.apply(&record) {
            panic!("{refused}: {:?}", record.fact);
        }
    }

    fn observe(&mut self, condition: Condition) {
        self.tell(Fact::Observed { target: "api".into(), condition });
        loop {
            let facts = due(&self.state, &self.policy, self.now);
            if facts.is_empty() {
                return;
            }
            facts.into_iter().for_each(|(fact, _)| self.tell(fact));
        }
    }

    /// One incident, of which only the first action counts; says which that was.
    fn pull(&mut self, arms: &[f64]) -> usize {
        self.now = self.now.after(Duration::from_secs(4_000));
        self.observe(Condition::Failed);
        let decision = decide(&self.state, &self.policy, self.now, &mut self.rng);
        let Some(Next::Plan(plan)) = decision.next else { panic!("{:?}", decision.holds) };
        let arm = NAMES.iter().position(|name| plan.action == **name).unwrap_or(0);
        let (id, digest, start) = (plan.id, plan.digest(), plan.not_before);
        self.tell(Fact::Planned(plan));
        self.now = start.max(self.now);
        self.tell(Fact::ActionStarted {
            plan: id,
            digest,
            token: id.0,
            before: Captured::default(),
        });
        self.now = self.now.after(Duration::from_secs(30));
        self.tell(Fact::ActionFinished { plan: id, result: ActionResult::Done });
        let verdict = match self.rng.f64() < arms[arm] {
            true => Verdict::Recovered,
            false => Verdict::NotRecovered,
        };
        if verdict == Verdict::Recovered {
            self.tell(Fact::Observed { target: "api".into(), condition: Condition::Healthy });
        }
        self.tell(Fact::Verified { plan: id, verdict });
        self.now = self.now.after(Duration::from_secs(60));
        self.observe(Condition::Healthy);
        arm
    }
}
