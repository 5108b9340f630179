//! Carries what health sees to the healer, and what the healer does back to health.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroUsize;

use salve_core::{Name, Subscription, Told, Topology};
use salve_healer::driver::{self, Ended};
use salve_healer::{ActionResult, Condition, Fact, PlanId, Target, Verdict};

use crate::health::{self, State};

/// Events that wait at most; if more are lost, everything is read anew.
const WAITING: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// Plans whose targets are remembered, at most: many more than ever run at once.
const PLANS: usize = 1_024;

/// One registry of checks and one healer.
///
/// # Invariants
/// 1. What the healer holds of a target follows what health holds of it: each change is told in its
///    order, and after lost events every state is told again.
/// 2. A target that is gone is left alone at once, and forgotten when it has no incident.
/// 3. A target that somebody else repairs is suspected, not convicted: nothing drastic is done to it.
pub(super) struct Bridge {
    health: health::Handle,
    healer: driver::Handle,
    /// What users said of targets beyond what health knows.
    said: HashMap<Name, Target>,
    seen: Subscription<health::Event>,
    done: Subscription<driver::Event>,
    lost: u64,
    /// Targets that the healer was told of.
    told: HashSet<Name>,
    /// Targets that are gone, and that the healer still knows for the sake of an incident.
    leaving: HashSet<Name>,
    /// Of the last plans, at which target.
    plans: VecDeque<(PlanId, Name)>,
}

impl Bridge {
    /// The healer already knows the targets in `told`.
    pub(super) fn new(
        health: health::Handle,
        healer: driver::Handle,
        said: HashMap<Name, Target>,
        told: HashSet<Name>,
    ) -> Self {
        let (seen, done) = (health.subscribe(WAITING), healer.subscribe(WAITING));
        let (leaving, plans) = (HashSet::new(), VecDeque::new());
        Self { health, healer, said, seen, done, lost: 0, told, leaving, plans }
    }

    /// Until the healer has ended.
    pub(super) async fn run(mut self) {
        let _: Result<(), Ended> = async {
            self.tell_all().await?;
            loop {
                tokio::select! {
                    told = self.seen.next() => match told {
                        Some(told) => self.saw(told).await?,
                        None => return Ok(()),
                    },
                    told = self.done.next() => match told {
                        Some(told) => self.did(&told.event).await?,
                        None => return Ok(()),
                    },
                }
                if self.seen.dropped() != self.lost {
                    self.tell_all().await?;
                }
            }
        }
        .await;
    }

    /// Tells the healer of every target as it is now. What waits to be told is older, and forgotten.
    async fn tell_all(&mut self) -> Result<(), Ended> {
        self.lost = self.seen.dropped();
        while self.seen.try_next().is_some() {}
        let (report, topology) = (self.health.report(health::Scope::All), self.health.topology());
        let now: HashSet<Name> = report.targets.iter().map(|it| it.name.clone()).collect();
        for gone in std::mem::replace(&mut self.told, now) {
            if !self.told.contains(&gone) {
                self.forget(gone).await?;
            }
        }
        for status in report.targets {
            self.tell(status, &topology).await?;
        }
        Ok(())
    }

    /// What nobody watches nobody repairs.
    async fn forget(&mut self, name: Name) -> Result<(), Ended> {
        let why = "health watches it no longer";
        self.healer.observe(name.clone(), Condition::Disabled, why).await?;
        self.leaving.insert(name.clone());
        self.healer.remove_target(name).await
    }

    /// What the target is, then how it is.
    async fn tell(&self, status: health::TargetStatus, places: &Topology) -> Result<(), Ended> {
        self.healer.set_target(target(&status, places, &self.said)).await?;
        let why = why(&status);
        self.healer.observe(status.name, condition(status.state), why).await
    }

    async fn saw(&mut self, told: Told<health::Event>) -> Result<(), Ended> {
        let Some(name) = told.key.map(Name::from) else { return Ok(()) };
        match told.event {
            health::Event::Registered | health::Event::Reconfigured => {
                let Some(status) = self.health.status(name.as_str()) else { return Ok(()) };
                self.leaving.remove(&name);
                self.told.insert(name);
                self.tell(status, &self.health.topology()).await
            }
            health::Event::Removed => {
                self.told.remove(&name);
                self.forget(name).await
            }
            health::Event::Changed { to, .. } => {
                let status = self.health.status(name.as_str());
                let why = status.filter(|it| it.state == to).map(|it| why(&it));
                self.healer.observe(name, condition(to), why.unwrap_or_default()).await
            }
            _ => Ok(()),
        }
    }

    /// What the healer has done.
    async fn did(&mut self, event: &driver::Event) -> Result<(), Ended> {
        let driver::Event::Recorded(record) = event else { return Ok(()) };
        match &record.fact {
            Fact::TargetRemoved(name) => drop(self.leaving.remove(name)),
            Fact::Resolved { .. } | Fact::Acknowledged(_) => {
                for name in &self.leaving {
                    self.healer.remove_target(name.clone()).await?;
                }
            }
            fact => self.show(fact),
        }
        Ok(())
    }

    /// Health shows that somebody repairs a target, and looks at once when that is done.
    fn show(&mut self, fact: &Fact) {
        let step: fn(&health::Handle, &str) = match fact {
            Fact::Planned(plan) => {
                self.plans.truncate(PLANS - 1);
                return self.plans.push_front((plan.id, plan.target.clone()));
            }
            Fact::ActionStarted { .. } => |health, name| {
                if health.state(name).is_some_and(State::is_down) {
                    let _ = health.begin_recovery(name);
                }
            },
            Fact::ActionFinished {
                result: ActionResult::Failed { .. } | ActionResult::NotStarted { .. },
                ..
            }
            | Fact::Verified { verdict: Verdict::NotRecovered | Verdict::Inconclusive, .. } => {
                |health, name| drop(health.fail_recovery(name))
            }
            Fact::ActionFinished { .. } | Fact::RollbackFinished { .. } => {
                |health, name| drop(health.run_now(name))
            }
            _ => return,
        };
        let Some(plan) = plan_of(fact) else { return };
        // One that an earlier healer made is known while its incident follows it.
        let state = self.healer.state();
        let before = || state.incident_of(plan).and_then(|it| it.plan()).map(|it| &it.target);
        let known = self.plans.iter().find(|(id, _)| *id == plan).map(|(_, target)| target);
        if let Some(name) = known.or_else(before) {
            // A target that is gone meanwhile needs none of this.
            step(&self.health, name.as_str());
        }
    }
}

const fn plan_of(fact: &Fact) -> Option<PlanId> {
    match fact {
        Fact::ActionStarted { plan, .. }
        | Fact::ActionFinished { plan, .. }
        | Fact::Verified { plan, .. }
        | Fact::RollbackFinished { plan, .. } => Some(*plan),
        _ => None,
    }
}

/// A target as the healer is to know it: its place as health has it, the rest as the user has said.
pub(super) fn target(
    status: &health::TargetStatus,
    places: &Topology,
    said: &HashMap<Name, Target>,
) -> Target {
    let class = || status.component.clone().unwrap_or(Name::literal("service"));
    let said = said.get(&status.name).cloned();
    let target = said.unwrap_or_else(|| Target::new(status.name.clone(), class()));
    match places.place(status.name.as_str()) {
        Some(place) => target.with_place(place.clone()),
        None => target,
    }
}

const fn condition(state: State) -> Condition {
    match state {
        State::Starting => Condition::Starting,
        State::Healthy => Condition::Healthy,
        State::Degraded => Condition::Degraded,
        // Nothing is proved while somebody repairs it.
        State::Unhealthy | State::Recovering => Condition::Unhealthy,
        State::Failed => Condition::Failed,
        State::Unknown => Condition::Unknown,
        State::Disabled => Condition::Disabled,
    }
}

fn why(status: &health::TargetStatus) -> String {
    let reason = status.sample.as_ref().and_then(|it| it.finding.reason.as_deref());
    match reason {
        Some(reason) => format!("health says {}: {reason}", status.state),
        None => format!("health says {}", status.state),
    }
}
