//! Runs an example that takes a while, and asserts what its summary claims.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

/// Its temporary files, in the folder of the run.
pub(crate) const TEMPORARY: &str = "t";

/// The claims speak of times, so they say something about salve only where the machine keeps time. A run is
/// repeated if it fails and a thread that does nothing but sleep woke up so late meanwhile.
const STALL: Duration = Duration::from_millis(250);
/// How often it is run at most.
const RUNS: u32 = 3;

/// What it has written and said, and the folder of the run.
type Ran<S> = (S, String, TempDir);

/// Runs it in a folder of its own, where it writes its summary. Returns that, what it has said, and
/// the folder; fails if it takes too long, ends badly, or a claim is `broken`.
#[expect(clippy::print_stderr, reason = "a run that is repeated is not kept quiet")]
pub(crate) async fn run<S: DeserializeOwned>(
    program: &Path,
    more: impl Fn(&Path) -> Vec<String>,
    deadline: Duration,
    broken: impl Fn(&S) -> Vec<String>,
) -> Ran<S> {
    for nth in 1.. {
        let sleeper = Sleeper::start();
        let ran = once(program, &more, deadline, &broken).await;
        let late = sleeper.woken_late();
        match ran {
            Ok(ran) => return ran,
            Err(why) if nth < RUNS && late >= STALL => {
                eprintln!("run {nth} proves nothing, the machine stood still for {late:?}: {why}");
            }
            Err(why) => panic!("run {nth}, in which nothing came later than {late:?}: {why}"),
        }
    }
    unreachable!("the last run returns or panics")
}

async fn once<S: DeserializeOwned>(
    program: &Path,
    more: &impl Fn(&Path) -> Vec<String>,
    deadline: Duration,
    broken: &impl Fn(&S) -> Vec<String>,
) -> Result<Ran<S>, String> {
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
    let run = timeout(deadline, run).await.map_err(|_| format!("not over in {deadline:?}"))?;
    let run = run.expect("the example runs");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&run.stderr);
    let Ok(text) = std::fs::read(&json) else {
        return Err(format!("no summary: {said}{complaint}"));
    };
    let summary = serde_json::from_slice(&text).expect("a summary");
    let broken = broken(&summary);
    if !broken.is_empty() {
        return Err(format!("{broken:#?}\n{said}{complaint}"));
    }
    if !run.status.success() {
        return Err(format!("it ended with {}: {complaint}", run.status));
    }
    Ok((summary, said, dir))
}

/// A thread that sleeps, and notes how late it was woken.
struct Sleeper {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Sleeper {
    #[expect(
        clippy::disallowed_types,
        clippy::disallowed_methods,
        reason = "it is the machine that is timed"
    )]
    fn start() -> Self {
        const NAP: Duration = Duration::from_millis(10);
        let over = Arc::<AtomicBool>::default();
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut latest = Duration::ZERO;
            while !told.load(Ordering::Relaxed) {
                let asleep = std::time::Instant::now();
                std::thread::sleep(NAP);
                latest = latest.max(asleep.elapsed().saturating_sub(NAP));
            }
            latest
        });
        Self { over, thread }
    }

    /// The latest that it was.
    fn woken_late(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it only sleeps")
    }
}
