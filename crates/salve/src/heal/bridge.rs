//! Carries what health sees to the healer, and what the healer does back to health.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use salve_core::{Name, Subscription, Told};
use salve_healer::driver::{self, Ended};
use salve_healer::{ActionResult, Condition, Fact, PlanId, Target, Verdict};

use crate::health::{self, State};

/// Events that wait at most; if more are lost, everything is read anew.
const WAITING: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// One registry of checks and one healer.
///
/// # Invariants
/// 1. What the healer holds of a target follows what health holds of it: each change is told in its
///    order, and after lost events every state is told again.
/// 2. A target that somebody else repairs is suspected, not convicted: nothing drastic is done to it.
pub(super) struct Bridge {
    health: health::Handle,
    healer: driver::Handle,
    /// What users said of targets beyond what health knows.
    said: HashMap<Name, Target>,
    seen: Subscription<health::Event>,
    done: Subscription<driver::Event>,
    lost: u64,
}

impl Bridge {
    pub(super) fn new(
        health: health::Handle,
        healer: driver::Handle,
        said: HashMap<Name, Target>,
    ) -> Self {
        let (seen, done) = (health.subscribe(WAITING), healer.subscribe(WAITING));
        Self { health, healer, said, seen, done, lost: 0 }
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
                        Some(told) => self.did(&told.event),
                        None => return Ok(()),
                    },
                }
                let lost = self.seen.dropped();
                if std::mem::replace(&mut self.lost, lost) != lost {
                    self.tell_all().await?;
                }
            }
        }
        .await;
    }

    /// Tells the healer of every target as it is now.
    async fn tell_all(&self) -> Result<(), Ended> {
        let report = self.health.report(health::Scope::All);
        for status in &report.targets {
            self.tell(&status.name).await?;
        }
        Ok(())
    }

    /// What the target is, then how it is.
    async fn tell(&self, name: &Name) -> Result<(), Ended> {
        let Some(status) = self.health.status(name.as_str()) else { return Ok(()) };
        self.healer.set_target(target(&self.health, &status, &self.said)).await?;
        self.healer.observe(name.clone(), condition(status.state), why(&status)).await
    }

    async fn saw(&self, told: Told<health::Event>) -> Result<(), Ended> {
        let Some(name) = told.key.map(Name::from) else { return Ok(()) };
        match told.event {
            health::Event::Registered | health::Event::Reconfigured => self.tell(&name).await,
            health::Event::Removed => self.healer.remove_target(name).await,
            health::Event::Changed { to, .. } => {
                let status = self.health.status(name.as_str());
                let why = status.filter(|it| it.state == to).map(|it| why(&it));
                self.healer.observe(name, condition(to), why.unwrap_or_default()).await
            }
            _ => Ok(()),
        }
    }

    /// Health shows that somebody repairs a target, and looks at once when that is done.
    fn did(&self, event: &driver::Event) {
        let driver::Event::Recorded(record) = event else { return };
        let at = |plan: PlanId, step: &dyn Fn(&str)| {
            let state = self.healer.state();
            let target = state.incident_of(plan).and_then(|it| it.plan()).map(|it| &it.target);
            if let Some(name) = target {
                step(name.as_str());
            }
        };
        // A target that is gone meanwhile needs nothing of this.
        match &record.fact {
            Fact::ActionStarted { plan, .. } => at(*plan, &|name| {
                if self.health.state(name).is_some_and(State::is_down) {
                    let _ = self.health.begin_recovery(name);
                }
            }),
            Fact::ActionFinished {
                plan,
                result: ActionResult::Failed { .. } | ActionResult::NotStarted { .. },
            }
            | Fact::Verified { plan, verdict: Verdict::NotRecovered | Verdict::Inconclusive } => {
                at(*plan, &|name| drop(self.health.fail_recovery(name)));
            }
            Fact::ActionFinished { plan, .. } | Fact::RollbackFinished { plan, .. } => {
                at(*plan, &|name| drop(self.health.run_now(name)));
            }
            _ => {}
        }
    }
}

/// A target as the healer is to know it: its place as health has it, the rest as the user has said.
pub(super) fn target(
    health: &health::Handle,
    status: &health::TargetStatus,
    said: &HashMap<Name, Target>,
) -> Target {
    let class = || status.component.clone().unwrap_or(Name::literal("service"));
    let said = said.get(&status.name).cloned();
    let target = said.unwrap_or_else(|| Target::new(status.name.clone(), class()));
    match health.topology().place(status.name.as_str()) {
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
