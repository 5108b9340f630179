//! The check of containers against a small server that speaks the engine's API on a socket.
#![cfg(feature = "docker")]

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::Path as Named;
use axum::http::StatusCode;
use axum::routing::get;
use salve_checks::docker::{Config, DockerCheck};
use salve_health::{Check, Finding, Status};
use serde_json::json;
use tokio::net::UnixListener;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

async fn found(socket: &Path, container: &str) -> Finding {
    let check = DockerCheck::new(Config::new(container).with_socket(socket)).unwrap();
    timeout(DEADLINE, check.run()).await.expect("an answer in time")
}

#[tokio::test]
async fn each_state_of_a_container_has_its_status() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("engine.sock");
    let inspect = |Named(name): Named<String>| async move {
        let state = match name.as_str() {
            "plain" => json!({ "Status": "running" }),
            "healthy" => json!({ "Status": "running", "Health": { "Status": "healthy" } }),
            "starting" => json!({ "Status": "running", "Health": { "Status": "starting" } }),
            "ill" => json!({
                "Status": "running",
                "Health": { "Status": "unhealthy", "Log": [{ "Output": "a" }, { "Output": "no db\n" }] },
            }),
            "paused" => json!({ "Status": "paused" }),
            "killed" => json!({ "Status": "exited", "ExitCode": 137, "OOMKilled": true }),
            "odd" => return (StatusCode::OK, "{}".to_owned()),
            "broken" => return (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
            _ => return (StatusCode::NOT_FOUND, r#"{"message":"No such container"}"#.to_owned()),
        };
        (StatusCode::OK, json!({ "RestartCount": 2, "State": state }).to_string())
    };
    let routes = Router::new().route("/containers/{name}/json", get(inspect));
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    for (name, status, reason) in [
        ("plain", Status::Pass, None),
        ("healthy", Status::Pass, None),
        ("starting", Status::Warn, Some("its health check has not passed yet")),
        ("ill", Status::Fail, Some("it is unhealthy: no db")),
        ("paused", Status::Fail, Some("it is paused")),
        ("killed", Status::Fail, Some("it has exited with 137, out of memory")),
        ("missing", Status::Fail, Some("there is no container missing")),
        ("odd", Status::Unknown, Some("the engine tells no state")),
        ("broken", Status::Unknown, Some("the engine answered 500")),
    ] {
        let finding = found(&socket, name).await;
        assert_eq!((finding.status, finding.reason.as_deref()), (status, reason), "{name}");
        if name == "plain" {
            assert_eq!(finding.value.map(|it| it.value), Some(2.0));
        }
    }
}

#[tokio::test]
async fn an_engine_that_is_gone_makes_the_container_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let finding = found(&dir.path().join("missing.sock"), "web").await;
    assert_eq!(finding.status, Status::Unknown);
    assert!(finding.reason.unwrap().starts_with("the engine: "));
}

#[test]
fn a_name_that_would_be_another_path_is_refused() {
    let refused = |name: &str| DockerCheck::new(Config::new(name)).unwrap_err();
    assert_eq!(refused("a/../../secrets").field(), "container");
    assert_eq!(refused("").field(), "container");
    let socket = DockerCheck::new(Config::new("a").with_socket("docker.sock")).unwrap_err();
    assert_eq!(socket.field(), "socket");
}
