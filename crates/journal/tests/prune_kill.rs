//! A process that writes and prunes without end, killed again and again in the middle of it.
//!
//! It is this program again, as a child. What it writes follows from the records' numbers, so what has to be in
//! the file is known without asking it.
#![cfg(all(feature = "sqlite", unix))]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use salve_healer::{BoxFuture, Condition, Fact, Journal, Record, State, Target, Time, Wall, Who};
use salve_journal::prune::{HmacKey, Pruning, Signature, Signer};
use salve_journal::{SqliteConfig, SqliteJournal};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

const FOLDER: &str = "PRUNE_FOLDER";
const SIGNS_UNTIL: &str = "PRUNE_SIGNS_UNTIL";

fn key() -> HmacKey {
    HmacKey::new("test", *b"thirty-two bytes make a good key").expect("long enough")
}

/// Dies instead of signing when it is asked for the nth time.
struct Mortal {
    key: HmacKey,
    left: std::sync::atomic::AtomicU32,
}

impl Signer for Mortal {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Signature, String>> {
        if self.left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            std::process::abort();
        }
        self.key.sign(message)
    }
}

fn record(seq: u64) -> Record {
    let fact = match seq {
        1 => Fact::TargetSet(Target::new("api", "service")),
        _ if seq.is_multiple_of(3) => {
            Fact::Observed { target: "api".into(), condition: Condition::Unhealthy }
        }
        _ => Fact::Observed { target: "api".into(), condition: Condition::Healthy },
    };
    let (at, wall) = (Time::from_secs(seq), Wall(seq * 1_000));
    Record { seq, at, wall, by: Who::Healer, why: format!("of {seq}"), fact }
}

fn open(folder: &Path) -> SqliteJournal {
    let config = SqliteConfig::new(folder.join("journal.db"))
        .with_head(folder.join("head.json"))
        .with_verifier(key());
    SqliteJournal::open(&config).expect("the journal is whole")
}

async fn work(folder: &Path, signer: &dyn Signer) {
    let journal = open(folder);
    loop {
        let seq = journal.head().await.expect("a head").seq;
        let records: Vec<Record> = (seq + 1..=seq + 25).map(record).collect();
        journal.append(&records).await.expect("written");
        let order = Pruning::new(Wall(seq * 1_000), Who::Program("test".into()), "a test");
        journal.prune(&order, signer).await.expect("pruned");
    }
}

/// Is the child where it is told to be one; otherwise there is no part to play.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        assert!(std::env::var_os(SIGNS_UNTIL).is_none(), "a child needs a folder");
        return;
    };
    let left = std::env::var(SIGNS_UNTIL).ok().and_then(|it| it.parse().ok()).unwrap_or(u32::MAX);
    let signer = Mortal { key: key(), left: left.into() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(work(folder.as_ref(), &signer));
}

fn spawn(folder: &Path) -> Command {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "child"]).env(FOLDER, folder).env_remove(SIGNS_UNTIL);
    child.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    child
}

/// What is in the file, once it was verified: the last record that was removed, and the last there is.
async fn found(folder: &Path) -> (u64, u64) {
    let journal = open(folder);
    let mut state = journal.base().await.expect("a base");
    let removed = state.seq();
    let anchor = journal.anchor().await.expect("readable").map(|it| it.read().expect("known"));
    assert_eq!(anchor.map_or(0, |it| it.seq), removed);
    for record in journal.read(0, usize::MAX).await.expect("records") {
        state.apply(&record).expect("it follows");
    }
    let head = journal.head().await.expect("a head");
    let mut expected = State::new();
    (1..=head.seq).for_each(|seq| expected.apply(&record(seq)).expect("it follows"));
    assert_eq!(state, expected);
    (removed, head.seq)
}

/// Waits until a child has written twice, and so has pruned between, and kills it so many rounds of its work later.
async fn kill(mut child: Child, head: &Path, rounds: f64) {
    let writes = async || {
        let before = std::fs::read(head).ok();
        while std::fs::read(head).ok() == before {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let both = async {
        writes().await;
        let first = Instant::now();
        writes().await;
        first.elapsed()
    };
    let takes = timeout(Duration::from_secs(60), both).await.expect("the child writes in time");
    sleep(takes.mul_f64(rounds)).await;
    child.kill().await.expect("it runs");
}

#[tokio::test]
async fn killed_at_any_moment_it_has_pruned_everything_or_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let head = folder.path().join("head.json");
    let (mut removed, mut last) = (0, 0);
    for round in 0..20 {
        let child = spawn(folder.path()).spawn().expect("it starts");
        // Uneven steps over some rounds of writing and pruning.
        kill(child, &head, f64::from(round) * 0.17).await;
        let (pruned, end) = found(folder.path()).await;
        assert!(pruned >= removed && end > last, "{pruned} {removed} {end} {last}");
        (removed, last) = (pruned, end);
    }
    assert!(removed > 100, "{removed}");
}

#[tokio::test]
async fn a_death_while_it_is_signed_removes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    // Nothing is old the first time, so its second signature is that of the third pruning.
    let mut child = spawn(folder.path()).env(SIGNS_UNTIL, "2").spawn().expect("it starts");
    let died = timeout(Duration::from_secs(60), child.wait()).await.expect("it ends in time");
    assert!(!died.expect("a status").success());
    assert_eq!(found(folder.path()).await, (24, 75));
}
