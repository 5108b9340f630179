//! Where other timeouts break: each scenario played here with its numbers.

use std::future::pending;
use std::task::{Context, Poll};
use std::time::Duration;

use salve_core::{Reason, Rejection, Sent, clock};
use salve_timeout::{Config, TimeoutLayer};
use tower::{Layer, Service, ServiceExt};

/// Accepts connections and never becomes ready.
#[derive(Clone, Debug)]
struct NeverReady;

impl Service<()> for NeverReady {
    type Response = ();
    type Error = Rejection;
    type Future = std::future::Pending<Result<(), Rejection>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        Poll::Pending
    }

    fn call(&mut self, (): ()) -> Self::Future {
        pending()
    }
}

async fn readiness_is_covered() {
    let limit = Duration::from_millis(50);
    let layer = TimeoutLayer::new(Config::of_attempt("peers", limit)).unwrap();
    let began = clock::now();
    let call = layer.layer(NeverReady).oneshot(());
    let hour = Duration::from_secs(3600);
    let rejection = tokio::time::timeout(hour, call).await.expect("it hung").unwrap_err();
    assert_eq!((rejection.reason(), rejection.sent()), (Reason::AttemptTimeout, Sent::No));
    assert!(clock::now().since(began) <= 2 * limit);
}

#[tokio::test(start_paused = true)]
async fn t01_the_timeout_covers_readiness() {
    readiness_is_covered().await;
}

#[tokio::test(start_paused = true)]
async fn tw04_the_timeout_covers_readiness() {
    readiness_is_covered().await;
}

/// The peer's breaker inside a timeout saw 100 dropped calls and no failure. Outside of this one
/// a call that was cut off is a failure, and a refusal before sending is none.
#[tokio::test(start_paused = true)]
async fn w09_a_call_that_was_cut_off_is_a_failure_for_outer_policies() {
    let layer = TimeoutLayer::new(Config::of_attempt("peers", Duration::from_millis(50))).unwrap();
    let hung = tower::service_fn(|()| pending::<Result<(), Rejection>>());
    for _ in 0..100 {
        let rejection = layer.layer(hung).oneshot(()).await.unwrap_err();
        assert!(rejection.outcome().is_failure());
    }
    assert_eq!(layer.handle().counts().attempt_timeouts, 100);
    let rejection = layer.layer(NeverReady).oneshot(()).await.unwrap_err();
    assert!(!rejection.outcome().is_failure());
}
