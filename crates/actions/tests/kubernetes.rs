//! Pods and workloads, over a server that speaks the API and is as strict as a real one.
#![cfg(feature = "kubernetes")]

mod order;

use std::time::Duration;

use order::{begun, order};
use salve_actions::kubernetes::{Cluster, Limits, RestartPod, Rollout, SetLimits, Workload, kube};
use salve_actions::scale::{Scalable as _, Scale};
use salve_healer::action::Report;
use salve_healer::{Action, Captured, Failure, Order, Verdict};
use salve_testkit::kubernetes::Kubernetes;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Whatever takes longer hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.expect("an end in time")
}

async fn client(server: &Kubernetes) -> kube::Client {
    let mut config = kube::Config::new(server.url().parse().expect("an address"));
    config.default_namespace = "shop".to_owned();
    kube::Client::try_from(config).expect("a client")
}

async fn cluster(server: &Kubernetes) -> Cluster {
    Cluster::new(client(server).await, "shop").expect("a namespace")
}

fn pod(name: &str, owner: &str) -> Value {
    let owner = json!([{ "apiVersion": "apps/v1", "kind": owner, "name": "x", "uid": "1", "controller": true }]);
    let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
    let container = json!({ "name": "server", "restartCount": 7, "state": waiting });
    json!({
        "metadata": { "name": name, "ownerReferences": owner },
        "spec": { "containers": [{ "name": "server", "image": "shop/api:1" }] },
        "status": { "phase": "Running", "containerStatuses": [container] },
    })
}

fn workload(name: &str) -> Value {
    let limits = json!({ "limits": { "memory": "256Mi" }, "requests": { "memory": "128Mi" } });
    let containers = json!([
        { "name": "server", "image": "shop/api:1", "resources": limits },
        { "name": "side", "image": "shop/side:1" },
    ]);
    json!({
        "metadata": { "name": name },
        "spec": { "replicas": 2, "template": { "metadata": {}, "spec": { "containers": containers } } },
    })
}

async fn deployed() -> Kubernetes {
    let server = Kubernetes::start().await.expect("it listens");
    server.put("deployments", workload("api"));
    server.settle("deployments", "api");
    server
}

async fn captured(action: &impl Action, fresh: &Order) -> Order {
    begun(fresh, soon(action.capture(fresh)).await.expect("evidence"))
}

async fn executed(action: &impl Action, order: &Order) -> Result<String, Failure> {
    let Report { done } = soon(action.execute(order)).await?;
    Ok(done.join("; "))
}

/// As an order that came later, with a key of its own.
fn later(order: &Order, token: u64) -> Order {
    Order { token, key: format!("later/{token}"), ..order.clone() }
}

#[tokio::test]
async fn inv_34_a_pod_is_deleted_once_by_its_uid_and_proved_anew() {
    let server = Kubernetes::start().await.unwrap();
    server.put("pods", pod("api", "StatefulSet"));
    let restart = RestartPod::new("restart", &cluster(&server).await, "{target}").unwrap();
    assert!(restart.meta().idempotent && restart.meta().restarts && !restart.meta().reversible);
    let fresh = order(&restart);
    assert_eq!(soon(restart.precheck(&fresh)).await, Ok(()));
    let words = "Running; server CrashLoopBackOff, restarted 7 times";
    let preview = soon(restart.preview(&fresh)).await.unwrap();
    assert_eq!(preview, [format!("delete Pod api, which is {words}")]);
    assert_eq!(server.effects(), [""; 0], "a preview does nothing");

    let order = captured(&restart, &fresh).await;
    assert_eq!(order.before().unwrap().evidence, [format!("api was {words}")]);
    assert_eq!(soon(restart.verify(&order)).await, Some(Verdict::NotRecovered), "not yet done");
    let first = server.get("pods", "api").unwrap()["metadata"]["uid"].clone();
    assert_eq!(executed(&restart, &order).await.unwrap(), "delete Pod api");
    let effects = ["patch pods/api", "delete pods/api"];
    assert_eq!(server.effects(), effects, "marked first, then deleted as it was marked");
    assert_eq!(soon(restart.verify(&order)).await, None, "the new one is not ready");
    assert_eq!(executed(&restart, &order).await.unwrap(), "made anew already: Pod api");
    assert_eq!(server.effects(), effects, "twice is as once");
    server.settle("pods", "api");
    assert_eq!(soon(restart.verify(&order)).await, Some(Verdict::Recovered));
    assert_ne!(server.get("pods", "api").unwrap()["metadata"]["uid"], first);
}

#[tokio::test]
async fn a_pod_that_gets_another_name_is_gone_once() {
    let server = Kubernetes::start().await.unwrap();
    server.put("pods", pod("api", "ReplicaSet"));
    let restart = RestartPod::new("restart", &cluster(&server).await, "api").unwrap();
    let order = captured(&restart, &order(&restart)).await;
    // The kubelet writes its state again and again.
    server.interfere(3);
    assert_eq!(executed(&restart, &order).await.unwrap(), "delete Pod api");
    assert_eq!(executed(&restart, &order).await.unwrap(), "gone already: Pod api");
    assert_eq!(server.effects().iter().filter(|it| it.starts_with("delete")).count(), 1);
    assert_eq!(server.names("pods").len(), 1, "another was made");
    assert_eq!(soon(restart.verify(&order)).await, None, "nobody knows its name");

    server.put("pods", pod("api", "ReplicaSet"));
    let order = captured(&restart, &order).await;
    server.interfere(1_000);
    let busy = executed(&restart, &order).await.unwrap_err();
    assert_eq!((busy.why.as_str(), busy.again), ("api is changed by others all the time", true));
}

#[tokio::test]
async fn what_does_not_come_back_or_is_another_is_left_alone() {
    let server = Kubernetes::start().await.unwrap();
    let mut bare = pod("api", "ReplicaSet");
    bare["metadata"]["ownerReferences"] = Value::Null;
    server.put("pods", bare);
    let restart = RestartPod::new("restart", &cluster(&server).await, "api").unwrap();
    let fresh = order(&restart);
    let refused = soon(restart.precheck(&fresh)).await.unwrap_err();
    let why = "nothing controls api: nobody would make it anew";
    assert_eq!((refused.why.as_str(), refused.again), (why, false));
    let before = Captured { evidence: Vec::new(), before: Some(r#"{"uid":"uid-1"}"#.to_owned()) };
    assert_eq!(executed(&restart, &begun(&fresh, before)).await.unwrap_err().why, why);
    assert!(!executed(&restart, &fresh).await.unwrap_err().again, "nobody knows which is meant");

    server.put("pods", pod("api", "StatefulSet"));
    let order = captured(&restart, &fresh).await;
    server.edit("pods", "api", |it| {
        it["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")
    });
    let going = soon(restart.precheck(&fresh)).await.unwrap_err();
    assert_eq!((going.why.as_str(), going.again), ("api is being deleted", true));
    assert_eq!(executed(&restart, &order).await.unwrap(), "being deleted already: Pod api");
    assert_eq!(soon(restart.verify(&order)).await, None);
    assert_eq!(server.effects(), [""; 0]);
}

#[tokio::test]
async fn inv_34_a_deployment_is_restarted_once_under_one_key() {
    let server = deployed().await;
    let api = Workload::deployment(&cluster(&server).await, "{target}").unwrap();
    let restart = Rollout::new("restart", api);
    let fresh = order(&restart);
    assert_eq!(soon(restart.precheck(&fresh)).await, Ok(()));
    let preview = soon(restart.preview(&fresh)).await.unwrap();
    assert_eq!(preview, ["restart Deployment api, 2 of 2 pods ready"]);
    let asked = server.requests().pop().unwrap();
    assert!(asked.contains("dryRun=All") && asked.contains("fieldManager=salve-healer"), "{asked}");
    assert_eq!(server.effects(), [""; 0]);

    let order = captured(&restart, &fresh).await;
    assert_eq!(soon(restart.verify(&order)).await, Some(Verdict::NotRecovered), "not yet done");
    server.interfere(2);
    assert_eq!(executed(&restart, &order).await.unwrap(), "restart Deployment api");
    assert_eq!(soon(restart.verify(&order)).await, None, "its pods are made");
    server.settle("deployments", "api");
    assert_eq!(soon(restart.verify(&order)).await, Some(Verdict::Recovered));
    let again = executed(&restart, &order).await.unwrap();
    assert_eq!(again, "restarted already: Deployment api");
    assert_eq!(server.effects(), ["patch deployments/api"]);
    let marks = server.get("deployments", "api").unwrap()["metadata"]["annotations"].clone();
    let expected = json!({ "salve-healer/order": order.key, "salve-healer/token": "api/3" });
    assert_eq!(marks, expected);

    // Another order is another restart.
    assert!(executed(&restart, &later(&order, 4)).await.unwrap().starts_with("restart "));
    server.edit("deployments", "api", |it| {
        it["status"]["conditions"] = json!([{ "type": "Progressing", "status": "False" }]);
        it["status"]["observedGeneration"] = it["metadata"]["generation"].clone();
    });
    assert_eq!(soon(restart.verify(&later(&order, 4))).await, Some(Verdict::NotRecovered));
    server.edit("deployments", "api", |it| it["spec"]["paused"] = json!(true));
    let paused = soon(restart.precheck(&later(&order, 5))).await.unwrap_err();
    assert_eq!((paused.why.as_str(), paused.again), ("api is paused", false));
}

#[tokio::test]
async fn an_order_of_an_earlier_lease_is_refused() {
    let server = deployed().await;
    let api = Workload::deployment(&cluster(&server).await, "api").unwrap();
    let restart = Rollout::new("restart", api.clone());
    let scale = Scale::up("up", api.clone().replicas().unwrap(), 1, 9).unwrap();
    let limits = Limits::default().with_memory_mib(512);
    let limit = SetLimits::new("limit", api, "server", limits).unwrap();
    let (slow, scales, limits) = (order(&restart), order(&scale), order(&limit));
    let (slow, scales, limits) = (
        captured(&restart, &slow).await,
        captured(&scale, &scales).await,
        captured(&limit, &limits).await,
    );
    // While it slept, another healer had the lease.
    executed(&restart, &later(&slow, 4)).await.unwrap();
    let effects = server.effects();
    for refused in [
        soon(restart.precheck(&slow)).await.unwrap_err(),
        executed(&restart, &slow).await.unwrap_err(),
        executed(&scale, &scales).await.unwrap_err(),
        executed(&limit, &limits).await.unwrap_err(),
    ] {
        assert!(refused.why.starts_with("an order with token 4 was here"), "{}", refused.why);
        assert!(!refused.again);
    }
    assert_eq!(server.effects(), effects);
    // The lease of another target says nothing of this one's.
    let mut other = slow.clone();
    other.target.name = "web".into();
    assert!(executed(&restart, &other).await.is_ok());
}

#[tokio::test]
async fn a_deployment_is_scaled_within_bounds_and_back() {
    let server = deployed().await;
    let api = Workload::deployment(&cluster(&server).await, "api").unwrap();
    let up = Scale::up("up", api.replicas().unwrap(), 2, 5).unwrap();
    let replicas = || server.get("deployments", "api").unwrap()["spec"]["replicas"].clone();
    let fresh = order(&up);
    assert_eq!(soon(up.preview(&fresh)).await.unwrap(), ["scale from 2 to 4"]);
    let tried_out = |it: &String| it.contains("/scale?") && it.contains("dryRun=All");
    assert!(server.requests().iter().any(tried_out));
    assert_eq!((replicas(), server.effects().len()), (json!(2), 0));
    let order = captured(&up, &fresh).await;
    server.interfere(1);
    for _ in 0..2 {
        assert_eq!(executed(&up, &order).await.unwrap(), "scaled to 4");
        assert_eq!(replicas(), json!(4));
    }
    assert_eq!(server.effects(), ["patch deployments/api", "patch deployments/api/scale"]);
    assert_eq!(soon(up.verify(&order)).await, None);
    let more = soon(up.precheck(&later(&order, 4))).await.unwrap_err();
    assert_eq!((more.why.as_str(), more.again), ("there are 4, and 6 are out of bounds", false));
    let before = order.before().unwrap();
    for _ in 0..2 {
        assert_eq!(soon(up.roll_back(&order, before)).await.unwrap().done, ["scaled back to 2"]);
        assert_eq!(replicas(), json!(2));
    }
    assert_eq!(server.effects().len(), 3, "marked already, and set once");
}

#[tokio::test]
async fn inv_34_limits_are_set_once_and_set_back_with_nothing_else_touched() {
    let server = deployed().await;
    let api = Workload::deployment(&cluster(&server).await, "api").unwrap();
    let wanted = Limits::default().with_memory_mib(512).with_cpu_millis(750);
    let limit = SetLimits::new("limit", api.clone(), "server", wanted).unwrap();
    assert!(limit.meta().reversible && limit.meta().idempotent && limit.meta().restarts);
    let containers = || {
        let deployment = server.get("deployments", "api").unwrap();
        deployment.pointer("/spec/template/spec/containers").unwrap().clone()
    };
    let original = containers();
    let fresh = order(&limit);
    assert_eq!(soon(limit.precheck(&fresh)).await, Ok(()));
    let preview = soon(limit.preview(&fresh)).await.unwrap();
    assert_eq!(preview, ["limit server of Deployment api to cpu 750m, memory 512Mi"]);
    assert_eq!((containers(), server.effects().len()), (original.clone(), 0));
    let order = captured(&limit, &fresh).await;
    let before = order.before().unwrap().clone();
    assert_eq!(before.evidence, ["server had cpu without a limit, memory 256Mi"]);
    assert_eq!(soon(limit.verify(&order)).await, Some(Verdict::NotRecovered));

    assert_eq!(executed(&limit, &order).await.unwrap(), "server has now cpu 750m, memory 512Mi");
    let again = executed(&limit, &order).await.unwrap();
    assert_eq!(again, "server had already cpu 750m, memory 512Mi");
    let mut expected = original.clone();
    expected[0]["resources"]["limits"] = json!({ "memory": "512Mi", "cpu": "750m" });
    assert_eq!(containers(), expected);
    assert_eq!(soon(limit.verify(&order)).await, None);
    server.settle("deployments", "api");
    assert_eq!(soon(limit.verify(&order)).await, Some(Verdict::Recovered));
    for _ in 0..2 {
        soon(limit.roll_back(&order, &before)).await.unwrap();
        assert_eq!(containers(), original);
    }
    assert_eq!(server.effects().len(), 2);

    // What the cluster refuses shows in the dry run.
    let low = Limits::default().with_memory_mib(64);
    let low = SetLimits::new("limit", api.clone(), "server", low).unwrap();
    let refused = soon(low.preview(&fresh)).await.unwrap_err();
    assert!(refused.why.contains("answered 422") && !refused.again, "{}", refused.why);
    // A merge would make a new container of this name.
    let missing = SetLimits::new("limit", api, "sever", wanted).unwrap();
    let refused = executed(&missing, &order).await.unwrap_err();
    assert_eq!((refused.why.as_str(), refused.again), ("there is no container sever", false));
}

#[tokio::test]
async fn other_workloads_are_restarted_and_scaled_alike() {
    let server = Kubernetes::start().await.unwrap();
    server.put("statefulsets", workload("db"));
    server.put("daemonsets", workload("logs"));
    let cluster = cluster(&server).await;
    let db = Workload::stateful_set(&cluster, "db").unwrap();
    let logs = Workload::daemon_set(&cluster, "logs").unwrap();
    for (workload, plural, name) in
        [(db.clone(), "statefulsets", "db"), (logs.clone(), "daemonsets", "logs")]
    {
        let restart = Rollout::new("restart", workload);
        let order = captured(&restart, &order(&restart)).await;
        executed(&restart, &order).await.unwrap();
        assert_eq!(soon(restart.verify(&order)).await, None);
        server.settle(plural, name);
        assert_eq!(soon(restart.verify(&order)).await, Some(Verdict::Recovered), "{name}");
    }
    let replicas = db.replicas().unwrap();
    assert_eq!(soon(replicas.count()).await, Ok(2));
    soon(replicas.scale(3)).await.unwrap();
    assert_eq!(soon(replicas.count()).await, Ok(3));
    assert_eq!(logs.replicas().unwrap_err().field(), "workload");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let server = deployed().await;
    let cluster = cluster(&server).await;
    let restart = Rollout::new("restart", Workload::deployment(&cluster, "api").unwrap());
    let order = captured(&restart, &order(&restart)).await;
    // The client comes again when it was told to.
    server.fail(429, 1);
    let begun = tokio::time::Instant::now();
    assert_eq!(soon(restart.precheck(&order)).await, Ok(()));
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    server.fail(500, 1);
    assert!(soon(restart.precheck(&order)).await.unwrap_err().again);

    server.forbid("patch", "deployments");
    let forbidden = executed(&restart, &order).await.unwrap_err();
    assert!(forbidden.why.contains("answered 403") && !forbidden.again, "{}", forbidden.why);
    let missing = Rollout::new("restart", Workload::deployment(&cluster, "web").unwrap());
    let refused = soon(missing.precheck(&order)).await.unwrap_err();
    assert_eq!((refused.why.as_str(), refused.again), ("there is no Deployment web", false));
    assert_eq!(server.effects(), [""; 0]);
    drop(server);
    tokio::task::yield_now().await;
    assert!(soon(restart.precheck(&order)).await.unwrap_err().again, "nobody is there");
}

#[tokio::test]
async fn settings_out_of_bounds_are_refused() {
    let server = Kubernetes::start().await.unwrap();
    let client = client(&server).await;
    for namespace in ["", "Shop", "a.b", "-a"] {
        assert_eq!(Cluster::new(client.clone(), namespace).unwrap_err().field(), "namespace");
    }
    let cluster = cluster(&server).await;
    for name in ["", "../pods", "API", "a..b", "{target}-1", &"a".repeat(300)] {
        assert_eq!(RestartPod::new("r", &cluster, name).unwrap_err().field(), "pod");
        assert_eq!(Workload::deployment(&cluster, name).unwrap_err().field(), "workload");
    }
    let target = Workload::deployment(&cluster, "{target}").unwrap();
    assert_eq!(target.clone().replicas().unwrap_err().field(), "workload");
    let limits = |limits| SetLimits::new("l", target.clone(), "server", limits).unwrap_err();
    assert_eq!(limits(Limits::default()).field(), "limits");
    assert_eq!(limits(Limits::default().with_memory_mib(1)).field(), "memory_mib");
    assert_eq!(limits(Limits::default().with_cpu_millis(0)).field(), "cpu_millis");
    let fits = Limits::default().with_cpu_millis(1);
    let named = SetLimits::new("l", target, "My Server", fits).unwrap_err();
    assert_eq!(named.field(), "container");
}
