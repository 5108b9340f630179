//! The end of processes: the right one, asked first, killed later.
#![cfg(feature = "process")]

mod order;

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use order::order;
use salve_actions::process::{ProcessId, Terminate};
use salve_healer::Action;

/// A process of its own, killed at the end whatever happens.
struct Sleeper(Child);

impl Sleeper {
    fn new(script: &str) -> Self {
        Self(Command::new("/bin/sh").args(["-c", script]).spawn().unwrap())
    }

    fn id(&self) -> ProcessId {
        ProcessId::of(self.0.id()).unwrap()
    }

    fn signal(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt as _;
        self.0.try_wait().unwrap().and_then(|status| status.signal())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn terminate(id: ProcessId) -> Terminate {
    Terminate::new("terminate", move |_| Ok(Some(id)))
}

#[tokio::test]
async fn inv_34_one_that_listens_ends_by_itself_and_only_once() {
    let mut sleeper = Sleeper::new("exec sleep 600");
    let action = terminate(sleeper.id());
    let order = order(&action);
    let pid = sleeper.0.id();
    assert_eq!(action.preview(&order).await.unwrap(), [format!("end process {pid}")]);
    let done = action.execute(&order).await.unwrap().done;
    assert_eq!(done, [format!("process {pid} has ended when it was asked to")]);
    assert_eq!(sleeper.signal(), Some(15));
    let again = action.execute(&order).await.unwrap().done;
    assert_eq!(again, ["there is no such process"], "twice is as once");
}

#[tokio::test]
async fn one_that_does_not_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let script = format!("trap '' TERM; : > {}; while :; do sleep 1; done", ready.display());
    let mut sleeper = Sleeper::new(&script);
    for _ in 0..1_000 {
        if ready.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let action = terminate(sleeper.id()).with_patience(Duration::from_millis(300)).unwrap();
    let done = action.execute(&order(&action)).await.unwrap().done;
    assert_eq!(done, [format!("process {} was killed", sleeper.0.id())]);
    assert_eq!(sleeper.signal(), Some(9));
}

#[tokio::test]
async fn another_with_the_same_number_is_never_meant() {
    let mut sleeper = Sleeper::new("exec sleep 600");
    let id = sleeper.id();
    let action = terminate(ProcessId { started: id.started - 1, ..id });
    let done = action.execute(&order(&action)).await.unwrap().done;
    assert_eq!(done, ["there is no such process"]);
    assert_eq!(sleeper.0.try_wait().unwrap(), None, "it goes on");
}

#[tokio::test]
async fn itself_and_the_first_are_refused() {
    for pid in [0, 1, std::process::id()] {
        let action = terminate(ProcessId { pid, started: 0 });
        let failure = action.execute(&order(&action)).await.unwrap_err();
        assert!(!failure.again && failure.why.contains("never"), "{failure}");
    }
}

#[tokio::test]
async fn it_is_found_by_the_file_of_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service.pid");
    let action = Terminate::by_pid_file("terminate", &file);
    let order = order(&action);
    assert_eq!(action.execute(&order).await.unwrap().done, ["there is no such process"]);
    fs::write(&file, "many").unwrap();
    assert!(action.execute(&order).await.unwrap_err().why.contains("no number"));
    let mut sleeper = Sleeper::new("exec sleep 600");
    fs::write(&file, format!("{}\n", sleeper.0.id())).unwrap();
    action.execute(&order).await.unwrap();
    assert_eq!(sleeper.signal(), Some(15));
}

#[test]
fn a_patience_out_of_bounds_is_refused() {
    let long = Terminate::by_pid_file("terminate", "/run/x.pid");
    let error = long.with_patience(Duration::from_secs(601)).unwrap_err();
    assert_eq!(error.field(), "patience");
}
