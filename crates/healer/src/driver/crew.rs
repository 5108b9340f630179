//! The tasks in which actions are done, and which of them still count.

use std::collections::{BTreeMap, HashMap};
use std::future::{Future, pending};

use salve_core::{Moment, Name};
use tokio::runtime;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::action::{Cancel, Captured, Failure, Report, Verdict};
use crate::lease::{Grant, LeaseError};
use crate::plan::PlanId;

/// What a task is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Lease, precheck, capture.
    Preparing,
    /// The action.
    Acting,
    /// The action's own verification.
    Looking,
    /// The rollback of an action, or of a temporary change.
    Undoing { temporary: bool },
}

/// What a task has found or done.
#[derive(Debug)]
pub(super) enum Done {
    Ready(Result<(Grant, Captured), NotReady>),
    Acted(Result<Report, Failure>),
    Looked(Option<Verdict>),
    Undone(Result<Report, Failure>),
}

/// Why an action does not begin.
#[derive(Debug)]
pub(super) enum NotReady {
    Lease(LeaseError),
    Refused(String),
    /// The target is well, now that it was looked at once more.
    Well,
    /// These witnesses are not seen any more.
    Blind(Vec<Name>),
}

/// One task that counts.
struct Worker {
    task: Id,
    stage: Stage,
    until: Moment,
    cancel: Cancel,
    abort: AbortHandle,
}

/// All tasks. A plan has one at a time.
pub(super) struct Crew {
    set: JoinSet<Done>,
    on: runtime::Handle,
    plans: HashMap<Id, PlanId>,
    workers: BTreeMap<PlanId, Worker>,
    /// Tasks that no longer count and have not yet ended, since when, and whether that was told.
    dismissed: HashMap<Id, (PlanId, Moment, bool)>,
    /// Plans of which it was told that a task does not end, and that have none any more.
    freed: Vec<PlanId>,
}

impl Crew {
    pub(super) fn new(on: runtime::Handle) -> Self {
        Self {
            set: JoinSet::new(),
            on,
            plans: HashMap::new(),
            workers: BTreeMap::new(),
            dismissed: HashMap::new(),
            freed: Vec::new(),
        }
    }

    /// Sets a task to work for a plan; until then it has to be done.
    pub(super) fn spawn(
        &mut self,
        plan: PlanId,
        stage: Stage,
        until: Moment,
        cancel: Cancel,
        work: impl Future<Output = Done> + Send + 'static,
    ) {
        let abort = self.set.spawn_on(work, &self.on);
        let task = abort.id();
        self.plans.insert(task, plan);
        self.workers.insert(plan, Worker { task, stage, until, cancel, abort });
    }

    /// The next task that has ended and counts; `None` in place of its result if it panicked.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> (PlanId, Stage, Option<Done>) {
        loop {
            let (id, done) = match self.set.join_next_with_id().await {
                None => pending().await,
                Some(Ok((id, done))) => (id, Some(done)),
                Some(Err(error)) => (error.id(), None),
            };
            if let Some((plan, _, true)) = self.dismissed.remove(&id)
                && !self.dismissed.values().any(|(other, _, told)| *told && *other == plan)
            {
                self.freed.push(plan);
            }
            let Some(plan) = self.plans.remove(&id) else { continue };
            if self.workers.get(&plan).is_some_and(|worker| worker.task == id)
                && let Some(worker) = self.workers.remove(&plan)
            {
                return (plan, worker.stage, done);
            }
        }
    }

    /// Tells a plan's task to end. What it has done is no longer heard of.
    pub(super) fn dismiss(&mut self, plan: PlanId, now: Moment) -> Option<Stage> {
        let worker = self.workers.remove(&plan)?;
        worker.cancel.now();
        worker.abort.abort();
        self.plans.remove(&worker.task);
        self.dismissed.insert(worker.task, (plan, now, false));
        Some(worker.stage)
    }

    /// Plans whose time is over.
    pub(super) fn overdue(&self, now: Moment) -> Vec<PlanId> {
        let late = self.workers.iter().filter(|(_, worker)| now >= worker.until);
        late.map(|(plan, _)| *plan).collect()
    }

    /// Plans whose task was told to end a second ago and has not; each is told once.
    pub(super) fn stuck(&mut self, now: Moment) -> Vec<PlanId> {
        let second = std::time::Duration::from_secs(1);
        let late = self.dismissed.values_mut();
        let late = late.filter(|(_, since, told)| !told && now.since(*since) >= second);
        let late = late.map(|(plan, _, told)| {
            *told = true;
            *plan
        });
        late.collect()
    }

    /// Plans of which it was told that a task does not end, and whose tasks have all ended since; each is
    /// told once.
    pub(super) fn freed(&mut self) -> Vec<PlanId> {
        std::mem::take(&mut self.freed)
    }

    pub(super) fn stage(&self, plan: PlanId) -> Option<Stage> {
        self.workers.get(&plan).map(|worker| worker.stage)
    }

    pub(super) fn plans(&self) -> Vec<PlanId> {
        self.workers.keys().copied().collect()
    }

    /// When the first task's time is over.
    pub(super) fn first_deadline(&self) -> Option<Moment> {
        self.workers.values().map(|worker| worker.until).min()
    }

    /// Whether anything has, or may have, an effect now.
    pub(super) fn is_acting(&self) -> bool {
        self.workers.values().any(|it| matches!(it.stage, Stage::Acting | Stage::Undoing { .. }))
    }
}
