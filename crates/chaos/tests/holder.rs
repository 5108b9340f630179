//! Processes, disks and load in experiments: held while they run, and taken back however they end.
#![cfg(all(feature = "guard", target_os = "linux"))]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "processes live in real time"
)]

mod victim;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use salve_chaos::experiment::{Cause, Experiment, Lab, LabConfig, Refusal, Report, Status};
use salve_chaos::guard::Holder;
use salve_chaos::{Arming, Config, Event, Fault, Handle, Kind, Rule};
use salve_core::{Enforcement, Ratio};
use tokio::time::sleep;
use victim::Victim;

const DEADLINE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "{what} took too long");
        sleep(Duration::from_millis(10)).await;
    }
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

fn lab() -> Lab {
    let config = LabConfig::default().with_enabled(true).with_safe_mode(false);
    let config = config.with_most_at_once(100).with_allowed(Kind::ALL).with_most_targets(3);
    Lab::new(config.with_require_approval(false)).unwrap()
}

/// Looks once in two seconds, so that a machine that stands still for less does not end it.
fn experiment(target: &'static str, fault: Fault) -> Experiment {
    let rule = Rule::new("held", fault).with_share(Ratio::ONE);
    let held = Experiment::new("held", target, rule).with_interval(Duration::from_secs(2));
    held.with_duration(DEADLINE)
}

fn point(name: &'static str) -> Handle {
    Handle::new(Config::new(name)).unwrap()
}

#[tokio::test]
async fn an_experiment_on_two_targets_holds_both_and_gives_both_back_when_it_is_aborted() {
    let (victim, folder) = (Victim::new(), tempfile::tempdir().unwrap());
    let (worker, disk, pid) = (point("worker"), point("disk"), victim.pid());
    let _holders =
        [Holder::process(&worker, move || Some(pid)), Holder::folder(&disk, folder.path())];
    let pause = Rule::new("pause", Fault::Pause).with_share(Ratio::ONE);
    let mut both = experiment("disk", Fault::Fill { leave: MIB, most: MIB });
    both = both.with_target("worker");
    both.rules.push(pause);

    let lab = Arc::new(lab());
    let running = tokio::spawn({
        let (lab, points) = (Arc::clone(&lab), [worker.clone(), disk.clone()]);
        async move { lab.run(&points, both, Vec::new()).await.unwrap() }
    });
    until("the pause", || victim.is_paused()).await;
    until("the file", || files(folder.path()) == 1).await;
    assert_eq!((worker.status().held, disk.status().held), (1, 1));
    assert!(lab.abort("seen enough"));
    let report: Report = running.await.unwrap();
    // Proved by the report, and not only soon.
    assert!(!victim.is_paused());
    assert_eq!(files(folder.path()), 0);
    assert_eq!(report.cause, Some(Cause::Operator { reason: "seen enough".to_owned() }));
    assert!(report.is_taken_back());
    let struck: Vec<_> = report.targets.iter().map(|it| (it.name.as_str(), it.struck)).collect();
    assert_eq!(struck, [("disk", 1), ("worker", 1)]);
    let text = report.to_markdown();
    assert!(text.contains("| `worker` | struck 1, held back 0, taken back |"), "{text}");
}

#[tokio::test]
async fn a_process_is_killed_once_and_what_is_gone_is_told() {
    let victim = Victim::new();
    let (worker, pid) = (point("worker"), victim.pid());
    let mut events = worker.subscribe(NonZeroUsize::MIN.saturating_add(99));
    let _holder = Holder::process(&worker, move || Some(pid));
    let minute = || Arming::new("ada", "a test", DEADLINE);
    let kill = || Rule::new("kill", Fault::Kill).with_share(Ratio::ONE);
    worker.arm(minute().with_rules([kill()])).unwrap();
    until("the death", || victim.is_dead()).await;
    until("the count", || worker.status().struck == 1).await;
    assert!(worker.disarm());
    until("the end", || worker.status().held == 0).await;

    drop(victim);
    worker.arm(minute().with_rules([kill()])).unwrap();
    until("being told", || worker.status().impossible == 1).await;
    assert_eq!(worker.status().struck, 1);
    let told = std::iter::from_fn(|| events.try_next());
    let why = told.filter_map(|told| match told.event {
        Event::NotHeld { kind, why } => Some((kind, why)),
        _ => None,
    });
    let why: Vec<_> = why.collect();
    assert_eq!(why.len(), 1, "{why:?}");
    assert!(why[0].0 == Kind::Kill && why[0].1.contains("a running process"), "{why:?}");
}

#[tokio::test]
async fn load_is_held_until_the_end_and_shadow_mode_makes_none() {
    let machine = point("machine");
    let _holder = Holder::machine(&machine);
    let rules = || {
        let memory = Rule::new("memory", Fault::Memory { mebibytes: 8 }).with_share(Ratio::ONE);
        [Rule::new("cpu", Fault::Cpu { processors: 1 }).with_share(Ratio::ONE), memory]
    };
    let minute = || Arming::new("ada", "a test", DEADLINE).with_rules(rules());
    machine.arm(minute()).unwrap();
    until("the load", || machine.status().held == 2).await;
    assert!(machine.disarm());
    until("the end of the load", || machine.status().held == 0).await;

    let settings = Config::new("machine").with_enforcement(Enforcement::Shadow);
    let shadow = Handle::new(settings).unwrap();
    let _holder = Holder::machine(&shadow);
    shadow.arm(minute()).unwrap();
    until("the count", || shadow.status().shadowed == 2).await;
    assert_eq!((shadow.status().struck, shadow.status().held), (0, 0));
}

#[tokio::test]
async fn it_goes_on_when_the_experiment_or_its_holder_is_dropped() {
    let victim = Victim::new();
    let (worker, pid) = (point("worker"), victim.pid());
    let holder = Holder::process(&worker, move || Some(pid));
    let lab = lab();
    {
        let mut running =
            Box::pin(lab.run([&worker], experiment("worker", Fault::Pause), Vec::new()));
        let paused = until("the pause", || victim.is_paused());
        tokio::select! {
            report = &mut running => panic!("{report:?}"),
            () = paused => {}
        }
    }
    assert!(!worker.is_armed());
    until("going on", || !victim.is_paused()).await;

    let pause = Rule::new("pause", Fault::Pause).with_share(Ratio::ONE);
    worker.arm(Arming::new("ada", "a test", DEADLINE).with_rules([pause])).unwrap();
    until("the pause", || victim.is_paused()).await;
    drop(holder);
    until("going on", || !victim.is_paused()).await;
}

#[tokio::test]
async fn nothing_is_held_for_longer_than_ten_minutes_and_nobody_struck_says_so() {
    let worker = point("worker");
    let pause = || Rule::new("pause", Fault::Pause).with_share(Ratio::ONE);
    let long = Arming::new("ada", "a test", Duration::from_secs(601)).with_rules([pause()]);
    let error = worker.arm(long).unwrap_err();
    assert!(error.to_string().contains("lasts"), "{error}");
    let long = experiment("worker", Fault::Pause).with_duration(Duration::from_secs(601));
    match lab().run([&worker], long, Vec::new()).await {
        Err(Refusal::Setting(error)) => assert_eq!(error.field(), "duration"),
        other => panic!("{other:?}"),
    }
    // Nobody holds anything at this point.
    let short = experiment("worker", Fault::Pause).with_duration(Duration::from_secs(1));
    let report = lab().run([&worker], short, Vec::new()).await.unwrap();
    assert_eq!((report.status, report.struck), (Status::Inconclusive, 0));
    assert_eq!(report.why(), "nothing was struck");
    assert!(report.recommendations[0].evidence.contains("`worker`"));
}
