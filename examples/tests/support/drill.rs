//! Runs an example that takes a while, and asserts what its summary claims.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

/// Its temporary files, in the folder of the run.
pub(crate) const TEMPORARY: &str = "t";

/// Runs it in a folder of its own, where it writes its summary. Returns that, what it has said, and
/// the folder; fails if it takes too long, ends badly, or a claim is `broken`.
pub(crate) async fn run<S: DeserializeOwned>(
    program: &Path,
    more: impl FnOnce(&Path) -> Vec<String>,
    deadline: Duration,
    broken: impl Fn(&S) -> Vec<String>,
) -> (S, String, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let temporary = dir.path().join(TEMPORARY);
    std::fs::create_dir(&temporary).expect("a directory");
    let json = dir.path().join("summary.json");
    let run = Command::new(program)
        .arg("--json")
        .arg(&json)
        .args(more(dir.path()))
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = timeout(deadline, run).await.expect("in time").expect("the example runs");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&run.stderr);
    let text = std::fs::read(&json).unwrap_or_else(|_| panic!("no summary: {said}{complaint}"));
    let summary = serde_json::from_slice(&text).expect("a summary");
    let broken = broken(&summary);
    assert!(broken.is_empty(), "{broken:#?}\n{said}{complaint}");
    assert!(run.status.success(), "it ended with {}: {complaint}", run.status);
    (summary, said, dir)
}
