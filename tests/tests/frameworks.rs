//! The breaker under axum, reqwest, hyper-util and tonic, each as its users write it.

mod support;

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use axum::error_handling::HandleErrorLayer;
use http::Request;
use http_body_util::{BodyExt, Empty};
use salve::circuit_breaker::{CircuitBreakerLayer, Config, Handle, State};
use salve::grpc::CodeClassifier;
use salve::http::{StatusClassifier, reply};
use salve::{Error, LiftLayer, Lifted, Reason};
use tokio::net::TcpListener;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use support::{origin, within};

fn breaker() -> Handle {
    let config = Config::new("origin").without_rules().with_consecutive_failures(2);
    Handle::new(config).unwrap()
}

#[tokio::test]
async fn a_reqwest_client() {
    let (address, told) = origin(|router| router).await;
    let breaker = breaker();
    let mut client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::from(breaker.clone()).with_classifier(Lifted(StatusClassifier)))
        .layer(LiftLayer)
        .service(reqwest::Client::new());
    let url = format!("http://{address}/");
    let request = || reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
    let response = within(client.ready().await.unwrap().call(request())).await.unwrap();
    assert_eq!(within(response.text()).await.unwrap(), "stock");
    told.status.store(503, Ordering::Relaxed);
    for _ in 0..2 {
        let response = within(client.ready().await.unwrap().call(request())).await.unwrap();
        assert_eq!(response.status(), 503);
    }
    let refused = within(client.ready().await.unwrap().call(request())).await.unwrap_err();
    let Error::Rejected(rejection) = refused else { panic!("{refused} is no refusal") };
    assert_eq!(rejection.reason(), Reason::Unavailable);
    assert_eq!(breaker.counts().failures, 2);
}

#[tokio::test]
async fn a_hyper_util_client() {
    let (address, told) = origin(|router| router).await;
    let breaker = breaker();
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor).build_http();
    let mut client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::from(breaker.clone()).with_classifier(Lifted(StatusClassifier)))
        .layer(LiftLayer)
        .service(client);
    let request = |port: u16| {
        let uri = format!("http://{}:{port}/", address.ip());
        Request::builder().uri(uri).body(Empty::<bytes::Bytes>::new()).unwrap()
    };
    let call = within(client.ready().await.unwrap().call(request(address.port())));
    let body = call.await.unwrap().into_body().collect();
    assert_eq!(within(body).await.unwrap().to_bytes(), "stock");
    // What is the caller's own says nothing about the server; a closed port does.
    told.status.store(404, Ordering::Relaxed);
    for _ in 0..3 {
        within(client.ready().await.unwrap().call(request(address.port()))).await.unwrap();
    }
    assert_eq!(breaker.state(), State::Closed);
    let unused = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    for _ in 0..2 {
        let failed = within(client.ready().await.unwrap().call(request(unused))).await;
        assert!(matches!(failed, Err(Error::Service(_))));
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test]
async fn an_axum_server() {
    let breaker = breaker();
    let guarded = breaker.clone();
    let (address, told) = origin(move |router| {
        let refuse = |error: Error<Infallible>| async move {
            match error {
                Error::Rejected(rejection) => reply::<axum::body::Body>(&rejection),
                Error::Service(never) => match never {},
            }
        };
        router.layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(refuse))
                .layer(CircuitBreakerLayer::from(guarded).with_classifier(StatusClassifier))
                .layer(LiftLayer),
        )
    })
    .await;
    let url = format!("http://{address}/");
    told.status.store(500, Ordering::Relaxed);
    for _ in 0..2 {
        assert_eq!(within(reqwest::get(&url)).await.unwrap().status(), 500);
    }
    let refused = within(reqwest::get(&url)).await.unwrap();
    assert_eq!(refused.status(), 503);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    breaker.close();
    told.status.store(200, Ordering::Relaxed);
    assert_eq!(within(reqwest::get(&url)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_tonic_client() {
    let (_reporter, health) = tonic_health::server::health_reporter();
    // In a runtime of its own, with which every open connection ends.
    let server = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listening = server.spawn(async { TcpListener::bind(("127.0.0.1", 0)).await.unwrap() });
    let listener = listening.await.unwrap();
    let address = listener.local_addr().unwrap();
    server.spawn(async move {
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        tonic::transport::Server::builder().add_service(health).serve_with_incoming(incoming).await
    });

    let breaker = breaker();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = within(endpoint.connect()).await.unwrap();
    let channel = CircuitBreakerLayer::from(breaker.clone())
        .with_classifier(Lifted(CodeClassifier))
        .layer(salve::lift(channel));
    let mut client = HealthClient::new(channel);
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() };
    within(client.check(ask(""))).await.unwrap();
    // What a caller asks for in vain says nothing about the server.
    for _ in 0..3 {
        let status = within(client.check(ask("nobody"))).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::NotFound);
    }
    assert_eq!((breaker.state(), breaker.counts().successes), (State::Closed, 1));

    // Until nothing of it is left that could answer once more.
    let shut = || server.shutdown_timeout(std::time::Duration::from_secs(20));
    within(tokio::task::spawn_blocking(shut)).await.unwrap();
    while breaker.state() == State::Closed {
        let status = within(client.check(ask(""))).await.unwrap_err();
        assert_ne!(status.code(), tonic::Code::Ok);
    }
    let refused = within(client.check(ask(""))).await.unwrap_err();
    assert!(refused.message().contains("refused: unavailable"), "{refused}");
}
