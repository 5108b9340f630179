//! The check of containers against a real engine, and against a small server that speaks its API for the states
//! that are hard to bring about.
#![cfg(feature = "docker")]

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::Path as Named;
use axum::http::StatusCode;
use axum::routing::get;
use salve_checks::docker::{Config, DockerCheck};
use salve_health::{Check, Finding, Status};
use salve_testkit::servers::Docker;
use serde_json::json;
use tokio::net::UnixListener;
use tokio::time::{Instant, sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(20);

async fn found(socket: &Path, container: &str) -> Finding {
    let check = DockerCheck::new(Config::new(container).with_socket(socket)).unwrap();
    timeout(DEADLINE, check.run()).await.expect("an answer in time")
}

#[tokio::test]
async fn real_containers_that_live_die_and_are_ill_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let docker = Docker::start(dir.path()).await.unwrap();
    let ill =
        ["--health-cmd", "echo no db; exit 1", "--health-interval", "1s", "--health-retries", "1"];
    let well = ["--health-cmd", "true", "--health-interval", "1s"];
    docker.run("lives", &[], "exec sleep 1000").await.unwrap();
    docker.run("ill", &ill, "exec sleep 1000").await.unwrap();
    docker.run("well", &well, "exec sleep 1000").await.unwrap();
    docker.run("died", &["--restart", "on-failure:2"], "exit 3").await.unwrap();
    docker.run("paused", &[], "exec sleep 1000").await.unwrap();
    docker.ask(&["pause", "paused"]).await.unwrap();
    let becomes = async |name: &str, status: Status| {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let finding = found(&docker.socket(), name).await;
            if finding.status == status {
                return finding;
            }
            assert!(Instant::now() < deadline, "{name}: {finding:?}");
            sleep(Duration::from_millis(50)).await;
        }
    };
    let lives = becomes("lives", Status::Pass).await;
    assert_eq!(lives.value.map(|it| it.value), Some(0.0));
    becomes("well", Status::Pass).await;
    let ill = becomes("ill", Status::Fail).await;
    assert_eq!(ill.reason.as_deref(), Some("it is unhealthy: no db"));
    let paused = becomes("paused", Status::Fail).await;
    assert_eq!(paused.reason.as_deref(), Some("it is paused"));
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let died = found(&docker.socket(), "died").await;
        if died.reason.as_deref() == Some("it has exited with 3") {
            assert_eq!(died.value.map(|it| it.value), Some(2.0), "it was restarted twice");
            break;
        }
        assert!(Instant::now() < deadline, "{died:?}");
        sleep(Duration::from_millis(50)).await;
    }
    let missing = found(&docker.socket(), "missing").await;
    let said = missing.reason.as_deref();
    assert_eq!((missing.status, said), (Status::Fail, Some("there is no container missing")));
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
