//! A healer restarts a pod that crashes again and again, once, and proves it, over a server that speaks the API.
#![cfg(all(feature = "escalate", feature = "kubernetes"))]

mod journal;

use std::sync::Arc;
use std::time::Duration;

use journal::Memory;
use salve_actions::kubernetes::{Cluster, RestartPod, kube};
use salve_healer::driver::{Config, Driver};
use salve_healer::{Condition, Fact, Kind, Policy, Resolution, Step, Strategy, Target};
use salve_testkit::kubernetes::Kubernetes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

fn condition(pod: Option<&Value>) -> Condition {
    let ready = json!([{ "type": "Ready", "status": "True" }]);
    let is_ready = pod.is_some_and(|it| it["status"]["conditions"] == ready);
    if is_ready { Condition::Healthy } else { Condition::Failed }
}

#[tokio::test]
async fn a_pod_that_crashes_is_restarted_once_and_watched() {
    let server = Kubernetes::start().await.unwrap();
    let owner = json!([{ "kind": "StatefulSet", "name": "api", "uid": "1", "apiVersion": "apps/v1", "controller": true }]);
    server.put(
        "pods",
        json!({
            "metadata": { "name": "api-0", "ownerReferences": owner },
            "spec": { "containers": [{ "name": "server", "image": "shop/api:1" }] },
        }),
    );
    server.settle("pods", "api-0");
    let client = kube::Client::try_from(kube::Config::new(server.url().parse().unwrap())).unwrap();
    let restart =
        RestartPod::new("restart", &Cluster::new(client, "shop").unwrap(), "{target}").unwrap();
    let mut policy =
        Policy::default().with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
    policy.soak = Duration::from_millis(200);
    let journal = Arc::new(Memory::default());
    let driver = Driver::new(Config::new("h").with_tick(Duration::from_millis(20)), policy)
        .with_seed(1)
        .with_target(Target::new("api-0", "service"))
        .with_action(restart)
        .open(journal.clone())
        .await
        .unwrap();
    let healer = driver.handle();
    let running = tokio::spawn(driver.run());
    healer.observe("api-0", condition(server.get("pods", "api-0").as_ref()), "").await.unwrap();
    server.edit("pods", "api-0", |it| it["status"]["conditions"] = Value::Null);

    let first = server.get("pods", "api-0").unwrap()["metadata"]["uid"].clone();
    let deadline = Instant::now() + Duration::from_secs(60);
    while healer.statistics().totals.repaired == 0 {
        assert!(Instant::now() < deadline, "{:#?}", journal.facts());
        let pod = server.get("pods", "api-0");
        // Its controller has made it anew, and it comes up.
        if pod.as_ref().is_some_and(|it| it["metadata"]["uid"] != first) {
            server.settle("pods", "api-0");
        }
        healer.observe("api-0", condition(pod.as_ref()), "it was looked at").await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.effects(), ["patch pods/api-0", "delete pods/api-0"], "once");
    let facts = journal.facts();
    let resolved = |it: &Fact| matches!(it, Fact::Resolved { how: Resolution::Repaired, .. });
    assert_eq!(facts.iter().filter(|it| resolved(it)).count(), 1);
    let captured = facts.iter().find_map(|fact| match fact {
        Fact::ActionStarted { before, .. } => before.before.clone(),
        _ => None,
    });
    assert!(captured.unwrap().contains(first.as_str().unwrap()), "what was before is written down");
    healer.shut_down();
    running.await.unwrap();
}
