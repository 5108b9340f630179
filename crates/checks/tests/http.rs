//! The HTTP check against a real server on loopback.
#![cfg(feature = "http")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use salve_checks::http::{Config, HttpCheck};
use salve_checks::{Address, Thresholds};
use salve_health::{Check, Finding, Status};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(20);

async fn serve(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

async fn found(config: Config) -> Finding {
    let check = HttpCheck::new(config).unwrap();
    timeout(DEADLINE, check.run()).await.expect("an answer in time")
}

fn reason(finding: &Finding) -> &str {
    finding.reason.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn the_status_is_judged() {
    let routes = Router::new()
        .route("/ok", get(|| async { "fine" }))
        .route("/broken", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/moved", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/ok")]) }));
    let base = format!("http://{}", serve(routes).await);
    let ok = found(Config::new(format!("{base}/ok"))).await;
    assert_eq!((ok.status, ok.reason), (Status::Pass, None));
    let latency = ok.value.unwrap();
    assert!(latency.value > 0.0 && latency.unit == "ms", "{latency:?}");
    let broken = found(Config::new(format!("{base}/broken"))).await;
    assert_eq!((broken.status, reason(&broken)), (Status::Fail, "answered 503"));
    let expected = Config::new(format!("{base}/broken")).with_statuses([200, 503]);
    assert_eq!(found(expected).await.status, Status::Pass);
    assert_eq!(reason(&found(Config::new(format!("{base}/moved"))).await), "answered 302");
}

#[tokio::test]
async fn the_body_is_judged_and_bounded() {
    let endless = || async {
        let part = futures_stream(Bytes::from_static(&[b'x'; 1_024]));
        Body::from_stream(part).into_response()
    };
    let routes = Router::new()
        .route("/text", get(|| async { "all systems go" }))
        .route("/json", get(|| async { r#"{"db": {"up": true}}"# }))
        .route("/endless", get(endless));
    let base = format!("http://{}", serve(routes).await);
    let text = |text: &str| found(Config::new(format!("{base}/text")).with_body_containing(text));
    assert_eq!(text("systems").await.status, Status::Pass);
    assert_eq!(reason(&text("down").await), "the body does not contain `down`");
    let json = |path: &str, pointer: &str, equals: &str| {
        found(Config::new(format!("{base}{path}")).with_json(pointer, equals))
    };
    assert_eq!(json("/json", "/db/up", "true").await.status, Status::Pass);
    assert_eq!(reason(&json("/json", "/db/up", "false").await), "`/db/up` is true, not false");
    assert_eq!(reason(&json("/text", "/db/up", "true").await), "the body is no JSON");
    let endless = Config::new(format!("{base}/endless")).with_body_containing("y");
    let endless = found(endless.with_longest_body(10_000)).await;
    assert_eq!(reason(&endless), "the body is longer than 10000 bytes");
    assert_eq!(endless.status, Status::Fail);
}

/// A stream that repeats `part` for ever.
fn futures_stream(
    part: Bytes,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    futures_util::stream::repeat_with(move || Ok(part.clone()))
}

#[tokio::test]
async fn slowness_is_judged_and_named() {
    let slow = || async { sleep(Duration::from_millis(60)).await };
    let base = format!("http://{}", serve(Router::new().route("/", get(slow))).await);
    let config = Config::new(base).with_latency(Thresholds::rising(50.0, 60_000.0));
    let finding = found(config).await;
    assert_eq!(finding.status, Status::Warn);
    assert!(reason(&finding).contains("50 or more"), "{finding:?}");
    assert!(finding.value.unwrap().value >= 60.0);
}

#[tokio::test]
async fn each_run_makes_a_connection_of_its_own() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let check = HttpCheck::new(Config::new(format!("http://{address}/"))).unwrap();
    let routes = Router::new().route("/", get(|| async { "fine" }));
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    assert_eq!(timeout(DEADLINE, check.run()).await.unwrap().status, Status::Pass);
    // The server's task is gone and so is its listener; connections that were made live on.
    server.abort();
    let _ = server.await;
    let finding = timeout(DEADLINE, check.run()).await.unwrap();
    assert_eq!(finding.status, Status::Fail);
    assert!(reason(&finding).to_lowercase().contains("refused"), "{finding:?}");
}

#[tokio::test]
async fn no_secret_is_told() {
    let routes = Router::new().route(
        "/",
        get(|headers: HeaderMap| async move {
            let given = |name| headers.get(name).and_then(|value| value.to_str().ok());
            let known = given("authorization") == Some("Basic dXNlcjpodW50ZXIy");
            if known && given("x-token") == Some("hunter3") {
                StatusCode::OK
            } else {
                StatusCode::UNAUTHORIZED
            }
        }),
    );
    let address = serve(routes).await;
    let config = |place: &str| {
        Config::new(format!("http://user:hunter2@{place}/?key=hunter4"))
            .with_header("x-token", "hunter3")
            .with_send("hunter5")
    };
    assert_eq!(found(config(&address.to_string())).await.status, Status::Pass);
    let gone = found(config("127.0.0.1:1")).await;
    assert_eq!(gone.status, Status::Fail);
    let check = HttpCheck::new(config("127.0.0.1:1")).unwrap();
    let wrong = HttpCheck::new(Config::new("http://user:hunter2@:x/")).unwrap_err();
    for shown in [format!("{gone:?}"), format!("{check:?}"), format!("{wrong:?}")] {
        assert!(!shown.contains("hunter"), "{shown}");
    }
    assert_eq!((wrong.field(), wrong.room()), ("url", "checks/http"));
}

#[tokio::test]
async fn weaviate_neo4j_and_minio_are_asked_as_they_want_it() {
    let query = |headers: HeaderMap, body: String| async move {
        let user = headers.get("authorization").and_then(|value| value.to_str().ok());
        if user != Some("Basic bmVvNGo6c2VjcmV0") {
            return (StatusCode::UNAUTHORIZED, String::new());
        }
        let answer = if body.contains("RETURN 1 AS alive") {
            r#"{"data":{"fields":["alive"],"values":[[1]]},"bookmarks":[]}"#
        } else {
            r#"{"errors":[{"code":"Neo.ClientError.Statement.SyntaxError"}]}"#
        };
        (StatusCode::ACCEPTED, answer.to_owned())
    };
    let nodes = r#"{"nodes":[{"name":"a","status":"HEALTHY"},{"name":"b","status":"TIMEOUT"}]}"#;
    let routes = Router::new()
        .route("/v1/.well-known/ready", get(|| async {}))
        .route("/v1/nodes", get(move || async move { nodes }))
        .route("/db/neo4j/query/v2", post(query))
        .route("/minio/health/cluster", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
    let place = serve(routes).await;
    let base = Address::from(format!("http://{place}/"));
    assert_eq!(found(Config::weaviate(&base)).await.status, Status::Pass);
    let cluster = found(Config::weaviate_cluster(&base)).await;
    assert_eq!(reason(&cluster), "`/nodes/*/status` is TIMEOUT, not HEALTHY");
    let neo4j = Address::from(format!("http://neo4j:secret@{place}"));
    assert_eq!(found(Config::neo4j(&neo4j, "neo4j")).await.status, Status::Pass);
    let other = Config::neo4j(&neo4j, "neo4j").with_send("{}");
    assert_eq!(reason(&found(other).await), "`/data/fields/0` is not in the body");
    assert_eq!(reason(&found(Config::neo4j(&base, "neo4j")).await), "answered 401");
    assert_eq!(reason(&found(Config::minio(&base)).await), "answered 503");
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let refused = |config: Config| HttpCheck::new(config).unwrap_err();
    assert_eq!(refused(Config::new("ftp://shop/")).field(), "url");
    assert_eq!(refused(Config::new("http://a/").with_method("a b")).field(), "method");
    assert_eq!(refused(Config::new("http://a/").with_header("a b", "c")).field(), "headers");
    assert_eq!(refused(Config::new("http://a/").with_statuses([20])).value(), "20");
    assert_eq!(refused(Config::new("http://a/").with_json("a", "b")).field(), "json.pointer");
    assert_eq!(refused(Config::new("http://a/").with_longest_body(0)).field(), "longest_body");
}
