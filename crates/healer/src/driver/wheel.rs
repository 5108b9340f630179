//! The loop: takes in what is said, does what is due, decides, and never waits for an action.

use std::collections::HashMap;
use std::sync::Arc;

use salve_core::{Moment, Name, clock};
use tokio::sync::{mpsc, watch};

use super::book::{Book, Entry};
use super::config::Config;
use super::crew::Crew;
use super::event::Event;
use super::handle::{Act, ActError, Handle, Input, Receipt};
use super::shared::Shared;
use crate::action::{Action, ActionResult};
use crate::decide::{Next, decide_beside};
use crate::due::due;
use crate::hold::HoldReason;
use crate::incident::IncidentId;
use crate::intake::{Intake, intake};
use crate::lease::Lease;
use crate::look::SecondLook;
use crate::plan::PlanId;
use crate::record::Fact;

/// Inputs that are taken in at once, and made durable by one write.
const BATCH: usize = 256;

/// Everything that the loop owns. No other task changes anything.
pub(super) struct Wheel {
    pub(super) config: Config,
    pub(super) book: Book,
    pub(super) crew: Crew,
    pub(super) shared: Arc<Shared>,
    pub(super) lease: Arc<dyn Lease>,
    pub(super) look: Option<Arc<dyn SecondLook>>,
    /// Plans whose target was well at the second look, and when it is looked at again.
    pub(super) spared: HashMap<PlanId, Moment>,
    pub(super) actions: HashMap<Name, Arc<dyn Action>>,
    pub(super) acts: mpsc::Receiver<Act>,
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) rng: fastrand::Rng,
    pub(super) watchdog: Option<Box<dyn FnMut() + Send>>,
    pub(super) last: Moment,
    /// When running actions are cancelled, once it was told to end.
    pub(super) ends: Option<Moment>,
    /// Its own handle keeps the channels open.
    pub(super) handle: Handle,
}

/// What a turn leaves to do.
enum Rest {
    /// There is more to do at once.
    More,
    /// There is nothing to do until then, as far as is known.
    Until(Moment),
}

impl Wheel {
    pub(super) async fn roll(mut self) {
        let mut inputs = Vec::new();
        self.free_all().await;
        loop {
            self.mind_the_gap().await;
            self.take_in(&mut inputs).await;
            self.end_what_is_late().await;
            if self.book.retry_at().is_some_and(|at| clock::now() >= at) {
                self.book.flush().await;
            }
            let rest = self.step().await;
            self.beat();
            if self.ends.is_some() && self.is_over().await {
                return;
            }
            tokio::select! {
                biased;
                Some(act) = self.acts.recv() => self.act(act).await,
                (plan, stage, done) = self.crew.next() => self.heard(plan, stage, done).await,
                _ = self.inputs.recv_many(&mut inputs, BATCH) => {}
                _ = self.stop.changed(), if self.ends.is_none() => {
                    self.ends = Some(clock::now().after(self.config.grace));
                }
                () = nap(rest) => {}
            }
        }
    }

    fn beat(&mut self) {
        self.shared.beat();
        if let Some(watchdog) = &mut self.watchdog {
            watchdog();
        }
    }

    /// After standing still it does not trust what it saw.
    async fn mind_the_gap(&mut self) {
        let now = clock::now();
        let gap = now.since(std::mem::replace(&mut self.last, now));
        if gap > self.config.gap() {
            let until = self.book.now().after(self.config.look_again);
            let fact = Fact::StoodStill { gap, until };
            self.write([Entry::healer("the loop stood still", fact)]).await;
        }
    }

    /// Writes, and tells what was refused.
    pub(super) async fn write(&mut self, entries: impl IntoIterator<Item = Entry>) -> bool {
        let written = self.book.write(entries).await;
        if let Some(why) = written.refused {
            self.book.tell(Event::Refused { why });
            return false;
        }
        true
    }

    /// An operator's act. It is answered before anything follows from it.
    async fn act(&mut self, act: Act) {
        let Act { by, why, fact, answer } = act;
        let abort = if let Fact::AbortAsked(plan) = fact { Some(plan) } else { None };
        let written = self.book.write([Entry { by, why, fact }]).await;
        let done = match written.refused {
            Some(why) => Err(ActError::Refused(why)),
            None => Ok(Receipt { seq: written.seq, durable: written.durable }),
        };
        let taken = done.is_ok();
        // Whoever asked may have gone; the act stands.
        let _ = answer.send(done);
        if let Some(plan) = abort.filter(|_| taken) {
            self.cut(plan, ActionResult::Cancelled, "a person has asked for it").await;
        }
    }

    async fn take_in(&mut self, inputs: &mut Vec<Input>) {
        let mut seen = Vec::new();
        for input in inputs.drain(..) {
            if let Input::Fact(entry) = input {
                seen.push(entry);
                continue;
            }
            self.watch(&mut seen).await;
            if let Input::Report(report, answer) = input {
                let now = self.book.now();
                let taken = intake(self.book.state(), &self.shared.policy(), &report, now);
                if let Intake::New(_, fact) | Intake::Changed(_, fact) = &taken {
                    self.write([Entry::healer("it was reported", (**fact).clone())]).await;
                }
                match answer {
                    Some(answer) => drop(answer.send(taken)),
                    None if matches!(
                        taken,
                        Intake::NoSuchTarget | Intake::Witness | Intake::Full
                    ) =>
                    {
                        self.shared.not_heard();
                    }
                    None => {}
                }
            }
        }
        self.watch(&mut seen).await;
    }

    /// Takes in what was seen, if it is news.
    async fn watch(&mut self, seen: &mut Vec<Entry>) {
        let mut latest = HashMap::new();
        let targets = self.book.state().targets();
        seen.retain(|entry| match &entry.fact {
            Fact::Observed { target, condition } => {
                let known = targets.get(target.as_str()).map(|it| it.condition);
                latest.insert(target.clone(), *condition).or(known) != Some(*condition)
            }
            Fact::TargetSet(target) => {
                targets.get(target.name.as_str()).is_none_or(|it| it.target != *target)
            }
            _ => true,
        });
        if !seen.is_empty() {
            self.write(std::mem::take(seen)).await;
        }
    }

    /// Does one thing that is due or decided.
    async fn step(&mut self) -> Rest {
        let (now, policy) = (self.book.now(), self.shared.policy());
        let facts = due(self.book.state(), &policy, now);
        if !facts.is_empty() {
            let entries = facts.into_iter().map(|(fact, why)| Entry::healer(why, fact));
            let taken = self.write(entries.collect::<Vec<_>>()).await;
            // What is refused would be due again at once.
            return if taken { Rest::More } else { self.rest(None) };
        }
        let at = clock::now();
        self.spared.retain(|_, until| at < *until);
        let (crew, spared) = (&self.crew, &self.spared);
        let preparing = |plan| crew.stage(plan).is_some() || spared.contains_key(&plan);
        let decision = decide_beside(self.book.state(), &policy, now, &mut self.rng, preparing);
        let news = decision.news(self.book.state());
        let news: Vec<_> = news.map(|hold| (hold.incident, hold.reason.clone())).collect();
        for (incident, reason) in news {
            self.hold(incident, reason).await;
        }
        let rest = self.rest(decision.wake());
        let Some(next) = decision.next else { return rest };
        if self.ends.is_some() {
            return rest;
        }
        if !self.book.is_writable() {
            if let Some(incident) = self.incident_of(&next) {
                self.hold(incident, HoldReason::NotRecorded).await;
            }
            return rest;
        }
        if self.carry_out(next).await { Rest::More } else { rest }
    }

    fn incident_of(&self, next: &Next) -> Option<IncidentId> {
        let of = |plan: PlanId| self.book.state().incident_of(plan).map(crate::Incident::id);
        match next {
            Next::Plan(plan) => Some(plan.incident),
            Next::Start(plan) | Next::RollBack(plan) => of(*plan),
            Next::TakeBack(_) => None,
        }
    }

    pub(super) async fn hold(&mut self, incident: IncidentId, reason: HoldReason) {
        let known = self.book.state().incident(incident).and_then(|it| it.hold.as_ref());
        if known.is_some_and(|known| known.is_like(&reason)) {
            return;
        }
        let why = reason.to_string();
        self.write([Entry::healer(why, Fact::Held { incident, reason })]).await;
    }

    fn rest(&self, wake: Option<crate::Time>) -> Rest {
        let (now, time) = (clock::now(), self.book.now());
        let wake = wake.map(|at| now.after(at.since(time)));
        let spared = self.spared.values().copied().min();
        let deadlines = [wake, spared, self.crew.first_deadline(), self.book.retry_at(), self.ends];
        let first = deadlines.into_iter().flatten().min();
        let tick = now.after(self.config.tick);
        Rest::Until(first.map_or(tick, |first| first.min(tick)))
    }

    /// Cuts short what takes too long, and tells what does not end even so, or has after all.
    async fn end_what_is_late(&mut self) {
        let now = clock::now();
        for plan in self.crew.overdue(now) {
            self.cut(plan, ActionResult::TimedOut, "its time is over").await;
        }
        for plan in self.crew.stuck(now) {
            self.write([Entry::healer("it was told to end and goes on", Fact::Hung(plan))]).await;
            self.book.tell(Event::Stuck(plan));
        }
        for plan in self.crew.freed() {
            self.free(plan, "it has ended after all").await;
        }
    }

    async fn free(&mut self, plan: PlanId, why: &str) {
        if self.book.state().hung().any(|hung| hung == plan) {
            self.write([Entry::healer(why, Fact::Freed(plan))]).await;
        }
        self.book.tell(Event::Freed(plan));
    }

    /// What hung in an earlier program hangs no more.
    async fn free_all(&mut self) {
        for plan in self.book.state().hung().collect::<Vec<_>>() {
            self.free(plan, "it has ended with its program").await;
        }
    }

    /// Whether everything has ended, or has to end now.
    async fn is_over(&mut self) -> bool {
        if self.crew.is_acting() && self.ends.is_none_or(|at| clock::now() < at) {
            return false;
        }
        for plan in self.crew.plans() {
            self.cut(plan, ActionResult::Cancelled, "the healer ends").await;
        }
        self.book.flush().await;
        true
    }
}

async fn nap(rest: Rest) {
    match rest {
        Rest::More => tokio::task::yield_now().await,
        Rest::Until(at) => tokio::time::sleep_until(clock::instant(at)).await,
    }
}
