//! The contract can fail: layers that break one promise each are found out.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use salve_testkit::contract::{self, ProbeLayer};
use salve_testkit::{Probe, TestError};
use tower_layer::Layer;
use tower_service::Service;

/// What a broken layer does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    CallsAnUnreadyClone,
    SaysReadyAtOnce,
    SwallowsErrors,
    KeepsPlacesOfDroppedCalls,
    Allocates,
}

#[derive(Clone, Debug)]
struct Broken {
    fault: Fault,
    places: Arc<AtomicU32>,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        Self { fault, places: Arc::new(AtomicU32::new(4)) }
    }
}

impl<S> Layer<S> for Broken {
    type Service = BrokenService<S>;

    fn layer(&self, inner: S) -> BrokenService<S> {
        BrokenService { inner, layer: self.clone() }
    }
}

#[derive(Clone, Debug)]
struct BrokenService<S> {
    inner: S,
    layer: Broken,
}

impl<S> Service<u32> for BrokenService<S>
where
    S: Service<u32, Response = u32, Error = TestError> + Clone,
    S::Future: Unpin,
{
    type Response = u32;
    type Error = TestError;
    type Future = BrokenFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        if self.layer.fault == Fault::SaysReadyAtOnce {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: u32) -> Self::Future {
        if self.layer.fault == Fault::Allocates {
            drop(std::hint::black_box(Box::new(request)));
        }
        let future = match self.layer.fault {
            Fault::CallsAnUnreadyClone => self.inner.clone().call(request),
            _ => self.inner.call(request),
        };
        let taken = self
            .layer
            .places
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let place = taken.is_ok().then(|| Arc::clone(&self.layer.places));
        BrokenFuture { future, place, fault: self.layer.fault }
    }
}

#[derive(Debug)]
struct BrokenFuture<F> {
    future: F,
    place: Option<Arc<AtomicU32>>,
    fault: Fault,
}

impl<F> Future for BrokenFuture<F>
where
    F: Future<Output = Result<u32, TestError>> + Unpin,
{
    type Output = Result<u32, TestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.place.is_none() {
            return Poll::Ready(Err(TestError::Failed));
        }
        let polled = Pin::new(&mut self.future).poll(cx);
        if polled.is_ready() {
            self.give_back();
        }
        match polled {
            Poll::Ready(Err(_)) if self.fault == Fault::SwallowsErrors => Poll::Ready(Ok(0)),
            polled => polled,
        }
    }
}

impl<F> BrokenFuture<F> {
    fn give_back(&mut self) {
        if let Some(places) = self.place.take() {
            places.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<F> Drop for BrokenFuture<F> {
    fn drop(&mut self) {
        if self.fault != Fault::KeepsPlacesOfDroppedCalls {
            self.give_back();
        }
    }
}

/// Whether the promise is found to be kept.
fn kept<F: Future>(promise: impl FnOnce() -> F) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(promise()))).is_ok()
}

#[test]
fn a_layer_that_keeps_the_contract_passes() {
    let layer = Broken::new(Fault::None);
    assert!(kept(|| contract::answers_and_errors_pass_unchanged(&layer)));
    assert!(kept(|| contract::calls_only_what_is_ready(&layer)));
    assert!(kept(|| contract::clones_do_not_share_readiness(&layer)));
    assert!(kept(|| contract::dropped_calls_leave_no_trace(&layer)));
    assert!(kept(|| contract::panics_pass_and_do_no_harm(&layer)));
    assert!(kept(|| contract::wakes_when_the_inner_becomes_ready(&layer)));
    assert!(kept(|| contract::readiness_is_passed_on(&layer)));
    assert!(kept(|| contract::readiness_errors_pass(&layer)));
    contract::success_allocates_nothing(&layer);
}

#[test]
fn each_broken_promise_is_found() {
    let layer = Broken::new(Fault::CallsAnUnreadyClone);
    assert!(!kept(|| contract::calls_only_what_is_ready(&layer)));
    let layer = Broken::new(Fault::SaysReadyAtOnce);
    assert!(!kept(|| contract::clones_do_not_share_readiness(&layer)));
    assert!(!kept(|| contract::wakes_when_the_inner_becomes_ready(&layer)));
    assert!(!kept(|| contract::readiness_errors_pass(&layer)));
    let layer = Broken::new(Fault::SwallowsErrors);
    assert!(!kept(|| contract::answers_and_errors_pass_unchanged(&layer)));
    let layer = Broken::new(Fault::KeepsPlacesOfDroppedCalls);
    assert!(!kept(|| contract::dropped_calls_leave_no_trace(&layer)));
    let layer = Broken::new(Fault::Allocates);
    let counted = AssertUnwindSafe(|| contract::success_allocates_nothing(&layer));
    assert!(catch_unwind(counted).is_err());
}

#[test]
fn a_transparent_layer_is_not_an_absorbing_one() {
    fn is_absorbing<L: ProbeLayer>(layer: &L) -> bool {
        kept(|| contract::readiness_is_sought_in_the_future(layer))
    }
    assert!(!is_absorbing(&Broken::new(Fault::None)));
}

#[test]
fn a_probe_notes_how_it_is_treated() {
    let (mut probe, control) = Probe::new();
    drop(probe.call(1));
    assert_eq!((control.calls(), control.unready_calls(), control.cancelled()), (1, 1, 1));
    assert_eq!((control.in_flight(), control.peak(), control.clones()), (0, 1, 0));
}
