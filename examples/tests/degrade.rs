//! Runs `degrade` against a real Redis and asserts what its summary claims.

#[path = "support/drill.rs"]
mod drill;
#[path = "../degrade/summary.rs"]
mod summary;
mod support;

use std::path::Path;
use std::time::Duration;

use summary::{Summary, claims};
use support::build;

/// The run takes 25 s.
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn the_shop_falls_in_order_and_climbs_back() {
    let more = |_: &Path| vec!["--seconds".to_owned(), "25".to_owned()];
    let (summary, _, dir) = drill::run(&build("degrade"), more, DEADLINE, not_held).await;
    let claims = claims(&summary);
    assert!(claims.len() >= 11, "too little is claimed: {claims:?}");
    let left = std::fs::read_dir(dir.path().join(drill::TEMPORARY)).expect("a folder").count();
    assert_eq!(left, 0, "nothing is left behind");
}

/// The claims that are broken.
fn not_held(summary: &Summary) -> Vec<String> {
    claims(summary).into_iter().filter(|it| !it.holds).map(|it| it.text).collect()
}
