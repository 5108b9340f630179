//! What happened and what was seen, as plain data, and what is claimed about it. Shared with the test.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Everything that `--json` writes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Summary {
    /// Length of the run, in seconds.
    pub(crate) seconds: f64,
    /// How often any target changed its state.
    pub(crate) changes: usize,
    pub(crate) faults: Vec<Fault>,
}

/// In which way a server was broken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Kind {
    Killed,
    Stalled,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "killed",
            Self::Stalled => "stalled",
        })
    }
}

/// A fault and what was seen of it. Times are milliseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Fault {
    pub(crate) target: String,
    pub(crate) kind: Kind,
    /// When it happened, since the start.
    pub(crate) happened: f64,
    /// How long after that the target was first suspected.
    pub(crate) suspected_after: Option<f64>,
    /// How long after that the target was known to have failed.
    pub(crate) noticed_after: Option<f64>,
    /// The state it was seen in at the end of the fault.
    pub(crate) state: String,
    /// What the check said when the target had failed.
    pub(crate) reason: String,
    /// When it was over, since the start.
    pub(crate) mended: f64,
    /// How long after that the target was known to be healthy.
    pub(crate) recovered_after: Option<f64>,
    /// How often the target changed its state from the fault to the end of the peace after it.
    pub(crate) changes: usize,
}

/// Something that is said about the run, and whether it is so.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) text: String,
    pub(crate) holds: bool,
}

/// The servers, and in how many ways each is broken.
const SERVERS: [&str; 4] = ["postgres", "redis", "sshd", "http"];

/// Two runs in a row convict: one begins within 220 ms and the next 110 ms after it has ended, on a tick of 50 ms.
/// A killed server refuses at once. That is so of three of four; a busy machine may keep one waiting.
const KILLED_MOSTLY_WITHIN: f64 = 1_000.0;
const KILLED_WITHIN: f64 = 3_000.0;
/// Of a stalled one each run takes its 1,500 ms.
const STALLED_MOSTLY_WITHIN: f64 = 4_000.0;
const STALLED_WITHIN: f64 = 6_000.0;
/// Two runs in a row acquit; one that hung may have to end first.
const RECOVERED_MOSTLY_WITHIN: f64 = 1_200.0;
const RECOVERED_WITHIN: f64 = 4_000.0;

pub(crate) fn claims(summary: &Summary) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut claim = |holds, text: String| claims.push(Claim { text, holds });
    for kind in [Kind::Killed, Kind::Stalled] {
        let (within, mostly) = match kind {
            Kind::Killed => (KILLED_WITHIN, KILLED_MOSTLY_WITHIN),
            Kind::Stalled => (STALLED_WITHIN, STALLED_MOSTLY_WITHIN),
        };
        for server in SERVERS {
            let happened = |it: &&Fault| it.target == server && it.kind == kind;
            let Some(fault) = summary.faults.iter().find(happened) else {
                claim(false, format!("{server} was {kind}"));
                continue;
            };
            claim(
                is_within(fault.noticed_after, within) && fault.state == "Failed",
                format!(
                    "{server} {kind}: noticed within {within} ms: {}, and it is {} then",
                    after(fault.noticed_after),
                    fault.state
                ),
            );
            claim(
                is_within(fault.recovered_after, RECOVERED_WITHIN),
                format!(
                    "{server} back: noticed within {RECOVERED_WITHIN} ms: {}",
                    after(fault.recovered_after)
                ),
            );
        }
        let faults = || summary.faults.iter().filter(|it| it.kind == kind);
        let noticed = faults().filter(|it| is_within(it.noticed_after, mostly)).count();
        claim(noticed >= 3, format!("{kind}: noticed within {mostly} ms, of 4: {noticed}"));
        let within = RECOVERED_MOSTLY_WITHIN;
        let noticed = faults().filter(|it| is_within(it.recovered_after, within)).count();
        claim(
            noticed >= 3,
            format!("{kind} and back: noticed within {within} ms, of 4: {noticed}"),
        );
    }
    let refused =
        |it: &&Fault| it.kind == Kind::Killed && it.reason.to_lowercase().contains("refused");
    let refused = summary.faults.iter().filter(refused).count();
    claim(refused == 4, format!("of 4 killed servers, all refused: {refused}"));
    let hung = |it: &&Fault| it.kind == Kind::Stalled && it.reason.contains("no answer within");
    let hung = summary.faults.iter().filter(hung).count();
    claim(hung == 4, format!("of 4 stalled servers, none answered: {hung}"));
    // Whatever else changed its state was well and taken for ill.
    let explained: usize = summary.faults.iter().map(|fault| fault.changes).sum();
    claim(
        explained == summary.changes && explained > 0,
        format!("of {} changes of state, all belong to a fault: {explained}", summary.changes),
    );
    claims
}

fn is_within(after: Option<f64>, ms: f64) -> bool {
    after.is_some_and(|after| after <= ms)
}

fn after(ms: Option<f64>) -> String {
    ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0} ms"))
}
