//! Jobs of units, done by a real systemd.
#![cfg(feature = "systemd")]

mod order;

use std::future::Future;
use std::time::Duration;

use order::{begun, order};
use salve_actions::systemd::{Config, Job, UnitJob};
use salve_healer::{Action, Captured, Verdict};
use salve_testkit::servers::Systemd;
use tokio::time::{Instant, sleep, timeout};

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.expect("an end in time")
}

/// A manager with units that live, break, hang and read their settings again.
async fn systemd(dir: &tempfile::TempDir) -> Systemd {
    let web = "[Service]\nExecStart=/bin/sleep 1000\n";
    let units = [
        ("api.service", web),
        ("broken.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n"),
        ("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 1000\n"),
        (
            "worn.service",
            "[Unit]\nStartLimitBurst=1\nStartLimitIntervalSec=1h\n\
             [Service]\nExecStart=/bin/sh -c 'test -f %h/mended && exec sleep 1000'\n",
        ),
        (
            "reads.service",
            "[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/sh -c 'echo read >> %h/reloads'\n",
        ),
        ("fixed.service", "[Unit]\nRefuseManualStop=yes\n[Service]\nExecStart=/bin/sleep 1000\n"),
    ];
    Systemd::start(dir.path(), &units).await.unwrap()
}

fn job(systemd: &Systemd, job: Job, unit: &str) -> UnitJob {
    UnitJob::new("act", job, Config::new(unit).with_bus(systemd.bus())).unwrap()
}

/// Which start of the unit is running, and how it is.
async fn state(systemd: &Systemd, unit: &str) -> (String, String) {
    let look = job(systemd, Job::Restart, unit);
    let before = soon(look.capture(&order(&look))).await.unwrap().before.unwrap();
    let (active, invocation) = before.split_once(' ').unwrap();
    (active.to_owned(), invocation.to_owned())
}

#[tokio::test]
async fn inv_34_a_restart_is_a_new_start_and_twice_under_one_key_is_once() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = systemd(&dir).await;
    // The target of the order is called `api`.
    let restart = job(&systemd, Job::Restart, "{target}.service");
    let order = order(&restart);
    assert!(restart.meta().idempotent && restart.meta().restarts && !restart.meta().reversible);
    assert_eq!(soon(restart.precheck(&order)).await, Ok(()));
    let before = soon(restart.capture(&order)).await.unwrap();
    assert_eq!(before.evidence, ["api.service was inactive (dead)"]);
    let order = begun(&order, before);
    let report = soon(restart.execute(&order)).await.unwrap();
    assert_eq!(report.done, ["restart api.service"]);
    assert_eq!(soon(restart.verify(&order)).await, Some(Verdict::Recovered));
    let (active, first) = state(&systemd, "api.service").await;
    assert_eq!(active, "active");

    let again = soon(restart.execute(&order)).await.unwrap();
    assert_eq!(again.done, ["api.service is active (running) already"]);
    assert_eq!(state(&systemd, "api.service").await.1, first, "it is the same start");

    let next = begun(&order, soon(restart.capture(&order)).await.unwrap());
    assert_eq!(soon(restart.verify(&next)).await, Some(Verdict::NotRecovered), "not yet done");
    let preview = soon(restart.preview(&next)).await.unwrap();
    assert_eq!(preview, ["restart api.service, which is active (running)"]);
    assert_eq!(state(&systemd, "api.service").await.1, first, "a preview does nothing");
    soon(restart.execute(&next)).await.unwrap();
    assert_ne!(state(&systemd, "api.service").await.1, first);
    assert_eq!(soon(restart.verify(&next)).await, Some(Verdict::Recovered));
}

#[tokio::test]
async fn inv_34_what_is_stopped_and_started_twice_is_so_once_and_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = systemd(&dir).await;
    let (start, stop) =
        (job(&systemd, Job::Start, "api.service"), job(&systemd, Job::Stop, "api.service"));
    assert!(stop.meta().reduces_capacity && stop.meta().reversible && start.meta().reversible);
    let order = order(&start);

    let was_down = soon(start.capture(&order)).await.unwrap();
    soon(start.execute(&order)).await.unwrap();
    assert_eq!(soon(start.verify(&order)).await, Some(Verdict::Recovered));
    let again = soon(start.execute(&order)).await.unwrap();
    assert_eq!(again.done, ["api.service is active (running) already"]);

    let was_up = soon(stop.capture(&order)).await.unwrap();
    soon(stop.execute(&order)).await.unwrap();
    assert_eq!(soon(stop.verify(&order)).await, Some(Verdict::Recovered));
    assert_eq!(soon(start.verify(&order)).await, Some(Verdict::NotRecovered));
    let again = soon(stop.execute(&order)).await.unwrap();
    assert_eq!(again.done, ["api.service is inactive (dead) already"]);

    soon(stop.roll_back(&order, &was_up)).await.unwrap();
    assert_eq!(state(&systemd, "api.service").await.0, "active");
    soon(start.roll_back(&order, &was_up)).await.unwrap();
    assert_eq!(state(&systemd, "api.service").await.0, "active", "it was up before");
    soon(start.roll_back(&order, &was_down)).await.unwrap();
    assert_eq!(state(&systemd, "api.service").await.0, "inactive");
    assert!(soon(start.roll_back(&order, &Captured::default())).await.is_err());
}

#[tokio::test]
async fn a_job_that_fails_says_why_and_one_that_hangs_ends_with_its_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = systemd(&dir).await;
    let broken = job(&systemd, Job::Start, "broken.service");
    let order = order(&broken);
    let failed = soon(broken.execute(&order)).await.unwrap_err();
    assert!(failed.again, "{failed}");
    let why =
        "start broken.service: the job is failed; it is failed (failed), its last result exit-code";
    assert_eq!(failed.why, why);
    assert_eq!(soon(broken.verify(&order)).await, Some(Verdict::NotRecovered));

    let slow = job(&systemd, Job::Start, "slow.service");
    let order = order::order(&slow);
    let on_its_way = async {
        while slow.verify(&order).await.is_some() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ended = slow.execute(&order) => panic!("it hangs: {ended:?}"),
        () = soon(on_its_way) => {}
    }
    assert_eq!(soon(slow.verify(&order)).await, None, "it is on its way");
}

#[tokio::test]
async fn a_unit_that_systemd_has_given_up_is_started_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = systemd(&dir).await;
    let restart = job(&systemd, Job::Restart, "worn.service");
    let order = order(&restart);
    soon(restart.execute(&order)).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while state(&systemd, "worn.service").await.0 != "failed" {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(10)).await;
    }
    let before = soon(restart.capture(&order)).await.unwrap();
    assert_eq!(before.evidence, ["worn.service was failed (failed), its last result exit-code"]);
    std::fs::write(dir.path().join("systemd/home/mended"), "").unwrap();
    let order = begun(&order, before);
    soon(restart.execute(&order)).await.unwrap();
    assert_eq!(soon(restart.verify(&order)).await, Some(Verdict::Recovered));
}

#[tokio::test]
async fn a_reload_reaches_the_service_and_starts_nothing_anew() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = systemd(&dir).await;
    let reload = job(&systemd, Job::Reload, "reads.service");
    let order = order(&reload);
    let down = soon(reload.precheck(&order)).await.unwrap_err();
    assert_eq!((down.why.as_str(), down.again), ("reads.service is inactive (dead)", true));
    soon(job(&systemd, Job::Start, "reads.service").execute(&order)).await.unwrap();
    let (_, start) = state(&systemd, "reads.service").await;
    assert_eq!(soon(reload.precheck(&order)).await, Ok(()));
    soon(reload.execute(&order)).await.unwrap();
    assert_eq!(soon(reload.verify(&order)).await, Some(Verdict::Recovered));
    let read = std::fs::read_to_string(dir.path().join("systemd/home/reloads")).unwrap();
    assert_eq!((read.as_str(), state(&systemd, "reads.service").await.1), ("read\n", start));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = systemd(&dir).await;
    let known = dir.path().join("systemd/home/.config/systemd/user");
    std::os::unix::fs::symlink("/dev/null", known.join("masked.service")).unwrap();
    for (what, unit, why) in [
        (Job::Restart, "missing.service", "missing.service: there is no such unit"),
        (Job::Start, "masked.service", "masked.service: it is masked"),
        (Job::Reload, "api.service", "api.service: it does not allow to reload it"),
        (Job::Stop, "fixed.service", "fixed.service: it does not allow to stop it"),
    ] {
        let action = job(&systemd, what, unit);
        let refused = soon(action.precheck(&order(&action))).await.unwrap_err();
        assert_eq!((refused.why.as_str(), refused.again), (why, false));
    }
    let masked = job(&systemd, Job::Start, "masked.service");
    assert!(!soon(masked.execute(&order(&masked))).await.unwrap_err().again);
    let bus = Config::new("api.service").with_bus("unix:path=/nonexistent/bus");
    let gone = UnitJob::new("act", Job::Start, bus).unwrap();
    assert!(soon(gone.precheck(&order(&gone))).await.unwrap_err().again);
    let untyped = UnitJob::new("act", Job::Start, Config::new("nginx")).unwrap_err();
    assert_eq!(untyped.field(), "unit");
}
