//! The rows of the history, as plain data.

use salve_healer::Wall;

/// A table of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Table {
    /// The last known state of each breaker.
    CircuitBreakers,
    /// How breakers have moved.
    CircuitBreakerStateHistory,
    /// What checks have found.
    HealthChecks,
    /// How each target has fared.
    ComponentHealthSummary,
    /// What happened on the way to a recovery.
    RecoveryEvents,
    /// How levels of service have moved.
    DegradationState,
    /// How much is left of features.
    FeatureFlags,
    /// Chaos experiments.
    ChaosExperiments,
    /// The whole, now and then.
    SystemHealthSnapshots,
    /// Incidents.
    SelfHealingIssues,
    /// What was done about them.
    SelfHealingRemediations,
    /// Scores of the whole and of components.
    HealthScores,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 12] = [
        Self::CircuitBreakers,
        Self::CircuitBreakerStateHistory,
        Self::HealthChecks,
        Self::ComponentHealthSummary,
        Self::RecoveryEvents,
        Self::DegradationState,
        Self::FeatureFlags,
        Self::ChaosExperiments,
        Self::SystemHealthSnapshots,
        Self::SelfHealingIssues,
        Self::SelfHealingRemediations,
        Self::HealthScores,
    ];

    /// Its name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CircuitBreakers => "circuit_breakers",
            Self::CircuitBreakerStateHistory => "circuit_breaker_state_history",
            Self::HealthChecks => "health_checks",
            Self::ComponentHealthSummary => "component_health_summary",
            Self::RecoveryEvents => "recovery_events",
            Self::DegradationState => "degradation_state",
            Self::FeatureFlags => "feature_flags",
            Self::ChaosExperiments => "chaos_experiments",
            Self::SystemHealthSnapshots => "system_health_snapshots",
            Self::SelfHealingIssues => "self_healing_issues",
            Self::SelfHealingRemediations => "self_healing_remediations",
            Self::HealthScores => "health_scores",
        }
    }
}

/// One row. Texts are in the words of the rooms they come from; secrets are taken out of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Row {
    /// How a breaker is; a later row of that name takes its place.
    Breaker {
        /// Its name.
        name: String,
        /// Its state.
        state: String,
        /// Calls that succeeded, failed and were refused, and how often it has opened, since its start.
        counts: [u64; 4],
    },
    /// A breaker has moved.
    BreakerMoved {
        /// Its name.
        name: String,
        /// Its state now.
        state: String,
        /// Why.
        reason: String,
    },
    /// What a check has found.
    Check {
        /// The target.
        target: String,
        /// `pass`, `warn`, `unknown` or `fail`.
        status: String,
        /// How long it took, in milliseconds.
        latency_ms: f64,
        /// What was measured, and what it counts.
        value: Option<(f64, String)>,
        /// Why the target is not well.
        reason: Option<String>,
    },
    /// How a target has fared; a later row of that target takes its place.
    Summary {
        /// The target.
        target: String,
        /// Its state.
        state: String,
        /// 0 to 100.
        score: Option<u8>,
        /// The share of time in which it worked, 0 to 1.
        uptime: Option<f64>,
        /// The share of results that were failures, 0 to 1.
        failure_rate: Option<f64>,
        /// In milliseconds.
        mean_time_to_recovery_ms: Option<f64>,
    },
    /// Something on the way to a recovery.
    Recovery {
        /// The incident.
        incident: u64,
        /// What, such as `verified`.
        what: String,
        /// Why.
        why: String,
    },
    /// A level of service has moved.
    Level {
        /// Of which ladder.
        ladder: String,
        /// The level before.
        from: String,
        /// The level now.
        to: String,
        /// What moved it.
        cause: String,
    },
    /// More or less is left of a feature.
    Feature {
        /// Of which ladder.
        ladder: String,
        /// The feature.
        feature: String,
        /// How much is left, in percent.
        percent: u8,
    },
    /// A chaos experiment has begun or ended.
    Experiment {
        /// Its name.
        name: String,
        /// Who answers for it.
        owner: String,
        /// What became of it.
        state: String,
        /// Its report.
        report: Option<String>,
    },
    /// The whole.
    Snapshot {
        /// `pass`, `warn`, `unknown` or `fail`.
        status: String,
        /// 0 to 100.
        score: Option<u8>,
        /// Targets that are up, down, and of which nothing is known.
        targets: [u64; 3],
    },
    /// An incident was opened.
    Issue {
        /// Its number.
        id: u64,
        /// What is wrong.
        kind: String,
        /// How grave it is.
        severity: String,
        /// With what.
        resource: String,
        /// Why it was opened.
        description: String,
        /// Since when it is wrong.
        detected_at: Wall,
    },
    /// An incident has ended.
    IssueEnded {
        /// Its number.
        id: u64,
        /// Whether by an action.
        remediated: bool,
    },
    /// An action was decided on.
    Remediation {
        /// The plan's number.
        id: u64,
        /// For which incident.
        issue: u64,
        /// The action.
        action: String,
        /// At what.
        description: String,
    },
    /// An action has gone on.
    RemediationMoved {
        /// The plan's number.
        id: u64,
        /// Where it stands.
        step: Step,
        /// What is said of it.
        why: String,
    },
    /// Scores.
    Scores {
        /// Of all, 0 to 100.
        overall: Option<u8>,
        /// Of each component.
        components: Vec<(String, Option<u8>)>,
        /// Incidents that are open, and incidents that an action has ended, since the journal began.
        issues: [u64; 2],
    },
}

/// Where an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It has begun.
    Started,
    /// It has ended, and it is not known whether it has helped.
    Finished,
    /// It has helped, and it has lasted.
    Succeeded,
    /// It has not worked or not helped.
    Failed,
    /// It was undone.
    RolledBack,
    /// It is not carried out.
    Dropped,
}

impl Step {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::Dropped => "dropped",
        }
    }
}
