//! Builds an example and runs it, for the tests that assert what its summary claims.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Builds the example as cargo would; `cargo test --test` of a single test does not.
pub(crate) fn build(example: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        // Selected as the gate selects, so that what it has built is used again.
        .args(["build", "--quiet", "--workspace", "--all-features", "--example", example])
        .arg("--message-format=json")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "the example does not build");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == example)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the executable")
}
