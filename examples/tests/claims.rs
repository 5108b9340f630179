//! What `protect` claims must fail when the run does not bear it out; checked on made-up summaries.

#[path = "../protect/summary.rs"]
mod summary;

use std::collections::BTreeMap;

use summary::{FaultReport, Lane, Summary, claims};

type Spoil = fn(&mut Lane);

fn fault(name: &str, ok: u64, notice_ms: Option<f64>) -> FaultReport {
    FaultReport {
        name: name.to_owned(),
        total: matches!(name, "kill" | "stall" | "500" | "429"),
        from_ms: 0.0,
        until_ms: 5000.0,
        calls: 100,
        ok,
        attempts: 100,
        notice_ms,
        recover_ms: Some(0.0),
    }
}

fn lane(client: &str, style: &str, ok: u64) -> Lane {
    let ssh = client == "openssh";
    let notice = (style != "bare").then_some(500.0);
    let faults = [("kill", 0), ("stall", 20), ("500", 0), ("429", 0)]
        .map(|(name, ok)| fault(name, ok, notice))
        .into_iter()
        .chain([fault("stalled body", 50, None), fault("truncated body", 50, None)]);
    Lane {
        client: client.to_owned(),
        style: style.to_owned(),
        calls: 1000,
        ok,
        unfinished: 0,
        attempts: 1000,
        sent_into_dead: if style == "bare" { 500 } else { 20 },
        never_sent: 0,
        p50_ms: Some(7.0),
        p99_ms: Some(900.0),
        ok_p50_ms: Some(7.0),
        ok_p99_ms: Some(9.0),
        faults: if ssh { Vec::new() } else { faults.collect() },
        repeated_posts: (!ssh).then_some(0),
        dropped_connections: ssh.then_some(if style == "bare" { 50 } else { 0 }),
        reasons: BTreeMap::new(),
    }
}

fn good() -> Summary {
    let lanes = ["reqwest", "hyper-util", "openssh"]
        .into_iter()
        .flat_map(|client| [lane(client, "bare", 600), lane(client, "salve", 995)])
        .collect();
    Summary { seconds: 60, seed: 1, interrupted: false, lanes }
}

/// The texts of the claims that fail once `spoil` has been at the lane of `client` in `style`.
fn broken(client: &str, style: &str, spoil: impl Fn(&mut Lane)) -> Vec<String> {
    let mut summary = good();
    let lanes = summary.lanes.iter_mut();
    lanes.filter(|lane| lane.client == client && lane.style == style).for_each(spoil);
    claims(&summary).into_iter().filter(|it| !it.holds).map(|it| it.text).collect()
}

#[test]
fn a_good_run_bears_out_every_claim() {
    assert_eq!(broken("reqwest", "salve", |_| ()), Vec::<String>::new());
    assert!(claims(&good()).len() > 20);
}

#[test]
fn an_interrupted_run_claims_nothing() {
    assert!(claims(&Summary { interrupted: true, ..good() }).is_empty());
}

#[test]
fn each_shortcoming_of_the_protected_player_breaks_its_own_claim() {
    let spoilt: [(&str, Spoil, &str); 7] = [
        ("reqwest", |it| it.ok = 600, "of calls succeeded"),
        ("reqwest", |it| it.sent_into_dead = 101, "sent into the dead origin"),
        ("hyper-util", |it| it.faults[0].notice_ms = None, "kill: not noticed"),
        ("hyper-util", |it| it.faults[1].notice_ms = Some(3001.0), "stall: noticed after 3001 ms"),
        ("reqwest", |it| it.faults[4].recover_ms = Some(3001.0), "not at all after: stalled body"),
        ("reqwest", |it| it.repeated_posts = Some(1), "1 POSTs carried out twice"),
        ("openssh", |it| it.dropped_connections = Some(1), "sshd dropped 1 connections"),
    ];
    for (client, spoil, text) in spoilt {
        let broken = broken(client, "salve", spoil);
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].starts_with(&format!("{client} salve: ")), "{broken:?}");
        assert!(broken[0].contains(text), "{broken:?} does not say {text:?}");
    }
}

#[test]
fn a_fault_that_the_bare_player_did_not_feel_breaks_the_claim_that_it_was_real() {
    let unfelt = broken("reqwest", "bare", |it| it.faults[0].ok = 100);
    assert_eq!(unfelt, ["reqwest bare: kill: 100.0 % of calls succeeded"]);
    let missing = broken("reqwest", "bare", |it| it.faults.retain(|it| it.name != "429"));
    assert_eq!(missing, ["reqwest bare: 429: did not happen"]);
    let calm = broken("openssh", "bare", |it| it.dropped_connections = Some(0));
    assert_eq!(calm, ["openssh bare: sshd dropped 0 connections past MaxStartups"]);
}
