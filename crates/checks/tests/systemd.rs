//! The check of units against a real systemd.
#![cfg(feature = "systemd")]

use std::time::Duration;

use salve_checks::systemd::{Config, UnitCheck};
use salve_health::{Check, Finding, Status};
use salve_testkit::servers::Systemd;
use tokio::time::{Instant, sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(20);

async fn found(systemd: &Systemd, unit: &str) -> Finding {
    let check = UnitCheck::new(Config::new(unit).with_bus(systemd.bus())).unwrap();
    timeout(DEADLINE, check.run()).await.expect("an answer in time")
}

/// Looks until the unit is as expected.
async fn becomes(systemd: &Systemd, unit: &str, expected: impl Fn(&Finding) -> bool) -> Finding {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let finding = found(systemd, unit).await;
        if expected(&finding) {
            return finding;
        }
        assert!(Instant::now() < deadline, "{unit}: {finding:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_state_of_a_real_unit_has_its_status() {
    let dir = tempfile::tempdir().unwrap();
    let units = [
        ("lives.service", "[Service]\nExecStart=/bin/sleep 1000\n"),
        ("sleeps.service", "[Service]\nExecStart=/bin/sleep 1000\n"),
        ("breaks.service", "[Service]\nExecStart=/bin/false\n"),
        (
            "crashes.service",
            "[Unit]\nStartLimitIntervalSec=0\n\
             [Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=200ms\n",
        ),
        (
            "basic.target",
            "[Unit]\nWants=dbus.socket lives.service breaks.service crashes.service\n",
        ),
    ];
    let systemd = Systemd::start(dir.path(), &units).await.unwrap();

    let lives = becomes(&systemd, "lives.service", |it| it.status == Status::Pass).await;
    assert_eq!(lives.value.map(|it| it.value), Some(0.0), "it was never restarted");
    let target = becomes(&systemd, "basic.target", |it| it.status == Status::Pass).await;
    assert!(target.value.is_none(), "only services are restarted");

    let stopped = found(&systemd, "sleeps.service").await;
    let said = stopped.reason.as_deref();
    assert_eq!((stopped.status, said), (Status::Fail, Some("it is inactive (dead)")));
    let failed = becomes(&systemd, "breaks.service", |it| it.status == Status::Fail).await;
    assert_eq!(failed.reason.as_deref(), Some("it is failed (failed)"));

    // For a moment after each start it looks well.
    let restarted = |it: &Finding| {
        it.status == Status::Fail && it.value.as_ref().is_some_and(|it| it.value >= 2.0)
    };
    let crashed = becomes(&systemd, "crashes.service", restarted).await;
    let said = crashed.reason.as_deref();
    assert_eq!(said, Some("it has failed and waits for its restart"));

    let missing = found(&systemd, "missing.service").await;
    let said = missing.reason.as_deref();
    assert_eq!((missing.status, said), (Status::Fail, Some("there is no such unit")));
}
