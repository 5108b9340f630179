//! The ready experiments: one for each kind of fault, and for each way in which repair went wrong before.

use std::collections::HashSet;
use std::time::Duration;

use salve_chaos::experiment::{Experiment, Ready};
use salve_chaos::{Fault, Kind, Lie, Skew, Toxic};

/// What brought systems down, or kept them down, and the experiments that play it.
const INCIDENTS: &[(&str, &[&str])] = &[
    ("an error was taken for bad data, and everybody fetched it anew", &["errors", "cold-cache"]),
    ("slowness under load was taken for death", &["slow-database", "latency-spike"]),
    ("a network stood still, and each half shut the other down", &["partition", "half-open"]),
    ("a cut of 43 s, and a hasty failover", &["partition"]),
    ("everybody made up for lost time when the network was back", &["quota", "cold-cache"]),
    ("an old plan overtook a new one", &["late-answers", "out-of-order"]),
    ("checks alternated, and capacity went with them", &["flapping-check"]),
    ("the repair spread what was wrong", &["failing-check", "killed-process"]),
    ("something was done a second time", &["delivered-twice"]),
    ("several places were shut down together", &["refused", "down"]),
    ("a verdict got lost and was taken for good", &["stale-check", "blind-check"]),
    ("half moved data was believed", &["damaged-answers", "stale-check"]),
    ("every site judged itself ill", &["failing-check"]),
    ("backends could not be reached, and those in front were blamed", &["blackhole"]),
    ("a store came up read-only, and customers were charged again", &["read-only"]),
    ("a switch failed in part, and leaders changed for ever", &["grey-replica", "flapping"]),
    ("the automation stood still and nobody saw it", &["stuck-process"]),
    ("a slow dependency failed everybody's own check", &["slow-database", "flapping-check"]),
    ("retries kept the overload alive", &["stalls", "cold-cache", "lying-retry-after"]),
    ("the healer needed what it was to heal", &["killed-process", "down"]),
    ("a certificate or a lease was judged by a wrong clock", &["clock-ahead", "clock-behind"]),
    ("a disk ran full, and nothing could be written down", &["full-disk"]),
    ("a leak took the memory of all", &["little-memory"]),
    ("a neighbour took the processors", &["busy-processors"]),
    ("one shard was dead, and all were cut off", &["dead-shard"]),
    ("a few answers in a hundred took most of the time", &["slow-tail"]),
];

/// The faults that a team asks for by name, and the experiment of each.
const FAULTS: &[(&str, &str)] = &[
    ("latency", "latency-spike"),
    ("error", "errors"),
    ("hang", "blackhole"),
    ("panic", "panics"),
    ("refusal at readiness", "unready"),
    ("corrupted answer", "damaged-answers"),
    ("connection reset", "reset"),
    ("half-open socket", "half-open"),
    ("bandwidth", "narrow-line"),
    ("slicer", "in-pieces"),
    ("timeout", "short-lived"),
    ("down", "refused"),
    ("slow close", "slow-close"),
    ("truncated answer", "cut-off"),
    ("clock skew", "clock-ahead"),
    ("processor pressure", "busy-processors"),
    ("memory pressure", "little-memory"),
    ("lying check", "blind-check"),
    ("failing check", "failing-check"),
    ("process kill", "killed-process"),
    ("process pause", "stuck-process"),
    ("full disk", "full-disk"),
    ("error bursts", "error-bursts"),
    ("dead shard", "dead-shard"),
    ("grey replica", "grey-replica"),
    ("stall each period", "stalls"),
    ("flapping", "flapping"),
    ("ramp", "slow-database"),
    ("cold cache", "cold-cache"),
    ("quota", "quota"),
    ("late answers", "late-answers"),
    ("duplicated answers", "delivered-twice"),
    ("lying retry-after", "lying-retry-after"),
];

#[test]
fn there_is_one_for_each_incident_and_each_fault_and_none_for_nothing() {
    let asked = FAULTS.iter().map(|(_, name)| *name);
    let asked = asked.chain(INCIDENTS.iter().flat_map(|(_, names)| names.iter().copied()));
    let asked: HashSet<_> = asked.collect();
    for name in &asked {
        assert!(Ready::find(name).is_some(), "there is no `{name}`");
    }
    // Variants of one that is asked for.
    let variants = ["clock-drift", "clock-frozen", "long-line"];
    for ready in Ready::ALL {
        let used = asked.contains(ready.name) || variants.contains(&ready.name);
        assert!(used, "`{}` plays nothing that is asked for", ready.name);
    }
}

#[test]
fn there_is_one_for_each_kind_of_fault_lie_skew_and_toxic() {
    let faults = || Ready::ALL.iter().map(|ready| ready.fault);
    for kind in Kind::ALL {
        assert!(faults().any(|fault| fault.kind() == kind), "{kind}");
    }
    for lie in [Lie::Well, Lie::Ill, Lie::Stale] {
        assert!(faults().any(|fault| fault == Fault::Lie(lie)), "{lie:?}");
    }
    let skews = faults().filter_map(|fault| match fault {
        Fault::Clock(skew) => Some(skew),
        _ => None,
    });
    let skews: Vec<_> = skews.collect();
    assert!(skews.iter().any(|it| matches!(it, Skew::Ahead(_))));
    assert!(skews.iter().any(|it| matches!(it, Skew::Behind(_))));
    assert!(skews.iter().any(|it| matches!(it, Skew::Drift { .. })));
    assert!(skews.contains(&Skew::Frozen));
    let toxics = faults().filter_map(|fault| match fault {
        Fault::Socket(toxic) => Some(std::mem::discriminant(&toxic)),
        _ => None,
    });
    let wanted = [
        Toxic::Latency(salve_chaos::Latency::Fixed(Duration::ZERO)),
        Toxic::BytesPerSecond(1),
        Toxic::Slices(salve_chaos::Slices { bytes: 1, pause: Duration::ZERO }),
        Toxic::Hold,
        Toxic::CloseAfter(Duration::ZERO),
        Toxic::SlowClose(Duration::ZERO),
        Toxic::LimitData(0),
        Toxic::Reset,
        Toxic::Down,
    ];
    let wanted: HashSet<_> = wanted.iter().map(std::mem::discriminant).collect();
    assert_eq!(toxics.collect::<HashSet<_>>(), wanted);
}

#[test]
fn every_ready_experiment_is_valid_and_has_its_own_name() {
    let names: HashSet<_> = Ready::ALL.iter().map(|ready| ready.name).collect();
    assert_eq!(names.len(), Ready::ALL.len());
    for ready in Ready::ALL {
        let experiment = ready.on("api");
        assert_eq!(experiment.validate(), Ok(()), "{}", ready.name);
        assert_eq!(Ready::find(ready.name), Some(*ready));
    }
    let second = Duration::from_secs(1);
    let spike = Ready::find("latency-spike").unwrap().on("api");
    assert_eq!(spike, Experiment::latency_spike("api", 2 * second, 60 * second));
}
