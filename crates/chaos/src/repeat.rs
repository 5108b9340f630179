//! How a request is delivered a second time.

use std::future::{Future, poll_fn};
use std::pin::Pin;

use salve_core::{ByClone, CloneRequest};
use tower_service::Service;

/// A second delivery, whose answer nobody gets.
pub type Again = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Delivers a request once more.
pub trait Repeat<S, Req> {
    /// The second delivery; `None` if this request cannot be copied.
    fn again(&self, service: &S, request: &Req) -> Option<Again>;
}

/// Delivers no request twice: what is used unless something else is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Once;

impl<S, Req> Repeat<S, Req> for Once {
    fn again(&self, _: &S, _: &Req) -> Option<Again> {
        None
    }
}

/// Delivers copies of requests to a clone of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Twice<C = ByClone>(pub C);

impl<S, Req, C> Repeat<S, Req> for Twice<C>
where
    S: Service<Req, Future: Send> + Clone + Send + 'static,
    Req: Send + 'static,
    C: CloneRequest<Req>,
{
    fn again(&self, service: &S, request: &Req) -> Option<Again> {
        let copy = self.0.clone_request(request)?;
        let mut service = service.clone();
        Some(Box::pin(async move {
            // A copy that is not delivered is as one that was lost on its way.
            if poll_fn(|cx| service.poll_ready(cx)).await.is_ok() {
                let _ = service.call(copy).await;
            }
        }))
    }
}
