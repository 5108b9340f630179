//! Runs `degrade` against a real Redis and asserts what its summary claims.

#[path = "../degrade/summary.rs"]
mod summary;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use summary::{Summary, claims};

/// Builds the example as cargo would; `cargo test --test degrade` alone does not.
fn build() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        // Selected as the gate selects, so that what it has built is used again.
        .args(["build", "--quiet", "--workspace", "--all-features", "--example", "degrade"])
        .arg("--message-format=json")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "the example does not build");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "degrade")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the executable")
}

#[test]
fn the_shop_falls_in_order_and_climbs_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let json = dir.path().join("summary.json");
    let run = Command::new(build())
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
