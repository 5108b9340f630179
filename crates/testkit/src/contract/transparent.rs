//! What a transparent layer promises beside what every layer does.

use std::future::poll_fn;

use tokio_test::task::spawn;
use tower_service::Service;

use super::ProbeLayer;
use super::shared::call;
use crate::error::TestError;
use crate::probe::{Mode, Probe};

/// The layer is ready when the inner service is, and not before; the instance that was asked is
/// the one that is called.
pub async fn readiness_is_passed_on<L: ProbeLayer>(layer: &L) {
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    control.set(Mode::Unready);
    {
        let mut ready = spawn(poll_fn(|cx| service.poll_ready(cx)));
        assert!(ready.poll().is_pending());
        control.release();
        assert!(ready.is_woken());
        assert!(ready.poll().is_ready());
    }
    assert_eq!(service.call(1).await, Ok(1));
    assert_eq!((control.clones(), control.unready_calls()), (0, 0));
}

/// An error at readiness reaches the caller, and the service can be asked again.
pub async fn readiness_errors_pass<L: ProbeLayer>(layer: &L) {
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    control.set(Mode::FailReadiness);
    assert_eq!(call(&mut service, 1).await, Err(TestError::Unready));
    control.set(Mode::Answer);
    assert_eq!(call(&mut service, 2).await, Ok(2));
}
