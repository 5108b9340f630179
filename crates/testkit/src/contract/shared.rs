//! What both kinds of layer promise.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use tokio_test::task::spawn;
use tower_layer::Layer;
use tower_service::Service;

use super::ProbeLayer;
use crate::error::TestError;
use crate::probe::{Mode, Probe};

/// Makes one call the way callers do: until it is ready, then once.
pub(super) async fn call<S>(service: &mut S, request: u32) -> Result<u32, TestError>
where
    S: Service<u32, Response = u32, Error = TestError>,
{
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

/// What the inner service answers or fails with reaches the caller as it was.
pub async fn answers_and_errors_pass_unchanged<L: ProbeLayer>(layer: &L) {
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    assert_eq!(call(&mut service, 7).await, Ok(7));
    control.set(Mode::Fail);
    assert_eq!(call(&mut service, 8).await, Err(TestError::Failed));
    control.set(Mode::Answer);
    assert_eq!(call(&mut service, 9).await, Ok(9));
    assert_eq!(control.calls(), 3);
}

/// No service is called that has not said, since its last call, that it is ready.
pub async fn calls_only_what_is_ready<L: ProbeLayer>(layer: &L)
where
    L::Service: Clone,
{
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    for request in 0..4 {
        let mut clone = service.clone();
        assert_eq!(call(&mut clone, request).await, Ok(request));
        assert_eq!(call(&mut service, request).await, Ok(request));
        assert_eq!(call(&mut clone, request).await, Ok(request));
    }
    assert_eq!((control.calls(), control.unready_calls()), (12, 0));
}

/// A clone of a service that is ready asks for itself.
pub async fn clones_do_not_share_readiness<L: ProbeLayer>(layer: &L)
where
    L::Service: Clone,
{
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let mut clone = service.clone();
    assert_eq!(call(&mut clone, 1).await, Ok(1));
    assert_eq!(service.call(2).await, Ok(2));
    assert_eq!(control.unready_calls(), 0);
}

/// A call that is dropped at any point ends the inner call and takes up nothing afterwards.
pub async fn dropped_calls_leave_no_trace<L: ProbeLayer>(layer: &L)
where
    L::Service: Clone,
{
    let (probe, control) = Probe::new();
    let service = layer.layer(probe);
    for round in 0..40_u64 {
        control.set(Mode::Hold);
        let mut clone = service.clone();
        poll_fn(|cx| clone.poll_ready(cx)).await.unwrap();
        let mut held = spawn(clone.call(0));
        if round % 2 == 0 {
            assert!(held.poll().is_pending());
            assert_eq!(control.in_flight(), 1);
        }
        drop(held);
        assert_eq!(control.in_flight(), 0);
        control.release();
        assert_eq!(call(&mut service.clone(), 1).await, Ok(1), "after {round} dropped calls");
    }
}

/// A panic of the inner service reaches the caller, and the layer goes on.
pub async fn panics_pass_and_do_no_harm<L: ProbeLayer>(layer: &L) {
    for mode in [Mode::PanicInCall, Mode::PanicInPoll] {
        let (probe, control) = Probe::new();
        let mut service = layer.layer(probe);
        control.set(mode);
        for _ in 0..2 {
            let mut ready = spawn(poll_fn(|cx| service.poll_ready(cx)));
            assert_eq!(ready.poll(), Poll::Ready(Ok(())));
            drop(ready);
            let panicked = catch_unwind(AssertUnwindSafe(|| spawn(service.call(0)).poll()));
            assert!(panicked.is_err(), "{mode:?} did not reach the caller");
        }
        assert_eq!(control.in_flight(), 0);
        control.set(Mode::Answer);
        assert_eq!(call(&mut service, 1).await, Ok(1), "after {mode:?}");
    }
}

/// Services can be moved between threads, and their futures too.
pub async fn types_can_be_moved_to_other_threads<L>(layer: &L)
where
    L: ProbeLayer,
    L::Service: Clone + Send + Sync + std::fmt::Debug + 'static,
    <L::Service as Service<u32>>::Future: Send + std::fmt::Debug + 'static,
{
    let (probe, _) = Probe::new();
    let mut service = layer.layer(probe);
    assert!(!format!("{service:?}").is_empty());
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let future = service.call(3);
    assert!(!format!("{future:?}").is_empty());
    let moved = std::thread::spawn(move || spawn(future).poll()).join().unwrap();
    assert_eq!(moved, Poll::Ready(Ok(3)));
}

/// A call that waits for the inner service to become ready is woken when it does.
pub async fn wakes_when_the_inner_becomes_ready<L: ProbeLayer>(layer: &L) {
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    control.set(Mode::Unready);
    let mut waiting = spawn(call(&mut service, 5));
    assert!(waiting.poll().is_pending());
    assert!(!waiting.is_woken());
    control.release();
    assert!(waiting.is_woken());
    assert_eq!(waiting.poll(), Poll::Ready(Ok(5)));
    assert_eq!(control.unready_calls(), 0);
}

/// A call that succeeds allocates nothing, once the first few have been made.
pub fn success_allocates_nothing<L>(layer: &L)
where
    L: Layer<Plain>,
    L::Service: Service<u32, Response = u32, Error = TestError>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut service = layer.layer(Plain);
    let mut calls = |count: u32| {
        runtime.block_on(async {
            for request in 0..count {
                assert_eq!(call(&mut service, request).await, Ok(request));
            }
        });
    };
    calls(10);
    let few = allocation_counter::measure(|| calls(1)).count_total;
    let many = allocation_counter::measure(|| calls(1_001)).count_total;
    // What the runtime allocates to enter is the same however many calls are made.
    assert_eq!(many, few, "a thousand successful calls allocated");
}

/// The plainest service, which allocates nothing itself.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Service<u32> for Plain {
    type Response = u32;
    type Error = TestError;
    type Future = std::future::Ready<Result<u32, TestError>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), TestError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        std::future::ready(Ok(request))
    }
}
