//! The players: every client in every style, beginning with bare, as most programs use it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use openssh::SessionBuilder;
use tower::timeout::Timeout;
use tower::{BoxError, Service, ServiceExt as _};

use crate::ledger::{Call, Ledger};
use crate::load::Kind;
use crate::origin::{ANSWER, CALL};
use crate::protected;
use crate::raw::{Counted, HyperUtil, OpenSsh, Reqwest, SshCommand};

/// What a bare HTTP client allows for a whole exchange.
const BARE_TOTAL: Duration = Duration::from_secs(2);

/// Someone who answers calls.
pub(crate) trait Player: Send + Sync {
    /// Makes one call; the answer is judged whole, or a short reason is given why there is none.
    fn call(&self, call: Call, kind: Kind) -> BoxFuture<'static, Result<(), String>>;
}

/// How a client is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As its documentation shows: one attempt, with the usual explicit limits.
    Bare,
    /// Behind salve: HTTP through the stack, SSH through the rooms without tower.
    Salve,
}

impl Style {
    /// Every style, in the order of the columns.
    pub(crate) const ALL: [Self; 2] = [Self::Bare, Self::Salve];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Salve => "salve",
        }
    }
}

/// `reqwest`. Bare: pooled connections, 1 s to connect, 2 s for a whole exchange.
pub(crate) fn reqwest(
    style: Style,
    port: u16,
    ledger: Arc<Ledger>,
) -> Result<Arc<dyn Player>, BoxError> {
    Ok(match style {
        Style::Bare => http(port, Counted::new(Reqwest::new(Some(BARE_TOTAL))?, ledger)),
        Style::Salve => {
            http(port, protected::http("reqwest", Counted::new(Reqwest::new(None)?, ledger))?)
        }
    })
}

/// hyper-util's client. Bare: pooled connections, 1 s to connect, tower's timeout of 2 s around it.
pub(crate) fn hyper_util(
    style: Style,
    port: u16,
    ledger: Arc<Ledger>,
) -> Result<Arc<dyn Player>, BoxError> {
    let raw = Counted::new(HyperUtil::new(), ledger);
    Ok(match style {
        Style::Bare => http(port, Timeout::new(raw, BARE_TOTAL)),
        Style::Salve => http(port, protected::http("hyper-util", raw)?),
    })
}

/// The `openssh` crate. Bare: 10 s to connect, 120 s for the command, one new connection each.
pub(crate) fn openssh(
    style: Style,
    client: (SessionBuilder, String),
    ledger: Arc<Ledger>,
) -> Result<Arc<dyn Player>, BoxError> {
    let host = client.1.clone();
    let raw = Counted::new(OpenSsh::new(client), ledger);
    Ok(match style {
        Style::Bare => Arc::new(Ssh { service: raw }),
        Style::Salve => Arc::new(Ssh { service: protected::Ssh::new(host, raw)? }),
    })
}

/// Plays HTTP calls over any service that answers them whole.
#[derive(Debug)]
struct Http<S> {
    service: S,
    port: u16,
}

fn http<S>(port: u16, service: S) -> Arc<dyn Player>
where
    Http<S>: Player + 'static,
{
    Arc::new(Http { service, port })
}

impl<S> Player for Http<S>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn call(&self, call: Call, kind: Kind) -> BoxFuture<'static, Result<(), String>> {
        let (service, port) = (self.service.clone(), self.port);
        Box::pin(async move {
            let number = call.number;
            let (method, body) = match kind {
                Kind::Post => (Method::POST, Bytes::from_static(b"one order")),
                _ => (Method::GET, Bytes::new()),
            };
            let request = Request::builder()
                .method(method)
                .uri(format!("http://127.0.0.1:{port}/orders"))
                .header(CALL, number)
                .extension(call)
                .body(body)
                .map_err(|error| error.to_string())?;
            let answer = service.oneshot(request).await.map_err(|error| reason(&*error.into()))?;
            if answer.status() != StatusCode::OK {
                return Err(format!("status {}", answer.status().as_u16()));
            }
            let whole = format!("{number:<ANSWER$}");
            if answer.body() == whole.as_bytes() { Ok(()) } else { Err("wrong body".to_owned()) }
        })
    }
}

/// Plays SSH operations over any service that runs a command.
#[derive(Debug)]
struct Ssh<S> {
    service: S,
}

impl<S> Player for Ssh<S>
where
    S: Service<SshCommand, Response = std::process::Output> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn call(&self, call: Call, _: Kind) -> BoxFuture<'static, Result<(), String>> {
        let service = self.service.clone();
        Box::pin(async move {
            let word = call.number.to_string();
            let command = SshCommand { call, args: ["echo".to_owned(), word.clone()] };
            let output = service.oneshot(command).await.map_err(|error| reason(&*error.into()))?;
            if output.status.success() && output.stdout.trim_ascii() == word.as_bytes() {
                Ok(())
            } else {
                Err(format!("command: {}", output.status))
            }
        })
    }
}

/// The first line of the innermost source of an error, which says most in fewest words.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().lines().next().unwrap_or_default().to_owned()
}
