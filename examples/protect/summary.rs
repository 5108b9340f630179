//! What the run found, as plain data, and what it claims about it. Shared with the test.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that `--json` writes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Summary {
    /// Length of the run that was asked for, in seconds.
    pub(crate) seconds: u64,
    /// From this number all arrivals were drawn.
    pub(crate) seed: u64,
    /// Whether the run was ended before its time; then nothing is claimed.
    pub(crate) interrupted: bool,
    pub(crate) lanes: Vec<Lane>,
}

/// One client in one style, with a server of its own.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Lane {
    /// `reqwest`, `hyper-util` or `openssh`.
    pub(crate) client: String,
    /// `bare` or `salve`.
    pub(crate) style: String,
    /// Calls that came due.
    pub(crate) calls: u64,
    pub(crate) ok: u64,
    /// Calls that had no end when the run was closed.
    pub(crate) unfinished: u64,
    /// Calls that reached the raw client, retries counted.
    pub(crate) attempts: u64,
    /// Attempts made while the origin was killed or stopped.
    pub(crate) sent_into_dead: u64,
    /// Calls that ended, well or not, without any attempt.
    pub(crate) never_sent: u64,
    /// From when a call was due to its end, over all calls and over those that succeeded.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) ok_p50_ms: Option<f64>,
    pub(crate) ok_p99_ms: Option<f64>,
    pub(crate) faults: Vec<FaultReport>,
    /// `POST`s that the origin carried out more than once.
    pub(crate) repeated_posts: Option<u64>,
    /// Connections that sshd dropped for exceeding MaxStartups.
    pub(crate) dropped_connections: Option<u64>,
    /// Why calls failed.
    pub(crate) reasons: BTreeMap<String, u64>,
}

/// One lane during one fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FaultReport {
    pub(crate) name: String,
    /// Whether it spared no call; only then is there something to notice.
    pub(crate) total: bool,
    /// When it really began and ended, in milliseconds of the run.
    pub(crate) from_ms: f64,
    pub(crate) until_ms: f64,
    /// Calls due between the two, and how many of them succeeded.
    pub(crate) calls: u64,
    pub(crate) ok: u64,
    /// Attempts sent between the two.
    pub(crate) attempts: u64,
    /// Until less than a tenth of the calls was sent on; `None` if never.
    pub(crate) notice_ms: Option<f64>,
    /// From the end of the fault until all was well again; `None` if not before the next fault.
    pub(crate) recover_ms: Option<f64>,
}

impl Lane {
    /// The share of calls that succeeded, 0 to 1.
    pub(crate) fn success(&self) -> f64 {
        share(self.ok, self.calls)
    }

    /// The report of the fault with this name, if this lane was exposed to it.
    pub(crate) fn fault(&self, name: &str) -> Option<&FaultReport> {
        self.faults.iter().find(|fault| fault.name == name)
    }
}

impl FaultReport {
    /// The share of calls that succeeded, 0 to 1.
    pub(crate) fn success(&self) -> f64 {
        share(self.ok, self.calls)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A sentence about the run, and whether the run bears it out.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) text: String,
    pub(crate) holds: bool,
}

/// What share of a bare client's calls each fault lets through, least and most. A stall lets those
/// through that came so late in it that their own limit outlasts it. The others let none through, but a busy
/// machine may be a second late to bring the fault about, or to notice that it has ended it.
const EXPOSED: [(&str, f64, f64); 6] = [
    ("kill", 0.0, 0.4),
    ("stall", 0.0, 0.9),
    ("500", 0.0, 0.4),
    ("429", 0.0, 0.4),
    ("stalled body", 0.3, 0.7),
    ("truncated body", 0.3, 0.7),
];
const SSH: &str = "openssh";

/// By how many points of a hundred the protected player must succeed more often; two players that do
/// the same differ by less.
const GAINED: f64 = 1.0;
/// How much the protected player may still send into a dead origin, as a share of what the bare one
/// sends; and how long it may take to notice a dead origin and to be well again after any fault.
const STILL_SENT: f64 = 0.2;
const NOTICED_MS: f64 = 3000.0;
const RECOVERED_MS: f64 = 3000.0;
/// What share of SSH operations must succeed though they arrive in storms.
const SSH_SUCCESS: f64 = 0.99;

/// Everything that the summary claims. An interrupted run claims nothing.
pub(crate) fn claims(summary: &Summary) -> Vec<Claim> {
    let mut claims = Vec::new();
    if summary.interrupted {
        return claims;
    }
    for lane in &summary.lanes {
        if lane.style == "bare" {
            exposed(lane, &mut claims);
        }
        let bare = |other: &&Lane| other.client == lane.client && other.style == "bare";
        if let (true, Some(bare)) = (lane.style != "bare", summary.lanes.iter().find(bare)) {
            protected(lane, bare, &mut claims);
        }
        if let Some(repeated) = lane.repeated_posts {
            claim(&mut claims, lane, &format!("{repeated} POSTs carried out twice"), repeated == 0);
        }
        let lost = format!("{} of {} calls without an end", lane.unfinished, lane.calls);
        claim(&mut claims, lane, &lost, lane.unfinished == 0 && lane.calls > 0);
    }
    claims
}

/// The faults were real: they hit a client that nothing protects, and it was well again after them.
fn exposed(lane: &Lane, claims: &mut Vec<Claim>) {
    if lane.client == SSH {
        let dropped = lane.dropped_connections.unwrap_or(0);
        let text = format!("sshd dropped {dropped} connections past MaxStartups");
        claim(claims, lane, &text, dropped > 0);
        return;
    }
    for (name, least, most) in EXPOSED {
        let share = lane.fault(name).map(FaultReport::success);
        let text = match share {
            Some(share) => format!("{name}: {:.1} % of calls succeeded", share * 100.0),
            None => format!("{name}: did not happen"),
        };
        claim(claims, lane, &text, share.is_some_and(|share| (least..=most).contains(&share)));
    }
    recovered(lane, f64::INFINITY, claims);
}

/// What protection gained over the bare client, which got the same calls and the same faults.
fn protected(lane: &Lane, bare: &Lane, claims: &mut Vec<Claim>) {
    let (gained, was) = (lane.success() * 100.0, bare.success() * 100.0);
    let text = format!("{gained:.1} % of calls succeeded, {was:.1} % bare");
    claim(claims, lane, &text, gained >= was + GAINED);
    if lane.client == SSH {
        let dropped = lane.dropped_connections;
        let text = format!("sshd dropped {} connections", dropped.unwrap_or(0));
        claim(claims, lane, &text, dropped == Some(0));
        let text = format!("at least {:.0} % of operations succeeded", SSH_SUCCESS * 100.0);
        claim(claims, lane, &text, lane.success() >= SSH_SUCCESS);
        return;
    }
    let (sent, would) = (lane.sent_into_dead, bare.sent_into_dead);
    let text = format!("{sent} attempts sent into the dead origin, {would} bare");
    claim(claims, lane, &text, sent as f64 <= would as f64 * STILL_SENT);
    for name in ["kill", "stall"] {
        let noticed = lane.fault(name).and_then(|fault| fault.notice_ms);
        let text = match noticed {
            Some(ms) => format!("{name}: noticed after {ms:.0} ms"),
            None => format!("{name}: not noticed"),
        };
        claim(claims, lane, &text, noticed.is_some_and(|ms| ms <= NOTICED_MS));
    }
    recovered(lane, RECOVERED_MS, claims);
}

fn recovered(lane: &Lane, within_ms: f64, claims: &mut Vec<Claim>) {
    let late = |fault: &&FaultReport| fault.recover_ms.is_none_or(|ms| ms > within_ms);
    let names: Vec<&str> = lane.faults.iter().filter(late).map(|it| it.name.as_str()).collect();
    let slowest = lane.faults.iter().filter_map(|fault| fault.recover_ms).fold(0.0, f64::max);
    let text = match names[..] {
        [] => format!("well again {slowest:.0} ms after each of {} faults", lane.faults.len()),
        _ => format!("well again too late or not at all after: {}", names.join(", ")),
    };
    claim(claims, lane, &text, names.is_empty() && !lane.faults.is_empty());
}

fn claim(claims: &mut Vec<Claim>, lane: &Lane, text: &str, holds: bool) {
    claims.push(Claim { text: format!("{} {}: {text}", lane.client, lane.style), holds });
}
