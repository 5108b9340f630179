//! Runs `degrade` against a real Redis and asserts what its summary claims.

#[path = "../degrade/summary.rs"]
mod summary;
mod support;

use std::process::Command;

use summary::{Summary, claims};
use support::build;

#[test]
fn the_shop_falls_in_order_and_climbs_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let json = dir.path().join("summary.json");
    let run = Command::new(build("degrade"))
        .args(["--seconds", "25", "--json"])
        .arg(&json)
        .env("TMPDIR", dir.path())
        .output()
        .expect("the example runs");
    let said = String::from_utf8_lossy(&run.stdout);
    let complaint = String::from_utf8_lossy(&run.stderr);
    let text = std::fs::read(&json).unwrap_or_else(|_| panic!("no summary: {said}{complaint}"));
    let summary: Summary = serde_json::from_slice(&text).expect("a summary");
    let claims = claims(&summary);
    assert!(claims.len() >= 11, "too little is claimed: {claims:?}");
    let broken: Vec<_> = claims.iter().filter(|it| !it.holds).map(|it| &it.text).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{said}{complaint}");
    assert!(run.status.success(), "it ended with {}: {complaint}", run.status);
    let left: Vec<_> = std::fs::read_dir(dir.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "only the summary is left: {left:?}");
}
