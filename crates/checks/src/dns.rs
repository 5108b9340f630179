//! A name, looked up as every program of this system does it: hosts file, name servers and all.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};

use salve_core::{Check as Bounds, ConfigError, clock};
use salve_health::{Check, Finding, Running, blocking};

use crate::Thresholds;
use crate::reason::{line, millis};

const ROOM: &str = "checks/dns";

/// The settings of a check of a name.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// The name. Default `localhost`; 1 to 253 bytes.
    pub name: String,
    /// Addresses that it has to have. Default any; at most 64.
    pub addresses: Vec<IpAddr>,
    /// Bounds of the time for it, in milliseconds. Default none.
    pub latency: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        let name = "localhost".to_owned();
        Self { name, addresses: Vec::new(), latency: Thresholds::NONE }
    }
}

impl Config {
    /// Looks this name up.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets the addresses that it has to have.
    #[must_use]
    pub fn with_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.addresses = addresses.into_iter().collect();
        self
    }

    /// Sets the bounds of the time for it, in milliseconds.
    #[must_use]
    pub const fn with_latency(mut self, bounds: Thresholds) -> Self {
        self.latency = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("name", self.name.len(), 1, 253)?;
        bounds.range("addresses", self.addresses.len(), 0, 64)?;
        self.latency.validate(ROOM, "latency", (0.0, f64::MAX))
    }

    fn judge(&self, found: io::Result<Vec<IpAddr>>, took: f64) -> Finding {
        let found = match found {
            Ok(found) => found,
            Err(error) => return Finding::fail(line(&error.to_string())),
        };
        if found.is_empty() {
            return Finding::fail("it has no address").with_value(took, "ms");
        }
        match self.addresses.iter().find(|address| !found.contains(address)) {
            Some(missing) => Finding::fail(line(&format!("{missing} is not among {found:?}")))
                .with_value(took, "ms"),
            None => self.latency.judge(took, "ms", "the answer"),
        }
    }
}

/// Looks a name up in each run. The value is the time for it in milliseconds.
///
/// The system's resolver blocks, so it runs among tokio's blocking threads; while one run hangs, no
/// other is started.
#[derive(Debug)]
pub struct DnsCheck(salve_health::Blocking);

impl DnsCheck {
    /// Looks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(blocking(move || {
            let began = clock::now();
            let found = (config.name.as_str(), 0).to_socket_addrs();
            let found = found.map(|found| found.map(|address| address.ip()).collect());
            config.judge(found, millis(clock::now().since(began)))
        })))
    }
}

impl Check for DnsCheck {
    fn run(&self) -> Running<'_> {
        self.0.run()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use salve_health::Status;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn every_expected_address_has_to_be_there() {
        let config = Config::default().with_addresses([HERE]);
        assert_eq!(config.judge(Ok(vec![THERE, HERE]), 1.0).status, Status::Pass);
        let other = config.judge(Ok(vec![THERE]), 1.0);
        assert_eq!(other.reason.as_deref(), Some("127.0.0.1 is not among [192.0.2.1]"));
        assert_eq!(Config::default().judge(Ok(Vec::new()), 1.0).status, Status::Fail);
        let slow = Config::default().with_latency(Thresholds::rising(50.0, 500.0));
        assert_eq!(slow.judge(Ok(vec![HERE]), 50.0).status, Status::Warn);
    }

    #[tokio::test]
    async fn this_system_is_asked() {
        let check = |config| DnsCheck::new(config).unwrap();
        let known = check(Config::default().with_addresses([HERE])).run().await;
        assert_eq!(known.status, Status::Pass, "{known:?}");
        let unknown = check(Config::new("no-such-host.invalid")).run().await;
        assert_eq!(unknown.status, Status::Fail, "{unknown:?}");
        assert!(unknown.reason.is_some_and(|reason| !reason.is_empty()));
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let refused = |config| DnsCheck::new(config).unwrap_err().field().to_owned();
        assert_eq!(refused(Config::new("")), "name");
        assert_eq!(refused(Config::default().with_addresses(vec![HERE; 65])), "addresses");
    }
}
