//! Carries out what was decided: prepare, start, verify, undo. Each in a task that the loop can do without.

use std::sync::Arc;
use std::time::Duration;

use salve_core::{Moment, Name, clock};

use super::book::Entry;
use super::crew::{Done, NotReady, Stage};
use super::eyes::Eyes;
use super::wheel::Wheel;
use crate::action::{Action, ActionResult, Cancel, Captured, Failure, Order, Report, Verdict};
use crate::decide::{Next, may_start};
use crate::hold::HoldReason;
use crate::incident::{Incident, Opening, Subject};
use crate::kind::{Evidence, Severity};
use crate::lease::{Grant, Lease, LeaseError};
use crate::look::Looks;
use crate::phase::Phase;
use crate::plan::{Plan, PlanId};
use crate::record::Fact;
use crate::symptom::{Symptom, symptom};

/// How long nobody asks again who holds a lease after nobody could say.
const ASK_AGAIN: Duration = Duration::from_secs(5);

impl Wheel {
    /// Sets to work on it; false if nothing came of it.
    pub(super) async fn carry_out(&mut self, next: Next) -> bool {
        match next {
            Next::Plan(plan) => {
                let why = format!("`{}` is next", plan.action);
                self.write([Entry::healer(why, Fact::Planned(plan))]).await
            }
            Next::Start(plan) => self.prepare(plan),
            Next::RollBack(id) => {
                let of =
                    |it: &Incident| it.run.as_ref().map(|it| (it.plan.clone(), it.before.clone()));
                let found = self.book.state().incident_of(id).and_then(of);
                self.undo(found, Fact::RollbackStarted(id), false).await
            }
            Next::TakeBack(id) => {
                let mut temporary = self.book.state().temporary().iter();
                let found = temporary.find(|it| it.plan.id == id);
                let found = found.map(|it| (it.plan.clone(), it.before.clone()));
                self.undo(found, Fact::TakingBack(id), true).await
            }
        }
    }

    fn action(&self, plan: &Plan) -> Option<Arc<dyn Action>> {
        self.actions.get(&plan.action).cloned()
    }

    fn order(&self, plan: &Plan, deadline: Moment) -> Option<Order> {
        let state = self.book.state();
        let target = state.targets().get(plan.target.as_str())?.target.clone();
        let incident = state.incident(plan.incident).cloned();
        // A temporary change outlives its incident.
        let incident = incident.unwrap_or_else(|| {
            let opening = Opening {
                id: plan.incident,
                correlation: plan.incident,
                subject: Subject::Target(plan.target.clone()),
                kind: target.kind.clone(),
                severity: Severity::Low,
                evidence: Evidence::Confirmed,
                fingerprint: Name::from(plan.key()),
                since: self.book.now(),
                change: None,
                follows_condition: true,
            };
            Incident::new(opening, self.book.now())
        });
        let (plan, key) = (plan.clone(), plan.key());
        Some(Order { plan, target, incident, key, token: 0, deadline, cancel: Cancel::default() })
    }

    fn prepare(&mut self, id: PlanId) -> bool {
        let plan = self.book.state().incident_of(id).and_then(Incident::plan).cloned();
        let Some(plan) = plan else { return false };
        let prepare = self.config.prepare;
        let eyes = self.eyes(&plan);
        let looks = eyes.as_ref().map_or(Duration::ZERO, |eyes| eyes.patience);
        let until = clock::now().after(looks.saturating_add(prepare));
        let Some((order, action)) = self.order(&plan, until).zip(self.action(&plan)) else {
            return false;
        };
        let time = prepare.saturating_add(plan.timeout);
        let (lease, cancel) = (Arc::clone(&self.lease), order.cancel.clone());
        self.crew.spawn(id, Stage::Preparing, until, cancel, async move {
            let looked = match eyes {
                Some(eyes) => eyes.look(&order.target.name).await,
                None => Ok(()),
            };
            Done::Ready(match looked {
                Ok(()) => ready(&*lease, &*action, order, time).await,
                Err(not) => Err(not),
            })
        });
        true
    }

    /// With what the target of a plan is looked at once more, if it is to be.
    fn eyes(&self, plan: &Plan) -> Option<Eyes> {
        let state = self.book.state();
        let looks = Looks::before(state.incident_of(plan.id)?)?;
        let believed = state.targets().witnesses().filter(|it| !it.discredited);
        let calm = self.shared.policy().calm.clone();
        Some(Eyes {
            look: self.look.clone()?,
            looks,
            witnesses: believed.map(|it| it.target.name.clone()).collect(),
            each: self.config.prepare / 2,
            patience: self.config.prepare.saturating_add(calm.second_look),
            calm,
        })
    }

    /// A task has ended; without a result it panicked.
    pub(super) async fn heard(&mut self, plan: PlanId, stage: Stage, done: Option<Done>) {
        let panicked = || Failure::permanent("it panicked");
        match done {
            Some(Done::Ready(Ok((grant, before)))) => self.start(plan, grant, before).await,
            Some(Done::Ready(Err(NotReady::Lease(error)))) => self.not_ours(plan, error).await,
            Some(Done::Ready(Err(NotReady::Well))) => self.spare(plan, None).await,
            Some(Done::Ready(Err(NotReady::Blind(unseen)))) => self.spare(plan, Some(unseen)).await,
            Some(Done::Ready(Err(NotReady::Refused(why)))) => self.not_started(plan, why).await,
            Some(Done::Acted(result)) => self.acted(plan, result).await,
            Some(Done::Looked(verdict)) => self.looked(plan, verdict).await,
            Some(Done::Undone(result)) => self.undone(plan, stage, result).await,
            None => match stage {
                Stage::Preparing => self.not_started(plan, panicked().why).await,
                Stage::Acting => self.acted(plan, Err(panicked())).await,
                Stage::Looking => {}
                Stage::Undoing { .. } => self.undone(plan, stage, Err(panicked())).await,
            },
        }
    }

    /// All gates are asked again; then the start is made durable, and only then it begins.
    async fn start(&mut self, id: PlanId, grant: Grant, before: Captured) {
        let (now, policy) = (self.book.now(), self.shared.policy());
        let may = may_start(self.book.state(), &policy, now, id).is_ok();
        let plan = self.book.state().incident_of(id).and_then(Incident::plan).cloned();
        let can = self.book.is_writable() && self.ends.is_none();
        let until = clock::now().after(plan.as_ref().map_or(Duration::ZERO, |it| it.timeout));
        if may && until > grant.until {
            let why = LeaseError::Unreachable("it was granted for too short a time".to_owned());
            self.release(grant);
            return self.not_ours(id, why).await;
        }
        let found = plan.filter(|_| may && can);
        let found = found.and_then(|plan| Some((self.order(&plan, until)?, self.action(&plan)?)));
        let Some((mut order, action)) = found else { return self.release(grant) };
        let leased = Fact::Leased {
            target: grant.target.clone(),
            holder: self.config.name.clone(),
            ours: true,
            until: now.after(grant.until.since(clock::now())),
        };
        let (digest, token) = (order.plan.digest(), grant.token);
        let why = format!("every gate is passed, attempt {}", order.plan.attempt);
        let started = Fact::ActionStarted { plan: id, digest, token, before };
        let entries = [Entry::healer("the lease is granted", leased), Entry::healer(why, started)];
        let written = self.book.write(entries).await;
        if written.refused.is_some() {
            return self.release(grant);
        }
        if !self.book.make_durable().await {
            let result = ActionResult::NotStarted { why: "it could not be recorded".to_owned() };
            let fact = Fact::ActionFinished { plan: id, result };
            self.write([Entry::healer("nothing was done", fact)]).await;
            return self.release(grant);
        }
        order.token = token;
        // With what was captured, which is written now.
        if let Some(incident) = self.book.state().incident_of(id) {
            order.incident = incident.clone();
        }
        let (lease, cancel) = (Arc::clone(&self.lease), order.cancel.clone());
        self.crew.spawn(id, Stage::Acting, until, cancel, async move {
            let result = action.execute(&order).await;
            // It ends by itself if it cannot be given back.
            let _ = lease.release(grant).await;
            Done::Acted(result)
        });
    }

    fn release(&self, grant: Grant) {
        let lease = Arc::clone(&self.lease);
        tokio::spawn(async move { drop(lease.release(grant).await) });
    }

    async fn not_ours(&mut self, id: PlanId, error: LeaseError) {
        let why = error.to_string();
        let Some(plan) = self.book.state().incident_of(id).and_then(Incident::plan) else { return };
        let (holder, remaining) = match error {
            LeaseError::Held { by, remaining } => (by, remaining),
            _ => (Name::literal("nobody known"), ASK_AGAIN),
        };
        let until = self.book.now().after(remaining);
        let fact = Fact::Leased { target: plan.target.clone(), holder, ours: false, until };
        self.write([Entry::healer(why, fact)]).await;
    }

    /// It counts as no attempt: nothing was tried. A look that passes is a reading like others, so that
    /// whoever watches acquits the target after as many as it needs.
    async fn spare(&mut self, id: PlanId, unseen: Option<Vec<Name>>) {
        let Some(incident) = self.book.state().incident_of(id).map(Incident::id) else { return };
        let wait = self.shared.policy().calm.second_look;
        self.spared.insert(id, clock::now().after(wait));
        let until = self.book.now().after(wait);
        let reason = match unseen {
            None => HoldReason::LooksWell { until },
            Some(witnesses) => HoldReason::Blind { witnesses, until },
        };
        self.hold(incident, reason).await;
    }

    /// It counts as an attempt, so that what always refuses is not asked for ever.
    async fn not_started(&mut self, id: PlanId, why: String) {
        let state = self.book.state();
        let Some(plan) = state.incident_of(id).and_then(Incident::plan).cloned() else { return };
        if may_start(state, &self.shared.policy(), self.book.now(), id).is_err() {
            return;
        }
        let token = state.targets().get(plan.target.as_str()).map_or(0, |it| it.token);
        let (digest, before) = (plan.digest(), Captured::default());
        let started = Fact::ActionStarted { plan: id, digest, token, before };
        let result = ActionResult::NotStarted { why: why.clone() };
        let finished = Fact::ActionFinished { plan: id, result };
        let entries = [Entry::healer("nothing is done yet", started), Entry::healer(why, finished)];
        self.write(entries).await;
    }

    async fn acted(&mut self, id: PlanId, result: Result<Report, Failure>) {
        let (result, why) = match result {
            Ok(Report { done }) if done.is_empty() => (ActionResult::Done, "it is done".to_owned()),
            Ok(Report { done }) => (ActionResult::Done, done.join("; ")),
            Err(Failure { why, again }) => (ActionResult::Failed { why: why.clone(), again }, why),
        };
        let ok = result == ActionResult::Done;
        let fact = Fact::ActionFinished { plan: id, result };
        self.write([Entry::healer(why, fact)]).await;
        let plan =
            self.book.state().incident_of(id).and_then(Incident::plan).filter(|_| ok).cloned();
        let Some(plan) = plan else { return };
        let until = clock::now().after(plan.verify_within);
        let Some((order, action)) = self.order(&plan, until).zip(self.action(&plan)) else {
            return;
        };
        let cancel = order.cancel.clone();
        self.crew.spawn(id, Stage::Looking, until, cancel, async move {
            Done::Looked(action.verify(&order).await)
        });
    }

    /// The action's own word that it has helped does not outweigh a symptom that is still there.
    async fn looked(&mut self, id: PlanId, verdict: Option<Verdict>) {
        let Some(incident) = self.book.state().incident_of(id) else { return };
        let now = symptom(self.book.state(), &self.shared.policy(), incident, self.book.now());
        let counts = match verdict {
            Some(Verdict::NotRecovered) => true,
            Some(Verdict::Recovered) => now != Symptom::Present,
            _ => false,
        };
        let waits = incident.phase == Phase::Verifying;
        if let Some(verdict) = verdict.filter(|_| counts && waits) {
            let fact = Fact::Verified { plan: id, verdict };
            self.write([Entry::healer("the action has looked itself", fact)]).await;
        }
    }

    async fn undo(&mut self, found: Option<(Plan, Captured)>, fact: Fact, temporary: bool) -> bool {
        let Some((plan, before)) = found else { return false };
        let (id, stage) = (plan.id, Stage::Undoing { temporary });
        self.crew.dismiss(id, clock::now());
        let written = self.book.write([Entry::healer("what was done is undone", fact)]).await;
        if written.refused.is_some() {
            return false;
        }
        let durable = self.book.make_durable().await;
        let until = clock::now().after(plan.timeout.saturating_add(self.config.prepare));
        let found = self.order(&plan, until).zip(self.action(&plan)).filter(|_| durable);
        let Some((mut order, action)) = found else {
            let why = if durable { "its action is not known" } else { "it could not be recorded" };
            self.undone(id, stage, Err(Failure::permanent(why))).await;
            return true;
        };
        let (lease, cancel) = (Arc::clone(&self.lease), order.cancel.clone());
        let time = plan.timeout.saturating_add(self.config.prepare);
        self.crew.spawn(id, stage, until, cancel, async move {
            let grant = match lease.acquire(&order.target.name, time).await {
                Ok(grant) => grant,
                Err(error) => return Done::Undone(Err(Failure::permanent(error.to_string()))),
            };
            order.token = grant.token;
            let result = action.roll_back(&order, &before).await;
            let _ = lease.release(grant).await;
            Done::Undone(result)
        });
        true
    }

    async fn undone(&mut self, plan: PlanId, stage: Stage, result: Result<Report, Failure>) {
        let ok = result.is_ok();
        let why = result.map_or_else(|error| error.why, |report| report.done.join("; "));
        let fact = match stage {
            Stage::Undoing { temporary: true } => Fact::Expired { plan, ok },
            _ => Fact::RollbackFinished { plan, ok },
        };
        self.write([Entry::healer(why, fact)]).await;
    }

    /// Ends what a plan's task is at. What it has done until now is not known.
    pub(super) async fn cut(&mut self, plan: PlanId, result: ActionResult, why: &str) {
        let ends = result == ActionResult::Cancelled && self.ends.is_some();
        match self.crew.dismiss(plan, clock::now()) {
            Some(Stage::Acting) => {
                let fact = Fact::ActionFinished { plan, result };
                self.write([Entry::healer(why, fact)]).await;
            }
            Some(Stage::Preparing) if !ends => {
                self.not_started(plan, "it did not get ready in time".to_owned()).await;
            }
            // A rollback that ends with its healer is done again by the next.
            Some(stage @ Stage::Undoing { .. }) if !ends => {
                self.undone(plan, stage, Err(Failure::permanent(why))).await;
            }
            _ => {}
        }
    }
}

async fn ready(
    lease: &dyn Lease,
    action: &dyn Action,
    mut order: Order,
    time: Duration,
) -> Result<(Grant, Captured), NotReady> {
    let grant = lease.acquire(&order.target.name, time).await.map_err(NotReady::Lease)?;
    order.token = grant.token;
    let made = async {
        action.precheck(&order).await?;
        action.capture(&order).await
    };
    match made.await {
        Ok(before) => Ok((grant, before)),
        Err(error) => {
            let _ = lease.release(grant).await;
            Err(NotReady::Refused(error.why))
        }
    }
}
