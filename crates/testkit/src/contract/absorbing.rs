//! What an absorbing layer promises beside what every layer does.

use std::future::poll_fn;
use std::task::Poll;

use tokio_test::task::spawn;
use tower_service::Service;

use super::ProbeLayer;
use super::shared::call;
use crate::error::TestError;
use crate::probe::{Mode, Probe};

/// The layer is ready at once; the inner service is asked in the response future, and an error
/// there is the call's.
pub async fn readiness_is_sought_in_the_future<L: ProbeLayer>(layer: &L) {
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    control.set(Mode::FailReadiness);
    let mut ready = spawn(poll_fn(|cx| service.poll_ready(cx)));
    assert_eq!(ready.poll(), Poll::Ready(Ok(())));
    drop(ready);
    assert_eq!(control.readiness_polls(), 0);
    assert_eq!(call(&mut service, 1).await, Err(TestError::Unready));
    control.set(Mode::Answer);
    assert_eq!(call(&mut service, 2).await, Ok(2));
}

/// A service that is ready but not called, and a call that has not begun, ask nothing of the
/// inner service.
pub async fn waiting_holds_nothing_of_the_inner<L: ProbeLayer>(layer: &L) {
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let not_begun = service.call(1);
    assert_eq!((control.readiness_polls(), control.calls()), (0, 0));
    drop(not_begun);
    assert_eq!(control.in_flight(), 0);
}
