//! A healer and what really breaks: a database and a store that are killed, a worker that is stuck, a file
//! system that is full. Each is noticed by a check, repaired by an action, proved by the check, and told by
//! the journal. Time is real, with deadlines.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use salve::actions::disk::{Clean, Rule};
use salve::actions::process::{ProcessId, Terminate};
use salve::actions::{Chain, Closure};
use salve::checks::disk::{Config as DiskConfig, DiskCheck};
use salve::checks::heartbeat::{Config as BeatConfig, Heartbeat};
use salve::checks::postgres::{Config as PostgresConfig, PostgresCheck};
use salve::checks::redis::{Config as RedisConfig, RedisCheck};
use salve::heal::{ActionMeta, Failure, Healing, Kind, Policy, Setup, Step, Strategy, Target};
use salve::healer::{Action, Fact, Journal, Record, Resolution, Verdict};
use salve::health::{self, Check, State, Status, TargetConfig};
use salve::journal::{SqliteConfig, SqliteJournal};
use salve_testkit::servers::{Postgres, Process, Redis};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The rules of a healer that has a second where others have a minute.
fn policy(kind: Kind) -> Policy {
    let step = Step::new("repair").verified_within(ms(20_000)).with_attempts(2);
    let mut policy = Policy::default().with_strategy(Strategy::new(kind).then(step));
    policy.soak = ms(300);
    policy.aftermath = ms(500);
    policy.calm.cooldown = ms(100);
    policy.calm.second_look = ms(200);
    policy.backoff.first = ms(100);
    policy
}

/// One target, its check, its healer and its journal.
struct Stage {
    health: health::Handle,
    healer: Healing,
    journal: SqliteConfig,
}

impl Stage {
    async fn new(
        dir: &Path,
        name: &'static str,
        kind: Kind,
        check: impl Check + 'static,
        action: impl Action + 'static,
    ) -> Self {
        let health = health::Handle::new(health::Config::new("real")).unwrap();
        let target = TargetConfig::new(name)
            .with_interval(ms(200))
            .with_unhealthy_interval(ms(150))
            .with_timeout(ms(3_000), Status::Fail)
            .with_stale_after(ms(15_000))
            .with_thresholds(2, 2)
            .with_grace(Duration::ZERO);
        health.register(target, check).unwrap();
        let journal = SqliteConfig::new(dir.join("journal.db"));
        let healer = Setup::new(&health)
            .with_config(salve::heal::Config::new("real").with_tick(ms(50)))
            .with_policy(policy(kind.clone()))
            .with_target(Target::new(name, "any").with_kind(kind))
            .with_action(action)
            .with_sqlite(&journal)
            .start()
            .await
            .unwrap();
        let stage = Self { health, healer, journal };
        stage.reaches("healthy", || stage.health.state(name) == Some(State::Healthy)).await;
        assert_eq!(stage.healer.state().incidents().count(), 0);
        stage
    }

    async fn reaches(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            let state = self.healer.state();
            let open: Vec<_> = state.incidents().collect();
            let report = self.health.report(health::Scope::All);
            assert!(Instant::now() < deadline, "{what}: not in time: {open:#?} {report:?}");
            sleep(ms(20)).await;
        }
    }

    /// Waits until it is repaired, and reads in the journal's file that this is what has happened.
    async fn repaired(self, name: &'static str) -> Vec<Record> {
        self.reaches("repaired", || self.healer.statistics().totals.repaired == 1).await;
        self.reaches("healthy again", || self.health.state(name) == Some(State::Healthy)).await;
        assert_eq!(self.healer.statistics().totals.started, 1, "once");
        self.healer.shut_down().await;
        let journal = SqliteJournal::open(&self.journal).unwrap();
        let story = journal.read(0, 10_000).await.unwrap();
        let wanted: [fn(&Fact) -> bool; 7] = [
            |it| matches!(it, Fact::Opened(_)),
            |it| matches!(it, Fact::Planned(plan) if plan.action == "repair"),
            |it| matches!(it, Fact::ActionStarted { .. }),
            |it| matches!(it, Fact::ActionFinished { .. }),
            |it| matches!(it, Fact::Verified { verdict: Verdict::Recovered, .. }),
            |it| matches!(it, Fact::Soaked { held: true, .. }),
            |it| matches!(it, Fact::Resolved { how: Resolution::Repaired, .. }),
        ];
        let mut rest = story.iter();
        let told = wanted.iter().all(|wanted| rest.any(|record| wanted(&record.fact)));
        assert!(told, "{story:#?}");
        story
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::transient(error.to_string())
}

fn restarts() -> ActionMeta {
    ActionMeta::default().idempotent().restarts()
}

#[tokio::test]
async fn a_killed_postgresql_is_brought_back() {
    let (server, own) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let postgres = Postgres::start(server.path()).await.unwrap();
    let check = PostgresCheck::new(PostgresConfig::new(postgres.url())).unwrap();
    let postgres = Arc::new(Mutex::new(postgres));
    let shared = Arc::clone(&postgres);
    let repair = Closure::new("repair", move |_| {
        let postgres = Arc::clone(&shared);
        async move {
            let mut postgres = postgres.lock().await;
            if postgres.process().is_none() {
                postgres.revive().await.map_err(failed)?;
            }
            Ok(vec!["PostgreSQL was started".to_owned()])
        }
    });
    let repair = repair.with_meta(restarts());
    let stage = Stage::new(own.path(), "database", Kind::Database, check, repair).await;
    postgres.lock().await.kill().await.unwrap();
    let story = stage.repaired("database").await;
    assert!(story.iter().any(|it| it.why == "PostgreSQL was started"), "{story:#?}");
}

#[tokio::test]
async fn a_killed_redis_is_brought_back() {
    let (server, own) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let redis = Redis::start(server.path(), &[]).await.unwrap();
    let config = RedisConfig::new(format!("redis://127.0.0.1:{}", redis.port()));
    let check = RedisCheck::new(config).unwrap();
    let redis = Arc::new(Mutex::new(redis));
    let shared = Arc::clone(&redis);
    let repair = Closure::new("repair", move |_| {
        let redis = Arc::clone(&shared);
        async move {
            let mut redis = redis.lock().await;
            if redis.process().is_none() {
                redis.revive().await.map_err(failed)?;
            }
            Ok(vec!["Redis was started".to_owned()])
        }
    });
    let repair = repair.with_meta(restarts());
    let stage = Stage::new(own.path(), "store", Kind::Service, check, repair).await;
    redis.lock().await.kill().await.unwrap();
    stage.repaired("store").await;
}

/// A process that writes a line again and again, each of which is a heartbeat.
fn worker(heart: &Heartbeat) -> io::Result<Process> {
    let script = "while :; do echo beat; sleep 0.1; done";
    let args = ["-c".into(), script.into()];
    let pipe = Stdio::piped();
    let mut process = Process::spawn("sh".as_ref(), &args, Stdio::null(), pipe, Stdio::null())?;
    let lines = process.take_stdout().ok_or_else(|| io::Error::other("no pipe"))?;
    let heart = heart.clone();
    tokio::spawn(async move {
        let mut lines = BufReader::new(lines).lines();
        while let Ok(Some(_)) = lines.next_line().await {
            heart.beat();
        }
    });
    Ok(process)
}

#[tokio::test]
async fn a_stuck_worker_is_ended_by_pid_and_start_and_started_anew() {
    let own = TempDir::new().unwrap();
    let config = BeatConfig::default()
        .with_expected(ms(100))
        // A worker that gets no processor for a while is not stuck.
        .with_pause(ms(3_000))
        .with_silence(ms(6_000))
        .with_looked_at_every(ms(200));
    let heart = Heartbeat::new(config).unwrap();
    let first = worker(&heart).unwrap();
    let mut bystander = worker(&Heartbeat::new(config).unwrap()).unwrap();
    let stuck = ProcessId::of(first.id()).unwrap();
    let current = Arc::new(std::sync::Mutex::new(first));

    let shared = Arc::clone(&current);
    let end = Terminate::new("end", move |_| {
        let pid = shared.lock().unwrap().id();
        // It may have ended by itself meanwhile.
        Ok((pid == stuck.pid).then_some(stuck))
    });
    let (shared, beats) = (Arc::clone(&current), heart.clone());
    let start = Closure::new("start", move |_| {
        let started = worker(&beats).map(|new| {
            let pid = new.id();
            *shared.lock().unwrap() = new;
            vec![format!("worker {pid} was started")]
        });
        async move { started.map_err(failed) }
    });
    // A process that is stopped where it stands hears no signal but the last.
    let end = end.with_patience(ms(300)).unwrap();
    let steps: [Arc<dyn Action>; 2] = [Arc::new(end), Arc::new(start.with_meta(restarts()))];
    let repair = Chain::new("repair", steps).unwrap().with_pause(ms(50)).unwrap();
    let stage = Stage::new(own.path(), "worker", Kind::Service, heart.clone(), repair).await;
    current.lock().unwrap().freeze().unwrap();
    let story = stage.repaired("worker").await;
    let ended = format!("process {} was killed", stuck.pid);
    assert!(story.iter().any(|it| it.why.contains(&ended)), "{story:#?}");
    assert_ne!(current.lock().unwrap().id(), stuck.pid);
    assert!(ProcessId::of(stuck.pid).ok() != Some(stuck), "it has ended");
    assert!(!bystander.has_ended(), "another of the same name was not meant");
}

/// Where the program is told to be, when it runs where it may mount.
const FOLDER: &str = "REAL_PARTS_FOLDER";

/// Runs itself again in a mount namespace of its own, so that what is mounted ends with it.
#[tokio::test]
async fn a_full_file_system_is_cleaned_up() {
    if let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) {
        let disk = folder.join("disk");
        fs::create_dir(&disk).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "salve-test"]).arg(&disk);
        let mounted = mount.status().expect("`mount`, from the package of that name");
        assert!(mounted.success(), "nothing can be mounted here");
        cleaned_up(&disk, &folder).await;
        return fs::write(folder.join("done"), "").unwrap();
    }
    let dir = TempDir::new().unwrap();
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let namespaces = if is_root { "-m" } else { "-Urm" };
    let ran = tokio::process::Command::new("timeout")
        .args(["-s", "KILL", "150", "unshare", namespaces, "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_file_system_is_cleaned_up", "--nocapture"])
        .env(FOLDER, dir.path())
        .output()
        .await
        .expect("`timeout` and `unshare`, from the packages coreutils and util-linux");
    let said = [ran.stdout, ran.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(
        ran.status.success() && dir.path().join("done").is_file(),
        "it takes a mount namespace, so either CAP_SYS_ADMIN or user namespaces for everybody \
         (`sysctl kernel.unprivileged_userns_clone=1`): {}",
        said.concat()
    );
    assert!(!dir.path().join("disk/logs").exists(), "the mount has ended with its namespace");
}

fn write(file: &Path, bytes: usize, age: Duration) -> io::Result<()> {
    let mut open = File::create(file)?;
    open.write_all(&vec![b'x'; bytes])?;
    open.set_modified(open.metadata()?.modified()? - age)
}

async fn cleaned_up(disk: &Path, own: &Path) {
    const MIB: usize = 1024 * 1024;
    let day = Duration::from_secs(24 * 60 * 60);
    let (logs, data) = (disk.join("logs"), disk.join("data"));
    fs::create_dir(&logs).unwrap();
    fs::create_dir(&data).unwrap();
    fs::create_dir(logs.join("old")).unwrap();
    for (file, age) in [
        (logs.join("a.log"), 30 * day),
        (logs.join("old/b.log"), 30 * day),
        (logs.join("young.log"), Duration::ZERO),
        (logs.join("a.txt"), 30 * day),
        (data.join("c.log"), 30 * day),
    ] {
        write(&file, MIB / 2, age).unwrap();
    }
    std::os::unix::fs::symlink(&data, logs.join("away")).unwrap();
    let check = DiskCheck::new(DiskConfig::new(disk)).unwrap();
    let rule = Rule::new(&logs, ["*.log"]).older_than(7 * day);
    let clean = Clean::new("repair", [rule]).unwrap();
    let stage = Stage::new(own, "disk", Kind::DiskFull, check, clean).await;

    // It fills up until nothing more can be written.
    write(&logs.join("huge.log"), 4 * MIB, 8 * day).unwrap();
    let mut shop = File::create(data.join("shop.db")).unwrap();
    let page = [b'x'; 4_096];
    let full = (0..10_000).find_map(|_| shop.write_all(&page).err()).expect("it gets full");
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);

    let story = stage.repaired("disk").await;
    let told = |it: &Record| it.why.contains("health says failed: used space is");
    assert!(story.iter().any(told), "{story:#?}");
    let gone = |file: &str| !disk.join(file).exists();
    assert!(gone("logs/a.log") && gone("logs/old/b.log") && gone("logs/huge.log"));
    for kept in ["logs/young.log", "logs/a.txt", "data/c.log", "data/shop.db", "logs/away"] {
        assert!(!gone(kept), "{kept} was not meant");
    }
    shop.write_all(&page).expect("there is room again");
}
