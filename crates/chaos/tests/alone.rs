//! At most one experiment at once in a process; alone in its file, since all tests of one share that.

use std::sync::Arc;
use std::time::Duration;

use salve_chaos::experiment::{Experiment, Lab, LabConfig, Refusal, Report};
use salve_chaos::{Config, Handle};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn lab(most: u32) -> Arc<Lab> {
    let config = LabConfig::default().with_enabled(true).with_safe_mode(false);
    let config = config.with_require_approval(false).with_most_at_once(most);
    Arc::new(Lab::new(config).unwrap())
}

fn spike(name: &'static str) -> Experiment {
    let spike = Experiment::latency_spike(name, SECOND, 10 * SECOND);
    Experiment { name: name.into(), ..spike }.with_owner("ada")
}

async fn run(lab: Arc<Lab>, name: &'static str) -> Result<Report, Refusal> {
    let point = Handle::new(Config::new(name)).unwrap();
    lab.run([&point], spike(name), Vec::new()).await
}

fn busy(with: &'static str) -> Refusal {
    Refusal::Busy { experiment: with.into(), owner: "ada".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn no_more_experiments_run_at_once_than_every_lab_that_runs_one_bears() {
    let alone = lab(1);
    let first = tokio::spawn(run(Arc::clone(&alone), "first"));
    sleep(SECOND).await;
    assert_eq!(run(Arc::clone(&alone), "same lab").await, Err(busy("first")));
    assert_eq!(run(lab(1), "another lab").await, Err(busy("first")));
    let refusal = run(lab(100), "one that would bear it").await.unwrap_err();
    assert_eq!(refusal.to_string(), "the experiment `first` of ada is going on");
    assert!(alone.is_busy());
    assert!(first.await.unwrap().is_ok() && !alone.is_busy());

    let two = [lab(2), lab(2)];
    let second = tokio::spawn(run(Arc::clone(&two[0]), "second"));
    sleep(SECOND).await;
    assert_eq!(run(lab(1), "one that would not").await, Err(busy("second")));
    assert_eq!(run(Arc::clone(&two[0]), "the same lab").await, Err(busy("second")));
    let third = tokio::spawn(run(Arc::clone(&two[1]), "third"));
    sleep(SECOND).await;
    assert_eq!(run(lab(100), "a third one").await, Err(busy("second")));

    // Whatever ends it makes room.
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    assert!(run(lab(2), "fourth").await.is_ok());
    assert!(third.await.unwrap().is_ok());
    assert!(run(lab(1), "fifth").await.is_ok());
}
