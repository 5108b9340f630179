//! At most one process of a machine experiments at a time, where that is asked for.
#![cfg(all(feature = "guard", target_os = "linux"))]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "processes live in real time"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use salve_chaos::experiment::{Experiment, Lab, LabConfig, Refusal};
use salve_chaos::{Config, Handle};

const DEADLINE: Duration = Duration::from_secs(60);
const FILE: &str = "SALVE_CHAOS_MACHINE";

fn lab(file: &Path, most: u32) -> Lab {
    let config = LabConfig::default().with_enabled(true).with_safe_mode(false);
    let config = config.with_require_approval(false).with_most_at_once(most);
    Lab::new(config.with_machine(file)).unwrap()
}

/// Experiments for as long as `lasts`, or is refused.
async fn run(lab: &Lab, name: &'static str, lasts: Duration) -> Result<(), Refusal> {
    let point = Handle::new(Config::new(name)).unwrap();
    let spike = Experiment::latency_spike(name, Duration::from_millis(1), lasts);
    let experiment = Experiment { name: name.into(), ..spike }.with_owner("ada\nof the shop");
    lab.run([&point], experiment, Vec::new()).await.map(|_| ())
}

/// Begins an experiment, and drops it at once if it could be begun.
async fn begin(lab: &Lab, name: &'static str) -> Result<(), Refusal> {
    let began = run(lab, name, DEADLINE);
    tokio::time::timeout(Duration::from_millis(50), began).await.unwrap_or(Ok(()))
}

/// Ends with its value, and not by its own will.
struct Other(Child);

impl Other {
    fn experimenting_by(file: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "other"])
            .env(FILE, file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (other, began) = (Self(child), Instant::now());
        let says = || std::fs::read_to_string(file).unwrap_or_default();
        while says().lines().count() < 3 {
            assert!(began.elapsed() < DEADLINE, "the other process took too long");
            std::thread::sleep(Duration::from_millis(10));
        }
        other
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Is the other process where it is told to be one: it experiments until it is killed.
#[tokio::test]
async fn other() {
    let Some(file) = std::env::var_os(FILE).map(PathBuf::from) else { return };
    let ended = run(&lab(&file, 1), "others", 10 * DEADLINE).await;
    assert_eq!(ended, Err(Refusal::Disabled), "it was to be killed");
}

#[tokio::test]
async fn another_process_is_refused_and_told_who_is_at_it_until_that_one_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("experiments.lock");
    let other = Other::experimenting_by(&file);
    let refusal = begin(&lab(&file, 1), "ours").await.unwrap_err();
    let Refusal::BusyElsewhere { holder: Some(holder) } = &refusal else { panic!("{refusal}") };
    assert_eq!(holder.process, other.0.id());
    assert_eq!((holder.experiment.as_str(), holder.owner.as_str()), ("others", "ada of the shop"));
    let said = "the experiment `others` of ada of the shop is going on in process";
    assert!(refusal.to_string().starts_with(said), "{refusal}");

    // Whoever names another file, or none, is not kept.
    assert_eq!(begin(&lab(&folder.path().join("other.lock"), 1), "elsewhere").await, Ok(()));

    // By SIGKILL, upon which it can clear nothing away.
    drop(other);
    assert!(std::fs::read_to_string(&file).unwrap().contains("others"));
    assert_eq!(begin(&lab(&file, 1), "ours").await, Ok(()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");

    // The experiments of one process share its right.
    let two = [lab(&file, 2), lab(&file, 2)];
    let (one, other) = tokio::join!(begin(&two[0], "one"), begin(&two[1], "two"));
    assert_eq!((one, other), (Ok(()), Ok(())));

    let nowhere = folder.path().join("nowhere").join("experiments.lock");
    let refusal = begin(&lab(&nowhere, 1), "ours").await.unwrap_err();
    assert!(matches!(&refusal, Refusal::NoLock { file, .. } if *file == nowhere), "{refusal}");
}
