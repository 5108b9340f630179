//! Programs as actions: what they are given, how they end, and what is left of them.
#![cfg(feature = "command")]

mod order;

use std::fs;
use std::path::Path;
use std::time::Duration;

use order::order;
use salve_actions::command::{Program, Run};
use salve_healer::{Action, ActionMeta, Captured};

/// A shell as the program: here, and only here, there is one.
fn shell(script: &str) -> Program {
    Program::new("/bin/sh").with_args(["-c", script, "sh", "{target}"])
}

fn run(script: &str) -> Run {
    Run::new("command", shell(script)).unwrap()
}

#[tokio::test]
async fn it_gets_its_arguments_and_nothing_else_of_ours() {
    let action =
        run("echo target=$1 $SALVE_TARGET; echo key=$SALVE_KEY token=$SALVE_TOKEN; env | sort");
    let order = order(&action);
    let done = action.execute(&order).await.unwrap().done;
    assert!(done[0].starts_with("/bin/sh \"-c\" "), "{done:?}");
    assert_eq!(done[1], "target=api api");
    assert_eq!(done[2], format!("key={} token=3", order.key));
    let names: Vec<&str> = done[3..].iter().filter_map(|line| line.split('=').next()).collect();
    let known = ["LC_ALL", "PATH", "PWD", "SALVE_KEY", "SALVE_TARGET", "SALVE_TOKEN", "SHLVL", "_"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    assert_eq!(action.preview(&order).await.unwrap(), done[..1]);
}

#[tokio::test]
async fn variables_are_written_nowhere() {
    let program = shell("test ${#PASSWORD} = 7").with_env("PASSWORD", "hunter2");
    let action = Run::new("login", program).unwrap();
    let order = order(&action);
    let done = action.execute(&order).await.unwrap().done;
    assert!(!done.concat().contains("hunter2") && !format!("{action:?}").contains("hunter2"));
}

#[tokio::test]
async fn its_exit_code_says_whether_to_try_again() {
    let action = run("echo broken >&2; exit 3").with_permanent_codes([2]);
    let failure = action.execute(&order(&action)).await.unwrap_err();
    assert!(
        failure.again && failure.why.contains("broken") && failure.why.contains('3'),
        "{failure}"
    );

    let action = run("echo never; exit 2").with_permanent_codes([2]);
    let failure = action.execute(&order(&action)).await.unwrap_err();
    assert!(!failure.again && failure.why.contains("never"), "{failure}");

    let action = run("kill -9 $$");
    let failure = action.execute(&order(&action)).await.unwrap_err();
    assert!(failure.why.contains("signal: 9"), "{failure}");

    let action = Run::new("missing", Program::new("/nowhere/at/all")).unwrap();
    let failure = action.execute(&order(&action)).await.unwrap_err();
    assert!(!failure.again && failure.why.contains("/nowhere/at/all"), "{failure}");
}

/// Both pipes are full at once, and only the end of each is kept.
#[tokio::test]
async fn output_is_bounded_and_never_blocks_it() {
    let script =
        "i=0; while [ $i -lt 3000 ]; do echo line $i of many; echo line $i >&2; i=$((i+1)); done";
    let action = run(script).with_longest_output(1_000).unwrap();
    let running = order(&action);
    let done = tokio::time::timeout(Duration::from_secs(60), action.execute(&running));
    let done = done.await.unwrap().unwrap().done;
    assert!(done[1].contains("bytes before this are left out"), "{:?}", &done[..2]);
    assert_eq!(done.last().unwrap(), "line 2999 of many");
    assert!(done[1..].concat().len() < 1_100);
    assert_eq!(run("").with_longest_output(2 << 20).unwrap_err().field(), "longest_output");
}

/// Whether somebody still runs this script.
fn somebody_runs(mark: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let state = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark) && !state.contains(") Z ")
    })
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn dropped_it_takes_its_whole_group_along() {
    let mark = format!("salve-group-{}", std::process::id());
    let action = run(&format!("sh -c 'sleep 600; : {mark}' & sleep 600; : {mark}"));
    let order = order(&action);
    let timed_out = tokio::time::timeout(Duration::from_millis(500), action.execute(&order)).await;
    assert!(timed_out.is_err());
    until("all of it is gone", || !somebody_runs(&mark)).await;
}

#[tokio::test]
async fn what_it_starts_may_outlive_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("sleep 600 >/dev/null 2>&1 & echo $! > {}", file.display());
    let action = run(&script);
    action.execute(&order(&action)).await.unwrap();
    let pid = fs::read_to_string(&file).unwrap();
    assert!(Path::new("/proc").join(pid.trim()).exists(), "the service that it started runs");
    let kill = Run::new("kill", Program::new("/bin/kill").with_args(["-9", pid.trim()])).unwrap();
    kill.execute(&order(&kill)).await.unwrap();
}

#[tokio::test]
async fn it_is_undone_by_another_program() {
    let action = run("exit 0");
    assert!(action.roll_back(&order(&action), &Captured::default()).await.is_err());
    let action = action.with_meta(ActionMeta::default().idempotent());
    let action = action.with_back(shell("echo undone $1")).unwrap();
    assert!(action.meta().reversible && action.meta().idempotent);
    let undone = action.roll_back(&order(&action), &Captured::default()).await.unwrap();
    assert_eq!(undone.done[1..], ["undone api"]);
}

#[test]
fn a_path_that_is_searched_for_is_refused() {
    let error = Run::new("wrong", Program::new("sh")).unwrap_err();
    assert_eq!((error.field(), error.value()), ("path", "sh"));
    let many = Program::new("/bin/sh").with_args(vec!["x"; 257]);
    assert_eq!(Run::new("wrong", many).unwrap_err().field(), "args");
}
