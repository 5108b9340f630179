//! Runs `heal` against real processes and asserts what its summary claims.

#[path = "support/drill.rs"]
mod drill;
#[path = "../heal/summary.rs"]
mod summary;
mod support;

use std::path::Path;
use std::time::Duration;

use summary::{Fault, Incident, Learned, Line, Share, Struck, Summary, claims};
use support::build;

/// The run takes 75 s.
const DEADLINE: Duration = Duration::from_secs(170);

/// Runs it; says what it has written.
async fn run(program: &Path, more: &[&str]) -> (Summary, String) {
    let more = |_: &Path| more.iter().map(|it| (*it).to_owned()).collect();
    let (summary, said, dir) = drill::run(program, more, DEADLINE, not_held).await;
    let left = std::fs::read_dir(dir.path().join(drill::TEMPORARY)).expect("a folder").count();
    assert_eq!(left, 0, "nothing is left behind");
    (summary, said)
}

/// The claims that are broken.
fn not_held(summary: &Summary) -> Vec<String> {
    claims(summary).into_iter().filter(|it| !it.holds).map(|it| it.text).collect()
}

#[tokio::test]
async fn every_fault_is_repaired_and_proved_and_nothing_else_is_done() {
    let program = build("heal");
    let with_redis = run(&program, &[]);
    let without = run(&program, &["--without-redis"]);
    let ((summary, said), (without, _)) = tokio::join!(with_redis, without);
    assert!(
        summary.redis,
        "this test needs redis-server: install it with `apt-get install redis-server`"
    );
    assert_eq!(claims(&summary).len(), 28);
    assert_eq!((without.redis, claims(&without).len()), (false, 23));
    for it in &summary.incidents {
        assert!(said.contains(&format!("#{} {} at {}", it.id, it.kind, it.target)), "{said}");
    }
}

const REPAIRED: [(Fault, &str, &str); 5] = [
    (Fault::Killed, "shop", "restart"),
    (Fault::Sick, "shop", "restart"),
    (Fault::StoreKilled, "store", "restart"),
    (Fault::Stuck, "worker", "restart"),
    (Fault::Full, "scratch", "clean_disk"),
];

fn good() -> Summary {
    let repaired = REPAIRED.map(|(fault, target, action)| Incident {
        target: target.to_owned(),
        kind: "service".to_owned(),
        fault: Some(fault),
        how: "Repaired".to_owned(),
        actions: vec![action.to_owned()],
        helped: Some(action.to_owned()),
        detect_ms: 200.0,
        decide_ms: 10.0,
        act_ms: 40.0,
        verify_ms: 250.0,
        soak_ms: 2_000.0,
        restored_ms: Some(500.0),
        lines: vec![Line { at_ms: 2_300.0, what: "over".to_owned() }],
        ..Incident::default()
    });
    let spared = Incident {
        target: "shop".to_owned(),
        how: "ByItself".to_owned(),
        holds: vec!["the failure is explained by `store`".to_owned()],
        ..Incident::default()
    };
    let flaps = Incident {
        target: "partner".to_owned(),
        kind: "flapping".to_owned(),
        how: "ByItself".to_owned(),
        ..Incident::default()
    };
    let share = |part: &str| Share { part: part.to_owned(), bare: 0.3, healed: 0.9 };
    let learned = Learned {
        class: "service".to_owned(),
        action: "restart".to_owned(),
        successes: 3,
        failures: 0,
        expected_percent: 80.0,
    };
    let struck =
        Struck { fault: Fault::Killed, target: "shop".to_owned(), at_ms: 3_000.0, wall_ms: 0 };
    Summary {
        seconds: 72.0,
        redis: true,
        struck: vec![struck],
        availability: ["shop", "store", "worker", "scratch"].map(share).into(),
        incidents: repaired.into_iter().chain([spared, flaps]).collect(),
        learned: vec![learned],
        records: 100,
        told_apart: false,
    }
}

fn broken(spoil: impl Fn(&mut Summary)) -> usize {
    let mut summary = good();
    spoil(&mut summary);
    not_held(&summary).len()
}

#[test]
fn each_shortcoming_breaks_a_claim() {
    assert_eq!(broken(|_| ()), 0);
    assert_eq!(broken(|it| drop(it.incidents.remove(4))), 1);
    assert_eq!(broken(|it| it.incidents[3].helped = Some("nudge".to_owned())), 1);
    assert_eq!(broken(|it| it.incidents[2].restored_ms = Some(5_001.0)), 1);
    assert_eq!(broken(|it| it.incidents[1].soak_ms = 0.0), 1);
    assert_eq!(broken(|it| it.incidents[0].actions.push("restart".to_owned())), 1);
    assert_eq!(broken(|it| it.incidents[5].actions.push("restart".to_owned())), 2);
    assert_eq!(broken(|it| it.incidents[5].holds.clear()), 1);
    assert_eq!(broken(|it| it.incidents[6].target = "clock".to_owned()), 2);
    assert_eq!(broken(|it| it.incidents[6].actions.push("fail_over".to_owned())), 1);
    assert_eq!(broken(|it| it.incidents[6].how = "open".to_owned()), 1);
    assert_eq!(broken(|it| it.availability[0].healed = 0.2), 1);
    assert_eq!(broken(|it| it.availability[1].healed = 0.7), 1);
    assert_eq!(broken(|it| it.learned[0].failures = 4), 0);
    assert_eq!(
        broken(|it| {
            it.learned[0].failures = 4;
            it.learned[0].expected_percent = 81.0;
        }),
        1
    );
    assert_eq!(broken(|it| it.told_apart = true), 1);
}
