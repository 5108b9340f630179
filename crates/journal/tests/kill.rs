//! A real healer on a real file, killed at every record and between record and effect.
//!
//! The healer is this program again, as a child that is told by its environment where to die. Its effect is a
//! program of its own (`sh`), which adds a line to a file: one for each time it was applied, with the
//! key. The journal is not asked whether it happened; that file is.
#![cfg(all(feature = "sqlite", target_os = "linux"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use salve_healer::action::Failure;
use salve_healer::driver::{Config, Driver};
use salve_healer::{
    ActionMeta, ActionResult, BoxFuture, Closure, Condition, Escalation, Fact, Head, Incident,
    Journal, JournalError, Kind, Phase, Policy, Record, Resolution, State, Step, Strategy, Target,
};
use salve_journal::{SqliteConfig, SqliteJournal};

/// Where the child lives, what it is, and where it dies.
const FOLDER: &str = "KILL_FOLDER";
const IDEMPOTENT: &str = "KILL_IDEMPOTENT";
const DIES: &str = "KILL_DIES";

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Ends this process as `kill -9` would, without a chance to tidy up.
fn die() -> ! {
    let pid = std::process::id().to_string();
    let _ = Command::new("kill").args(["-KILL", &pid]).status();
    unreachable!("SIGKILL cannot be survived")
}

/// Whether the child is to die at this point, such as `before 7`, `after 7` or `between`.
fn dies_at(point: &str) -> bool {
    std::env::var(DIES).is_ok_and(|wanted| wanted == point)
}

/// A journal whose process dies just before or after the write that holds a certain record.
struct Deadly(SqliteJournal);

impl Journal for Deadly {
    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<Head, JournalError>> {
        Box::pin(async move {
            if records.iter().any(|it| dies_at(&format!("before {}", it.seq))) {
                die();
            }
            let head = self.0.append(records).await?;
            if records.iter().any(|it| dies_at(&format!("after {}", it.seq))) {
                die();
            }
            Ok(head)
        })
    }

    fn read(&self, after: u64, at_most: usize) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.0.read(after, at_most)
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, JournalError>> {
        self.0.head()
    }
}

/// The effect: a process that adds a line to a file.
async fn apply(file: PathBuf, key: String) -> Result<Vec<String>, Failure> {
    if dies_at("between") {
        die();
    }
    let script = r#"printf '%s\n' "$1" >> "$2""#;
    let mut effect = tokio::process::Command::new("sh");
    effect.args(["-c", script, "effect", &key]).arg(file).stdin(Stdio::null());
    let mut effect = effect.spawn().map_err(|error| Failure::permanent(error.to_string()))?;
    if dies_at("during") {
        die();
    }
    let ended = effect.wait().await.map_err(|error| Failure::permanent(error.to_string()))?;
    if dies_at("done") {
        die();
    }
    if ended.success() { Ok(Vec::new()) } else { Err(Failure::transient("it failed")) }
}

fn effects(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("effects")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn config(folder: &Path) -> SqliteConfig {
    SqliteConfig::new(folder.join("journal.db")).with_head(folder.join("head.json"))
}

/// Heals until the incident has ended or a person is called. The target works once the effect was applied.
async fn heal(folder: PathBuf, idempotent: bool) {
    let mut policy = Policy::default();
    // What is proved late, as on a slow disk, is not to be tried again: an effect more would say nothing.
    let step =
        Step::new("charge").with_attempts(3).verified_within(ms(5_000)).with_timeout(ms(20_000));
    policy = policy.with_strategy(Strategy::new(Kind::Service).then(step));
    policy.soak = ms(30);
    policy.calm.cooldown = Duration::ZERO;
    policy.calm.after_success = Duration::ZERO;
    policy.backoff.first = ms(10);
    let meta = ActionMeta::default();
    let meta = if idempotent { meta.idempotent() } else { meta };
    let file = folder.join("effects");
    let charge =
        Closure::new("charge", move |order| apply(file.clone(), order.key)).with_meta(meta);
    let journal = SqliteJournal::open(&config(&folder)).expect("a journal");
    let ready = Driver::new(Config::default().with_tick(ms(5)), policy)
        .with_target(Target::new("api", "service"))
        .with_action(charge)
        .open(Arc::new(Deadly(journal)))
        .await
        .expect("it opens");
    let healer = ready.handle();
    let running = tokio::spawn(ready.run());
    loop {
        let works = !effects(&folder).is_empty();
        let condition = if works { Condition::Healthy } else { Condition::Failed };
        healer.observe("api", condition, "seen").await.expect("it runs");
        let state = healer.state();
        let called = state.incidents().any(|it| it.phase == Phase::Escalated);
        let ended = state.past().next().is_some() && state.incidents().next().is_none();
        if called || ended {
            break;
        }
        tokio::time::sleep(ms(5)).await;
    }
    healer.shut_down();
    running.await.expect("it ends");
}

/// Is the child where it is told to be one; otherwise there is no part to play.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        assert!(std::env::var_os(DIES).is_none(), "a child needs a folder");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(heal(folder.into(), std::env::var_os(IDEMPOTENT).is_some()));
}

fn command(folder: &Path, idempotent: bool) -> Command {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "child"]).env(FOLDER, folder).env_remove(DIES);
    if idempotent {
        child.env(IDEMPOTENT, "1");
    }
    child
}

fn run(folder: &Path, idempotent: bool, dies: Option<&str>) -> Output {
    // What hangs is ended by `timeout`, which is part of every system.
    let child = command(folder, idempotent);
    let mut limited = Command::new("timeout");
    limited.args(["-s", "KILL", "60"]).arg(child.get_program()).args(child.get_args());
    for (name, value) in child.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(dies) = dies {
        limited.env(DIES, dies);
    }
    limited.output().expect("it starts")
}

/// The journal, read and understood.
fn read(folder: &Path) -> (Vec<Record>, State) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let journal = SqliteJournal::open(&config(folder)).expect("the chain is whole");
    let records = runtime.block_on(journal.read(0, 100_000)).expect("records");
    let mut state = State::new();
    records.iter().for_each(|record| state.apply(record).expect("it makes sense"));
    (records, state)
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Resolved(Resolution),
    CalledForUnknown,
}

/// Kills it there, starts it again, and says how it ended and how often the effect was applied.
fn killed(dies: &str, idempotent: bool) -> (End, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let first = run(folder.path(), idempotent, Some(dies));
    assert!(!first.status.success(), "it did not die {dies}: {first:?}");
    let second = run(folder.path(), idempotent, None);
    assert!(second.status.success(), "killed {dies}, it did not come to an end: {second:?}");
    let (records, state) = read(folder.path());
    let keys = effects(folder.path());
    for key in &keys {
        let count = keys.iter().filter(|it| *it == key).count();
        assert_eq!(count, 1, "killed {dies}: {key} was applied {count} times");
        let started = records.iter().any(|record| match &record.fact {
            Fact::ActionStarted { plan, .. } => key.contains(&plan.to_string()),
            _ => false,
        });
        assert!(started, "killed {dies}: nobody wrote of {key}");
    }
    let end = match state.incidents().next() {
        None => End::Resolved(state.past().next().expect("an incident").how),
        Some(Incident { needs_human: Some(Escalation::UnknownEffect), .. }) => {
            End::CalledForUnknown
        }
        other => panic!("killed {dies}: {other:?}"),
    };
    (end, keys.len())
}

/// Every point at which the healer can be killed: before and after each record, and around the effect.
fn points(idempotent: bool) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = run(folder.path(), idempotent, None);
    assert!(whole.status.success(), "{whole:?}");
    let (records, state) = read(folder.path());
    assert_eq!(state.past().next().map(|it| it.how), Some(Resolution::Repaired));
    assert_eq!(effects(folder.path()).len(), 1);
    // The first record of all, up to the end of the incident.
    let end = records.iter().find(|it| matches!(it.fact, Fact::Resolved { .. }));
    let last = end.expect("it ended").seq;
    assert!(last >= 10, "{records:#?}");
    let around = (1..=last).flat_map(|seq| [format!("before {seq}"), format!("after {seq}")]);
    around.chain(["between", "during", "done"].map(str::to_owned)).collect()
}

/// Two at a time.
fn all(points: &[String], idempotent: bool) -> Vec<(String, End, usize)> {
    let half = points.len().div_ceil(2);
    let kill = |points: &[String]| {
        let each = points.iter().map(|point| {
            let (end, count) = killed(point, idempotent);
            (point.clone(), end, count)
        });
        each.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let (first, second) = points.split_at(half);
        let other = scope.spawn(|| kill(second));
        let mut ends = kill(first);
        ends.extend(other.join().expect("no panic"));
        ends
    })
}

#[test]
fn inv_36_killed_anywhere_what_must_not_be_repeated_happens_once_or_a_person_is_called() {
    let points = points(false);
    let ends = all(&points, false);
    for (point, end, count) in &ends {
        match end {
            End::Resolved(_) => assert_eq!(*count, 1, "killed {point}"),
            End::CalledForUnknown => assert!(*count <= 1, "killed {point}"),
        }
    }
    let of = |point: &str| ends.iter().find(|it| it.0 == point).map(|it| (&it.1, it.2));
    assert_eq!(of("between"), Some((&End::CalledForUnknown, 0)));
    assert_eq!(of("done"), Some((&End::Resolved(Resolution::Repaired), 1)));
    let resolved = ends.iter().filter(|it| matches!(it.1, End::Resolved(_))).count();
    assert!(resolved >= ends.len() - 3, "a person is called where nobody can know: {ends:#?}");
}

#[test]
fn inv_36_killed_anywhere_what_may_be_repeated_is_brought_to_its_end() {
    let points = points(true);
    for (point, end, count) in all(&points, true) {
        assert!(matches!(end, End::Resolved(_)), "killed {point}: {end:?}");
        assert!((1..=2).contains(&count), "killed {point}: {count}");
    }
}

#[test]
fn inv_36_what_was_cut_short_is_written_down_as_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(!run(folder.path(), false, Some("between")).status.success());
    let (_, state) = read(folder.path());
    assert_eq!(state.incidents().next().expect("an incident").phase, Phase::Acting);
    let mut next = state;
    let started = Fact::Started { healer: "next".into() };
    let (at, wall) = next.last().expect("records");
    let record = next.record(at, wall, salve_healer::Who::Healer, "", started);
    next.apply(&record).expect("it follows");
    let incident = next.incidents().next().expect("an incident");
    let finished = incident.run.as_ref().and_then(|run| run.finished.clone());
    assert_eq!(finished.map(|it| it.1), Some(ActionResult::Interrupted));
}

/// `SIGKILL` spares the page cache, so durability is shown apart: by what is asked of the system.
#[test]
fn inv_36_the_sync_returns_before_the_effects_first_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let child = command(folder.path(), false);
    let calls = "trace=execve,pwrite64,write,fsync,fdatasync";
    let traced = Command::new("timeout")
        .args(["-s", "KILL", "60", "strace", "-f", "-y", "-s", "65536", "-e", calls, "-o"])
        .arg(&trace)
        .arg(child.get_program())
        .args(child.get_args())
        .env(FOLDER, folder.path())
        .env_remove(DIES)
        .output()
        .expect("`strace` has to be installed, from the package of that name");
    assert!(traced.status.success(), "strace: {}", String::from_utf8_lossy(&traced.stderr));
    let text = std::fs::read_to_string(&trace).expect("a trace");
    let lines: Vec<&str> = text.lines().collect();
    let first = |what: &dyn Fn(&str) -> bool| lines.iter().position(|line| what(line));
    // The record goes to the write-ahead log,
    let record = first(&|it| it.contains("journal.db-wal>") && it.contains("action_started"));
    let record = record.expect("the start is written to the log");
    let thread = lines[record].split_whitespace().next().expect("a thread");
    // which the same thread then forces to the disk,
    let of_thread = |line: &str| line.split_whitespace().next() == Some(thread);
    let is_sync = |line: &str| {
        of_thread(line)
            && (line.contains("sync(") && line.contains("journal.db-wal>")
                || line.contains("sync resumed>"))
            && line.trim_end().ends_with("= 0")
    };
    let after = lines[record..].iter().position(|line| is_sync(line));
    let synced = record + after.expect("the log is forced to the disk");
    // and only when that has returned the effect is executed.
    let effect = first(&|it| it.contains("execve(") && it.contains(r#""effect""#));
    let effect = effect.expect("the effect is a program of its own");
    assert!(record < synced && synced < effect, "{record} {synced} {effect}");
}
