//! Runs `protect` for a minute against real servers and asserts what its summary claims.

#[path = "../protect/summary.rs"]
mod summary;
mod support;

use std::path::Path;
use std::process::Command;

use summary::{Summary, claims};
use support::build;

/// The styles in which every client must have run.
const STYLES: [&str; 2] = ["bare", "salve"];
const CLIENTS: [&str; 3] = ["reqwest", "hyper-util", "openssh"];

/// The names of entries that a run could leave behind.
fn leftovers(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the directory can be read");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect()
}

#[test]
fn the_summary_of_a_minute_claims_nothing_that_does_not_hold() {
    let dir = tempfile::tempdir().expect("a directory");
    let temporary = dir.path().join("t");
    std::fs::create_dir(&temporary).expect("a directory");
    let json = dir.path().join("summary.json");
    let run = Command::new(build("protect"))
        .args(["--seconds", "60", "--json"])
        .arg(&json)
        .env("TMPDIR", &temporary)
        .output()
        .expect("the example runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        !said.contains("sshd not found"),
        "this test needs sshd: install it with `apt-get install openssh-server`"
    );
    let complaint = String::from_utf8_lossy(&run.stderr);
    let text = std::fs::read(&json).unwrap_or_else(|_| panic!("no summary: {said}{complaint}"));
    let summary: Summary = serde_json::from_slice(&text).expect("a summary");

    for (client, style) in CLIENTS.iter().flat_map(|client| STYLES.map(|style| (client, style))) {
        let ran = summary.lanes.iter().any(|it| it.client == *client && it.style == style);
        assert!(ran, "{client} did not run {style}");
    }
    let claims = claims(&summary);
    assert!(claims.len() >= 2 * summary.lanes.len(), "too little is claimed: {claims:?}");
    let broken: Vec<_> = claims.iter().filter(|it| !it.holds).map(|it| &it.text).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{said}");
    assert!(run.status.success(), "it ended with {}: {complaint}", run.status);
    assert_eq!(leftovers(&temporary), Vec::<String>::new());
}
