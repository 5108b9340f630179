//! Whatever a closure does, as an action.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use salve_core::Name;

use crate::action::{Action, BoxFuture, Captured, Failure, Order, Report, Verdict};
use crate::meta::ActionMeta;

/// Something that is done with an order and a text: the state before, for a rollback.
type Undo =
    dyn Fn(Order, Option<String>) -> BoxFuture<'static, Result<Vec<String>, Failure>> + Send + Sync;
type Do<T> = dyn Fn(Order) -> BoxFuture<'static, T> + Send + Sync;

/// An action made of closures. Only what it does is needed; the rest says that nobody can tell, or
/// that there is nothing to look at first.
///
/// ```
/// use salve_healer::{Action, ActionMeta, Closure, Failure};
///
/// let restart = Closure::new("restart", |order| async move {
///     if order.cancel.is_asked() {
///         return Err(Failure::transient("cancelled"));
///     }
///     Ok(vec![format!("restarted {}", order.target.name)])
/// })
/// .with_meta(ActionMeta::default().idempotent().restarts());
/// assert_eq!(restart.name().as_str(), "restart");
/// ```
pub struct Closure {
    name: Name,
    meta: ActionMeta,
    about: String,
    execute: Arc<Do<Result<Vec<String>, Failure>>>,
    precheck: Option<Arc<Do<Result<(), Failure>>>>,
    capture: Option<Arc<Do<Result<Captured, Failure>>>>,
    verify: Option<Arc<Do<Option<Verdict>>>>,
    roll_back: Option<Arc<Undo>>,
}

impl Closure {
    /// An action that does what `execute` does, and tells its effects, one a line. It is taken to
    /// be none of what [`ActionMeta`] can say until [`with_meta`](Self::with_meta) says it.
    pub fn new<F, Fut>(name: impl Into<Name>, execute: F) -> Self
    where
        F: Fn(Order) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<String>, Failure>> + Send + 'static,
    {
        Self {
            name: name.into(),
            meta: ActionMeta::default(),
            about: String::new(),
            execute: Arc::new(move |order| Box::pin(execute(order))),
            precheck: None,
            capture: None,
            verify: None,
            roll_back: None,
        }
    }

    /// Says what it is like.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = meta;
        self
    }

    /// Says in a dry run what it would do, beside its name and target.
    #[must_use]
    pub fn with_about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// Lets `precheck` refuse it at the last moment.
    #[must_use]
    pub fn with_precheck<F, Fut>(mut self, precheck: F) -> Self
    where
        F: Fn(Order) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.precheck = Some(Arc::new(move |order| Box::pin(precheck(order))));
        self
    }

    /// Lets `capture` keep evidence and the state before.
    #[must_use]
    pub fn with_capture<F, Fut>(mut self, capture: F) -> Self
    where
        F: Fn(Order) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Captured, Failure>> + Send + 'static,
    {
        self.capture = Some(Arc::new(move |order| Box::pin(capture(order))));
        self
    }

    /// Lets `verify` say whether it helped; `None` leaves that to the symptom.
    #[must_use]
    pub fn with_verify<F, Fut>(mut self, verify: F) -> Self
    where
        F: Fn(Order) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<Verdict>> + Send + 'static,
    {
        self.verify = Some(Arc::new(move |order| Box::pin(verify(order))));
        self
    }

    /// Lets `roll_back` undo it with what was captured as the state before.
    #[must_use]
    pub fn with_rollback<F, Fut>(mut self, roll_back: F) -> Self
    where
        F: Fn(Order, Option<String>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<String>, Failure>> + Send + 'static,
    {
        self.roll_back = Some(Arc::new(move |order, before| Box::pin(roll_back(order, before))));
        self.meta.reversible = true;
        self
    }
}

impl Action for Closure {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        let about = if self.about.is_empty() { self.name.as_str() } else { &self.about };
        let line = format!("{about}: {}", order.target.name);
        Box::pin(std::future::ready(Ok(vec![line])))
    }

    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        match &self.precheck {
            Some(precheck) => precheck(order.clone()),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        match &self.capture {
            Some(capture) => capture(order.clone()),
            None => Box::pin(std::future::ready(Ok(Captured::default()))),
        }
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        let doing = (self.execute)(order.clone());
        Box::pin(async move { Ok(Report { done: doing.await? }) })
    }

    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        match &self.verify {
            Some(verify) => verify(order.clone()),
            None => Box::pin(std::future::ready(None)),
        }
    }

    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        let Some(roll_back) = &self.roll_back else {
            let failure = Failure::permanent("this action cannot be rolled back");
            return Box::pin(std::future::ready(Err(failure)));
        };
        let undoing = roll_back(order.clone(), before.before.clone());
        Box::pin(async move { Ok(Report { done: undoing.await? }) })
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closure")
            .field("name", &self.name)
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}
