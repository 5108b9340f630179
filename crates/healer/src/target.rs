//! What is watched and repaired, and how it is.

use std::fmt;

use salve_core::{Name, Place};
use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// What is watched and repaired.
///
/// ```
/// use salve_core::Place;
/// use salve_healer::{Priority, Target};
///
/// let target = Target::new("api-1", "service")
///     .with_place(Place::new().in_group("api").in_domain("zone-a").needs("database"))
///     .with_priority(Priority::High);
/// assert_eq!(target.class, "service");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name, which no other target has.
    pub name: Name,
    /// What it is, such as `service` or `database`. Strategies and learning go by class.
    pub class: Name,
    /// Its group, failure domain and dependencies. Default nowhere.
    #[serde(default)]
    pub place: Place,
    /// Who goes first among incidents that are equally grave. Default medium.
    #[serde(default)]
    pub priority: Priority,
    /// What its failed checks are taken for. Default [`Kind::Service`].
    #[serde(default = "service")]
    pub kind: Kind,
    /// Whether its failed checks open incidents by themselves. Default yes.
    #[serde(default = "yes")]
    pub healed: bool,
    /// Whether it is a witness: it is looked at, so that the healer knows whether it sees at all, and is
    /// never repaired. Default no.
    #[serde(default)]
    pub witness: bool,
}

const fn service() -> Kind {
    Kind::Service
}

const fn yes() -> bool {
    true
}

impl Target {
    /// A target of this class, in no group and in need of nothing.
    #[must_use]
    pub fn new(name: impl Into<Name>, class: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            class: class.into(),
            place: Place::new(),
            priority: Priority::default(),
            kind: service(),
            healed: true,
            witness: false,
        }
    }

    /// A witness: something that stands on nothing that is healed and that whoever sees anything can see, such as
    /// the resolver, the gateway, or what is seen from another place.
    ///
    /// Nothing is ever done to it, and a report about it is no incident. While most witnesses fail, what is
    /// seen of the targets is taken for worth nothing ([`Doubt`](crate::policy::Doubt)).
    ///
    /// ```
    /// let resolver = salve_healer::Target::witness("resolver");
    /// assert!(resolver.witness && !resolver.healed);
    /// ```
    #[must_use]
    pub fn witness(name: impl Into<Name>) -> Self {
        Self { healed: false, witness: true, ..Self::new(name, Name::literal("witness")) }
    }

    /// Sets its place.
    #[must_use]
    pub fn with_place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Sets its priority.
    #[must_use]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets what its failed checks are taken for.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Only what is reported opens incidents, failed checks do not.
    #[must_use]
    pub const fn only_reported(mut self) -> Self {
        self.healed = false;
        self
    }
}

/// Who goes first among incidents that are equally grave.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After the others.
    Low,
    /// As most.
    #[default]
    Medium,
    /// Before the others.
    High,
}

/// How a target is, as whoever watches it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing recent is known. Every target is unknown when a healer starts.
    #[default]
    Unknown,
    /// It has started and is still in its grace: failures do not count yet.
    Starting,
    /// It works.
    Healthy,
    /// It works, with something wrong.
    Degraded,
    /// Its checks fail, but not yet as often as they must to be believed.
    Unhealthy,
    /// Its checks have failed as often as they must.
    Failed,
    /// Nobody watches it.
    Disabled,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Starting,
        Self::Healthy,
        Self::Degraded,
        Self::Unhealthy,
        Self::Failed,
        Self::Disabled,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
        }
    }

    /// Whether it is known to do its work.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }

    /// Whether it is convicted of not doing its work.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Failed)
    }

    /// Whether it is known how it is: not in its start, not silent, and watched.
    #[must_use]
    pub const fn is_known(self) -> bool {
        !matches!(self, Self::Unknown | Self::Starting | Self::Disabled)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
