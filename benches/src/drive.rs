//! The measured loops: one for services, one for plain futures, one for sync code.
//!
//! All three are the same loop: hide the request from the optimiser, make the call, count the
//! answers. The count keeps each result alive and tells whether the case took the path that its
//! name promises.

use std::future::Future;
use std::hint::black_box;

use tower::{Service, ServiceExt};

/// Calls the service `calls` times and returns how many calls were answered with success.
pub(crate) async fn service<S>(service: &mut S, calls: u64) -> u64
where
    S: Service<u64, Response = u64>,
{
    let mut answered = 0;
    for request in 0..calls {
        let Ok(ready) = service.ready().await else { continue };
        if let Ok(response) = ready.call(black_box(request)).await {
            black_box(response);
            answered += 1;
        }
    }
    answered
}

/// Like [`service`], for a policy that is not a service and wraps the future directly.
pub(crate) async fn future<C, F, E>(call: &mut C, calls: u64) -> u64
where
    C: FnMut(u64) -> F,
    F: Future<Output = Result<u64, E>>,
{
    let mut answered = 0;
    for request in 0..calls {
        if let Ok(response) = call(black_box(request)).await {
            black_box(response);
            answered += 1;
        }
    }
    answered
}

/// Like [`service`], for a policy that guards plain sync code.
pub(crate) fn sync<C, E>(call: &mut C, calls: u64) -> u64
where
    C: FnMut(u64) -> Result<u64, E>,
{
    let mut answered = 0;
    for request in 0..calls {
        if let Ok(response) = call(black_box(request)) {
            black_box(response);
            answered += 1;
        }
    }
    answered
}
