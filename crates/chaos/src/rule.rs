//! A fault together with the calls that it strikes.

use std::num::NonZeroU32;
use std::time::Duration;

use salve_core::{Check, Class, ConfigError, Name, Ratio};

use crate::call::Call;
use crate::dice::{self, Dice};
use crate::fault::{Fault, Kind};
use crate::schedule::Schedule;

/// A fault, and which calls it strikes: those that `aim` names, of them a share, while the
/// schedule holds.
///
/// ```
/// use std::time::Duration;
/// use salve_chaos::{Burst, Fault, Rule};
/// use salve_core::Ratio;
///
/// let rule = Rule::new("errors in bursts", Fault::ERROR)
///     .with_share(Ratio::percent::<20>())
///     .with_burst(Burst { mean_length: 8.0 });
/// assert!(rule.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Rule {
    /// What it is called in events and reports.
    pub name: Name,
    /// What happens to the calls that it strikes.
    pub fault: Fault,
    /// The share of the calls aimed at that it strikes. Default 1 %.
    #[cfg_attr(feature = "serde", serde(default = "one_percent"))]
    pub share: Ratio,
    /// Which calls it is about. Default all that are not critical.
    #[cfg_attr(feature = "serde", serde(default))]
    pub aim: Aim,
    /// When it strikes. Default always.
    #[cfg_attr(feature = "serde", serde(default))]
    pub schedule: Schedule,
    /// Whether strikes come in runs. Default each call for itself.
    #[cfg_attr(feature = "serde", serde(default, with = "optional"))]
    pub burst: Option<Burst>,
    /// Strikes the calls above a quota, of which it then strikes the share. Default no quota.
    #[cfg_attr(feature = "serde", serde(default, with = "optional"))]
    pub quota: Option<Quota>,
}

#[cfg(feature = "serde")]
use salve_core::settings::optional;

/// Which calls a rule is about. Empty lists ask for nothing; a call that does not say what is
/// asked for is not aimed at.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Aim {
    /// Calls of these classes. Default sheddable and normal; critical calls only where they are
    /// named.
    pub classes: Vec<Class>,
    /// Calls of these operations. Default any.
    pub operations: Vec<Name>,
    /// Calls with these keys. Default any.
    pub keys: Vec<Name>,
    /// Calls that go to these replicas. Default any.
    pub replicas: Vec<Name>,
    /// Calls of these tenants. Default any.
    pub tenants: Vec<Name>,
    /// Calls of this share of all tenants, always the same ones, in every process with the same
    /// seed. Default all.
    pub tenant_share: Ratio,
    /// Calls whose key lies on one shard. Default any.
    #[cfg_attr(feature = "serde", serde(with = "optional"))]
    pub shard: Option<Shard>,
}

/// One of several shards, by the hash of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Shard {
    /// Which, counted from 0.
    pub nth: u32,
    /// Of how many.
    pub of: NonZeroU32,
}

/// Strikes in runs of a length, as real faults come (Gilbert 1960, Elliott 1963): a chain of two
/// states, in one of which every call is struck. The rule's share holds over the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Burst {
    /// How many calls in a row are struck, on the average; 1 to 1,000,000, and long enough for the
    /// share: at least `share / (1 - share)`.
    pub mean_length: f64,
}

/// So many calls pass in each span of time, and those above are struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Quota {
    /// How many calls pass.
    pub calls: u32,
    /// In which time, counted in whole spans since arming; 1 ms to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub per: Duration,
}

#[cfg(feature = "serde")]
const fn one_percent() -> Ratio {
    Ratio::percent::<1>()
}

impl Rule {
    /// A rule for one percent of all calls that are not critical.
    #[must_use]
    pub fn new(name: impl Into<Name>, fault: Fault) -> Self {
        Self {
            name: name.into(),
            fault,
            share: Ratio::percent::<1>(),
            aim: Aim::default(),
            schedule: Schedule::Always,
            burst: None,
            quota: None,
        }
    }

    /// Sets the share of the calls aimed at that it strikes.
    #[must_use]
    pub const fn with_share(mut self, share: Ratio) -> Self {
        self.share = share;
        self
    }

    /// Sets which calls it is about.
    #[must_use]
    pub fn with_aim(mut self, aim: Aim) -> Self {
        self.aim = aim;
        self
    }

    /// Sets when it strikes.
    #[must_use]
    pub const fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Lets strikes come in runs.
    #[must_use]
    pub const fn with_burst(mut self, burst: Burst) -> Self {
        self.burst = Some(burst);
        self
    }

    /// Strikes only calls above a quota.
    #[must_use]
    pub const fn with_quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(crate::config::ROOM);
        self.fault.validate(check)?;
        self.schedule.validate(check)?;
        self.aim.validate(check)?;
        if let Some(quota) = self.quota {
            let (ms, day) = (Duration::from_millis(1), Duration::from_secs(24 * 60 * 60));
            check.duration("quota.per", quota.per, ms, day)?;
        }
        if let Some(burst) = self.burst {
            let share = self.share.as_f64();
            // Runs of that length cannot make up the share if nothing may lie between them.
            let least = if share < 1.0 { (share / (1.0 - share)).max(1.0) } else { 1.0 };
            check.range("burst.mean_length", burst.mean_length, least, 1e6)?;
        }
        let kind = self.fault.kind();
        if let Fault::Clock(skew) = self.fault {
            let whole = self.burst.is_none() && self.quota.is_none();
            check.that("fault", kind, whole, "without bursts and quota: a clock makes no calls")?;
            check.that("fault", kind, skew.fits(self.schedule), "no drift or halt by degrees")?;
        }
        if kind.is_held() {
            let whole =
                self.schedule == Schedule::Always && self.burst.is_none() && self.quota.is_none();
            check.that("fault", kind, whole, "without schedule, bursts and quota: it is held")?;
        }
        let ends = self.schedule.left(Duration::ZERO).is_some();
        check.that("fault", kind, kind != Kind::Stall || ends, "with a window or a period")?;
        let any = Aim { classes: self.aim.classes.clone(), ..Aim::default() };
        let unasked = matches!(kind, Kind::Unready | Kind::Clock) || kind.is_held();
        let known = !unasked || self.aim == any;
        check.that("fault", kind, known, "for any request: none is known here")
    }
}

impl Default for Aim {
    fn default() -> Self {
        Self {
            classes: vec![Class::Sheddable, Class::Normal],
            operations: Vec::new(),
            keys: Vec::new(),
            replicas: Vec::new(),
            tenants: Vec::new(),
            tenant_share: Ratio::ONE,
            shard: None,
        }
    }
}

impl Aim {
    /// Calls of this operation.
    #[must_use]
    pub fn operation(name: impl Into<Name>) -> Self {
        Self { operations: vec![name.into()], ..Self::default() }
    }

    /// Calls with this key.
    #[must_use]
    pub fn key(key: impl Into<Name>) -> Self {
        Self { keys: vec![key.into()], ..Self::default() }
    }

    /// Calls that go to this replica.
    #[must_use]
    pub fn replica(name: impl Into<Name>) -> Self {
        Self { replicas: vec![name.into()], ..Self::default() }
    }

    /// Calls whose key lies on this shard.
    #[must_use]
    pub fn shard(nth: u32, of: NonZeroU32) -> Self {
        Self { shard: Some(Shard { nth, of }), ..Self::default() }
    }

    /// Names critical calls too, besides those of the other classes.
    #[must_use]
    pub fn with_critical(mut self) -> Self {
        if !self.classes.contains(&Class::Critical) {
            self.classes.push(Class::Critical);
        }
        self
    }

    /// Aims at this share of all tenants, always the same ones.
    #[must_use]
    pub const fn with_tenant_share(mut self, share: Ratio) -> Self {
        self.tenant_share = share;
        self
    }

    /// Whether the rule is about this call; `tenants` is the same in every process.
    pub(crate) fn takes(&self, call: &Call<'_>, tenants: Dice) -> bool {
        let named = |names: &[Name], value: Option<&str>| {
            names.is_empty() || value.is_some_and(|value| names.iter().any(|name| name == value))
        };
        self.classes.contains(&call.class())
            && named(&self.operations, call.operation_text())
            && named(&self.keys, call.key_text())
            && named(&self.replicas, call.replica_text())
            && named(&self.tenants, call.tenant_text())
            && self.takes_share(call.tenant_text(), tenants)
            && self.shard.is_none_or(|shard| call.key_text().is_some_and(|key| shard.holds(key)))
    }

    fn takes_share(&self, tenant: Option<&str>, tenants: Dice) -> bool {
        self.tenant_share == Ratio::ONE
            || tenant.is_some_and(|it| tenants.of(it).unit() < self.tenant_share.as_f64())
    }

    fn validate(&self, check: Check) -> Result<(), ConfigError> {
        check.range("aim.classes", self.classes.len(), 1, 3)?;
        for (field, names) in [
            ("aim.operations", &self.operations),
            ("aim.keys", &self.keys),
            ("aim.replicas", &self.replicas),
            ("aim.tenants", &self.tenants),
        ] {
            check.range(field, names.len(), 0, 10_000)?;
        }
        match self.shard {
            Some(shard) => check.range("aim.shard.nth", shard.nth, 0, shard.of.get() - 1),
            None => Ok(()),
        }
    }
}

impl Shard {
    fn holds(self, key: &str) -> bool {
        // The lower bits of the hash alone follow the last characters too closely.
        (Dice::new(dice::text(key)).unit() * f64::from(self.of.get())) as u32 == self.nth
    }
}
