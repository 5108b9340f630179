//! A server on loopback that answers as it is told, and a deadline for tests that use it.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use http::StatusCode;
use tokio::net::TcpListener;

/// Fails the test if `work` takes unreasonably long.
pub(crate) async fn within<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("the test's deadline")
}

/// What a server was told, and what it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// With which status `/` answers; 0 stands for 200.
    pub(crate) status: Arc<AtomicU16>,
    /// How often `/flaky` was asked; it answers 503 the first two times.
    pub(crate) flaky: Arc<AtomicU32>,
}

/// Serves `/`, `/flaky`, `/slow` (an answer after a minute) and `/stalls` (a body that begins and
/// never ends), with `around` around it.
pub(crate) async fn origin(around: impl FnOnce(Router) -> Router) -> (SocketAddr, Told) {
    let told = Told::default();
    let status = Arc::clone(&told.status);
    let answer = move || {
        let status = StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap_or_default();
        std::future::ready((status, "stock"))
    };
    let asked = Arc::clone(&told.flaky);
    let flaky = move || {
        let early = asked.fetch_add(1, Ordering::Relaxed) < 2;
        let status = if early { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        std::future::ready((status, "at last"))
    };
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "late"
    };
    let stalls = || async { Body::new(Stalls(Some("begun"))) };
    let routes = Router::new()
        .route("/", get(answer))
        .route("/flaky", any(flaky))
        .route("/slow", get(slow))
        .route("/stalls", get(stalls));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, around(routes)).into_future());
    (address, told)
}

/// A body of one frame that has no end.
struct Stalls(Option<&'static str>);

impl http_body::Body for Stalls {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        match self.0.take() {
            Some(text) => std::task::Poll::Ready(Some(Ok(http_body::Frame::data(text.into())))),
            None => std::task::Poll::Pending,
        }
    }
}
