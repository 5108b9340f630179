//! Runs `watch` against real servers and asserts what its summary claims.

#[path = "../watch/summary.rs"]
mod summary;
mod support;

use std::time::Duration;

use summary::{Fault, Kind, Summary, claims};
use support::build;
use tokio::process::Command;
use tokio::time::timeout;

/// The run takes 30 s.
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn every_fault_is_seen_in_time_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let json = dir.path().join("summary.json");
    let run = Command::new(build("watch")).arg("--json").arg(&json).kill_on_drop(true).output();
    let run = timeout(DEADLINE, run).await.expect("in time").expect("the example runs");
    let said = String::from_utf8_lossy(&run.stdout);
    let complaint = String::from_utf8_lossy(&run.stderr);
    let text = std::fs::read(&json).unwrap_or_else(|_| panic!("no summary: {said}{complaint}"));
    let summary: Summary = serde_json::from_slice(&text).expect("a summary");
    let claims = claims(&summary);
    assert_eq!(claims.len(), 19, "{claims:?}");
    let broken: Vec<_> = claims.iter().filter(|it| !it.holds).map(|it| &it.text).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{said}{complaint}");
    assert!(run.status.success(), "it ended with {}: {complaint}", run.status);
}

fn good() -> Summary {
    let fault = |target: &str, kind| Fault {
        target: target.to_owned(),
        kind,
        happened: 0.0,
        suspected_after: Some(100.0),
        noticed_after: Some(300.0),
        state: "Failed".to_owned(),
        reason: if kind == Kind::Killed { "Connection refused" } else { "no answer within 400ms" }
            .to_owned(),
        mended: 2_000.0,
        recovered_after: Some(200.0),
        changes: 3,
    };
    let both = [Kind::Killed, Kind::Stalled];
    let faults = ["postgres", "redis", "sshd", "http"].into_iter();
    let faults = faults.flat_map(|target| both.map(|kind| fault(target, kind))).collect();
    Summary { seconds: 30.0, changes: 24, faults }
}

fn broken(spoil: impl Fn(&mut Summary)) -> usize {
    let mut summary = good();
    spoil(&mut summary);
    claims(&summary).iter().filter(|it| !it.holds).count()
}

#[test]
fn each_shortcoming_breaks_a_claim() {
    assert_eq!(broken(|_| ()), 0);
    assert_eq!(broken(|it| it.faults[0].noticed_after = None), 1);
    assert_eq!(broken(|it| it.faults[0].noticed_after = Some(1_001.0)), 1);
    assert_eq!(broken(|it| it.faults[1].state = "Unhealthy".to_owned()), 1);
    assert_eq!(broken(|it| it.faults[2].recovered_after = None), 1);
    assert_eq!(broken(|it| it.faults[3].reason.clear()), 1);
    assert_eq!(broken(|it| it.changes += 1), 1);
    assert_eq!(broken(|it| drop(it.faults.remove(7))), 3);
}
