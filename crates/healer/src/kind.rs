//! What is wrong: the kinds of incidents, how grave they are, and how sure the evidence is.

use std::fmt;

use salve_core::Name;
use serde::{Deserialize, Serialize};

/// What is wrong with a target. Strategies are found by it; in files and records it is its word.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Name", into = "Name")]
pub enum Kind {
    /// A process or pod ends again and again, or was killed for its memory.
    PodCrash,
    /// The processor is used above its threshold.
    HighCpu,
    /// Memory is used above its threshold.
    HighMemory,
    /// A file system is nearly full.
    DiskFull,
    /// The network answers late.
    NetworkLatency,
    /// The database answers late.
    SlowDatabase,
    /// A certificate ends soon.
    CertificateExpiry,
    /// A known vulnerability is open.
    Vulnerability,
    /// Something is not configured as it should be.
    ConfigDrift,
    /// The network fails.
    Network,
    /// A database fails.
    Database,
    /// A service fails: what a failed check says by default.
    Service,
    /// More is asked than can be served. Nothing that takes capacity away is picked for it.
    Overload,
    /// A target fails and recovers again and again. Raised by the healer.
    Flapping,
    /// Many fail together. Raised by the healer, for a group or for everything.
    Correlated,
    /// A kind of the user's own.
    Custom(Name),
}

impl Kind {
    /// Every kind but the user's own.
    pub const ALL: [Self; 15] = [
        Self::PodCrash,
        Self::HighCpu,
        Self::HighMemory,
        Self::DiskFull,
        Self::NetworkLatency,
        Self::SlowDatabase,
        Self::CertificateExpiry,
        Self::Vulnerability,
        Self::ConfigDrift,
        Self::Network,
        Self::Database,
        Self::Service,
        Self::Overload,
        Self::Flapping,
        Self::Correlated,
    ];

    /// The word for it, such as `disk_full`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::PodCrash => "pod_crash",
            Self::HighCpu => "high_cpu",
            Self::HighMemory => "high_memory",
            Self::DiskFull => "disk_full",
            Self::NetworkLatency => "network_latency",
            Self::SlowDatabase => "slow_database",
            Self::CertificateExpiry => "certificate_expiry",
            Self::Vulnerability => "vulnerability",
            Self::ConfigDrift => "config_drift",
            Self::Network => "network",
            Self::Database => "database",
            Self::Service => "service",
            Self::Overload => "overload",
            Self::Flapping => "flapping",
            Self::Correlated => "correlated",
            Self::Custom(name) => name.as_str(),
        }
    }
}

impl From<Name> for Kind {
    /// A word that is not known is a kind of the user's own.
    fn from(word: Name) -> Self {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == word.as_str());
        known.unwrap_or(Self::Custom(word))
    }
}

impl From<&'static str> for Kind {
    fn from(word: &'static str) -> Self {
        Self::from(Name::literal(word))
    }
}

impl From<Kind> for Name {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Custom(name) => name,
            known => Self::from(known.as_str().to_owned()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How grave an incident is, the gravest last.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A warning.
    Low,
    /// Degraded or recovering.
    Medium,
    /// It fails.
    #[default]
    High,
    /// It fails, and repairing it has not helped, or must not wait.
    Critical,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sure it is that something is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A probe has failed as often as it must, a threshold was crossed long enough, or a person says so.
    #[default]
    Confirmed,
    /// A detector finds it unusual. That is enough for what does no harm, and for nothing else.
    Statistical,
}
