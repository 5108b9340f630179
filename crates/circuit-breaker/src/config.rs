//! The settings of a circuit breaker, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name, Ratio};

use crate::open_wait::OpenWait;

pub(crate) const ROOM: &str = "circuit-breaker";

/// The settings of a circuit breaker. Without any rule it only follows its operator.
///
/// ```
/// use salve_circuit_breaker::{Config, Rate, Window};
/// use salve_core::Ratio;
/// use std::time::Duration;
///
/// let config = Config::new("inventory")
///     .with_consecutive_failures(5)
///     .with_rate(Rate::of_failures(Window::Calls(100), Ratio::percent::<50>()))
///     .with_open_for(Duration::from_secs(30));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in rejections and events. Default `circuit-breaker`.
    pub name: Name,
    /// Trips at this many failures without a success between them. Default none; 1 or more.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub consecutive_failures: Option<u32>,
    /// Trips at a number of failures within a time, whatever succeeds between them.
    /// Default 5 within 60 s.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub failures_within: Option<FailuresWithin>,
    /// Trips at a share of failed or slow calls. Default none.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub rate: Option<Rate>,
    /// How long it stays open before it probes. Default 60 s.
    pub open_wait: OpenWait,
    /// How many probes are let through, at once and in all, while it is half-open.
    /// Default 3; 1 to 10,000.
    pub probes: u32,
    /// How many probes must succeed for it to close. Default 2; 1 to `probes`.
    pub successes_to_close: u32,
    /// After this time a probe that has not answered gives its place back. Default 30 s.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub probe_deadline: Duration,
    /// How the admitted share grows after the probes have succeeded. Default none: all at once.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub ramp: Option<Ramp>,
    /// What a call that its caller drops counts as. Default neutral.
    pub on_cancel: OnCancel,
    /// Whether it refuses calls or only says that it would have. Default enforced.
    pub enforcement: Enforcement,
}

/// A number of failures within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct FailuresWithin {
    /// How many failures trip. 1 to 10,000.
    pub failures: u32,
    /// How long a failure counts. 1 ms to 24 h; one that is exactly this old no longer does.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub within: Duration,
}

/// A share of the calls in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Rate {
    /// The calls that are looked at.
    pub window: Window,
    /// How many calls the window must hold before the rule may trip. Default 10; from 1, and at
    /// most the window's length where that is in calls.
    #[cfg_attr(feature = "serde", serde(default = "ten_calls"))]
    pub minimum_calls: u32,
    /// Trips at this share of failures. Above 0.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub failures: Option<Ratio>,
    /// Trips at this share of slow calls, failed or not.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub slow: Option<SlowCalls>,
}

/// When calls are slow, and how large a share of them trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SlowCalls {
    /// The share of slow calls that trips. Above 0.
    pub share: Ratio,
    /// A call that takes this long or longer is slow. Above 0, at most 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub after: Duration,
}

/// Which calls a rate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Window {
    /// Exactly the last so many calls. 1 to 1,000,000.
    Calls(u32),
    /// The calls of the last so much time, in steps of a tenth. 10 ms to 24 h.
    Time(#[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration),
}

/// How the admitted share grows from half-open to closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Ramp {
    /// The share that is admitted at first. Above 0.
    pub floor: Ratio,
    /// What it takes to reach the whole.
    pub over: RampOver,
}

/// What it takes to reach the end of a ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RampOver {
    /// This much time. 1 ms to 24 h.
    Time(#[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration),
    /// This many admitted calls. 1 or more.
    Calls(u32),
}

/// What a call counts as that its caller dropped before it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum OnCancel {
    /// Neither a success nor a failure.
    #[default]
    Neutral,
    /// A failure, if it had been running for this long or longer; else neutral.
    FailureAfter(
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration,
    ),
}

pub(crate) const MS: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[cfg(feature = "serde")]
const fn ten_calls() -> u32 {
    10
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            consecutive_failures: None,
            failures_within: Some(FailuresWithin { failures: 5, within: Duration::from_secs(60) }),
            rate: None,
            open_wait: OpenWait::Constant(Duration::from_secs(60)),
            probes: 3,
            successes_to_close: 2,
            probe_deadline: Duration::from_secs(30),
            ramp: None,
            on_cancel: OnCancel::Neutral,
            enforcement: Enforcement::Enforce,
        }
    }
}

impl Config {
    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Settings for one of many clients of a busy dependency: 10 failures without a success between
    /// them open it for 1 s. Random errors do not trip it, and it is back soon after the dependency
    /// is. `salve::stack` begins with these: they fared best of the plain rules in the family's scoreboard,
    /// where the [default](Self::default) keeps too many calls away.
    #[must_use]
    pub fn quick(name: impl Into<Name>) -> Self {
        let rule = Self::new(name).without_rules().with_consecutive_failures(10);
        rule.with_open_for(Duration::from_secs(1))
    }

    /// Removes every rule, for a breaker that is built up from none.
    #[must_use]
    pub const fn without_rules(mut self) -> Self {
        self.consecutive_failures = None;
        self.failures_within = None;
        self.rate = None;
        self
    }

    /// Trips at this many failures without a success between them.
    #[must_use]
    pub const fn with_consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive_failures = Some(failures);
        self
    }

    /// Trips at this many failures within this time.
    #[must_use]
    pub const fn with_failures_within(mut self, failures: u32, within: Duration) -> Self {
        self.failures_within = Some(FailuresWithin { failures, within });
        self
    }

    /// Trips at a share of failed or slow calls.
    #[must_use]
    pub const fn with_rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Stays open for the same time after each trip.
    #[must_use]
    pub fn with_open_for(mut self, wait: Duration) -> Self {
        self.open_wait = OpenWait::Constant(wait);
        self
    }

    /// Sets how long it stays open.
    #[must_use]
    pub fn with_open_wait(mut self, wait: OpenWait) -> Self {
        self.open_wait = wait;
        self
    }

    /// Lets this many probes through, of which so many must succeed.
    #[must_use]
    pub const fn with_probes(mut self, probes: u32, successes_to_close: u32) -> Self {
        self.probes = probes;
        self.successes_to_close = successes_to_close;
        self
    }

    /// Sets how long a probe may take before its place is given back.
    #[must_use]
    pub const fn with_probe_deadline(mut self, deadline: Duration) -> Self {
        self.probe_deadline = deadline;
        self
    }

    /// Lets the admitted share grow after the probes have succeeded.
    #[must_use]
    pub const fn with_ramp(mut self, floor: Ratio, over: RampOver) -> Self {
        self.ramp = Some(Ramp { floor, over });
        self
    }

    /// Sets what a dropped call counts as.
    #[must_use]
    pub const fn with_on_cancel(mut self, on_cancel: OnCancel) -> Self {
        self.on_cancel = on_cancel;
        self
    }

    /// Sets whether calls are refused or only counted as such.
    #[must_use]
    pub const fn with_enforcement(mut self, enforcement: Enforcement) -> Self {
        self.enforcement = enforcement;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        if let Some(failures) = self.consecutive_failures {
            check.range("consecutive_failures", failures, 1, u32::MAX)?;
        }
        if let Some(rule) = self.failures_within {
            check.range("failures_within.failures", rule.failures, 1, 10_000)?;
            check.duration("failures_within.within", rule.within, MS, DAY)?;
        }
        if let Some(rate) = &self.rate {
            rate.validate(check)?;
        }
        self.open_wait.validate(check)?;
        check.range("probes", self.probes, 1, 10_000)?;
        check.range("successes_to_close", self.successes_to_close, 1, self.probes)?;
        check.duration("probe_deadline", self.probe_deadline, MS, DAY)?;
        if let Some(ramp) = self.ramp {
            check.that("ramp.floor", ramp.floor, ramp.floor > Ratio::ZERO, "above 0%")?;
            match ramp.over {
                RampOver::Time(time) => check.duration("ramp.over", time, MS, DAY)?,
                RampOver::Calls(calls) => check.range("ramp.over", calls, 1, u32::MAX)?,
            }
        }
        if let OnCancel::FailureAfter(limit) = self.on_cancel {
            check.duration("on_cancel", limit, Duration::ZERO, DAY)?;
        }
        Ok(())
    }
}

impl Rate {
    /// Trips at this share of failures.
    #[must_use]
    pub const fn of_failures(window: Window, share: Ratio) -> Self {
        Self { window, minimum_calls: 10, failures: Some(share), slow: None }
    }

    /// Trips at this share of calls that take so long or longer.
    #[must_use]
    pub const fn of_slow_calls(window: Window, share: Ratio, after: Duration) -> Self {
        Self { window, minimum_calls: 10, failures: None, slow: Some(SlowCalls { share, after }) }
    }

    /// Trips at this share of slow calls too.
    #[must_use]
    pub const fn or_slow_calls(mut self, share: Ratio, after: Duration) -> Self {
        self.slow = Some(SlowCalls { share, after });
        self
    }

    /// Sets how many calls the window must hold before the rule may trip.
    #[must_use]
    pub const fn with_minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = calls;
        self
    }

    fn validate(&self, check: Check) -> Result<(), ConfigError> {
        let most = match self.window {
            Window::Calls(calls) => {
                check.range("rate.window", calls, 1, 1_000_000)?;
                calls
            }
            Window::Time(time) => {
                check.duration("rate.window", time, 10 * MS, DAY)?;
                u32::MAX
            }
        };
        check.range("rate.minimum_calls", self.minimum_calls, 1, most)?;
        let some_rule = self.failures.is_some() || self.slow.is_some();
        check.that("rate.failures", "not set", some_rule, "set where `rate.slow` is not")?;
        if let Some(share) = self.failures {
            check.that("rate.failures", share, share > Ratio::ZERO, "above 0%")?;
        }
        if let Some(slow) = self.slow {
            check.that("rate.slow.share", slow.share, slow.share > Ratio::ZERO, "above 0%")?;
            check.duration("rate.slow.after", slow.after, Duration::from_nanos(1), DAY)?;
        }
        Ok(())
    }
}
