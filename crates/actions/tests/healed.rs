//! A real healer restarts a unit of a real systemd that was killed, once, and proves it.
#![cfg(all(feature = "escalate", feature = "systemd"))]

mod journal;
mod order;

use std::sync::Arc;
use std::time::Duration;

use journal::Memory;
use order::order;
use salve_actions::systemd::{Config, Job, UnitJob};
use salve_healer::driver::{Config as HealerConfig, Driver};
use salve_healer::{
    Action, ActionResult, Condition, Fact, Kind, Phase, Policy, Step, Strategy, Target,
};
use salve_testkit::servers::Systemd;
use tokio::time::{Instant, sleep};

#[tokio::test]
async fn a_unit_that_was_killed_is_restarted_once_and_watched() {
    let dir = tempfile::tempdir().unwrap();
    let count = dir.path().join("starts");
    // It has said so when it counts as started.
    let says = format!("/bin/sh -c 'echo started >> {}'", count.display());
    let api = format!("[Service]\nExecStartPre={says}\nExecStart=/bin/sleep 1000\n");
    let units = [
        ("api.service", api.as_str()),
        ("basic.target", "[Unit]\nWants=dbus.socket api.service\n"),
    ];
    let systemd = Systemd::start(dir.path(), &units).await.unwrap();
    let starts = || std::fs::read_to_string(&count).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(60);
    let restart = Config::new("{target}.service").with_bus(systemd.bus());
    let restart = UnitJob::new("restart", Job::Restart, restart).unwrap();
    let order = order(&restart);
    let is = async |state: &str| {
        while !restart.capture(&order).await.unwrap().evidence[0].contains(state) {
            assert!(Instant::now() < deadline, "it is not {state}");
            sleep(Duration::from_millis(10)).await;
        }
    };
    is("was active (running)").await;
    systemd.kill("api.service").await.unwrap();
    is("was failed").await;

    let journal = Arc::new(Memory::default());
    let strategy = Strategy::new(Kind::Service).then(Step::new("restart"));
    let driver = Driver::new(HealerConfig::new("h"), Policy::default().with_strategy(strategy))
        .with_seed(1)
        .with_target(Target::new("api", "service"))
        .with_action(restart)
        .open(journal.clone())
        .await
        .unwrap();
    let healer = driver.handle();
    let running = tokio::spawn(driver.run());
    healer.observe("api", Condition::Healthy, "").await.unwrap();
    healer.observe("api", Condition::Failed, "it does not run").await.unwrap();

    let reaches = async |phase: Phase| {
        loop {
            let now = healer.state().incidents().next().map(|it| it.phase);
            if now == Some(phase) {
                break;
            }
            assert!(Instant::now() < deadline, "{now:?}, not {phase:?}");
            sleep(Duration::from_millis(10)).await;
        }
    };
    reaches(Phase::Verifying).await;
    healer.observe("api", Condition::Healthy, "it runs").await.unwrap();
    reaches(Phase::Soaking).await;
    assert_eq!(starts(), "started\nstarted\n", "once by systemd, once by the healer");

    let facts = journal.facts();
    let before = facts.iter().find_map(|fact| match fact {
        Fact::ActionStarted { before, .. } => Some(before.clone()),
        _ => None,
    });
    assert_eq!(
        before.unwrap().evidence,
        ["api.service was failed (failed), its last result signal"]
    );
    let done =
        |fact: &Fact| matches!(fact, Fact::ActionFinished { result: ActionResult::Done, .. });
    assert_eq!(facts.iter().filter(|fact| done(fact)).count(), 1, "{facts:#?}");
    healer.shut_down();
    running.await.unwrap();
}
