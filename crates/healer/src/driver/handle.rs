//! What others say to the healer, and what they may ask it. Clones are the same healer.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::sync::Ordering;
use salve_core::{ConfigError, Name, Observe, Subscription, Told, clock};
use tokio::sync::{mpsc, oneshot};

use super::book::Entry;
use super::event::Event;
use super::operator::Operator;
use super::shared::{JournalHealth, Pulse, Shared};
use crate::intake::{Intake, Report};
use crate::journal::JournalError;
use crate::kind::{Kind, Severity};
use crate::learn::{Statistics, statistics};
use crate::policy::Policy;
use crate::record::{Fact, Who};
use crate::state::State;
use crate::target::{Condition, Target};

/// What is said to the loop.
pub(super) enum Input {
    Fact(Entry),
    Report(Box<Report>, Option<oneshot::Sender<Intake>>),
}

/// What an operator does, and whom to answer.
pub(super) struct Act {
    pub(super) by: Who,
    pub(super) why: String,
    pub(super) fact: Fact,
    pub(super) answer: oneshot::Sender<Result<Receipt, ActError>>,
}

/// An act was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The number of its record.
    pub seq: u64,
    /// Whether that is durable; it is not while the journal cannot be written.
    pub durable: bool,
}

/// Why an act was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActError {
    /// It does not follow from what is known, or this person may not do it.
    Refused(String),
    /// The healer has ended.
    Ended,
}

impl fmt::Display for ActError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Ended => f.write_str("the healer has ended"),
        }
    }
}

impl std::error::Error for ActError {}

/// The healer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the healer has ended")
    }
}

impl std::error::Error for Ended {}

/// A running healer, to be told and asked. Clones are the same.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) acts: mpsc::Sender<Act>,
}

impl Handle {
    /// Says how a target is. What is already known is not written again.
    ///
    /// Waits while as many observations and reports wait as may.
    ///
    /// # Errors
    /// If the healer has ended.
    ///
    /// # Cancellation
    /// A dropped call has said nothing.
    pub async fn observe(
        &self,
        target: impl Into<Name>,
        condition: Condition,
        why: impl Into<String>,
    ) -> Result<(), Ended> {
        let fact = Fact::Observed { target: target.into(), condition };
        self.say(fact, why.into()).await
    }

    /// Says that something was changed on purpose, such as by a deployment.
    ///
    /// # Errors
    /// If the healer has ended.
    pub async fn changed(
        &self,
        target: impl Into<Name>,
        what: impl Into<Name>,
    ) -> Result<(), Ended> {
        let fact = Fact::ChangeSeen { target: target.into(), what: what.into() };
        self.say(fact, String::new()).await
    }

    /// Adds a target, or changes one. A change makes plans stale that were made before it.
    ///
    /// # Errors
    /// If the healer has ended.
    pub async fn set_target(&self, target: Target) -> Result<(), Ended> {
        self.say(Fact::TargetSet(target), String::new()).await
    }

    /// Forgets a target that has no incident; of one that has, an event says that it stays.
    ///
    /// # Errors
    /// If the healer has ended.
    pub async fn remove_target(&self, target: impl Into<Name>) -> Result<(), Ended> {
        self.say(Fact::TargetRemoved(target.into()), String::new()).await
    }

    async fn say(&self, fact: Fact, why: String) -> Result<(), Ended> {
        let by = Who::Program(Name::literal("watch"));
        let input = Input::Fact(Entry { by, why, fact });
        self.inputs.send(input).await.map_err(|_| Ended)
    }

    /// Says that something is wrong, or no longer.
    ///
    /// # Errors
    /// If the healer has ended.
    ///
    /// # Cancellation
    /// A dropped call may have been heard.
    pub async fn report(&self, report: Report) -> Result<Intake, Ended> {
        let (answer, answered) = oneshot::channel();
        let input = Input::Report(Box::new(report), Some(answer));
        self.inputs.send(input).await.map_err(|_| Ended)?;
        answered.await.map_err(|_| Ended)
    }

    /// Says that something is wrong, without waiting for anything; false if nobody heard it.
    ///
    /// What nobody heard is counted in [`unheard`](Self::unheard).
    pub fn report_failure(
        &self,
        component: impl Into<Name>,
        kind: Kind,
        severity: Severity,
    ) -> bool {
        self.report_now(Report::new(component, kind, severity))
    }

    fn report_now(&self, report: Report) -> bool {
        let heard = self.inputs.try_send(Input::Report(Box::new(report), None)).is_ok();
        if !heard {
            self.shared.not_heard();
        }
        heard
    }

    /// Makes a call, and has what is wrong with its component repaired if it fails.
    ///
    /// The result is the call's own, at once; the repair goes on beside it. One failure is a
    /// suspicion, enough for actions that do no harm; a second in a row confirms it. A success says
    /// that it is over. The component has to be a target.
    ///
    /// # Errors
    /// Those of the call.
    ///
    /// # Cancellation
    /// A dropped call says nothing of its component.
    pub async fn heal<T, E, W>(
        &self,
        component: impl Into<Name>,
        kind: Kind,
        severity: Severity,
        work: impl FnOnce() -> W,
    ) -> Result<T, E>
    where
        W: Future<Output = Result<T, E>>,
    {
        let component = component.into();
        let result = work().await;
        let mut report = Report::new(component, kind, severity);
        let key = crate::due::fingerprint(&report.kind, report.target.as_str());
        if result.is_ok() {
            if self.shared.failing.lock().remove(&key).is_some() {
                self.report_now(report.resolved());
            }
            return result;
        }
        let in_a_row = {
            let mut failing = self.shared.failing.lock();
            // Only targets are remembered, so that nobody fills the memory with names.
            if self.shared.state().targets().get(report.target.as_str()).is_some() {
                let count = failing.entry(key).or_insert(0);
                *count = count.saturating_add(1);
                *count
            } else {
                1
            }
        };
        if in_a_row == 1 {
            report = report.suspected();
        }
        self.report_now(report);
        result
    }

    /// The manual path: what a person, or a program in somebody's name, does.
    pub fn by(&self, who: Who) -> Operator {
        Operator { acts: self.acts.clone(), who }
    }

    /// Replaces the rules. Actions that are not registered, and plans that no longer follow from the
    /// rules, are passed over.
    ///
    /// # Errors
    /// Names the first field that is out of bounds; nothing has changed then.
    pub fn set_policy(&self, mut policy: Policy) -> Result<(), ConfigError> {
        policy.validate()?;
        policy.actions.clone_from(&self.shared.policy().actions);
        self.shared.set_policy(policy);
        Ok(())
    }

    /// Everything that is known, as of now.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.shared.state()
    }

    /// Figures over everything that is remembered.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        statistics(&self.state())
    }

    /// How the journal is.
    #[must_use]
    pub fn journal(&self) -> JournalHealth {
        self.shared.journal()
    }

    /// Whether the loop turns; it does at least once in a tick.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.shared.pulse()
    }

    /// Reports that nobody heard: the queue was full, the healer had ended, or nobody knows the
    /// target.
    #[must_use]
    pub fn unheard(&self) -> u64 {
        self.shared.unheard.load(Ordering::Relaxed)
    }

    /// Opens a channel that holds at most `capacity` events and counts those it has to drop.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.shared.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the loop: it has to be quick.
    pub fn on_event(&self, observer: impl Observe<Event> + 'static) {
        self.shared.events.observe(observer);
    }

    /// Tells whoever listens what came of a pruning of the journal, for whoever prunes it.
    pub fn pruned(&self, result: Result<u64, JournalError>) {
        let event = match result {
            Ok(removed) => Event::Pruned { removed },
            Err(error) => Event::PruningFailed { why: error.to_string() },
        };
        let (by, at) = (self.shared.name.clone(), clock::now());
        self.shared.events.tell(&Told { by, key: None, at, event });
    }

    /// Tells the healer to end: it starts nothing more, lets running actions end for as long as its
    /// settings say, then cancels them.
    pub fn shut_down(&self) {
        self.shared.stop.send_replace(true);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("pulse", &self.pulse()).finish_non_exhaustive()
    }
}
