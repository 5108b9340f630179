//! The same clients behind salve: HTTP through the stack, SSH through the rooms without tower.

use std::process::Output;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use salve::http::{IdempotentRequests, StatusClassifier};
use salve::{Budget, BudgetRule, Ratio, RegistryConfig, bulkhead, circuit_breaker, retry};
use tower::{BoxError, Layer, Service, ServiceExt as _};

use crate::raw::SshCommand;

/// The stack around an HTTP client: it has as long for a whole exchange as the bare one.
pub(crate) fn http<S>(
    name: &str,
    client: S,
) -> Result<
    impl Service<Request<Bytes>, Response = Response<Bytes>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static,
    BoxError,
>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = BoxError>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let millis = Duration::from_millis;
    let breaker = circuit_breaker::Config::default()
        .without_rules()
        .with_consecutive_failures(10)
        .with_probes(1, 1)
        .with_open_wait(circuit_breaker::OpenWait::doubling(millis(250), millis(500)));
    let backoff = retry::Backoff::exponential(millis(50), 2.0).with_max(millis(500));
    // The breaker keeps retries off a dead origin, so the budget may let every call wait for it.
    let budget = Budget::new(BudgetRule::Share {
        share: Ratio::ONE,
        minimum_per_second: 50,
        horizon: Duration::from_secs(10),
    })?;
    let (layer, _handle) = salve::stack(name.to_owned())
        .with_total_timeout(millis(2_000))
        .with_retry(retry::Config::default().with_max_attempts(8).with_backoff(backoff))
        .with_budget(budget)
        .with_circuit_breaker(breaker)
        .with_bulkhead(bulkhead::Config::default().with_places(100))
        .with_attempt_timeout(millis(1_000))
        .with_classifier(StatusClassifier)
        .with_request_rule(IdempotentRequests)
        .build_flat()?;
    Ok(layer.layer(client))
}

/// An SSH client that holds at most three operations per host, retries, and stops calling a host
/// that is down.
#[derive(Clone, Debug)]
pub(crate) struct Ssh<S> {
    host: String,
    raw: S,
    retry: retry::Handle,
    breakers: circuit_breaker::KeyedHandle<String>,
    places: bulkhead::KeyedHandle<String>,
}

impl<S> Ssh<S> {
    pub(crate) fn new(host: String, raw: S) -> Result<Self, BoxError> {
        let bounds = RegistryConfig::default();
        let places = bulkhead::Config::new("ssh/places")
            .with_places(3)
            .with_queue(100)
            .with_max_wait(Duration::from_secs(60));
        Ok(Self {
            host,
            raw,
            retry: retry::Handle::new(retry::Config::ssh().with_name("ssh/retry"))?,
            breakers: circuit_breaker::KeyedHandle::new(
                circuit_breaker::Config::new("ssh/breaker"),
                bounds,
            )?,
            places: bulkhead::KeyedHandle::new(places, bounds)?,
        })
    }

    async fn run(self, command: SshCommand) -> Result<Output, BoxError>
    where
        S: Service<SshCommand, Response = Output, Error = BoxError> + Clone,
    {
        let attempt = || {
            let (raw, command) = (self.raw.clone(), command.clone());
            let connect = || raw.oneshot(command);
            self.breakers.call(&self.host, || self.places.call(&self.host, connect))
        };
        self.retry.call(attempt).await
    }
}

impl<S> Service<SshCommand> for Ssh<S>
where
    S: Service<SshCommand, Response = Output, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Output;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Output, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: SshCommand) -> Self::Future {
        Box::pin(self.clone().run(command))
    }
}
