//! What a guard holds is taken back: when asked, when its time is over, and when this process dies.
#![cfg(all(feature = "guard", target_os = "linux"))]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "processes live in real time"
)]

mod victim;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use salve_chaos::guard::{Guard, GuardError, kill};
use salve_chaos::pressure::Pressure;
use salve_chaos::{ArmError, Arming};
use victim::Victim;

const VICTIM: &str = "SALVE_CHAOS_TEST_VICTIM";
const FOLDER: &str = "SALVE_CHAOS_TEST_FOLDER";
const DEADLINE: Duration = Duration::from_secs(20);

fn within_deadline(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "{what} took too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn arming(lasts: Duration) -> Arming {
    Arming::new("ada", "a test", lasts)
}

/// The files that a guard has left in a folder.
fn files(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder).unwrap();
    // One may be removed while this looks.
    entries.filter_map(|entry| Some(entry.unwrap().metadata().ok()?.len())).collect()
}

#[tokio::test]
async fn a_paused_process_goes_on_when_it_is_taken_back() {
    let victim = Victim::new();
    let mut guard = Guard::pause(victim.pid(), &arming(DEADLINE * 2)).await.unwrap();
    within_deadline("the pause", || victim.is_paused());
    assert!(guard.is_held());
    assert_eq!(guard.about(), format!("process {} stands still", victim.pid()));
    guard.take_back().await.unwrap();
    assert!(!victim.is_paused());
}

#[tokio::test]
async fn a_killed_process_is_gone_and_this_one_is_not_killed() {
    let mut victim = Victim::new();
    kill(victim.pid(), &arming(DEADLINE)).await.unwrap();
    let status = victim.0.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    for pid in [0, 1, std::process::id(), u32::MAX] {
        assert!(matches!(kill(pid, &arming(DEADLINE)).await, Err(GuardError::Arm(_))), "{pid}");
    }
}

#[tokio::test]
async fn it_goes_on_when_its_time_is_over_and_when_the_guard_is_dropped() {
    let victim = Victim::new();
    let mut guard = Guard::pause(victim.pid(), &arming(Duration::from_millis(300))).await.unwrap();
    within_deadline("the end", || !victim.is_paused());
    tokio::time::timeout(DEADLINE, async {
        while guard.is_held() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    let guard = Guard::pause(victim.pid(), &arming(DEADLINE * 2)).await.unwrap();
    within_deadline("the pause", || victim.is_paused());
    drop(guard);
    within_deadline("going on", || !victim.is_paused());
}

#[tokio::test]
async fn a_file_of_the_size_that_is_asked_for_is_there_and_then_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let size = 3 << 20;
    let guard = Guard::fill(folder.path(), 1 << 20, size, &arming(DEADLINE * 2)).await.unwrap();
    assert_eq!(files(folder.path()), [size]);
    guard.take_back().await.unwrap();
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn what_is_out_of_bounds_is_named_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let soon = arming(Duration::from_secs(5));
    let field = |error: GuardError| match error {
        GuardError::Arm(ArmError::Setting(error)) => error.field(),
        other => panic!("{other}"),
    };
    assert_eq!(field(Guard::pause(1, &soon).await.unwrap_err()), "pid");
    assert_eq!(field(Guard::pause(u32::MAX, &soon).await.unwrap_err()), "pid");
    let own = std::process::id();
    let nobody = Arming::new(" ", "a test", Duration::from_secs(5));
    assert_eq!(field(Guard::pause(own, &nobody).await.unwrap_err()), "owner");
    let for_long = arming(Duration::from_secs(601));
    assert_eq!(field(Guard::pause(own, &for_long).await.unwrap_err()), "lasts");
    let all = Guard::fill(folder.path(), 0, u64::MAX, &soon).await.unwrap_err();
    assert_eq!(field(all), "leave");
    let unending = Guard::fill(folder.path(), 1 << 20, 1, &for_long).await.unwrap_err();
    assert_eq!(field(unending), "lasts");
    assert!(files(folder.path()).is_empty());
    assert_eq!(field(Pressure::cpu(0, &soon).unwrap_err()), "processors");
    assert_eq!(field(Pressure::memory(u64::MAX, &soon).unwrap_err()), "mebibytes");
}

#[test]
fn load_is_made_and_ends() {
    let cpu = Pressure::cpu(1, &arming(DEADLINE * 2)).unwrap();
    assert!(cpu.is_held());
    drop(cpu);
    let cpu = Pressure::cpu(1, &arming(Duration::from_millis(200))).unwrap();
    within_deadline("the end of the load", || !cpu.is_held());
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        (statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096) >> 20
    };
    let before = resident();
    let memory = Pressure::memory(64, &arming(DEADLINE * 2)).unwrap();
    within_deadline("taking memory", || resident() >= before + 60);
    drop(memory);
}

/// Is the child where it is told to be one: it holds two faults and waits for its end.
#[test]
fn child() {
    let Ok(victim) = std::env::var(VICTIM) else { return assert!(std::env::var(FOLDER).is_err()) };
    let folder = std::env::var(FOLDER).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let arming = arming(Duration::from_secs(600));
        let _paused = Guard::pause(victim.parse().unwrap(), &arming).await.unwrap();
        let _filled = Guard::fill(Path::new(&folder), 1 << 20, 1 << 20, &arming).await.unwrap();
        std::future::pending::<()>().await;
    });
}

#[test]
fn all_is_taken_back_when_the_process_that_asked_for_it_is_killed() {
    let (victim, folder) = (Victim::new(), tempfile::tempdir().unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child"])
        .env(VICTIM, victim.pid().to_string())
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    within_deadline("the faults", || victim.is_paused() && files(folder.path()) == [1 << 20]);
    child.kill().unwrap();
    child.wait().unwrap();
    within_deadline("going on", || !victim.is_paused());
    within_deadline("the removal of the file", || files(folder.path()).is_empty());
}
