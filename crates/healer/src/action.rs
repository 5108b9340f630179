//! The port to what can be done: an action, with everything that makes it safe to leave to a machine.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use salve_core::{Moment, Name};
use serde::{Deserialize, Serialize};

use crate::incident::Incident;
use crate::meta::ActionMeta;
use crate::plan::Plan;
use crate::target::Target;

/// A future that can be kept in a box and sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that can be done to a target.
///
/// The driver calls in this order: [`precheck`](Self::precheck), [`capture`](Self::capture) (what
/// it returns is durable before anything else happens), [`execute`](Self::execute),
/// [`verify`](Self::verify), and, if that fails or the action can be undone and things got worse,
/// [`roll_back`](Self::roll_back). [`preview`](Self::preview) stands for all of them in a dry run.
///
/// # Cancellation
/// Each future may be dropped at any time, and is when its deadline has passed. What has been done
/// until then is not assumed to be done or not done: it is verified. Work that outlives the future
/// has to end by itself when [`Order::cancel`] says so.
pub trait Action: Send + Sync {
    /// The name by which strategies know it.
    fn name(&self) -> &Name;

    /// What it is like.
    fn meta(&self) -> ActionMeta;

    /// What it would do, one effect a line, exactly; it has no effect itself.
    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// Whether it may be done right now. A refusal means that nothing was done, and may come from
    /// a hook of the user's.
    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = order;
        Box::pin(async { Ok(()) })
    }

    /// Evidence and the state before, as much as is needed to roll back.
    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        let _ = order;
        Box::pin(async { Ok(Captured::default()) })
    }

    /// Does it. A second call with the same [`Order::key`] has no second effect;
    /// [`Order::before`] helps to see whether it has had one.
    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>>;

    /// Whether it helped. By default nobody can tell, and the symptom decides.
    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        let _ = order;
        Box::pin(async { None })
    }

    /// Undoes it from what was captured; twice is as once, since it is done again after a crash. Only
    /// called if the action is reversible; by default it fails.
    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        let _ = (order, before);
        Box::pin(async { Err(Failure::permanent("this action cannot be rolled back")) })
    }
}

/// Everything an action is told about its task.
#[derive(Clone, Debug)]
pub struct Order {
    /// The plan.
    pub plan: Plan,
    /// The target.
    pub target: Target,
    /// The incident.
    pub incident: Incident,
    /// The effect happens at most once under this key.
    pub key: String,
    /// The token of the lease. A system that has seen a higher one refuses this order.
    pub token: u64,
    /// By then it has to be done.
    pub deadline: Moment,
    /// Says that it is to end now.
    pub cancel: Cancel,
}

impl Order {
    /// What [`Action::capture`] returned for this plan: known once its start is written, so in
    /// [`Action::execute`] and after it.
    #[must_use]
    pub fn before(&self) -> Option<&Captured> {
        let run = self.incident.run.as_ref();
        let run = run.filter(|run| run.plan.id == self.plan.id && run.started.is_some());
        run.map(|run| &run.before)
    }
}

/// Whether a task is to end; all clones know.
#[derive(Clone, Debug, Default)]
pub struct Cancel(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Cancel {
    /// Tells everybody.
    pub fn now(&self) {
        self.0.store(true, std::sync::atomic::Ordering::Release);
    }

    /// Whether it was told.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Acquire)
    }
}

/// Evidence and the state before an action. It must not hold secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// What was seen, for people.
    pub evidence: Vec<String>,
    /// What is needed to roll back, in the action's own form.
    pub before: Option<String>,
}

/// What an action says it has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// One effect a line.
    pub done: Vec<String>,
}

/// Why an action did not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In plain words, without secrets.
    pub why: String,
    /// Whether trying again makes sense. If not, the chain goes on at once.
    pub again: bool,
}

impl Failure {
    /// It may work the next time.
    #[must_use]
    pub fn transient(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: true }
    }

    /// It will not work the next time either.
    #[must_use]
    pub fn permanent(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: false }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Failure {}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionResult {
    /// It says that it is done. Whether it helped is another question.
    Done,
    /// It did not work.
    Failed {
        /// Why.
        why: String,
        /// Whether trying again makes sense.
        again: bool,
    },
    /// Nothing was done: its precheck refused, or the lease was lost before it began.
    NotStarted {
        /// Why.
        why: String,
    },
    /// It took too long. Nobody knows what it has done.
    TimedOut,
    /// It was cancelled. Nobody knows what it has done.
    Cancelled,
    /// The healer ended while it ran. Nobody knows what it has done.
    Interrupted,
}

impl ActionResult {
    /// Whether nobody knows what was done.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Cancelled | Self::Interrupted)
    }
}

/// What a verification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The symptom is gone.
    Recovered,
    /// It is still there.
    NotRecovered,
    /// Nobody can tell; a person has to look.
    Inconclusive,
}
