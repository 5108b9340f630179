//! Containers of a real Docker engine.
#![cfg(feature = "docker")]

mod order;

use std::future::Future;
use std::time::Duration;

use order::{begun, order};
use salve_actions::docker::{Config, Group, GroupConfig, Restart};
use salve_actions::scale::{Scalable, Scale};
use salve_healer::{Action, Verdict};
use salve_testkit::servers::Docker;
use tokio::time::timeout;

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.expect("an end in time")
}

/// When the container was started the last time.
async fn started(docker: &Docker, name: &str) -> String {
    soon(docker.ask(&["inspect", "--format", "{{.State.StartedAt}}", name])).await.unwrap()
}

#[tokio::test]
async fn inv_34_a_container_is_restarted_once_under_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let docker = soon(Docker::start(dir.path())).await.unwrap();
    soon(docker.run("api", &[], "exec sleep 1000")).await.unwrap();
    soon(docker.run(
        "crashed",
        &[],
        "test -f /mended || { : > /mended; exit 3; }; exec sleep 1000",
    ))
    .await
    .unwrap();
    let config = |container: &str| {
        let config = Config::new(container).with_socket(docker.socket());
        config.with_patience(Duration::ZERO)
    };
    // The target of the order is called `api`.
    let restart = Restart::new("restart", config("{target}")).unwrap();
    let fresh = order(&restart);
    let first = started(&docker, "api").await;
    assert_eq!(soon(restart.precheck(&fresh)).await, Ok(()));
    let preview = soon(restart.preview(&fresh)).await.unwrap();
    assert_eq!(preview, ["restart api, which is running"]);
    assert_eq!(started(&docker, "api").await, first, "a preview does nothing");
    let before = soon(restart.capture(&fresh)).await.unwrap();
    assert_eq!(
        (before.evidence.join(""), before.before.as_deref()),
        ("api was running".to_owned(), Some(first.as_str()))
    );
    let order = begun(&fresh, before);
    assert_eq!(soon(restart.verify(&order)).await, Some(Verdict::NotRecovered), "not yet done");
    assert_eq!(soon(restart.execute(&order)).await.unwrap().done, ["restart api"]);
    let second = started(&docker, "api").await;
    assert_ne!(first, second);
    let again = soon(restart.execute(&order)).await.unwrap();
    assert_eq!(again.done, ["api was started anew already"]);
    assert_eq!(
        (started(&docker, "api").await, soon(restart.verify(&order)).await),
        (second, Some(Verdict::Recovered))
    );
    assert!(restart.meta().idempotent && restart.meta().restarts);

    let crashed = Restart::new("restart", config("crashed")).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let before = loop {
        let before = soon(crashed.capture(&fresh)).await.unwrap();
        if before.evidence == ["crashed was exited with 3"] {
            break before;
        }
        assert!(tokio::time::Instant::now() < deadline, "{before:?}");
    };
    let order = begun(&fresh, before);
    soon(crashed.execute(&order)).await.unwrap();
    assert_eq!(soon(crashed.verify(&order)).await, Some(Verdict::Recovered));

    let missing = Restart::new("restart", config("missing")).unwrap();
    for refused in
        [soon(missing.precheck(&fresh)).await, soon(missing.execute(&fresh)).await.map(|_| ())]
    {
        assert!(!refused.unwrap_err().again);
    }
    let gone = Restart::new("restart", Config::new("api").with_socket("/nonexistent")).unwrap();
    assert!(soon(gone.execute(&fresh)).await.unwrap_err().again);
}

#[tokio::test]
async fn a_group_is_scaled_among_the_containers_that_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let docker = soon(Docker::start(dir.path())).await.unwrap();
    let labels = |service: &str| format!("com.docker.compose.service={service}");
    let project = "com.docker.compose.project=shop";
    for name in ["shop-web-1", "shop-web-2", "shop-web-10", "shop-db-1"] {
        let service = labels(name.split('-').nth(1).unwrap());
        let options = ["--label", project, "--label", &service];
        soon(docker.run(name, &options, "exec sleep 1000")).await.unwrap();
    }
    soon(docker.ask(&["kill", "shop-web-2", "shop-web-10"])).await.unwrap();
    let group = || {
        let config = GroupConfig::compose("shop", "web").with_socket(docker.socket());
        Group::new(config.with_patience(Duration::ZERO)).unwrap()
    };
    let running = async || {
        let format = ["ps", "--format", "{{.Names}}", "--filter", "name=shop"];
        let names = soon(docker.ask(&format)).await.unwrap();
        let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(soon(group().count()).await, Ok(1));
    let up = Scale::up("up", group(), 1, 3).unwrap();
    let fresh = order(&up);
    let before = soon(up.capture(&fresh)).await.unwrap();
    let order = begun(&fresh, before.clone());
    for _ in 0..2 {
        soon(up.execute(&order)).await.unwrap();
        assert_eq!(running().await, "shop-db-1 shop-web-1 shop-web-2", "the tenth is the last");
    }
    assert_eq!(soon(up.verify(&order)).await, None);
    soon(Scale::to("to", group(), 3).unwrap().execute(&fresh)).await.unwrap();
    assert_eq!(running().await, "shop-db-1 shop-web-1 shop-web-10 shop-web-2");
    soon(up.roll_back(&order, &before)).await.unwrap();
    assert_eq!(running().await, "shop-db-1 shop-web-1");
    let more = soon(Scale::to("to", group(), 4).unwrap().execute(&fresh)).await.unwrap_err();
    assert_eq!((more.why.as_str(), more.again), ("there are only 3 containers, not 4", false));
}

#[test]
fn settings_out_of_bounds_are_refused() {
    for (config, field) in [
        (Config::new(""), "container"),
        (Config::new("../images"), "container"),
        (Config::new("a").with_socket("docker.sock"), "socket"),
        (Config::new("a").with_patience(Duration::from_millis(1_500)), "patience"),
        (Config::new("a").with_patience(Duration::from_secs(601)), "patience"),
    ] {
        assert_eq!(Restart::new("restart", config).unwrap_err().field(), field);
    }
    let mut none = GroupConfig::new("a", "b");
    none.labels.clear();
    assert_eq!(Group::new(none).unwrap_err().field(), "labels");
    assert_eq!(Group::new(GroupConfig::new("a=b", "c")).unwrap_err().field(), "labels");
}
