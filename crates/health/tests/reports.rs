//! What is told to others: the questions, their answers over HTTP, scores, and both forms of JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use salve_core::{Place, Sensor};
use salve_health::{Band, Config, Finding, Handle, Probes, Scope, Status, TargetConfig};
use tokio::time::{advance, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn pushed(registry: &Handle, config: TargetConfig, finding: impl Into<Finding>) {
    let name = config.name.clone();
    let config = config.with_grace(Duration::ZERO).with_thresholds(1, 1);
    registry.register_pushed(config).unwrap();
    registry.push(name.as_str(), finding).unwrap();
}

fn registry() -> Handle {
    Handle::new(Config::new("test")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn inv_49_liveness_hears_neither_of_dependencies_nor_of_what_is_unknown() {
    let registry = registry();
    let probes = Probes { liveness: true, readiness: true, startup: true };
    pushed(&registry, TargetConfig::new("database"), Finding::fail("refused"));
    let config = TargetConfig::new("worker").with_place(Place::new().needs("database"));
    pushed(&registry, config.with_probes(probes), Status::Pass);
    assert_eq!(registry.report(Scope::Liveness).status, Status::Pass);
    assert_eq!(registry.report(Scope::Readiness).http_status(), 503);
    sleep(91 * SECOND).await;
    let (live, ready) = (registry.report(Scope::Liveness), registry.report(Scope::Readiness));
    assert_eq!((live.status, live.http_status()), (Status::Warn, 200));
    assert_eq!((ready.status, ready.http_status()), (Status::Unknown, 503));
    registry.push("worker", Status::Fail).unwrap();
    assert_eq!(registry.report(Scope::Liveness).http_status(), 503);
}

#[tokio::test(start_paused = true)]
async fn inv_49_checks_that_are_not_run_any_more_make_liveness_fail() {
    let registry = registry();
    assert_eq!(registry.report(Scope::Liveness).status, Status::Pass);
    let mut driver = Box::pin(registry.clone().run());
    assert!(timeout(60 * SECOND, &mut driver).await.is_err());
    assert_eq!(registry.report(Scope::Liveness).status, Status::Pass);
    // The driver gets no turn while the clock moves on.
    advance(16 * SECOND).await;
    let stuck = registry.report(Scope::Liveness);
    assert_eq!((stuck.status, stuck.http_status()), (Status::Fail, 503));
    assert_eq!(stuck.reason, Some("checks are not run any more"));
    assert!(timeout(SECOND, &mut driver).await.is_err());
    assert_eq!(registry.report(Scope::Liveness).status, Status::Pass);
    drop(driver);
    advance(16 * SECOND).await;
    assert_eq!(registry.report(Scope::Liveness).status, Status::Fail);
}

#[tokio::test(start_paused = true)]
async fn startup_passes_once_each_critical_target_has_been_up() {
    let registry = registry();
    registry.register_pushed(TargetConfig::new("extra").non_critical()).unwrap();
    let config = TargetConfig::new("database").with_thresholds(1, 1).with_grace(Duration::ZERO);
    registry.register_pushed(config).unwrap();
    assert_eq!(registry.report(Scope::Startup).status, Status::Unknown);
    registry.push("database", Status::Pass).unwrap();
    assert_eq!(registry.report(Scope::Startup).status, Status::Warn, "`extra` is not critical");
    registry.push("database", Status::Fail).unwrap();
    assert_eq!(registry.report(Scope::Startup).http_status(), 200);
    assert_eq!(registry.report(Scope::Readiness).http_status(), 503);
}

#[tokio::test(start_paused = true)]
async fn a_report_runs_no_check() {
    let registry = registry();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let check = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async {}
    };
    registry.register(TargetConfig::new("db"), check).unwrap();
    tokio::spawn(registry.clone().run());
    sleep(30 * SECOND).await;
    let before = runs.load(Ordering::SeqCst);
    for _ in 0..1_000 {
        let _ = (registry.report(Scope::All), registry.scores(), registry.status("db"));
        registry.read(&mut |_| {});
    }
    tokio::task::yield_now().await;
    assert_eq!(runs.load(Ordering::SeqCst), before);
    registry.refresh("db").await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), before + 1);
}

#[tokio::test(start_paused = true)]
async fn scores_are_weighted_by_component_and_have_a_trend() {
    let registry = registry();
    pushed(&registry, TargetConfig::new("cpu").with_component("compute"), Status::Pass);
    let db = TargetConfig::new("db").with_component("database").with_weight(3);
    pushed(&registry, db, Status::Pass);
    pushed(&registry, TargetConfig::new("replica").with_component("database"), Status::Warn);
    pushed(&registry, TargetConfig::new("off"), Status::Fail);
    registry.disable("off").unwrap();
    let scores = registry.scores();
    assert_eq!((scores.overall.score, scores.overall.band), (Some(95), Some(Band::Green)));
    let component = |name: &str| {
        let mut all = scores.components.iter();
        all.find(|(it, _)| it == name).and_then(|(_, score)| score.score)
    };
    assert_eq!((component("compute"), component("database")), (Some(100), Some(93)));
    assert_eq!(component("security"), None);

    tokio::spawn(registry.clone().run());
    for minute in 0..10 {
        let status = if minute < 5 { Status::Pass } else { Status::Fail };
        for name in ["cpu", "db"] {
            registry.push(name, status).unwrap();
        }
        registry.push("replica", Status::Warn).unwrap();
        sleep(60 * SECOND).await;
    }
    let scores = registry.scores();
    assert_eq!((scores.overall.score, scores.overall.band), (Some(15), Some(Band::Red)));
    let trend = scores.overall.trend.unwrap();
    assert!(trend.slope < -60.0 && trend.lowest == 15, "{trend:?}");
    assert!((9..=11).contains(&scores.overall.line.len()));
}

proptest! {
    #[test]
    fn inv_49_fail_and_unknown_are_503_and_the_worst_critical_target_decides(
        targets in prop::collection::vec((0..4_u8, any::<bool>()), 0..8)
    ) {
        let registry = registry();
        let mut worst = Status::Pass;
        for (nth, (status, critical)) in targets.into_iter().enumerate() {
            let status =
                [Status::Pass, Status::Warn, Status::Unknown, Status::Fail][usize::from(status)];
            let config = TargetConfig::new(format!("target-{nth}"));
            let config = if critical { config } else { config.non_critical() };
            pushed(&registry, config, status);
            worst = worst.max(if critical { status } else { status.min(Status::Warn) });
        }
        let report = registry.report(Scope::Readiness);
        prop_assert_eq!(report.status, worst);
        let code = if matches!(worst, Status::Pass | Status::Warn) { 200 } else { 503 };
        prop_assert_eq!(report.http_status(), code);
    }
}

#[cfg(feature = "json")]
mod json {
    use super::*;
    use salve_health::{Details, HEALTH_JSON};
    use serde_json::json;

    fn shop() -> Handle {
        let registry = registry();
        let disk = Finding::warn("nearly full").with_value(91.5, "used_percent");
        pushed(&registry, TargetConfig::new("disk").with_component("storage"), disk);
        pushed(&registry, TargetConfig::new("database"), Finding::fail("password of bob is wrong"));
        registry.register_pushed(TargetConfig::new("queue").non_critical()).unwrap();
        registry
    }

    /// Replaces what depends on the date.
    fn undated(mut value: serde_json::Value, fields: &[&str]) -> serde_json::Value {
        let date = |text: &str| text.len() == 24 && &text[10..11] == "T" && text.ends_with('Z');
        if let Some(map) = value.as_object_mut() {
            for field in fields {
                if let Some(text) = map.get_mut(*field) {
                    assert!(date(text.as_str().unwrap()), "{text}");
                    *text = "DATE".into();
                }
            }
        }
        value
    }

    #[tokio::test(start_paused = true)]
    async fn the_plain_form_has_status_timestamp_and_checks() {
        let report = shop().report(Scope::Readiness);
        let mut body = undated(report.to_plain_json(Details::Shown), &["timestamp"]);
        for check in ["disk", "database"] {
            let dated = body["checks"][check].take();
            body["checks"][check] = undated(dated, &["last_checked"]);
        }
        let expected = json!({
            "status": "unhealthy",
            "timestamp": "DATE",
            "score": 37,
            "checks": {
                "database": {
                    "status": "error", "state": "failed", "latency_ms": 0.0,
                    "last_checked": "DATE", "error": "password of bob is wrong",
                },
                "disk": {
                    "status": "warning", "state": "degraded", "component": "storage",
                    "latency_ms": 0.0, "last_checked": "DATE", "value": 91.5,
                    "unit": "used_percent", "error": "nearly full",
                },
                "queue": {
                    "status": "error", "state": "starting",
                    "error": "unknown: there is no result yet",
                },
            },
        });
        assert_eq!((body, report.http_status()), (expected, 503));
    }

    #[tokio::test(start_paused = true)]
    async fn health_json_follows_the_draft() {
        assert_eq!(HEALTH_JSON, "application/health+json");
        let registry = shop();
        registry.push("database", Status::Pass).unwrap();
        let body = registry.report(Scope::Readiness).to_health_json(Details::Shown);
        assert_eq!(body["status"], "warn");
        let disk = undated(body["checks"]["disk"][0].clone(), &["time"]);
        let expected = json!({
            "status": "warn", "state": "degraded", "componentType": "storage", "time": "DATE",
            "observedValue": 91.5, "observedUnit": "used_percent", "output": "nearly full",
        });
        assert_eq!(disk, expected);
        assert_eq!(body["checks"]["disk:responseTime"][0]["observedUnit"], "ms");
        assert!(body["checks"]["database"][0].get("output").is_none());
        assert_eq!(body["checks"]["queue"][0]["status"], "fail");
    }

    #[tokio::test(start_paused = true)]
    async fn details_are_told_only_where_allowed() {
        let report = shop().report(Scope::All);
        for body in [report.to_plain_json(Details::Hidden), report.to_health_json(Details::Hidden)]
        {
            let text = body.to_string();
            assert!(!text.contains("bob") && !text.contains("disk"), "{text}");
            assert!(body["status"].is_string());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_score_names_the_five_components_and_the_users_own() {
        let registry = shop();
        pushed(&registry, TargetConfig::new("ads").with_component("billing"), Status::Pass);
        let body = undated(registry.scores().to_json(), &["timestamp"]);
        let expected = json!({
            "overall_score": 58, "compute_score": null, "network_score": null,
            "storage_score": 75, "database_score": null, "security_score": null,
            "billing_score": 100, "timestamp": "DATE",
        });
        assert_eq!(body, expected);
    }
}
