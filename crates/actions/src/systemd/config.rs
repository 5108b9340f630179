//! What is done to a unit, and to which.

use salve_core::text::line;
use salve_core::{Check, ConfigError};
use salve_healer::ActionMeta;

use super::ROOM;

/// What is done to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Job {
    /// Started, if it is not active. Rolled back, it is stopped again.
    Start,
    /// Stopped, if it is active. Rolled back, it is started again.
    Stop,
    /// Started anew, and for the first time if it is not active.
    Restart,
    /// Told to read its settings again.
    Reload,
}

impl Job {
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Start => "StartUnit",
            Self::Stop => "StopUnit",
            Self::Restart => "RestartUnit",
            Self::Reload => "ReloadUnit",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }

    /// What is known of it, whatever the unit.
    pub(super) fn meta(self) -> ActionMeta {
        let meta = ActionMeta::default().idempotent();
        match self {
            Self::Start => meta.reversible(),
            Self::Stop => meta.reversible().restarts().reduces_capacity(),
            Self::Restart => meta.restarts(),
            Self::Reload => meta,
        }
    }
}

/// Which unit is meant, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// The unit with its type, such as `nginx.service`; `{target}` in it becomes the target's name. Default none;
    /// needed; at most 255 bytes.
    pub unit: String,
    /// The address of the bus, such as `unix:path=/run/user/1000/bus` for a user's units. Default
    /// that of the system.
    pub bus: Option<String>,
}

impl Config {
    /// This unit of the system.
    #[must_use]
    pub fn new(unit: impl Into<String>) -> Self {
        Self { unit: unit.into(), bus: None }
    }

    /// Sets the address of the bus.
    #[must_use]
    pub fn with_bus(mut self, address: impl Into<String>) -> Self {
        self.bus = Some(address.into());
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let parts = self.unit.split_once('.');
        let typed = parts.is_some_and(|(name, kind)| !name.is_empty() && !kind.is_empty());
        let fits = typed && self.unit.len() <= 255;
        Check::room(ROOM).that("unit", line(&self.unit), fits, "a unit as `nginx.service`")
    }
}
