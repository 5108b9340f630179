//! Runs `watch` against real servers and asserts what its summary claims.

#[path = "support/drill.rs"]
mod drill;
#[path = "../watch/summary.rs"]
mod summary;
mod support;

use std::time::Duration;

use summary::{Fault, Kind, Summary, claims};
use support::build;

/// The run takes 30 s.
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn every_fault_is_seen_in_time_and_nothing_else() {
    let program = build("watch");
    let (summary, ..) = drill::run(&program, |_| Vec::new(), DEADLINE, not_held).await;
    let claims = claims(&summary);
    assert_eq!(claims.len(), 23, "{:?}", claims.iter().map(|it| &it.text).collect::<Vec<_>>());
}

/// The claims that are broken.
fn not_held(summary: &Summary) -> Vec<String> {
    claims(summary).into_iter().filter(|it| !it.holds).map(|it| it.text).collect()
}

fn good() -> Summary {
    let fault = |target: &str, kind| Fault {
        target: target.to_owned(),
        kind,
        happened: 0.0,
        suspected_after: Some(100.0),
        noticed_after: Some(300.0),
        state: "Failed".to_owned(),
        reason: if kind == Kind::Killed { "Connection refused" } else { "no answer within 1.5s" }
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
    not_held(&summary).len()
}

#[test]
fn each_shortcoming_breaks_a_claim() {
    assert_eq!(broken(|_| ()), 0);
    assert_eq!(broken(|it| it.faults[0].noticed_after = None), 1);
    assert_eq!(broken(|it| it.faults[0].noticed_after = Some(3_001.0)), 1);
    let first = |it: &mut Summary, count, ms| {
        it.faults.iter_mut().step_by(2).take(count).for_each(|it| it.noticed_after = Some(ms));
    };
    assert_eq!(broken(|it| first(it, 1, 1_001.0)), 0);
    assert_eq!(broken(|it| first(it, 2, 1_001.0)), 1);
    assert_eq!(broken(|it| it.faults[1].state = "Unhealthy".to_owned()), 1);
    assert_eq!(broken(|it| it.faults[2].recovered_after = None), 1);
    assert_eq!(broken(|it| it.faults[3].reason.clear()), 1);
    assert_eq!(broken(|it| it.changes += 1), 1);
    assert_eq!(broken(|it| drop(it.faults.remove(7))), 3);
}
