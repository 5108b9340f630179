//! Several actions as one: in order, up to the first that fails, and then back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salve_core::{Check, ConfigError, Name};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Run, Time, Verdict};

const ROOM: &str = "actions/chain";

/// Carries out its steps in order. One that is refused, fails, or says that it has not helped ends the
/// chain; what was done until then is undone in reverse order, where it can be.
///
/// It is idempotent if each step is, reversible if each is, and destructive, restarting or taking
/// capacity if one is; it costs what they cost together, and needs the approval that the first needs
/// that needs one. Each step has a key of its own, and the state before the whole chain as its own
/// state before.
///
/// # Cancellation
/// Dropped, it is left where it is: a rollback undoes every step that can be undone.
pub struct Chain {
    name: Name,
    meta: ActionMeta,
    steps: Vec<Arc<dyn Action>>,
    pause: Duration,
}

impl Chain {
    /// A chain of these steps.
    ///
    /// # Errors
    /// If there are none, or more than 64.
    pub fn new(
        name: impl Into<Name>,
        steps: impl IntoIterator<Item = Arc<dyn Action>>,
    ) -> Result<Self, ConfigError> {
        let steps: Vec<Arc<dyn Action>> = steps.into_iter().collect();
        Check::room(ROOM).range("steps", steps.len(), 1, 64)?;
        let meta = together(&steps);
        Ok(Self { name: name.into(), meta, steps, pause: Duration::from_secs(5) })
    }

    /// Sets how long it waits after each step before it looks whether that has held. Default 5 s; at
    /// most 10 min.
    ///
    /// # Errors
    /// If it is longer.
    pub fn with_pause(mut self, pause: Duration) -> Result<Self, ConfigError> {
        let most = Duration::from_secs(600);
        Check::room(ROOM).duration("pause", pause, Duration::ZERO, most)?;
        self.pause = pause;
        Ok(self)
    }

    /// Does one step; whether its effect may have begun when it failed.
    async fn step(&self, at: usize, order: &Order) -> Result<Vec<String>, (bool, Failure)> {
        let step = &self.steps[at];
        if order.cancel.is_asked() {
            return Err((false, Failure::transient("cancelled")));
        }
        step.precheck(order).await.map_err(|failure| (false, failure))?;
        let report = step.execute(order).await.map_err(|failure| (true, failure))?;
        tokio::time::sleep(self.pause).await;
        if step.verify(order).await == Some(Verdict::NotRecovered) {
            return Err((true, Failure::transient("it has not helped")));
        }
        Ok(report.done)
    }

    /// Undoes the first `count` steps, the last first; says what was done, and what was not.
    async fn undo(
        &self,
        order: &Order,
        before: &[Captured],
        count: usize,
    ) -> Result<Vec<String>, (Vec<String>, Failure)> {
        let (mut done, mut failed) = (Vec::new(), None);
        for at in (0..count).rev() {
            let (step, own) = (&self.steps[at], order_of(order, at, before.get(at).cloned()));
            if !step.meta().reversible {
                continue;
            }
            match (before.get(at), step.name()) {
                (Some(before), name) => match step.roll_back(&own, before).await {
                    Ok(report) => done.extend(report.done.iter().map(|it| format!("{name}: {it}"))),
                    Err(Failure { why, again }) => {
                        let why = format!("{name}: {why}");
                        failed.get_or_insert(Failure { why, again });
                    }
                },
                (None, name) => {
                    let why = format!("{name}: nobody knows how it was before");
                    failed.get_or_insert(Failure::permanent(why));
                }
            }
        }
        match failed {
            None => Ok(done),
            Some(failure) => Err((done, failure)),
        }
    }

    /// What was captured for each step: written down, or looked at now.
    async fn before(&self, order: &Order) -> Result<Vec<Captured>, Failure> {
        match order.before().and_then(read) {
            Some(before) => Ok(before),
            None => self.look(order).await,
        }
    }

    async fn look(&self, order: &Order) -> Result<Vec<Captured>, Failure> {
        let mut before = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            before.push(step.capture(&order_of(order, at, None)).await?);
        }
        Ok(before)
    }
}

/// What is true of all steps together.
fn together(steps: &[Arc<dyn Action>]) -> ActionMeta {
    let metas: Vec<ActionMeta> = steps.iter().map(|step| step.meta()).collect();
    ActionMeta {
        idempotent: metas.iter().all(|it| it.idempotent),
        reversible: metas.iter().all(|it| it.reversible),
        destructive: metas.iter().any(|it| it.destructive),
        restarts: metas.iter().any(|it| it.restarts),
        reduces_capacity: metas.iter().any(|it| it.reduces_capacity),
        cost: metas.iter().map(|it| it.cost).fold(Duration::ZERO, Duration::saturating_add),
        disruption: metas
            .iter()
            .map(|it| it.disruption)
            .fold(Duration::ZERO, Duration::saturating_add),
        approval: metas.iter().find_map(|it| it.approval.clone()),
        lasts: None,
    }
}

/// The order for one step, with what was captured for it.
fn order_of(order: &Order, at: usize, before: Option<Captured>) -> Order {
    let mut own = order.clone();
    own.key = format!("{}/{at}", order.key);
    if let Some(run) = own.incident.run.as_mut().filter(|_| before.is_some()) {
        run.before = before.unwrap_or_default();
    } else if let Some(before) = before {
        own.incident.run = Some(run(&own, before));
    }
    own
}

/// As if a healer had begun to carry it out.
fn run(order: &Order, before: Captured) -> Run {
    Run {
        plan: order.plan.clone(),
        approved: None,
        before,
        started: Some(Time::ZERO),
        finished: None,
        held: false,
        abort: false,
        harmed: false,
        rolling: false,
    }
}

fn read(captured: &Captured) -> Option<Vec<Captured>> {
    serde_json::from_str(captured.before.as_deref()?).ok()
}

impl Action for Chain {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let mut lines = Vec::new();
            for (at, step) in self.steps.iter().enumerate() {
                let own = step.preview(&order_of(order, at, None)).await?;
                lines.extend(own.iter().map(|line| format!("{}: {line}", step.name())));
            }
            Ok(lines)
        })
    }

    /// Only that of the first step: whether another may be done depends on those before it.
    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.steps[0].precheck(&order_of(order, 0, None)).await })
    }

    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async move {
            let before = self.look(order).await?;
            let evidence = before.iter().flat_map(|it| it.evidence.clone()).collect();
            let text = serde_json::to_string(&before);
            let text = text.map_err(|error| Failure::permanent(error.to_string()))?;
            Ok(Captured { evidence, before: Some(text) })
        })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let before = self.before(order).await?;
            let mut done = Vec::new();
            for (at, step) in self.steps.iter().enumerate() {
                let (name, own) = (step.name(), order_of(order, at, before.get(at).cloned()));
                match self.step(at, &own).await {
                    Ok(lines) => done.extend(lines.iter().map(|line| format!("{name}: {line}"))),
                    Err((_, failure)) if order.cancel.is_asked() => return Err(failure),
                    Err((begun, Failure { why, again })) => {
                        let undone = self.undo(order, &before, at + usize::from(begun)).await;
                        let undone = match undone {
                            Ok(lines) if lines.is_empty() => String::new(),
                            Ok(lines) => format!("; undone: {}", lines.join("; ")),
                            Err((_, failure)) => format!("; not undone: {failure}"),
                        };
                        return Err(Failure { why: format!("{name}: {why}{undone}"), again });
                    }
                }
            }
            Ok(Report { done })
        })
    }

    /// That of the last step.
    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            let last = self.steps.len() - 1;
            let before = order.before().and_then(read);
            let before = before.and_then(|it| it.get(last).cloned());
            self.steps[last].verify(&order_of(order, last, before)).await
        })
    }

    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let unknown = || Failure::permanent("nobody knows how it was before");
            let before = read(before).ok_or_else(unknown)?;
            let undone = self.undo(order, &before, self.steps.len()).await;
            undone.map(|done| Report { done }).map_err(|(_, failure)| failure)
        })
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<&Name> = self.steps.iter().map(|step| step.name()).collect();
        f.debug_struct("Chain").field("name", &self.name).field("steps", &steps).finish()
    }
}
