//! What others report: one incident however often it is told, and nothing for what is over.

use salve_core::Name;

use crate::due::{correlation, fingerprint};
use crate::gates::cause;
use crate::incident::{IncidentId, Opening, Subject};
use crate::kind::{Evidence, Kind, Severity};
use crate::policy::{HOUR, Policy};
use crate::record::Fact;
use crate::state::{MAX_OPEN, State};
use crate::time::Time;

/// Something is wrong, or no longer, as somebody says: a person, an alert, a wrapped call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// With which target.
    pub target: Name,
    /// What.
    pub kind: Kind,
    /// How grave it is.
    pub severity: Severity,
    /// How sure it is.
    pub evidence: Evidence,
    /// By what it is known again; by kind and target if there is none.
    pub fingerprint: Option<Name>,
    /// Since when.
    pub since: Option<Time>,
    /// Whether it is over.
    pub resolved: bool,
    /// Whether the target's condition tells when it is over, instead of another report.
    pub follows_condition: bool,
}

impl Report {
    /// Something of this kind is wrong with a target; another report will say that it is over.
    #[must_use]
    pub fn new(target: impl Into<Name>, kind: Kind, severity: Severity) -> Self {
        Self {
            target: target.into(),
            kind,
            severity,
            evidence: Evidence::Confirmed,
            fingerprint: None,
            since: None,
            resolved: false,
            follows_condition: false,
        }
    }

    /// It is over.
    #[must_use]
    pub const fn resolved(mut self) -> Self {
        self.resolved = true;
        self
    }

    /// The target's condition tells when it is over.
    #[must_use]
    pub const fn following_condition(mut self) -> Self {
        self.follows_condition = true;
        self
    }

    /// It is a suspicion.
    #[must_use]
    pub const fn suspected(mut self) -> Self {
        self.evidence = Evidence::Statistical;
        self
    }

    /// Sets by what it is known again.
    #[must_use]
    pub fn with_fingerprint(mut self, fingerprint: impl Into<Name>) -> Self {
        self.fingerprint = Some(fingerprint.into());
        self
    }
}

/// What comes of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It is new: a fact to write down, about this incident.
    New(IncidentId, Box<Fact>),
    /// It changes a known incident: a fact to write down.
    Changed(IncidentId, Box<Fact>),
    /// It is known, and nothing has changed.
    Known(IncidentId),
    /// It is over, and nobody knew of it.
    Nothing,
    /// There is no such target.
    NoSuchTarget,
    /// The target is a witness: it is looked at and never repaired.
    Witness,
    /// So many incidents are open that no more are taken.
    Full,
}

/// Takes a report in. Pure: the fact that comes of it is to be written down and applied.
#[must_use]
pub fn intake(state: &State, policy: &Policy, report: &Report, now: Time) -> Intake {
    let Some(watched) = state.targets().get(report.target.as_str()) else {
        return Intake::NoSuchTarget;
    };
    if watched.target.witness {
        return Intake::Witness;
    }
    let own = || fingerprint(&report.kind, report.target.as_str());
    let fingerprint = report.fingerprint.clone().unwrap_or_else(own);
    let known = state.incidents().find(|it| it.opening.fingerprint == fingerprint);
    if let Some(incident) = known {
        let (id, opening) = (incident.id(), &incident.opening);
        if report.resolved {
            return match incident.cleared {
                true => Intake::Known(id),
                false => Intake::Changed(id, Box::new(Fact::Cleared(id))),
            };
        }
        let (severity, evidence) = (report.severity, report.evidence);
        let surer = evidence == Evidence::Confirmed && opening.evidence != evidence;
        if severity > opening.severity || surer || incident.cleared {
            let fact = Fact::Raised { incident: id, severity, evidence };
            return Intake::Changed(id, Box::new(fact));
        }
        return Intake::Known(id);
    }
    if report.resolved {
        return Intake::Nothing;
    }
    if state.incidents.len() >= MAX_OPEN {
        return Intake::Full;
    }
    let id = IncidentId(state.incidents_opened + 1);
    let opening = Opening {
        id,
        correlation: correlation(state, policy, watched, now).unwrap_or(id),
        subject: Subject::Target(report.target.clone()),
        kind: report.kind.clone(),
        severity: report.severity,
        evidence: report.evidence,
        fingerprint,
        since: report.since.unwrap_or(now),
        change: state.recent_change(report.target.as_str(), now, HOUR).cloned(),
        follows_condition: report.follows_condition,
    };
    Intake::New(id, Box::new(Fact::Opened(opening)))
}

/// Whether a list of targets that was just read may be believed: it is not empty, and has not
/// lost more than half of those known. A list that may not is no reason to remove anybody.
#[must_use]
pub const fn is_plausible(known: usize, read: usize) -> bool {
    read > 0 && read.saturating_mul(2) >= known
}

/// Why a target's failure is not its own, if it is not.
#[must_use]
pub fn suppressed_by<'a>(
    state: &'a State,
    policy: &Policy,
    target: &str,
    now: Time,
) -> Option<&'a Name> {
    cause(state, policy, target, now)
}
