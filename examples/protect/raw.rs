//! The raw clients as tower services, with a counter right around each: what goes through here was sent.

use std::process::Output;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use openssh::SessionBuilder;
use tokio::time::timeout;
use tower::{BoxError, Service};

use crate::ledger::{Call, Ledger};

/// What an ordinary client allows for a TCP connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(1);
/// What is allowed for an SSH connection, and for a command over it.
pub(crate) const SSH_CONNECT: Duration = Duration::from_secs(10);
pub(crate) const SSH_COMMAND: Duration = Duration::from_secs(120);

/// A request that knows which call it belongs to.
pub(crate) trait BelongsTo {
    fn call(&self) -> Option<&Call>;
}

impl<B> BelongsTo for Request<B> {
    fn call(&self) -> Option<&Call> {
        self.extensions().get()
    }
}

/// Counts each call of the inner service as an attempt, for every player at the same place.
#[derive(Clone, Debug)]
pub(crate) struct Counted<S> {
    inner: S,
    ledger: Arc<Ledger>,
}

impl<S> Counted<S> {
    pub(crate) fn new(inner: S, ledger: Arc<Ledger>) -> Self {
        Self { inner, ledger }
    }
}

impl<S, R> Service<R> for Counted<S>
where
    S: Service<R>,
    R: BelongsTo,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        if let Some(call) = request.call() {
            self.ledger.attempt(call);
        }
        self.inner.call(request)
    }
}

/// `reqwest`, from a request to a whole answer: the body is part of the attempt.
#[derive(Clone, Debug)]
pub(crate) struct Reqwest(reqwest::Client);

impl Reqwest {
    /// With reqwest's own limit on a whole exchange, or without it.
    ///
    /// # Errors
    ///
    /// What reqwest says if it cannot start.
    pub(crate) fn new(total: Option<Duration>) -> reqwest::Result<Self> {
        let builder = reqwest::Client::builder().connect_timeout(CONNECT).no_proxy();
        let builder = match total {
            Some(total) => builder.timeout(total),
            None => builder,
        };
        builder.build().map(Self)
    }
}

impl Service<Request<Bytes>> for Reqwest {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Bytes>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)?;
            let response: Response<reqwest::Body> = client.execute(request).await?.into();
            let (parts, body) = response.into_parts();
            Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
        })
    }
}

/// hyper-util's client, from a request to a whole answer. It has no limit on an exchange of its own.
#[derive(Clone, Debug)]
pub(crate) struct HyperUtil(Client<HttpConnector, Full<Bytes>>);

impl HyperUtil {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        Self(builder.pool_timer(TokioTimer::new()).build(connector))
    }
}

impl Service<Request<Bytes>> for HyperUtil {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Bytes>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
            Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
        })
    }
}

/// A command to run on the SSH server, over a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct SshCommand {
    pub(crate) call: Call,
    pub(crate) args: [String; 2],
}

impl BelongsTo for SshCommand {
    fn call(&self) -> Option<&Call> {
        Some(&self.call)
    }
}

/// The `openssh` crate: one new connection, one command, and the connection closed again.
#[derive(Clone, Debug)]
pub(crate) struct OpenSsh {
    builder: SessionBuilder,
    destination: Arc<str>,
}

impl OpenSsh {
    pub(crate) fn new((mut builder, destination): (SessionBuilder, String)) -> Self {
        builder.connect_timeout(SSH_CONNECT);
        Self { builder, destination: destination.into() }
    }

    async fn run(self, command: SshCommand) -> Result<Output, BoxError> {
        let session = self.builder.connect_mux(&*self.destination).await?;
        let [program, argument] = command.args;
        let mut remote = session.command(program);
        let output = timeout(SSH_COMMAND, remote.arg(argument).output()).await;
        session.close().await?;
        Ok(output??)
    }
}

impl Service<SshCommand> for OpenSsh {
    type Response = Output;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Output, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: SshCommand) -> Self::Future {
        // The crate starts `ssh`, which goes to the background once it has logged in. A dropped
        // connect would leave it there; a task of its own closes it, whoever still waits.
        let task = tokio::spawn(self.clone().run(command));
        Box::pin(async move { task.await? })
    }
}
