//! Runs `protect` for a minute against real servers and asserts what its summary claims.

#[path = "support/drill.rs"]
mod drill;
#[path = "../protect/summary.rs"]
mod summary;
mod support;

use std::path::Path;
use std::time::Duration;

use summary::{Summary, claims};
use support::build;

/// The styles in which every client must have run.
const STYLES: [&str; 2] = ["bare", "salve"];
const CLIENTS: [&str; 3] = ["reqwest", "hyper-util", "openssh"];

/// The run takes a minute, and twice that if calls at its end are not answered.
const DEADLINE: Duration = Duration::from_secs(170);

/// The claims that are broken.
fn not_held(summary: &Summary) -> Vec<String> {
    claims(summary).into_iter().filter(|it| !it.holds).map(|it| it.text).collect()
}

#[tokio::test]
async fn the_summary_of_a_minute_claims_nothing_that_does_not_hold() {
    let more = |_: &Path| vec!["--seconds".to_owned(), "60".to_owned()];
    let (summary, said, dir) = drill::run(&build("protect"), more, DEADLINE, not_held).await;
    assert!(
        !said.contains("sshd not found"),
        "this test needs sshd: install it with `apt-get install openssh-server`"
    );
    for (client, style) in CLIENTS.iter().flat_map(|client| STYLES.map(|style| (client, style))) {
        let ran = summary.lanes.iter().any(|it| it.client == *client && it.style == style);
        assert!(ran, "{client} did not run {style}");
    }
    let claims = claims(&summary);
    assert!(claims.len() >= 2 * summary.lanes.len(), "too little is claimed: {claims:?}");
    let left = std::fs::read_dir(dir.path().join(drill::TEMPORARY)).expect("a folder").count();
    assert_eq!(left, 0, "nothing is left behind");
}
