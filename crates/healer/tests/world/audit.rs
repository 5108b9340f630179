//! A slow and obvious second opinion: reads the whole journal and says what should not have been.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use salve_core::{Name, Need};
use salve_healer::{
    ActionResult, Condition, Fact, IncidentId, Kind, Opening, Plan, PlanId, Policy, Record, Scope,
    Target, Time, Verdict, Window,
};

/// Everything that a reader of the journal would note on paper.
#[derive(Default)]
struct Paper {
    targets: Vec<Target>,
    condition: HashMap<Name, Condition>,
    down: HashMap<Name, Time>,
    up: HashMap<Name, Time>,
    turns: Vec<(Time, Name)>,
    incidents: HashMap<IncidentId, Opening>,
    escalated: HashSet<IncidentId>,
    blocked: HashSet<Name>,
    plans: HashMap<PlanId, Plan>,
    approved: HashMap<PlanId, Time>,
    busy: Vec<PlanId>,
    soaking: Vec<PlanId>,
    starts: Vec<(Time, Plan)>,
    repaired: Vec<(Time, Name, bool)>,
    outcomes: Vec<(Time, bool)>,
    delays: HashMap<Name, Duration>,
    disabled: bool,
    killed: bool,
    harmed: bool,
    doubt: Time,
    blind: Option<Time>,
    sighted: Option<Time>,
    unbelieved: HashSet<Name>,
    pauses: HashMap<Name, Scope>,
    windows: HashMap<Name, Window>,
    suspended: Vec<(Name, Kind, Time)>,
}

/// What should not have been, each as `inv_NN: what`.
pub(crate) fn audit(records: &[Record], policy: &Policy) -> Vec<String> {
    let (mut paper, mut faults) = (Paper::default(), Vec::new());
    for record in records {
        if let Fact::ActionStarted { plan, .. } = &record.fact {
            paper.judge(*plan, record.at, policy, &mut |invariant, what| {
                faults.push(format!("{invariant}: {what} ({plan}, record {})", record.seq));
            });
        }
        if let Fact::Escalated { incident, .. } = &record.fact
            && !paper.escalated.insert(*incident)
        {
            faults.push(format!("inv_16: {incident} was escalated twice"));
        }
        paper.note(record);
    }
    faults
}

impl Paper {
    fn note(&mut self, record: &Record) {
        let at = record.at;
        match &record.fact {
            Fact::Started { .. } => {
                for condition in self.condition.values_mut() {
                    if *condition != Condition::Disabled {
                        *condition = Condition::Unknown;
                    }
                }
            }
            Fact::TargetSet(target) => {
                self.targets.retain(|it| it.name != target.name);
                self.targets.push(target.clone());
            }
            Fact::Observed { target, condition } => {
                self.condition.insert(target.clone(), *condition);
                match condition {
                    Condition::Failed if !self.down.contains_key(target) => {
                        self.down.insert(target.clone(), at);
                        if self.blind.is_none() {
                            self.turns.push((at, target.clone()));
                        }
                    }
                    Condition::Healthy | Condition::Degraded => {
                        let Some(since) = self.down.remove(target) else { return };
                        self.up.insert(target.clone(), at);
                        if self.blind.is_none() && self.sighted != Some(since) {
                            self.turns.push((at, target.clone()));
                        }
                    }
                    _ => {}
                }
            }
            Fact::StoodStill { until, .. } => self.doubt = self.doubt.max(*until),
            Fact::Blinded { .. } => self.blind = Some(at),
            Fact::Discredited(name) => {
                self.unbelieved.insert(name.clone());
            }
            Fact::Trusted(name) => {
                self.unbelieved.remove(name);
            }
            Fact::Sighted { until } => {
                self.doubt = self.doubt.max(*until);
                self.sighted = Some(at);
                let seemed = self.blind.take();
                for since in self.down.values_mut().filter(|since| Some(**since) >= seemed) {
                    *since = at;
                }
            }
            Fact::Opened(opening) => {
                self.incidents.insert(opening.id, opening.clone());
            }
            Fact::Resolved { incident, .. } => self.end(*incident, at),
            Fact::Acknowledged(incident) => {
                if let Some(target) = self.target_of(*incident) {
                    self.blocked.remove(&target);
                    self.repaired.retain(|(_, name, _)| *name != target);
                }
                self.incidents.remove(incident);
            }
            Fact::Escalated { incident, reason } => {
                if let Some(target) = self.target_of(*incident) {
                    if reason.blocks_target() {
                        self.blocked.insert(target.clone());
                    }
                    if self.has_acted(*incident) {
                        self.repaired.push((at, target, false));
                    }
                }
            }
            Fact::Planned(plan) => {
                self.plans.insert(plan.id, (**plan).clone());
            }
            Fact::Approved { plan, .. } => {
                self.approved.insert(*plan, at);
            }
            Fact::ActionStarted { plan, .. } => {
                let known = self.plans[plan].clone();
                let delay = self.delays.entry(known.target.clone()).or_default();
                *delay = known.delay.max(*delay);
                self.busy.push(*plan);
                self.starts.push((at, known));
            }
            Fact::ActionFinished { plan, result } => {
                let ends = match result {
                    ActionResult::NotStarted { .. } => true,
                    ActionResult::Failed { .. } => !self.plans[plan].meta.reversible,
                    _ => false,
                };
                if ends {
                    self.busy.retain(|it| it != plan);
                }
            }
            Fact::Verified { plan, verdict } => {
                let rolls = *verdict == Verdict::NotRecovered && self.plans[plan].meta.reversible;
                if !rolls {
                    self.busy.retain(|it| it != plan);
                }
                if *verdict == Verdict::Recovered {
                    self.soaking.push(*plan);
                }
            }
            Fact::Soaked { plan, held: false } => {
                self.soaking.retain(|it| it != plan);
                if self.plans[plan].meta.reversible {
                    self.busy.push(*plan);
                }
            }
            Fact::RollbackAsked(plan) => {
                self.soaking.retain(|it| it != plan);
                self.busy.retain(|it| it != plan);
                self.busy.push(*plan);
            }
            Fact::RollbackFinished { plan, .. } => {
                self.busy.retain(|it| it != plan);
                self.soaking.retain(|it| it != plan);
            }
            Fact::Learned { proof, .. } => self.outcomes.push((at, proof.success)),
            Fact::Disabled => self.disabled = true,
            Fact::Enabled => self.disabled = false,
            Fact::Paused { holder, scope } => {
                self.pauses.insert(holder.clone(), scope.clone());
            }
            Fact::Resumed(holder) => {
                self.pauses.remove(holder);
            }
            Fact::WindowSet(window) => {
                self.windows.insert(window.name.clone(), window.clone());
            }
            Fact::WindowRemoved(name) => {
                self.windows.remove(name);
            }
            Fact::Unblocked(target) => {
                self.blocked.remove(target);
                self.repaired.retain(|(_, name, _)| name != target);
            }
            Fact::KillSwitchTripped { .. } => self.killed = true,
            Fact::KillSwitchReset => {
                self.killed = false;
                self.outcomes.clear();
            }
            Fact::Harmed(_) => self.harmed = true,
            Fact::HarmEnded => self.harmed = false,
            Fact::Suspended { signature, action, until } => {
                self.suspended.push((action.clone(), signature.kind.clone(), *until));
            }
            Fact::Settled(target) => {
                self.delays.remove(target);
                self.blocked.remove(target);
            }
            _ => {}
        }
    }

    fn end(&mut self, incident: IncidentId, at: Time) {
        let plans = &self.plans;
        let own = |plan: &PlanId| plans[plan].incident == incident;
        let helped = self.soaking.iter().any(own);
        let acted = self.has_acted(incident) && !self.escalated.contains(&incident);
        self.soaking.retain(|plan| !own(plan));
        if let (Some(target), true) = (self.target_of(incident), acted) {
            self.repaired.push((at, target, helped));
        }
        self.incidents.remove(&incident);
    }

    fn has_acted(&self, incident: IncidentId) -> bool {
        self.starts.iter().any(|(_, plan)| plan.incident == incident)
    }

    fn target_of(&self, incident: IncidentId) -> Option<Name> {
        self.incidents.get(&incident)?.subject.target().cloned()
    }

    fn target(&self, name: &Name) -> &Target {
        self.targets.iter().find(|it| it.name == *name).unwrap()
    }

    fn condition(&self, name: &Name) -> Condition {
        self.condition.get(name).copied().unwrap_or_default()
    }

    /// Everything that must be so when a plan starts.
    fn judge(&self, id: PlanId, at: Time, policy: &Policy, fault: &mut dyn FnMut(&str, String)) {
        let plan = &self.plans[&id];
        let opening = &self.incidents[&plan.incident];
        let drastic = plan.meta.is_drastic();
        let condition = self.condition(&plan.target);
        let auto = !plan.forced;
        if drastic && matches!(condition, Condition::Unknown | Condition::Unhealthy) {
            fault("inv_03", format!("drastic while {condition}"));
        }
        if matches!(condition, Condition::Starting | Condition::Disabled) {
            fault("inv_06", format!("an action while {condition}"));
        }
        if let Some(cause) = self.cause(&plan.target, at, policy, 0) {
            fault("inv_07", format!("explained by {cause}"));
        }
        if at < self.doubt {
            fault("inv_22", "in doubt of itself".to_owned());
        }
        if auto && (self.blind.is_some() || self.sees_no_witness()) {
            fault("inv_22", "blind".to_owned());
        }
        if self.target(&plan.target).witness {
            fault("inv_22", "at a witness".to_owned());
        }
        self.judge_group(plan, at, policy, fault);
        self.judge_rates(plan, at, fault);
        let reduces = plan.meta.reduces_capacity || plan.meta.restarts;
        if opening.kind == Kind::Overload && reduces && auto {
            let left = policy.strategies.find(&opening.kind, "service").unwrap();
            let tried = |action: &Name| {
                self.starts
                    .iter()
                    .any(|(_, it)| it.incident == plan.incident && it.action == *action)
            };
            let mild = left.steps.iter().find(|step| {
                let meta = &policy.actions[&step.action];
                let suspended = self.suspended.iter().any(|(action, kind, until)| {
                    *action == step.action && *kind == opening.kind && at < *until
                });
                !meta.reduces_capacity && !meta.restarts && !tried(&step.action) && !suspended
            });
            if let Some(mild) = mild {
                fault("inv_24", format!("takes capacity before `{}`", mild.action));
            }
        }
        if plan.approval || plan.meta.is_irreversible() || plan.meta.approval.is_some() {
            let fresh = |from: &Time| at.since(*from) < policy.approvals.timeout;
            if !self.approved.get(&id).is_some_and(fresh) {
                fault("inv_28", "without a fresh approval".to_owned());
            }
        }
        let target = self.target(&plan.target);
        if self.pauses.values().any(|scope| scope.covers(target)) {
            fault("inv_31", "while paused".to_owned());
        }
        let open = |it: &Window| it.from <= at && at < it.until && it.scope.covers(target);
        if self.windows.values().any(open) {
            fault("inv_31", "in a window".to_owned());
        }
        if auto && (self.disabled || self.killed) {
            fault("inv_32", "while switched off".to_owned());
        }
        if self.harmed {
            fault("inv_21", "after things got worse".to_owned());
        }
        if auto && self.blocked.contains(&plan.target) {
            fault("inv_16", "after an escalation that nobody has acknowledged".to_owned());
        }
        if at < plan.not_before || self.delays.get(&plan.target).is_some_and(|it| plan.delay < *it)
        {
            fault("inv_17", "the wait became shorter".to_owned());
        }
    }

    fn judge_group(
        &self,
        plan: &Plan,
        at: Time,
        policy: &Policy,
        fault: &mut dyn FnMut(&str, String),
    ) {
        let (drastic, auto) = (plan.meta.is_drastic(), !plan.forced);
        let fresh = |name: &Name| {
            self.down.get(name).is_some_and(|since| at.since(*since) <= policy.storm.within)
        };
        let roots = self.targets.iter().filter(|it| !it.witness && fresh(&it.name));
        let roots = roots.filter(|it| self.cause(&it.name, at, policy, 0).is_none()).count() as u64;
        if auto && drastic && roots >= policy.storm.independent {
            fault("inv_12", format!("{roots} have failed together"));
        }
        let is_up = |name: &Name| self.condition(name).is_up();
        let asked = plan.approval || plan.meta.approval.is_some() || plan.meta.is_irreversible();
        if auto && plan.meta.restarts && is_up(&plan.target) && !asked {
            let needs = |it: &&Target| {
                let required = it.place.dependencies.iter().filter(|it| it.need == Need::Required);
                required.map(|it| &it.on).any(|on| *on == plan.target)
            };
            let lives = |name: &Name| {
                !self.down.contains_key(name) && self.condition(name) != Condition::Disabled
            };
            if let Some(by) = self.targets.iter().filter(needs).find(|it| lives(&it.name)) {
                fault("inv_08", format!("stops what works and {} needs", by.name));
            }
        }
        let Some(group) = &self.target(&plan.target).place.group else { return };
        let members: Vec<_> =
            self.targets.iter().filter(|it| it.place.group.as_ref() == Some(group)).collect();
        let size = members.len() as u64;
        let failing = members.iter().filter(|it| fresh(&it.name)).count() as u64;
        if auto && drastic && failing >= 3 && failing * 2 >= size {
            fault("inv_12", format!("{failing} of {group} have failed together"));
        }
        let at_work: Vec<&Plan> = self.busy.iter().map(|id| &self.plans[id]).collect();
        let in_group = |it: &&&Plan| members.iter().any(|member| member.name == it.target);
        let busy: Vec<_> = at_work.iter().filter(in_group).collect();
        if !busy.is_empty() {
            fault("inv_08", format!("{} of {group} are under repair", busy.len()));
        }
        let domain = |name: &Name| self.target(name).place.domain.clone();
        if busy.iter().any(|it| domain(&it.target) != domain(&plan.target)) {
            fault("inv_30", format!("{group} is repaired in two domains"));
        }
        let healthy = members.iter().filter(|it| is_up(&it.name)).count() as u64;
        if drastic && is_up(&plan.target) {
            if healthy == 1 {
                fault("inv_08", format!("the last healthy of {group}"));
            } else if (healthy - 1) * 100 < size * 51 {
                fault("inv_08", format!("{healthy} of {size} of {group} were healthy"));
            }
        }
        let near = |it: &Opening| {
            let target = it.subject.target();
            it.id != plan.incident
                && target.is_some_and(|name| members.iter().any(|member| member.name == *name))
        };
        if plan.meta.reduces_capacity && self.incidents.values().any(near) {
            fault("inv_15", format!("takes capacity from {group}"));
        }
    }

    fn judge_rates(&self, plan: &Plan, at: Time, fault: &mut dyn FnMut(&str, String)) {
        let hour = Duration::from_secs(3_600);
        // A window of an hour holds what lies less than an hour back.
        let recent: Vec<_> =
            self.starts.iter().filter(|(then, _)| at.since(*then) < hour).collect();
        let own = recent.iter().filter(|(_, it)| it.target == plan.target).count();
        if own >= 10 || recent.len() >= 100 {
            fault("inv_10", format!("{own} at the target, {} in all", recent.len()));
        }
        if self.busy.len() >= 3 {
            fault("inv_10", format!("{} are under way", self.busy.len()));
        }
        let second = Duration::from_secs(1);
        if self.starts.iter().filter(|(then, _)| at.since(*then) < second).count() >= 3 {
            fault("inv_18", "too many starts within a second".to_owned());
        }
        if self.busy.iter().any(|id| self.plans[id].target == plan.target) {
            fault("inv_09", "two repairs at one target".to_owned());
        }
        if plan.forced {
            return;
        }
        let first = !self.has_acted(plan.incident);
        let group = &self.target(&plan.target).place.group;
        // Of each target its last repair counts.
        for (nth, (then, name, helped)) in self.repaired.iter().enumerate() {
            if self.repaired[nth + 1..].iter().any(|(_, later, _)| later == name) {
                continue;
            }
            let own = *name == plan.target;
            let wait = Duration::from_secs(if own && *helped { 300 } else { 60 });
            let near = own || (group.is_some() && self.target(name).place.group == *group);
            if first && near && at.since(*then) < wait {
                fault("inv_13", format!("`{name}` was repaired {:?} before", at.since(*then)));
            }
        }
        let ten_minutes = Duration::from_secs(600);
        let turns = self
            .turns
            .iter()
            .filter(|(then, name)| *name == plan.target && at.since(*then) <= ten_minutes);
        if plan.meta.is_drastic() && turns.count() >= 4 {
            fault("inv_14", "while it flaps".to_owned());
        }
        let outcomes = self.outcomes.iter().filter(|(then, _)| at.since(*then) <= hour);
        let (mut all, mut failures) = (0, 0);
        for (_, success) in outcomes {
            all += 1;
            failures += u32::from(!success);
        }
        if all >= 10 && failures * 10 > all * 3 {
            fault("inv_20", format!("{failures} of {all} have failed"));
        }
    }

    /// Whether most witnesses fail, of those that are known and still believed.
    fn sees_no_witness(&self) -> bool {
        let asked = self.targets.iter().filter(|it| it.witness);
        let asked = asked.filter(|it| !self.unbelieved.contains(&it.name));
        let answers: Vec<_> = asked.map(|it| self.condition(&it.name)).collect();
        let say = |of: &[Condition]| answers.iter().filter(|it| of.contains(it)).count();
        let failing = say(&[Condition::Unhealthy, Condition::Failed]);
        failing > say(&[Condition::Healthy, Condition::Degraded])
    }

    /// Anything that the target cannot do without and that is down or fails its checks, or was down
    /// a minute ago.
    fn cause(&self, name: &Name, at: Time, policy: &Policy, depth: usize) -> Option<Name> {
        if depth > 10 {
            return None;
        }
        let target = self.targets.iter().find(|it| it.name == *name)?;
        let needs = target.place.dependencies.iter().filter(|it| it.need == Need::Required);
        needs.map(|it| &it.on).find_map(|on| {
            let recent = self.up.get(on).is_some_and(|then| at.since(*then) < policy.aftermath);
            let fails = self.condition(on) == Condition::Unhealthy;
            if self.down.contains_key(on) || recent || fails {
                Some(on.clone())
            } else if self.condition(on).is_up() {
                None
            } else {
                self.cause(on, at, policy, depth + 1)
            }
        })
    }
}
