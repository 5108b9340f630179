//! Experiments: a hypothesis, faults for a while, an abort as soon as it breaks, and a report.

mod game_day;
mod lab;
#[cfg(all(feature = "guard", target_os = "linux"))]
mod machine;
mod ready;
mod refusal;
mod report;
mod run;
mod turns;

use std::collections::HashSet;
use std::time::Duration;

use salve_core::{Check, ConfigError, Name, Ratio, Sensor};

use crate::config::{ROOM, validate_rules};
use crate::fault::Kind;
use crate::rule::Rule;
use crate::sequential::Harm;
use crate::shared::LONGEST_OUTSIDE;

pub use game_day::{GameDay, GameDayReport, Round};
pub use lab::{Lab, LabConfig};
pub use ready::Ready;
pub use refusal::{Elsewhere, Refusal};
pub use report::{Advice, Breach, Cause, Observation, Report, Status, TargetReport};

/// What is to be tried, on which points, and what must stay true meanwhile.
///
/// What strikes calls is compared with a control group. What is no call has none: it is judged by
/// the steady state alone.
///
/// ```
/// use std::time::Duration;
/// use salve_chaos::experiment::{Bound, Experiment};
///
/// let experiment = Experiment::latency_spike("api", Duration::from_secs(2), Duration::from_secs(60))
///     .with_steady(Bound::at_most("failure_rate", 0.05));
/// assert_eq!(experiment.name, "latency-spike");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Experiment {
    /// What it is called.
    pub name: Name,
    /// Who answers for it. Default its own name.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub owner: Option<Name>,
    /// The names of the chaos points that are armed, all at once. 1 to as many as the lab allows.
    pub targets: Vec<Name>,
    /// What is done: to the calls of the experiment's group, or to what is no call, such as checks,
    /// clocks, connections and processes. Not both in one experiment. At least one rule.
    pub rules: Vec<Rule>,
    /// The steady state: what must be known and hold before it begins, and hold to its end.
    /// Default nothing, which safe mode refuses.
    #[cfg_attr(feature = "serde", serde(default))]
    pub steady: Vec<Bound>,
    /// What ends it as well, where it is known. Default an open breaker (`open` above 0) and a
    /// burning error budget (`burn_rate` above 14.4, which spends two percent of a month in an
    /// hour).
    #[cfg_attr(feature = "serde", serde(default = "halts"))]
    pub halts: Vec<Bound>,
    /// How long it lasts. Default 60 s; 1 s to what the lab allows.
    #[cfg_attr(feature = "serde", serde(default = "minute", with = "duration"))]
    pub duration: Duration,
    /// The share of all calls in the experiment's group, and again as many in the control
    /// group. Default 5 %; above 0 to 50 %.
    #[cfg_attr(feature = "serde", serde(default = "five_percent"))]
    pub share: Ratio,
    /// From when on a call that works is a bad one all the same. Default never.
    #[cfg_attr(feature = "serde", serde(default, with = "optional_duration"))]
    pub slow: Option<Duration>,
    /// When the experiment's group fares worse than the control group.
    #[cfg_attr(feature = "serde", serde(default))]
    pub harm: Harm,
    /// How often the readings are looked at. Default 1 s; 10 ms to 1 min. The faults end by
    /// themselves when three looks fail to come.
    #[cfg_attr(feature = "serde", serde(default = "second", with = "duration"))]
    pub interval: Duration,
    /// How long the steady state may take to come back. Default 60 s; up to 1 h.
    #[cfg_attr(feature = "serde", serde(default = "minute", with = "duration"))]
    pub recovery: Duration,
    /// With fewer calls in either group it says nothing. Default 20; at least 1.
    #[cfg_attr(feature = "serde", serde(default = "twenty"))]
    pub min_calls: u64,
}

#[cfg(feature = "serde")]
use salve_core::settings::{duration, optional_duration};

fn halts() -> Vec<Bound> {
    vec![Bound::at_most("open", 0.0), Bound::at_most("burn_rate", 14.4)]
}

const fn minute() -> Duration {
    Duration::from_secs(60)
}

const fn second() -> Duration {
    Duration::from_secs(1)
}

const fn five_percent() -> Ratio {
    Ratio::percent::<5>()
}

const fn twenty() -> u64 {
    20
}

/// Where a reading must lie.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Bound {
    /// Whose reading; any sensor's by default, and then of all of them.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub sensor: Option<Name>,
    /// Which reading.
    pub reading: Name,
    /// The least that is right. Default none.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub at_least: Option<f64>,
    /// The most that is right. Default none.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub at_most: Option<f64>,
}

impl Bound {
    /// This reading must not be above `most`.
    #[must_use]
    pub fn at_most(reading: impl Into<Name>, most: f64) -> Self {
        Self { sensor: None, reading: reading.into(), at_least: None, at_most: Some(most) }
    }

    /// This reading must not be below `least`.
    #[must_use]
    pub fn at_least(reading: impl Into<Name>, least: f64) -> Self {
        Self { sensor: None, reading: reading.into(), at_least: Some(least), at_most: None }
    }

    /// Looks at this sensor alone.
    #[must_use]
    pub fn of(mut self, sensor: impl Into<Name>) -> Self {
        self.sensor = Some(sensor.into());
        self
    }

    /// Whether a value lies where it must; what is no number does not.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        !value.is_nan()
            && self.at_least.is_none_or(|least| value >= least)
            && self.at_most.is_none_or(|most| value <= most)
    }

    /// The value of the reading: one outside of the bound if there is any; `None` if nobody has it.
    fn value(&self, sensors: &[Box<dyn Sensor>]) -> Option<f64> {
        let mut found: Option<f64> = None;
        for sensor in sensors {
            if self.sensor.as_ref().is_some_and(|name| name != sensor.name()) {
                continue;
            }
            sensor.read(&mut |reading| {
                let wanted = self.reading == reading.name;
                if wanted && found.is_none_or(|value| self.holds(value)) {
                    found = Some(reading.value);
                }
            });
        }
        found
    }

    fn validate(&self, check: Check) -> Result<(), ConfigError> {
        let some = self.at_least.is_some() || self.at_most.is_some();
        check.that("steady", &self.reading, some, "bounded below or above")
    }
}

impl Experiment {
    /// An experiment of 60 s on the chaos point `target`, with the default reach.
    #[must_use]
    pub fn new(name: impl Into<Name>, target: impl Into<Name>, rule: Rule) -> Self {
        Self {
            name: name.into(),
            owner: None,
            targets: vec![target.into()],
            rules: vec![rule],
            steady: Vec::new(),
            halts: halts(),
            duration: minute(),
            share: five_percent(),
            slow: None,
            harm: Harm::default(),
            interval: second(),
            recovery: minute(),
            min_calls: twenty(),
        }
    }

    /// Every call of the experiment's group takes longer by `latency`, for `duration`.
    #[must_use]
    pub fn latency_spike(target: impl Into<Name>, latency: Duration, duration: Duration) -> Self {
        let rule = Rule::new("latency-spike", crate::Fault::latency(latency));
        Self::new("latency-spike", target, rule.with_share(Ratio::ONE)).with_duration(duration)
    }

    /// Adds a target.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<Name>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// Sets who answers for it.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<Name>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    pub(crate) fn owner(&self) -> String {
        match &self.owner {
            Some(owner) => owner.to_string(),
            None => format!("experiment {}", self.name),
        }
    }

    /// Adds to the steady state.
    #[must_use]
    pub fn with_steady(mut self, bound: Bound) -> Self {
        self.steady.push(bound);
        self
    }

    /// Adds to what ends it.
    #[must_use]
    pub fn with_halt(mut self, bound: Bound) -> Self {
        self.halts.push(bound);
        self
    }

    /// Sets how long it lasts.
    #[must_use]
    pub const fn with_duration(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// Sets the share of all calls in the experiment's group.
    #[must_use]
    pub const fn with_share(mut self, share: Ratio) -> Self {
        self.share = share;
        self
    }

    /// Sets from when on a call that works is a bad one all the same.
    #[must_use]
    pub const fn with_slow(mut self, slow: Duration) -> Self {
        self.slow = Some(slow);
        self
    }

    /// Sets when the experiment's group fares worse than the control group.
    #[must_use]
    pub const fn with_harm(mut self, harm: Harm) -> Self {
        self.harm = harm;
        self
    }

    /// Sets how often the readings are looked at.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long the steady state may take to come back.
    #[must_use]
    pub const fn with_recovery(mut self, recovery: Duration) -> Self {
        self.recovery = recovery;
        self
    }

    /// The kinds of fault in it.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.rules.iter().map(|rule| rule.fault.kind())
    }

    /// Whether there is a control group.
    pub(crate) fn is_compared(&self) -> bool {
        self.kinds().all(Kind::is_compared)
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        check.range("targets", self.targets.len(), 1, 1_000)?;
        let mut seen = HashSet::new();
        if let Some(twice) = self.targets.iter().find(|target| !seen.insert(*target)) {
            return check.that("targets", twice, false, "named once");
        }
        check.range("rules", self.rules.len(), 1, 1_000)?;
        validate_rules(&self.rules)?;
        let hour = Duration::from_secs(3_600);
        let outside = self.kinds().any(Kind::is_outside);
        let most = if outside { LONGEST_OUTSIDE } else { 24 * hour };
        check.duration("duration", self.duration, second(), most)?;
        check.duration("interval", self.interval, Duration::from_millis(10), minute())?;
        check.duration("recovery", self.recovery, Duration::ZERO, hour)?;
        // Every look is in the report.
        let looks = (self.duration + self.recovery).as_nanos() / self.interval.as_nanos().max(1);
        check.range("interval", looks, 0, 100_000)?;
        check.range("min_calls", self.min_calls, 1, u64::MAX)?;
        let half = Ratio::percent::<50>();
        let share = self.share > Ratio::ZERO && self.share <= half;
        check.that("share", self.share, share, "above 0%, to 50%")?;
        self.harm.validate()?;
        let stray = self.kinds().find(|kind| !kind.is_compared());
        let compared = self.kinds().any(Kind::is_compared);
        if let Some(stray) = stray.filter(|_| compared) {
            return check.that("fault", stray, false, "apart from what strikes calls");
        }
        self.steady.iter().chain(&self.halts).try_for_each(|bound| bound.validate(check))
    }
}
