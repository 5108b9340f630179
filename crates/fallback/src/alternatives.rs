//! What can answer in the place of a call that failed: a value, a function, another service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use salve_core::sync::Lock;
use salve_core::{ByClone, CloneRequest, Name, Oneshot};
use tower_service::Service;

use crate::order::Needs;

/// What became of the call that an alternative stands in for.
#[derive(Debug)]
pub enum Failed<'a, Res, Err> {
    /// It ended with an error.
    Error(&'a Err),
    /// It ended with a response that the classifier calls a failure.
    Response(&'a Res),
    /// It panicked.
    Panic,
}

impl<'a, Res, Err> Failed<'a, Res, Err> {
    /// The error, if it ended with one.
    #[must_use]
    pub const fn error(&self) -> Option<&'a Err> {
        if let Self::Error(error) = self { Some(error) } else { None }
    }

    /// The response, if it ended with one.
    #[must_use]
    pub const fn response(&self) -> Option<&'a Res> {
        if let Self::Response(response) = self { Some(response) } else { None }
    }
}

/// One alternative, with a name by which it is counted, and a priority.
///
/// ```
/// use salve_core::Rejection;
/// use salve_fallback::{Alternative, Failed};
///
/// type Stock = Alternative<&'static str, u32, Rejection>;
/// let unknown = Stock::value("unknown", 0);
/// let by_error = Stock::of_failure("by error", |failed| match failed {
///     Failed::Error(rejection) if rejection.retry_after().is_some() => Ok(1),
///     _ => Ok(0),
/// });
/// let replica = Stock::function("replica", |item: &'static str, _| async move {
///     Ok(item.len() as u32)
/// });
/// # let _ = (unknown, by_error, replica.with_priority(1));
/// ```
#[must_use]
pub struct Alternative<Req, Res, Err> {
    pub(crate) name: Name,
    pub(crate) priority: u32,
    pub(crate) how: How<Req, Res, Err>,
}

/// How an alternative comes by its answer.
pub(crate) enum How<Req, Res, Err> {
    /// At once.
    Instant(Box<dyn FromFailure<Res, Err>>),
    /// By a call of its own, with the request.
    Asks(Box<dyn Ask<Req, Res, Err>>),
}

pub(crate) type Running<Res, Err> = Pin<Box<dyn Future<Output = Result<Res, Err>> + Send>>;

/// Closures that answer from the failure alone.
pub(crate) trait FromFailure<Res, Err>: Send + Sync {
    fn answer(&self, failed: Failed<'_, Res, Err>) -> Result<Res, Err>;
}

impl<F, Res, Err> FromFailure<Res, Err> for F
where
    F: Fn(Failed<'_, Res, Err>) -> Result<Res, Err> + Send + Sync,
{
    fn answer(&self, failed: Failed<'_, Res, Err>) -> Result<Res, Err> {
        self(failed)
    }
}

/// A call of its own, and the copy of the request that it is made with.
pub(crate) trait Ask<Req, Res, Err>: Send + Sync {
    fn keep(&self, request: &Req) -> Option<Req>;
    fn ask(&self, request: Req, failed: Failed<'_, Res, Err>) -> Running<Res, Err>;
}

struct Asking<Q, F> {
    cloner: Q,
    ask: F,
}

impl<Q, F, Req, Res, Err> Ask<Req, Res, Err> for Asking<Q, F>
where
    Q: CloneRequest<Req> + Send + Sync,
    F: Fn(Req, Failed<'_, Res, Err>) -> Running<Res, Err> + Send + Sync,
{
    fn keep(&self, request: &Req) -> Option<Req> {
        self.cloner.clone_request(request)
    }

    fn ask(&self, request: Req, failed: Failed<'_, Res, Err>) -> Running<Res, Err> {
        (self.ask)(request, failed)
    }
}

/// The priority of an alternative that was given none.
const DEFAULT_PRIORITY: u32 = 100;

impl<Req, Res, Err> Alternative<Req, Res, Err>
where
    Req: 'static,
    Res: 'static,
    Err: 'static,
{
    /// A copy of this value, at once.
    pub fn value(name: impl Into<Name>, value: Res) -> Self
    where
        Res: Clone + Send + Sync,
    {
        Self::of_failure(name, move |_| Ok(value.clone()))
    }

    /// What `answer` makes of the failure, at once. It is called with no lock held and must not
    /// block.
    pub fn of_failure(
        name: impl Into<Name>,
        answer: impl Fn(Failed<'_, Res, Err>) -> Result<Res, Err> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, How::Instant(Box::new(answer)))
    }

    /// What the future comes to that `ask` makes of a copy of the request and the failure.
    pub fn function<F, Fut>(name: impl Into<Name>, ask: F) -> Self
    where
        Req: Clone,
        F: Fn(Req, Failed<'_, Res, Err>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Res, Err>> + Send + 'static,
    {
        Self::function_with(name, ByClone, ask)
    }

    /// Like [`function`](Self::function), with a request copied by `cloner`: for requests that are
    /// not [`Clone`], or of which only parts are to be kept.
    pub fn function_with<Q, F, Fut>(name: impl Into<Name>, cloner: Q, ask: F) -> Self
    where
        Q: CloneRequest<Req> + Send + Sync + 'static,
        F: Fn(Req, Failed<'_, Res, Err>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Res, Err>> + Send + 'static,
    {
        let ask = move |request: Req, failed: Failed<'_, Res, Err>| -> Running<Res, Err> {
            Box::pin(ask(request, failed))
        };
        Self::new(name, How::Asks(Box::new(Asking { cloner, ask })))
    }

    /// What another service answers to a copy of the request. A clone of it is made ready and
    /// called for each.
    pub fn service<S>(name: impl Into<Name>, service: S) -> Self
    where
        Req: Clone + Send,
        S: Service<Req, Response = Res> + Clone + Send + 'static,
        S::Error: Into<Err>,
        S::Future: Send,
    {
        Self::service_with(name, ByClone, service)
    }

    /// Like [`service`](Self::service), with a request copied by `cloner`.
    pub fn service_with<Q, S>(name: impl Into<Name>, cloner: Q, service: S) -> Self
    where
        Req: Send,
        Q: CloneRequest<Req> + Send + Sync + 'static,
        S: Service<Req, Response = Res> + Clone + Send + 'static,
        S::Error: Into<Err>,
        S::Future: Send,
    {
        // Many services can be sent to another thread but not shared by two.
        let service = Lock::new(service);
        let ask = move |request, _: Failed<'_, Res, Err>| {
            let call = Oneshot::new(service.lock().clone(), request);
            async move { call.await.map_err(Into::into) }
        };
        Self::function_with(name, cloner, ask)
    }

    fn new(name: impl Into<Name>, how: How<Req, Res, Err>) -> Self {
        Self { name: name.into(), priority: DEFAULT_PRIORITY, how }
    }

    /// Sets when it is tried: the lowest number first, and those of the same number in the order
    /// in which they were given. Default 100.
    pub const fn with_priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }
}

impl<Req, Res, Err> How<Req, Res, Err> {
    pub(crate) const fn needs(&self) -> Needs {
        let asks = matches!(self, Self::Asks(_));
        Needs { request: asks, time: asks }
    }
}

impl<Req, Res, Err> fmt::Debug for Alternative<Req, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alternative")
            .field("name", &self.name)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
