//! Levers of the parts of a stack as actions.

use std::sync::Arc;
use std::time::Duration;

use salve_actions::{Closure, PullLever};
use salve_core::{Effector, Name, NoSuchLever};
use salve_healer::{ActionMeta, Captured, Failure};

use crate::{StackHandle, bulkhead, degradation};

/// How long a lever that takes capacity away stays pulled.
const LASTS: Duration = Duration::from_secs(30 * 60);
/// How long it takes until it is known whether a lever has helped.
const COST: Duration = Duration::from_secs(5);

/// Levers that become actions: the lever, and the one that takes it back.
type Levers = &'static [(&'static str, Option<&'static str>)];

const BREAKER: Levers =
    &[("open", Some("close")), ("close", None), ("reset", None), ("force_open", Some("reset"))];
const BULKHEAD: Levers = &[("close", Some("open")), ("open", None)];
const LADDER: Levers = &[
    ("lowest", Some("release")),
    ("release", None),
    ("force_recover", None),
    ("enter_read_only", Some("leave_read_only")),
    ("leave_read_only", None),
];
const RATE_LIMIT: Levers = &[("throttle", Some("restore")), ("restore", None)];
const ADAPTIVE: Levers = &[("close", Some("open")), ("open", None), ("reset", None)];
/// Of retries, hedges and fallbacks.
const PAUSE: Levers = &[("pause", Some("resume")), ("resume", None)];

/// Every lever of a stack as an action, named `breaker.reset`, `ladder.lowest` and so on.
pub(super) fn of_stack(stack: &StackHandle) -> Result<Vec<PullLever>, NoSuchLever> {
    let mut actions = Vec::new();
    let mut add = |part: &str, effector: Option<Arc<dyn Effector>>, levers: Levers| {
        let Some(effector) = effector else { return Ok(()) };
        for (lever, back) in levers {
            actions.push(pull(format!("{part}.{lever}").into(), &effector, lever, *back)?);
        }
        Ok(())
    };
    add("breaker", stack.circuit_breaker().cloned().map(shared), BREAKER)?;
    add("bulkhead", stack.bulkhead().cloned().map(shared), BULKHEAD)?;
    add("ladder", stack.degradation().cloned().map(shared), LADDER)?;
    add("rate_limit", stack.rate_limit().cloned().map(shared), RATE_LIMIT)?;
    add("adaptive", stack.adaptive().cloned().map(shared), ADAPTIVE)?;
    add("retry", stack.retry().cloned().map(shared), PAUSE)?;
    add("hedge", stack.hedge().cloned().map(shared), PAUSE)?;
    add("fallback", stack.fallback().cloned().map(shared), PAUSE)?;
    Ok(actions)
}

fn shared(effector: impl Effector + 'static) -> Arc<dyn Effector> {
    Arc::new(effector)
}

/// An action that pulls a lever. One that takes capacity away and can be taken back is, after half an
/// hour.
pub(super) fn pull(
    name: Name,
    effector: &Arc<dyn Effector>,
    lever: &str,
    back: Option<&str>,
) -> Result<PullLever, NoSuchLever> {
    let takes = effector.levers().iter().any(|it| it.name == lever && it.reduces_capacity);
    let mut meta = ActionMeta::default().with_cost(COST, Duration::ZERO);
    meta.lasts = back.filter(|_| takes).map(|_| LASTS);
    let action = PullLever::new(name, Arc::clone(effector), lever)?.with_meta(meta);
    match back {
        Some(back) => action.with_back(back),
        None => Ok(action),
    }
}

/// An action that gives a bulkhead another number of places for half an hour; undone, it has those it
/// had before. An adaptive bulkhead refuses it.
#[must_use]
pub fn resize(name: impl Into<Name>, bulkhead: &bulkhead::Handle, places: u32) -> Closure {
    let (seen, set, back) = (bulkhead.clone(), bulkhead.clone(), bulkhead.clone());
    let meta = ActionMeta::default().idempotent().with_cost(COST, Duration::ZERO).lasting(LASTS);
    let meta = if places < bulkhead.status().places { meta.reduces_capacity() } else { meta };
    let sized = |bulkhead: &bulkhead::Handle, places: u32| {
        let done = bulkhead.resize(places).map(|()| vec![format!("{places} places")]);
        done.map_err(|error| Failure::permanent(error.to_string()))
    };
    Closure::new(name, move |_| std::future::ready(sized(&set, places)))
        .with_meta(meta)
        .with_about(format!("{places} places"))
        .with_capture(move |_| std::future::ready(Ok(remembered(seen.status().places))))
        .with_rollback(move |_, before| {
            let places = before.and_then(|before| before.parse().ok());
            let places = places.ok_or_else(|| Failure::permanent("it is not known what it had"));
            std::future::ready(places.and_then(|places| sized(&back, places)))
        })
}

/// An action that holds a ladder at `level` or worse for half an hour; undone, it stands where its
/// rules have led it.
#[must_use]
pub fn degrade(
    name: impl Into<Name>,
    ladder: &degradation::Handle,
    level: impl Into<Name>,
) -> Closure {
    let (hold, back, level) = (ladder.clone(), ladder.clone(), level.into());
    let meta = ActionMeta::default().idempotent().reduces_capacity().lasting(LASTS);
    let about = format!("degrade to `{level}`");
    Closure::new(name, move |order| {
        let done = hold.degrade(level.as_str(), format!("{}", order.plan.id));
        let done = done.map(|()| vec![format!("held at `{level}`")]);
        std::future::ready(done.map_err(|error| Failure::permanent(error.to_string())))
    })
    .with_meta(meta.with_cost(COST, Duration::ZERO))
    .with_about(about)
    .with_rollback(move |order, _| {
        back.release(format!("{} is undone", order.plan.id));
        std::future::ready(Ok(vec!["released".to_owned()]))
    })
}

fn remembered(places: u32) -> Captured {
    Captured { evidence: vec![format!("{places} places")], before: Some(places.to_string()) }
}
