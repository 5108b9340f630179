//! Where an incident stands, and where it may go from there.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where an incident stands.
///
/// ```text
///            ┌───────── denied, expired, stale ─────────┐
///            ▼                                          │
///  Open ──▶ AwaitingApproval ──▶ Planned ──▶ Acting ──▶ Verifying ──▶ Soaking ──▶ Over
///   │ ▲            └ only where one is needed   │          │             │
///   │ └─────────────── RollingBack ◀────────────┴──────────┴─────────────┘
///   ▼                                     what cannot be rolled back goes to Open
///  Escalated ──▶ Over           whoever is not busy may go to Over
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing is under way.
    Open,
    /// A plan waits for a person.
    AwaitingApproval,
    /// A plan waits for its start.
    Planned,
    /// The action runs.
    Acting,
    /// It is found out whether it helped.
    Verifying,
    /// It has helped; it is watched whether that lasts.
    Soaking,
    /// The action is being undone.
    RollingBack,
    /// A person has to look at it; nothing is done by itself.
    Escalated,
    /// It has ended.
    Over,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 9] = [
        Self::Open,
        Self::AwaitingApproval,
        Self::Planned,
        Self::Acting,
        Self::Verifying,
        Self::Soaking,
        Self::RollingBack,
        Self::Escalated,
        Self::Over,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Planned => "planned",
            Self::Acting => "acting",
            Self::Verifying => "verifying",
            Self::Soaking => "soaking",
            Self::RollingBack => "rolling_back",
            Self::Escalated => "escalated",
            Self::Over => "over",
        }
    }

    /// Whether `next` may follow.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use Phase::{
            Acting, AwaitingApproval, Escalated, Open, Over, Planned, RollingBack, Soaking,
            Verifying,
        };
        matches!(
            (self, next),
            (Open, AwaitingApproval | Planned | Escalated | Over)
                | (AwaitingApproval, Planned | Open | Over)
                | (Planned, Acting | Open | Over)
                | (Acting, Verifying | RollingBack | Open)
                | (Verifying, Soaking | RollingBack | Open)
                | (Soaking, RollingBack | Open | Over)
                | (RollingBack, Open)
                | (Escalated, Over)
        )
    }

    /// Whether the target is being worked on and its repair not yet verified.
    #[must_use]
    pub const fn is_busy(self) -> bool {
        matches!(self, Self::Acting | Self::Verifying | Self::RollingBack)
    }

    /// Whether a plan waits to be started.
    #[must_use]
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::AwaitingApproval | Self::Planned)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long an incident has been in which phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Open or planned: until it was decided what to do, and allowed.
    pub deciding: Duration,
    /// Waiting for a person.
    pub awaiting: Duration,
    /// Acting.
    pub acting: Duration,
    /// Verifying.
    pub verifying: Duration,
    /// Soaking.
    pub soaking: Duration,
    /// Rolling back.
    pub rolling_back: Duration,
}

impl Spent {
    pub(crate) const ZERO: Self = Self {
        deciding: Duration::ZERO,
        awaiting: Duration::ZERO,
        acting: Duration::ZERO,
        verifying: Duration::ZERO,
        soaking: Duration::ZERO,
        rolling_back: Duration::ZERO,
    };

    pub(crate) fn add(&mut self, phase: Phase, time: Duration) {
        let sum = match phase {
            Phase::Open | Phase::Planned => &mut self.deciding,
            Phase::AwaitingApproval | Phase::Escalated => &mut self.awaiting,
            Phase::Acting => &mut self.acting,
            Phase::Verifying => &mut self.verifying,
            Phase::Soaking => &mut self.soaking,
            Phase::RollingBack => &mut self.rolling_back,
            Phase::Over => return,
        };
        *sum = sum.saturating_add(time);
    }
}
