//! An action made of a closure.

use std::fmt;
use std::future::Future;

use salve_core::Name;

use crate::action::{Action, BoxFuture, Failure, Order, Report};
use crate::meta::ActionMeta;

/// An action that runs `work`, and is like `meta` says.
///
/// Its dry run says only that it would run. It cannot be rolled back: an action that can is a type of
/// its own.
///
/// ```
/// use salve_healer::action::{Failure, Report};
/// use salve_healer::{Action, ActionMeta, of_fn};
///
/// let restart = of_fn("restart", ActionMeta::default().idempotent().restarts(), |order| async move {
///     if order.cancel.is_asked() {
///         return Err(Failure::transient("cancelled"));
///     }
///     Ok(Report { done: vec![format!("restarted {}", order.target.name)] })
/// });
/// assert_eq!(restart.name().as_str(), "restart");
/// ```
pub fn of_fn<F, W>(name: impl Into<Name>, meta: ActionMeta, work: F) -> OfFn<F>
where
    F: Fn(Order) -> W + Send + Sync,
    W: Future<Output = Result<Report, Failure>> + Send + 'static,
{
    OfFn { name: name.into(), meta, work }
}

/// What [`of_fn`] returns.
#[derive(Clone)]
pub struct OfFn<F> {
    name: Name,
    meta: ActionMeta,
    work: F,
}

impl<F> fmt::Debug for OfFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfFn").field("name", &self.name).field("meta", &self.meta).finish()
    }
}

impl<F, W> Action for OfFn<F>
where
    F: Fn(Order) -> W + Send + Sync,
    W: Future<Output = Result<Report, Failure>> + Send + 'static,
{
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move { Ok(vec![format!("run {} at {}", self.name, order.target.name)]) })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin((self.work)(order.clone()))
    }
}
