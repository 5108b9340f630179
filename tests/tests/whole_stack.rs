//! The whole stack around reqwest, hyper-util and tonic clients and an axum server.

mod support;

use std::convert::Infallible;
use std::error::Error as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use salve::bulkhead;
use salve::circuit_breaker::{self, State};
use salve::grpc::CodeClassifier;
use salve::http::{GuardBodyLayer, IdempotentRequests, StatusClassifier, reply};
use salve::retry::{self, Backoff};
use salve::{Error, Reason, Stack, StackHandle, stack};
use tokio::net::TcpListener;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use support::{origin, within};

/// A limit that is to be run into, and one that is not, however busy the machine is.
const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(10);

/// A stack that tries three times without waiting and opens at the third failure.
fn quick() -> Stack<StatusClassifier, IdempotentRequests> {
    let breaker = circuit_breaker::Config::default().without_rules().with_consecutive_failures(3);
    stack("origin")
        .with_classifier(StatusClassifier)
        .with_request_rule(IdempotentRequests)
        .with_retry(retry::Config::default().with_backoff(Backoff::none()))
        .with_circuit_breaker(breaker)
        .with_attempt_timeout(LONG)
}

fn retries(handle: &StackHandle) -> u64 {
    handle.retry().unwrap().counts().retries
}

fn breaker(handle: &StackHandle) -> &circuit_breaker::Handle {
    handle.circuit_breaker().unwrap()
}

#[tokio::test]
async fn a_reqwest_client() {
    let (address, told) = origin(|router| router).await;
    let (layer, handle) = quick().with_cloner(reqwest::Request::try_clone).build().unwrap();
    let mut client = layer.layer(GuardBodyLayer::new("origin").layer(reqwest::Client::new()));
    let request = |method, path: &str| {
        reqwest::Request::new(method, format!("http://{address}{path}").parse().unwrap())
    };

    let answer = within(client.call(request(Method::GET, "/flaky"))).await.unwrap();
    assert_eq!((answer.status(), answer.url().path()), (StatusCode::OK, "/flaky"));
    assert_eq!(within(answer.text()).await.unwrap(), "at last");
    assert_eq!((retries(&handle), breaker(&handle).counts().successes), (2, 1));

    // A POST is not sent twice: the caller sees the first answer.
    told.flaky.store(0, Ordering::Relaxed);
    let answer = within(client.call(request(Method::POST, "/flaky"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((told.flaky.load(Ordering::Relaxed), retries(&handle)), (1, 2));
    // Its place is held until its body has been read.
    assert_eq!(handle.bulkhead().unwrap().status().in_use, 1);
    within(answer.bytes()).await.unwrap();
    assert_eq!(handle.bulkhead().unwrap().status().in_use, 0);

    // A body that stalls ends, says why, and is a failure of the origin.
    let guard = GuardBodyLayer::new("origin").with_idle_limit(SHORT);
    let mut client = layer.layer(guard.layer(reqwest::Client::new()));
    let answer = within(client.call(request(Method::GET, "/stalls"))).await.unwrap();
    let failures = breaker(&handle).counts().failures;
    let stalled = within(answer.text()).await.unwrap_err();
    let mut causes = std::iter::successors(stalled.source(), |&cause| cause.source());
    let reason = causes.find_map(|cause| match cause.downcast_ref::<Error<reqwest::Error>>() {
        Some(Error::Rejected(rejection)) => Some(rejection.reason()),
        _ => None,
    });
    assert_eq!(reason, Some(Reason::AttemptTimeout));
    assert_eq!(breaker(&handle).counts().failures, failures + 1);

    // What is too slow is given up three times, which opens the breaker.
    let impatient = quick().with_cloner(reqwest::Request::try_clone).with_attempt_timeout(SHORT);
    let (layer, handle) = impatient.build().unwrap();
    let mut client = layer.layer(GuardBodyLayer::new("origin").layer(reqwest::Client::new()));
    let slow = within(client.call(request(Method::GET, "/slow"))).await.unwrap_err();
    assert!(
        matches!(&slow, Error::Rejected(it) if it.reason() == Reason::AttemptTimeout),
        "{slow}"
    );
    assert_eq!(breaker(&handle).state(), State::Open);
    let refused = within(client.call(request(Method::GET, "/"))).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected(it) if it.reason() == Reason::Unavailable));
    assert_eq!(handle.close(LONG).await, 0);
}

#[tokio::test]
async fn a_hyper_util_client() {
    let (address, _) = origin(|router| router).await;
    let (layer, handle) = quick().build().unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor).build_http();
    let mut client = layer.layer(GuardBodyLayer::new("origin").layer(client));
    let get = |port: u16, path: &str| {
        let uri = format!("http://{}:{port}{path}", address.ip());
        Request::builder().uri(uri).body(Empty::<bytes::Bytes>::new()).unwrap()
    };
    let answer = within(client.call(get(address.port(), "/flaky"))).await.unwrap();
    let body = within(answer.into_body().collect()).await.unwrap();
    assert_eq!((body.to_bytes().as_ref(), retries(&handle)), (b"at last".as_ref(), 2));

    let unused = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let failed = within(client.call(get(unused, "/"))).await;
    assert!(matches!(failed, Err(Error::Service(_))));
    assert_eq!((breaker(&handle).state(), breaker(&handle).counts().failures), (State::Open, 5));
}

#[tokio::test]
async fn an_axum_server() {
    let (layer, handle) = stack("server")
        .with_classifier(StatusClassifier)
        .without_retry()
        // Long enough that somebody comes meanwhile.
        .with_total_timeout(LONG / 2)
        .without_attempt_timeout()
        .with_bulkhead(bulkhead::Config::default().with_places(1))
        .build()
        .unwrap();
    let (address, _) = origin(move |router| {
        let refuse = |error: Error<Infallible>| async move {
            match error {
                Error::Rejected(rejection) => reply::<axum::body::Body>(&rejection),
                Error::Service(never) => match never {},
            }
        };
        router.layer(ServiceBuilder::new().layer(HandleErrorLayer::new(refuse)).layer(layer))
    })
    .await;
    let get = |path: &str| reqwest::get(format!("http://{address}{path}"));
    let status = |answer: Result<reqwest::Response, reqwest::Error>| answer.unwrap().status();

    assert_eq!(status(within(get("/")).await), StatusCode::OK);
    // One place: whoever comes while a slow call holds it is refused, and the slow one runs out.
    let slow = tokio::spawn(get("/slow"));
    within(async {
        while handle.bulkhead().unwrap().status().in_use == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(status(within(get("/")).await), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(within(slow).await.unwrap()), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(status(within(get("/")).await), StatusCode::OK);
    assert_eq!(within(handle.close(LONG)).await, 0);
    assert_eq!(status(within(get("/")).await), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_tonic_client() {
    let (_reporter, health) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tonic::transport::Server::builder().add_service(health);
    tokio::spawn(server.serve_with_incoming(incoming));

    let (layer, handle) = stack("grpc")
        .with_classifier(CodeClassifier)
        .with_cloner(|_: &Request<tonic::body::Body>| None)
        .with_bulkhead(bulkhead::Config::default().with_places(1))
        .build()
        .unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = within(endpoint.connect()).await.unwrap();
    let mut client = HealthClient::new(layer.layer(channel));
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() };
    within(client.check(ask(""))).await.unwrap();
    // What a caller asks for in vain says nothing about the server.
    let status = within(client.check(ask("nobody"))).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    assert_eq!(breaker(&handle).counts().successes, 1);

    let held = handle.bulkhead().unwrap().try_acquire().unwrap();
    let refused = within(client.check(ask(""))).await.unwrap_err();
    assert!(refused.message().contains("refused: full"), "{refused}");
    drop(held);
    breaker(&handle).open();
    let refused = within(client.check(ask(""))).await.unwrap_err();
    assert!(refused.message().contains("refused: unavailable"), "{refused}");
}

#[tokio::test]
async fn a_stack_stands_around_any_service() {
    let (layer, handle) = stack("any").with_request_rule(salve::Repeatable).build().unwrap();
    let client = service_fn(|n: u32| std::future::ready(Ok::<_, std::io::Error>(n + 1)));
    let mut client = layer.layer(client);
    assert_eq!(client.ready().await.unwrap().call(1).await.unwrap(), 2);
    assert_eq!((handle.in_flight(), breaker(&handle).counts().successes), (0, 1));
}
