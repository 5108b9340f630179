//! A cache: a value of its own is set, read back and deleted.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, clock};
use salve_health::{Check, Finding, Running};

use crate::Thresholds;
use crate::reason::{line, millis};

const ROOM: &str = "checks/cache";

/// The settings of a check of a cache.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// What its keys begin with; the rest is different in each run. Default `salve:check:`; at
    /// most 200 bytes.
    pub prefix: String,
    /// How long the cache may keep a value that was not deleted because its run was cut short.
    /// Default 10 s; 1 s to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub keep: Duration,
    /// Bounds of the time that all steps take together, in milliseconds. Default none.
    pub latency: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        let keep = Duration::from_secs(10);
        Self { prefix: "salve:check:".to_owned(), keep, latency: Thresholds::NONE }
    }
}

impl Config {
    /// Sets what its keys begin with.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long the cache may keep what was not deleted.
    #[must_use]
    pub const fn with_keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// Sets the bounds of the time it takes, in milliseconds.
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
        bounds.range("prefix", self.prefix.len(), 0, 200)?;
        let (second, day) = (Duration::from_secs(1), Duration::from_secs(24 * 3_600));
        bounds.duration("keep", self.keep, second, day)?;
        self.latency.validate(ROOM, "latency", (0.0, f64::MAX))
    }
}

/// What a cache can do. Three methods around a client of one's own.
pub trait Cache: Send + Sync + 'static {
    /// What goes wrong.
    type Error: fmt::Display + Send;

    /// Sets a value that is forgotten after `keep`.
    fn set(
        &self,
        key: &str,
        value: &str,
        keep: Duration,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Reads a value.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<String>, Self::Error>> + Send;

    /// Forgets a value.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Sets a value under a key that nobody else has, reads it, deletes it and sees that it is gone.
#[derive(Debug)]
pub struct CacheCheck<C> {
    config: Config,
    cache: C,
}

impl<C: Cache> CacheCheck<C> {
    /// Goes round in `cache` in each run.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, cache: C) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, cache })
    }

    /// Goes round; an error is what the cache does wrong.
    async fn round(&self) -> Result<(), String> {
        let at = |step: &'static str| move |error: C::Error| line(&format!("{step}: {error}"));
        let key = format!("{}{:032x}", self.config.prefix, fastrand::u128(..));
        let value = format!("{:032x}", fastrand::u128(..));
        self.cache.set(&key, &value, self.config.keep).await.map_err(at("set"))?;
        let read = self.cache.get(&key).await;
        // Whatever was read, nothing stays behind.
        let deleted = self.cache.delete(&key).await;
        match read.map_err(at("get"))? {
            Some(found) if found == value => (),
            Some(_) => return Err("another value was read than was set".to_owned()),
            None => return Err("the value that was set is not there".to_owned()),
        }
        deleted.map_err(at("delete"))?;
        match self.cache.get(&key).await.map_err(at("get"))? {
            None => Ok(()),
            Some(_) => Err("the value that was deleted is still there".to_owned()),
        }
    }
}

impl<C: Cache> Check for CacheCheck<C> {
    fn run(&self) -> Running<'_> {
        Box::pin(async {
            let began = clock::now();
            match self.round().await {
                Err(reason) => Finding::fail(reason),
                Ok(()) => {
                    let took = millis(clock::now().since(began));
                    self.config.latency.judge(took, "ms", "the round trip")
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use salve_health::Status;
    use tokio::time::sleep;

    use super::*;

    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        None,
        RefusesToSet,
        Forgets,
        Garbles,
        KeepsTheDeleted,
        Slow,
    }

    struct Store {
        fault: Fault,
        values: Mutex<BTreeMap<String, String>>,
        keys: Mutex<Vec<String>>,
    }

    impl Cache for Store {
        type Error = &'static str;

        async fn set(&self, key: &str, value: &str, keep: Duration) -> Result<(), Self::Error> {
            assert_eq!(keep, Duration::from_secs(10));
            self.keys.lock().unwrap().push(key.to_owned());
            match self.fault {
                Fault::RefusesToSet => return Err("read only"),
                Fault::Forgets => return Ok(()),
                Fault::Slow => sleep(Duration::from_millis(30)).await,
                _ => (),
            }
            self.values.lock().unwrap().insert(key.to_owned(), value.to_owned());
            Ok(())
        }

        async fn get(&self, key: &str) -> Result<Option<String>, Self::Error> {
            let value = self.values.lock().unwrap().get(key).cloned();
            Ok(value.map(|it| if self.fault == Fault::Garbles { it + "?" } else { it }))
        }

        async fn delete(&self, key: &str) -> Result<(), Self::Error> {
            if self.fault != Fault::KeepsTheDeleted {
                self.values.lock().unwrap().remove(key);
            }
            Ok(())
        }
    }

    fn check(fault: Fault) -> CacheCheck<Store> {
        let store = Store { fault, values: Mutex::default(), keys: Mutex::default() };
        let config = Config::default().with_latency(Thresholds::rising(20.0, 1_000.0));
        CacheCheck::new(config, store).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn each_fault_has_its_reason() {
        for (fault, reason) in [
            (Fault::RefusesToSet, "set: read only"),
            (Fault::Forgets, "the value that was set is not there"),
            (Fault::Garbles, "another value was read than was set"),
            (Fault::KeepsTheDeleted, "the value that was deleted is still there"),
        ] {
            assert_eq!(check(fault).run().await, Finding::fail(reason));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_leaves_nothing_behind_and_never_uses_a_key_twice() {
        let check = check(Fault::None);
        for _ in 0..3 {
            assert_eq!(check.run().await.status, Status::Pass);
        }
        assert!(check.cache.values.lock().unwrap().is_empty());
        let mut keys = check.cache.keys.lock().unwrap().clone();
        keys.dedup();
        assert_eq!(keys.len(), 3);
        assert!(keys.iter().all(|key| key.starts_with("salve:check:")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_round_is_a_warning_with_its_time() {
        let finding = check(Fault::Slow).run().await;
        assert_eq!(finding.status, Status::Warn);
        assert_eq!(
            finding.value.map(|it| (it.value, it.unit.into_owned())),
            Some((30.0, "ms".into()))
        );
    }
}
