//! What happened and what is claimed about it, as plain data. Shared with the test.

use serde::{Deserialize, Serialize};

/// Everything that `--json` writes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Summary {
    /// Length of the run, in seconds.
    pub(crate) seconds: f64,
    /// Whether there was a Redis.
    pub(crate) redis: bool,
    pub(crate) struck: Vec<Struck>,
    pub(crate) availability: Vec<Share>,
    /// As the journal tells them, the oldest first.
    pub(crate) incidents: Vec<Incident>,
    pub(crate) learned: Vec<Learned>,
    /// How many records the journal has.
    pub(crate) records: usize,
    /// Whether what follows from the file is not what the healer knew when it ended.
    pub(crate) told_apart: bool,
}

/// What strikes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Fault {
    /// The service is killed without a warning.
    Killed,
    /// The service answers 500 until it is restarted.
    Sick,
    /// The Redis that the service needs is killed.
    StoreKilled,
    /// The worker is stopped where it stands, and its queue grows.
    Stuck,
    /// The scratch folder is full of old files.
    Full,
    /// What somebody else runs is gone for a second, and comes back.
    Blip,
    /// What somebody else runs comes and goes, for ten seconds.
    Flapping,
}

impl Fault {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Killed => "service killed",
            Self::Sick => "service answers 500",
            Self::StoreKilled => "Redis killed",
            Self::Stuck => "worker stuck",
            Self::Full => "scratch folder full",
            Self::Blip => "feed gone for 1 s",
            Self::Flapping => "partner flaps",
        }
    }
}

/// A fault that has struck both houses.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Struck {
    pub(crate) fault: Fault,
    pub(crate) target: String,
    /// When, since the start, and since 1970.
    pub(crate) at_ms: f64,
    pub(crate) wall_ms: u64,
}

/// The share of the time in which a part worked.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Share {
    pub(crate) part: String,
    pub(crate) bare: f64,
    pub(crate) healed: f64,
}

/// An incident; times are milliseconds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Incident {
    pub(crate) id: u64,
    pub(crate) target: String,
    pub(crate) kind: String,
    /// The fault that had struck its target last, if that is not long ago.
    pub(crate) fault: Option<Fault>,
    /// How it ended: `Repaired`, `ByItself`, `Closed` or `open`.
    pub(crate) how: String,
    /// What was carried out, in order.
    pub(crate) actions: Vec<String>,
    /// What it was verified to have helped last.
    pub(crate) helped: Option<String>,
    /// Why nothing was done.
    pub(crate) holds: Vec<String>,
    /// Whether a person was called.
    pub(crate) escalated: bool,
    pub(crate) detect_ms: f64,
    pub(crate) decide_ms: f64,
    pub(crate) act_ms: f64,
    pub(crate) verify_ms: f64,
    pub(crate) soak_ms: f64,
    /// From the strike until it was opened.
    pub(crate) noticed_ms: Option<f64>,
    /// From the strike until it was verified that all is well.
    pub(crate) restored_ms: Option<f64>,
    pub(crate) lines: Vec<Line>,
}

/// A line of an incident's story.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Line {
    /// Since it was opened.
    pub(crate) at_ms: f64,
    pub(crate) what: String,
}

/// What is known of an action.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Learned {
    pub(crate) class: String,
    pub(crate) action: String,
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    pub(crate) expected_percent: f64,
}

/// Something that is said about the run, and whether it is so.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) text: String,
    pub(crate) holds: bool,
}

/// What can be repaired, by what, and within how many milliseconds of the strike it is proved to be: detection by two runs
/// in a row, the action, two runs that pass; for the worker its queue has to grow first, and a nudge may be tried in vain.
const REPAIRS: [(Fault, &str, f64); 5] = [
    (Fault::Killed, "restart", 5_000.0),
    (Fault::Sick, "restart", 5_000.0),
    (Fault::StoreKilled, "restart", 5_000.0),
    (Fault::Stuck, "restart", 10_000.0),
    (Fault::Full, "clean_disk", 5_000.0),
];

pub(crate) fn claims(summary: &Summary) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut claim = |holds, text: String| claims.push(Claim { text, holds });
    let incidents = || summary.incidents.iter();
    for (fault, action, within) in REPAIRS {
        if fault == Fault::StoreKilled && !summary.redis {
            continue;
        }
        let of: Vec<&Incident> = incidents().filter(|it| it.fault == Some(fault)).collect();
        let words = fault.words();
        let [it] = of.as_slice() else {
            claim(false, format!("{words}: one incident, and there are {}", of.len()));
            continue;
        };
        let helped = it.helped.as_deref().unwrap_or("nothing");
        claim(
            it.how == "Repaired" && helped == action,
            format!("{words}: repaired by {action}: ended as {}, by {helped}", it.how),
        );
        let restored = it.restored_ms.map_or("never".to_owned(), |ms| format!("{ms:.0} ms"));
        claim(
            it.restored_ms.is_some_and(|ms| ms <= within),
            format!("{words}: proved to be well within {within} ms of the strike: {restored}"),
        );
        let split = it.detect_ms + it.decide_ms + it.act_ms + it.verify_ms + it.soak_ms;
        let told = it.lines.last().map_or(0.0, |line| line.at_ms) + it.detect_ms;
        claim(
            (split - told).abs() < 50.0,
            format!("{words}: its times add up to {split:.0} ms of {told:.0} ms"),
        );
    }
    let shop = || incidents().filter(|it| it.target == "shop");
    let restarts: usize = shop().map(|it| it.actions.len()).sum();
    claim(
        restarts == 2,
        format!("the shop is restarted twice, for its own two faults: {restarts}"),
    );
    if summary.redis {
        let explained =
            |it: &Incident| it.holds.iter().any(|why| why.contains("explained by `store`"));
        let spared = shop().filter(|it| it.actions.is_empty());
        let spared = spared.filter(|it| explained(it) && it.how == "ByItself").count();
        claim(spared == 1, format!("without its store it is left alone, and told why: {spared}"));
    }
    let of = |target: &str| incidents().filter(|it| it.target == target).count();
    claim(of("clock") == 0, format!("nothing is wrong with the clock: {} incidents", of("clock")));
    claim(of("feed") == 0, format!("the feed is back by itself: {} incidents", of("feed")));
    let flaps = incidents().filter(|it| it.target == "partner" && it.kind == "flapping").count();
    claim(flaps == 1, format!("that the partner flaps is told once: {flaps}"));
    let moved = incidents().flat_map(|it| &it.actions).filter(|it| *it == "fail_over").count();
    claim(moved == 0, format!("and nothing drastic is done about it: {moved} fail-overs"));
    let open = incidents().filter(|it| it.how == "open").count();
    claim(open == 0, format!("every incident is over at the end: {open} are open"));
    for it in &summary.availability {
        claim(
            it.healed > it.bare && it.healed >= 0.75,
            format!(
                "{} works longer with a healer: {:.3}, and {:.3} without",
                it.part, it.healed, it.bare
            ),
        );
    }
    let worse = |it: &Learned| it.failures > it.successes && it.expected_percent > 80.0;
    let right = !summary.learned.is_empty() && !summary.learned.iter().any(worse);
    claim(right, "what did not help is expected to help less".to_owned());
    claim(
        !summary.told_apart && summary.records > 0,
        format!("{} records tell all that the healer knew", summary.records),
    );
    claims
}
