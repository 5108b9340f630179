//! Runs `chaos_drill` against a real service and a real Redis, and asserts what its summary claims.

#[path = "support/drill.rs"]
mod drill;
#[path = "../chaos_drill/summary.rs"]
mod summary;
mod support;

use std::path::Path;
use std::time::Duration;

use summary::{Served, Summary, Tried, claims};
use support::build;

/// The run takes less than a minute.
const DEADLINE: Duration = Duration::from_secs(170);

#[tokio::test]
async fn the_protected_client_holds_where_the_bare_one_does_not() {
    let markdown = |dir: &Path| dir.join("report.md");
    let more = |dir: &Path| {
        vec!["--markdown".to_owned(), markdown(dir).to_str().expect("a path").to_owned()]
    };
    let (summary, _, dir) = drill::run(&build("chaos_drill"), more, DEADLINE, not_held).await;
    assert_eq!(claims(&summary).len(), 13);
    let report = std::fs::read_to_string(markdown(dir.path())).expect("a report");
    assert!(report.contains("3 of 6 hypotheses held"), "{report}");
    let left = std::fs::read_dir(dir.path().join(drill::TEMPORARY)).expect("a folder").count();
    assert_eq!(left, 0, "nothing is left behind");
}

/// The claims that are broken.
fn not_held(summary: &Summary) -> Vec<String> {
    claims(summary).into_iter().filter(|it| !it.holds).map(|it| it.text).collect()
}

fn good() -> Summary {
    let tried = ["late", "failing", "hanging"].iter().flat_map(|name| {
        [("bare", false), ("protected", true)].map(|(client, held)| Tried {
            name: (*name).to_owned(),
            client: client.to_owned(),
            held,
            struck: 20,
            lasted_ms: if held { 5_000.0 } else { 1_500.0 },
            taken_back: true,
            ..Tried::default()
        })
    });
    let mut summary = Summary { tried: tried.collect(), ..Summary::default() };
    summary.paused.customers = Served { asked: 100, fresh: 5, kept: 95, guessed: 0 };
    summary.killed.customers = Served { asked: 500, fresh: 300, kept: 200, guessed: 0 };
    summary.killed.actions = 1;
    summary.killed.repaired = true;
    summary.killed.fresh_again_ms = Some(1_500.0);
    summary.protected = Served { asked: 4_000, fresh: 3_500, kept: 400, guessed: 100 };
    summary.bare = Served { asked: 4_000, fresh: 3_500, kept: 400, guessed: 0 };
    summary
}

fn broken(spoil: impl Fn(&mut Summary)) -> usize {
    let mut summary = good();
    spoil(&mut summary);
    not_held(&summary).len()
}

#[test]
fn each_shortcoming_breaks_a_claim() {
    assert_eq!(broken(|_| ()), 0);
    assert_eq!(broken(|it| it.tried[1].held = false), 1);
    assert_eq!(broken(|it| it.tried[0].held = true), 1);
    assert_eq!(broken(|it| it.tried[2].lasted_ms = 12_000.0), 1);
    assert_eq!(broken(|it| it.tried[3].struck = 0), 1);
    assert_eq!(broken(|it| drop(it.tried.pop())), 2);
    assert_eq!(broken(|it| it.tried[4].taken_back = false), 1);
    assert_eq!(broken(|it| it.still_armed = 1), 1);
    assert_eq!(broken(|it| it.paused.customers.kept = 50), 1);
    assert_eq!(broken(|it| it.paused.actions = 1), 1);
    assert_eq!(broken(|it| it.killed.repaired = false), 1);
    assert_eq!(broken(|it| it.killed.fresh_again_ms = None), 1);
    assert_eq!(broken(|it| it.killed.customers.fresh = 0), 1);
    assert_eq!(broken(|it| it.bare.guessed = 100), 1);
}
