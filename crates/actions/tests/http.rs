//! HTTP calls to a real server.
#![cfg(feature = "http")]

mod order;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use order::order;
use salve_actions::http::{Call, Config};
use salve_healer::{Action, ActionMeta, Captured, Failure};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Requests as lines: method, path, key, token, authorization and body.
type Seen = Arc<Mutex<Vec<String>>>;

async fn answer(State(seen): State<Seen>, request: Request) -> (StatusCode, &'static str) {
    let header = |name| request.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or("-");
    let words = ["idempotency-key", "salve-token", "authorization"].map(header).join(" ");
    let path = request.uri().path().to_owned();
    let line = format!("{} {path} {words}", request.method());
    let body = axum::body::to_bytes(request.into_body(), 1_024).await.unwrap();
    seen.lock().unwrap().push(format!("{line} {}", String::from_utf8_lossy(&body)));
    match path.rsplit('/').next() {
        Some("slow") => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            (StatusCode::OK, "")
        }
        Some("moved") => (StatusCode::FOUND, ""),
        Some(code) => {
            let code = code.parse().ok().and_then(|it| StatusCode::from_u16(it).ok());
            (code.unwrap_or(StatusCode::OK), "hunter2")
        }
        None => (StatusCode::OK, ""),
    }
}

async fn server() -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().fallback(answer).with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, seen)
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("an end in time")
}

#[tokio::test]
async fn a_call_carries_what_it_was_given_and_shows_no_secret() {
    let (server, seen) = server().await;
    let config =
        Config::new(format!("http://ops:hunter2@{server}/restart/{{target}}?token=hunter2"))
            .with_header("x-api-key", "hunter2")
            .with_body(r#"{"password":"hunter2"}"#);
    let call = Call::new("call", config).unwrap();
    let mut order = order(&call);
    order.target.name = "api/1 é".into();
    let report = soon(call.execute(&order)).await.unwrap();
    let basic = "Basic b3BzOmh1bnRlcjI=";
    let line = format!(
        "POST /restart/api%2F1%20%C3%A9 {} 3 {basic} {{\"password\":\"hunter2\"}}",
        order.key
    );
    assert_eq!(*seen.lock().unwrap(), [line]);
    let preview = soon(call.preview(&order)).await.unwrap();
    let shown = format!("POST http://{server}/restart/api%2F1%20%C3%A9");
    assert_eq!((report.done, preview), (vec![format!("{shown}: 200")], vec![shown]));
    assert_eq!(seen.lock().unwrap().len(), 1, "a preview sends nothing");
    assert!(!format!("{call:?}").contains("hunter2"), "{call:?}");
    assert!(!call.meta().idempotent && !call.meta().reversible);
}

#[tokio::test]
async fn what_was_answered_decides_whether_to_try_again() {
    let (server, _) = server().await;
    let call = |method: &str, path: &str| {
        let config = Config::new(format!("http://{server}/{path}")).with_method(method);
        // Only what never answers is to be given up.
        let limit = Duration::from_millis(if path == "slow" { 300 } else { 15_000 });
        Call::new("call", config.with_timeout(limit)).unwrap()
    };
    for (method, path, again) in [
        ("POST", "409", false),
        ("POST", "500", false),
        ("PUT", "500", true),
        ("DELETE", "404", false),
        ("POST", "429", true),
        ("POST", "503", true),
        ("POST", "moved", false),
        ("POST", "slow", false),
        ("PUT", "slow", true),
    ] {
        let call = call(method, path);
        let failed = soon(call.execute(&order(&call))).await.unwrap_err();
        assert_eq!(failed.again, again, "{method} {path}: {failed}");
        assert!(!failed.why.contains("hunter2"), "{failed}");
    }
    let slow = call("POST", "slow");
    let Failure { why, .. } = soon(slow.execute(&order(&slow))).await.unwrap_err();
    assert!(why.contains("it may have been done: "), "{why}");
    let told = call("POST", "500").with_meta(ActionMeta::default().idempotent());
    assert!(soon(told.execute(&order(&told))).await.unwrap_err().again);
    let gone = Call::new("call", Config::new("http://127.0.0.1:9/")).unwrap();
    let failed = soon(gone.execute(&order(&gone))).await.unwrap_err();
    assert!(failed.again && !failed.why.contains("may have"), "{failed}");
}

#[tokio::test]
async fn another_call_takes_it_back() {
    let (server, seen) = server().await;
    let drain = Config::new(format!("http://{server}/drain")).with_statuses([202, 200]);
    let fill = Config::new(format!("http://{server}/fill")).with_key_header(None);
    let call = Call::new("drain", drain).unwrap();
    let order = order(&call);
    assert!(soon(call.roll_back(&order, &Captured::default())).await.is_err());
    let call = call.with_back(fill).unwrap();
    assert!(call.meta().reversible);
    soon(call.execute(&order)).await.unwrap();
    soon(call.roll_back(&order, &Captured::default())).await.unwrap();
    let [drained, filled] = [format!("POST /drain {} 3 - ", order.key), "POST /fill - 3 - ".into()];
    assert_eq!(*seen.lock().unwrap(), [drained, filled]);
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let refused = |config| Call::new("call", config).unwrap_err();
    for (config, field) in [
        (Config::default(), "url"),
        (Config::new("ftp://shop/"), "url"),
        (Config::new("https://shop/"), "url"),
        (Config::new("http://shop/").with_method("two words"), "method"),
        (Config::new("http://shop/").with_header("a b", "c"), "headers"),
        (Config::new("http://shop/").with_header("a", "hunter2\n"), "headers"),
        (Config::new("http://shop/").with_key_header(Some("a b".into())), "headers"),
        (Config::new("http://shop/").with_statuses([20]), "statuses"),
        (Config::new("http://shop/").with_timeout(Duration::ZERO), "timeout"),
    ] {
        let error = refused(config);
        assert_eq!(error.field(), field);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
