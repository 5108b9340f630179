//! The states of a target, and which may follow which.

use std::fmt;

/// What is thought of a target.
///
/// ```text
///  Starting ──▶ Healthy ◀──▶ Degraded      any but Disabled ──▶ Unknown: nothing recent is known
///      │           │ ▲          │ ▲        any but Disabled ──▶ Recovering: somebody repairs it
///      └───────────▼─┴──────────▼─┤        any ──▶ Disabled ──▶ Starting
///                Unhealthy ───────┤
///                  │              │
///                  ▼              │
///                Failed ◀──▶ Recovering
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum State {
    /// Nothing is known yet. Its failures do not count while its start-up grace lasts.
    Starting,
    /// It works.
    Healthy,
    /// It works, with something wrong.
    Degraded,
    /// Its checks fail, but not yet as often as its failure threshold.
    Unhealthy,
    /// Its checks have failed as often as its failure threshold.
    Failed,
    /// Somebody repairs it.
    Recovering,
    /// Its last result is too old to say anything.
    Unknown,
    /// It is not watched.
    Disabled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Healthy,
        Self::Degraded,
        Self::Unhealthy,
        Self::Failed,
        Self::Recovering,
        Self::Unknown,
        Self::Disabled,
    ];

    /// The word for it in reports and readings, in small letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Failed => "failed",
            Self::Recovering => "recovering",
            Self::Unknown => "unknown",
            Self::Disabled => "disabled",
        }
    }

    /// Whether it does its work.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }

    /// Whether it is known not to do its work.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Unhealthy | Self::Failed | Self::Recovering)
    }

    /// Whether `next` may follow this state.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Disabled, Self::Starting) => true,
            (Self::Disabled, _) | (_, Self::Starting) => false,
            // Who has been convicted is acquitted or repaired, but not suspected again.
            (Self::Failed | Self::Recovering, Self::Unhealthy) => false,
            _ => self as u8 != next as u8,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
