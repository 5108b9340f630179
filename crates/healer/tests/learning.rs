//! What the learner does: draws, regret, drift, and replay of the posterior.

use proptest::prelude::*;
use salve_core::Ratio;
use salve_healer::{
    ActionMeta, ActionResult, Captured, Condition, Fact, Kind, Next, Policy, Prior, Seen, State,
    Step, Strategy, Target, Time, Verdict, Wall, Who, decide,
};

/// A healer that is given one failing target after another, each healed by chance.
struct Trial {
    state: State,
    policy: Policy,
    rng: fastrand::Rng,
    now: Time,
}

impl Trial {
    fn new(rates: &[(&'static str, f64)], expected: bool, seed: u64) -> Self {
        let mut policy = Policy::default();
        let mut chain = Strategy::new(Kind::Service);
        for (name, rate) in rates {
            let weight = if expected { 10 } else { 0 };
            let prior = Prior::new(Ratio::try_from(*rate).unwrap(), weight);
            policy = policy.with_action(*name, ActionMeta::default().idempotent());
            // It is judged as soon as it has ended.
            let step = Step::new(*name).verified_within(std::time::Duration::ZERO);
            chain = chain.then(step.expecting(prior));
        }
        policy = policy.with_strategy(chain);
        // Only the choice is looked at: nothing else may hold it.
        policy.limits.per_target = 1_000;
        policy.limits.total = 10_000;
        policy.stops.kill_share = Ratio::ONE;
        policy.stops.no_progress = 100;
        policy.calm.flaps = 64;
        let mut trial = Self {
            state: State::new(),
            policy,
            rng: fastrand::Rng::with_seed(seed),
            now: Time::from_secs(1),
        };
        trial.tell(Fact::TargetSet(Target::new("api", "service")));
        trial
    }

    fn tell(&mut self, fact: Fact) {
        let record = self.state.record(self.now, Wall(0), Who::Healer, "", fact);
        self.state.apply(&record).unwrap();
    }

    fn observe(&mut self, condition: Condition) {
        self.tell(Fact::Observed { target: "api".into(), condition });
    }

    /// One incident, of which only the first action counts; says which that was.
    fn pull(&mut self, helps: impl FnOnce(&str, &mut fastrand::Rng) -> bool) -> String {
        self.now = self.now.after(std::time::Duration::from_secs(4_000));
        self.observe(Condition::Failed);
        self.catch_up();
        let next = decide(&self.state, &self.policy, self.now, &mut self.rng);
        let Some(Next::Plan(plan)) = next.next else { panic!("{:?}", next.holds) };
        let (id, digest, action) = (plan.id, plan.digest(), plan.action.to_string());
        let start = plan.not_before;
        self.tell(Fact::Planned(plan));
        self.now = start.max(self.now);
        let before = Captured::default();
        self.tell(Fact::ActionStarted { plan: id, digest, token: id.0, before });
        self.now = self.now.after(std::time::Duration::from_secs(30));
        self.tell(Fact::ActionFinished { plan: id, result: ActionResult::Done });
        let helped = helps(&action, &mut self.rng);
        let verdict = if helped { Verdict::Recovered } else { Verdict::NotRecovered };
        if helped {
            self.observe(Condition::Healthy);
        }
        self.tell(Fact::Verified { plan: id, verdict });
        self.now = self.now.after(std::time::Duration::from_secs(60));
        self.catch_up();
        if !helped {
            self.observe(Condition::Healthy);
            self.catch_up();
        }
        action
    }

    fn catch_up(&mut self) {
        loop {
            let facts = salve_healer::due(&self.state, &self.policy, self.now);
            if facts.is_empty() {
                return;
            }
            facts.into_iter().for_each(|(fact, _)| self.tell(fact));
        }
    }
}

fn regret(rates: &[(&'static str, f64)], expected: bool, runs: u64) -> f64 {
    let best = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let rate = |name: &str| rates.iter().find(|(known, _)| *known == name).unwrap().1;
    let mut sum = 0.0;
    for seed in 0..runs {
        let mut trial = Trial::new(rates, expected, seed);
        for _ in 0..1_000 {
            let action = trial.pull(|action, rng| rng.f64() < rate(action));
            sum += best - rate(&action);
        }
    }
    sum / runs as f64
}

/// INV-43: at most twice the reference, which knows no drift.
#[test]
fn inv_43_regret_stays_near_the_reference() {
    let cases: [(&[(&'static str, f64)], f64); 4] = [
        (&[("a", 0.70), ("b", 0.80), ("c", 0.95)], 6.9),
        (&[("a", 0.85), ("b", 0.90)], 8.7),
        (&[("a", 0.92), ("b", 0.95)], 6.2),
        (&[("a", 0.75), ("b", 0.80), ("c", 0.85)], 16.1),
    ];
    for (rates, reference) in cases {
        let regret = regret(rates, true, 10);
        assert!(regret <= 2.0 * reference, "{rates:?}: {regret:.1} > 2 x {reference}");
    }
}

/// INV-43: when another action becomes the best, it is the usual choice within 100 pulls.
#[test]
fn inv_43_what_has_become_best_is_found() {
    for seed in 0..10 {
        let mut trial = Trial::new(&[("a", 0.9), ("b", 0.5)], true, seed);
        for _ in 0..300 {
            trial.pull(|action, rng| rng.f64() < if action == "a" { 0.9 } else { 0.5 });
        }
        let mut last = Vec::new();
        for nth in 0..120 {
            let action =
                trial.pull(|action, rng| rng.f64() < if action == "a" { 0.2 } else { 0.9 });
            if nth >= 100 {
                last.push(action == "b");
            }
        }
        let share = last.iter().filter(|it| **it).count();
        assert!(share > last.len() / 2, "seed {seed}: {share} of {}", last.len());
    }
}

/// The least expected time to recovery: the order by chance over cost, not by chance. It is known at
/// once whether a try has helped.
#[test]
fn the_order_is_by_chance_over_cost() {
    let chain = |steps: &[(&'static str, f64, u64)]| {
        let mut policy = Policy::default();
        let mut strategy = Strategy::new(Kind::Service);
        for (name, rate, cost) in steps {
            let cost = std::time::Duration::from_secs(*cost);
            let meta = ActionMeta::default().with_cost(cost, std::time::Duration::ZERO);
            let prior = Prior::new(Ratio::try_from(*rate).unwrap(), 10);
            policy = policy.with_action(*name, meta);
            let step = Step::new(*name).verified_within(std::time::Duration::ZERO);
            strategy = strategy.then(step.expecting(prior));
        }
        policy.with_strategy(strategy)
    };
    let policy = chain(&[("scale", 0.95, 45), ("raise", 0.80, 10), ("tune", 0.70, 5)]);
    let mut first = std::collections::HashMap::new();
    for seed in 0..500 {
        let mut trial = Trial::new(&[], true, seed);
        trial.policy = policy.clone();
        trial.observe(Condition::Failed);
        trial.catch_up();
        let decision = decide(&trial.state, &trial.policy, trial.now, &mut trial.rng);
        let Some(Next::Plan(plan)) = decision.next else { panic!("{:?}", decision.holds) };
        *first.entry(plan.action.to_string()).or_insert(0) += 1;
    }
    assert!(first["tune"] > 400 && !first.contains_key("scale"), "{first:?}");
}

proptest! {
    /// A draw follows the Beta distribution: its mean is that of the posterior.
    #[test]
    fn draws_have_the_mean_of_the_posterior(percent in 0..=100_u32, weight in 0..=10_u32) {
        let prior = Prior::new(Ratio::try_from(f64::from(percent) / 100.0).unwrap(), weight);
        let mut rng = fastrand::Rng::with_seed(u64::from(percent * 11 + weight));
        let draws: Vec<u64> =
            (0..4_000).map(|_| u64::from(Seen::default().draw(&prior, &mut rng))).collect();
        prop_assert!(draws.iter().all(|it| *it <= 1_000_000));
        let mean = draws.iter().sum::<u64>() as f64 / 4_000.0 / 1e6;
        let wanted = f64::from(Seen::default().mean(&prior)) / 1e6;
        // The widest posterior has a deviation of 0.29; five standard errors.
        prop_assert!((mean - wanted).abs() < 5.0 * 0.29 / 4_000_f64.sqrt(), "{mean} {wanted}");
    }
}
