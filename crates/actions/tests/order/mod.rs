//! An order as a healer would give it, for an incident that it opened itself.

use salve_core::Moment;
use salve_healer::{
    Action, Cancel, Captured, Condition, Fact, Kind, Next, Order, Policy, Run, State, Step,
    Strategy, Target, Time, Wall, Who, decide, due,
};

/// The order as an action gets it when it is carried out, with what it has captured.
#[allow(dead_code, reason = "each test file has a copy of its own")]
pub(crate) fn begun(order: &Order, before: Captured) -> Order {
    let mut order = order.clone();
    order.incident.run = Some(Run {
        plan: order.plan.clone(),
        approved: None,
        before,
        started: Some(Time::from_secs(2)),
        finished: None,
        held: false,
        abort: false,
        harmed: false,
        rolling: false,
    });
    order
}

/// An order for `action` at the target `api`.
pub(crate) fn order(action: &impl Action) -> Order {
    let (name, target) = (action.name().clone(), Target::new("api", "service"));
    let policy = Policy::default()
        .with_action(name.clone(), action.meta())
        .with_strategy(Strategy::new(Kind::Service).then(Step::new(name)));
    let mut state = State::new();
    let now = Time::from_secs(1);
    let write = |state: &mut State, fact: Fact| {
        let record = state.record(now, Wall(0), Who::Healer, "test", fact);
        state.apply(&record).unwrap();
    };
    write(&mut state, Fact::TargetSet(target.clone()));
    let failed = Fact::Observed { target: "api".into(), condition: Condition::Failed };
    write(&mut state, failed);
    for (fact, _) in due(&state, &policy, now) {
        write(&mut state, fact);
    }
    let decision = decide(&state, &policy, now, &mut fastrand::Rng::with_seed(7));
    let Some(Next::Plan(plan)) = decision.next else { panic!("{decision:?}") };
    let incident = state.incidents().next().unwrap().clone();
    let (key, cancel) = (plan.key(), Cancel::default());
    Order { plan: *plan, target, incident, key, token: 3, deadline: Moment::MAX, cancel }
}
