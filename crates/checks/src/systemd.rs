//! A unit of systemd, asked over D-Bus: it is active.

use std::collections::HashMap;

use salve_core::{Check as Bounds, ConfigError};
use salve_health::{Check, Finding, Running};
use zbus::connection::Builder;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath, Proxy};

use crate::reason::{chain, line};

const ROOM: &str = "checks/systemd";
const SYSTEMD: &str = "org.freedesktop.systemd1";

/// The settings of a check of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// The unit with its type, such as `nginx.service`. Default none; needed; at most 255 bytes.
    pub unit: String,
    /// The address of the bus, such as `unix:path=/run/user/1000/bus` for a user's units. Default that of the system.
    pub bus: Option<String>,
}

impl Config {
    /// Looks at this unit of the system.
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
        let typed = self.unit.len() <= 255
            && self
                .unit
                .split_once('.')
                .is_some_and(|(name, kind)| !name.is_empty() && !kind.is_empty());
        Bounds::room(ROOM).that("unit", line(&self.unit), typed, "a unit as `nginx.service`")
    }
}

/// Asks systemd for the state of a unit. The value is how often a service was restarted by systemd.
///
/// A unit that is not there is a failure; a bus that does not answer makes it unknown. Each run connects anew.
#[derive(Debug)]
pub struct UnitCheck {
    config: Config,
}

impl UnitCheck {
    /// Looks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config })
    }

    async fn ask(&self) -> zbus::Result<Finding> {
        let bus = match &self.config.bus {
            Some(address) => Builder::address(address.as_str()),
            None => Builder::system(),
        };
        let bus = bus.build().await?;
        let manager = "org.freedesktop.systemd1.Manager";
        let manager = Proxy::new(&bus, SYSTEMD, "/org/freedesktop/systemd1", manager).await?;
        // Loaded, since a unit that failed long ago may have been forgotten.
        let path: OwnedObjectPath = manager.call("LoadUnit", &(self.config.unit.as_str(),)).await?;
        let unit = properties(&bus, &path, "Unit").await?;
        let mut states = HashMap::new();
        for name in ["LoadState", "ActiveState", "SubState"] {
            states.insert(name, unit.get_property::<String>(name).await?);
        }
        let state = |name| states.get(name).map_or("", String::as_str);
        let finding = judge(state("LoadState"), state("ActiveState"), state("SubState"));
        if !self.config.unit.ends_with(".service") {
            return Ok(finding);
        }
        let service = properties(&bus, &path, "Service").await?;
        let restarts: u32 = service.get_property("NRestarts").await?;
        Ok(finding.with_value(f64::from(restarts), "restarts"))
    }
}

async fn properties<'a>(
    bus: &Connection,
    path: &'a OwnedObjectPath,
    kind: &str,
) -> zbus::Result<Proxy<'a>> {
    zbus::proxy::Builder::new(bus)
        .destination(SYSTEMD)
        .path(path)
        .interface(format!("{SYSTEMD}.{kind}"))
        .cache_properties(CacheProperties::No)
        .build()
        .await
}

/// By the states that `systemctl show` tells.
fn judge(load: &str, active: &str, sub: &str) -> Finding {
    if load == "not-found" {
        return Finding::fail("there is no such unit");
    }
    match (active, sub) {
        ("active", "exited") | ("active" | "reloading" | "refreshing", _) => Finding::pass(),
        // It has died and waits to be started again.
        ("activating", "auto-restart" | "auto-restart-queued") => {
            Finding::fail("it has failed and waits for its restart")
        }
        ("activating" | "deactivating" | "maintenance", _) => {
            Finding::warn(line(&format!("it is {active} ({sub})")))
        }
        ("inactive" | "failed", _) => Finding::fail(line(&format!("it is {active} ({sub})"))),
        _ => Finding::unknown(line(&format!("it is {active} ({sub})"))),
    }
}

impl Check for UnitCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(async {
            self.ask().await.unwrap_or_else(|error| {
                Finding::unknown(line(&format!("systemd: {}", chain(&error))))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use salve_health::Status;

    use super::*;

    #[test]
    fn each_state_of_a_unit_has_its_status() {
        for (active, sub, status) in [
            ("active", "running", Status::Pass),
            ("active", "exited", Status::Pass),
            ("reloading", "reload", Status::Pass),
            ("activating", "start", Status::Warn),
            ("activating", "auto-restart", Status::Fail),
            ("deactivating", "stop-sigterm", Status::Warn),
            ("inactive", "dead", Status::Fail),
            ("failed", "failed", Status::Fail),
            ("levitating", "", Status::Unknown),
        ] {
            assert_eq!(judge("loaded", active, sub).status, status, "{active} {sub}");
        }
        assert_eq!(judge("not-found", "inactive", "dead"), Finding::fail("there is no such unit"));
    }

    #[tokio::test]
    async fn a_bus_that_is_gone_makes_the_unit_unknown() {
        let config = Config::new("a.service").with_bus("unix:path=/nonexistent/bus");
        assert_eq!(UnitCheck::new(config).unwrap().run().await.status, Status::Unknown);
    }

    #[test]
    fn a_unit_without_its_type_is_refused() {
        assert_eq!(UnitCheck::new(Config::new("nginx")).unwrap_err().field(), "unit");
        assert_eq!(UnitCheck::new(Config::default()).unwrap_err().field(), "unit");
    }
}
