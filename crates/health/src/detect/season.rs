//! What is usual at this time of the day.

use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Moment, Ratio};

use super::rest::Rest;
use super::spread::Moments;
use super::{Oddity, Side, Stream};
use crate::config::{DAY, MINUTE, ROOM};

/// The settings of a [`Season`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct SeasonConfig {
    /// After what time everything comes again. Default 24 h; 1 min to 31 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub period: Duration,
    /// Into how many parts the period is cut, 24 bytes each. Default 48; 2 to 10,000.
    pub buckets: usize,
    /// In how many periods a part must have been seen before a value in it is judged. Default 3;
    /// 2 to 1,000.
    pub warm_up: u32,
    /// How much a period counts beside those before it. Default 15 %; more than 0.
    pub learn: Ratio,
    /// How many deviations are odd. Default 5; more than 0.
    pub limit: f64,
    /// A deviation is taken to be at least this share of the range that the parts' means span.
    /// Default 4 %; 0 switches it off.
    pub scale_floor: Ratio,
    /// A deviation is taken to be at least this, in the value's own unit. Default 0.
    pub least_scale: f64,
    /// Which side is odd. Default both.
    pub side: Side,
    /// How long it rests after it has spoken. Default 1 h; at most 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub refractory: Duration,
}

impl Default for SeasonConfig {
    fn default() -> Self {
        Self {
            period: DAY,
            buckets: 48,
            warm_up: 3,
            learn: Ratio::percent::<15>(),
            limit: 5.0,
            scale_floor: Ratio::percent::<4>(),
            least_scale: 0.0,
            side: Side::Both,
            refractory: 60 * MINUTE,
        }
    }
}

impl SeasonConfig {
    /// Sets after what time everything comes again, and into how many parts that is cut.
    #[must_use]
    pub const fn with_period(mut self, period: Duration, buckets: usize) -> Self {
        (self.period, self.buckets) = (period, buckets);
        self
    }

    /// Sets in how many periods a part must have been seen, and how much a new one counts.
    #[must_use]
    pub const fn with_learning(mut self, warm_up: u32, learn: Ratio) -> Self {
        (self.warm_up, self.learn) = (warm_up, learn);
        self
    }

    /// Sets how many deviations are odd, and on which side.
    #[must_use]
    pub const fn with_limit(mut self, limit: f64, side: Side) -> Self {
        (self.limit, self.side) = (limit, side);
        self
    }

    /// Sets how small a deviation may get: as a share of the range, and in the value's own unit.
    #[must_use]
    pub const fn with_floor(mut self, share: Ratio, least: f64) -> Self {
        (self.scale_floor, self.least_scale) = (share, least);
        self
    }

    /// Sets how long it rests after it has spoken.
    #[must_use]
    pub const fn with_refractory(mut self, refractory: Duration) -> Self {
        self.refractory = refractory;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.duration("period", self.period, MINUTE, 31 * DAY)?;
        bounds.range("buckets", self.buckets, 2, 10_000)?;
        bounds.range("warm_up", self.warm_up, 2, 1_000)?;
        bounds.that("learn", self.learn, self.learn > Ratio::ZERO, "more than 0")?;
        bounds.range("limit", self.limit, f64::MIN_POSITIVE, 1e9)?;
        bounds.range("least_scale", self.least_scale, 0.0, f64::MAX)?;
        bounds.duration("refractory", self.refractory, Duration::ZERO, DAY)
    }
}

/// One part of the period, as it was in the periods so far.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    periods: u32,
    mean: f64,
    variance: f64,
}

/// Says that a value lies far from what is usual at this time of the day; once, then it rests.
///
/// The day is counted in the time of the samples, which knows no time zone and no summer time: what
/// matters is that 24 h pass. While a part of the day lasts, it is collected; when it is over, it
/// is learnt, so that nothing is judged by itself.
#[derive(Clone, Debug)]
pub struct Season {
    config: SeasonConfig,
    buckets: Vec<Bucket>,
    /// The number of the part that lasts, counted through all periods, and what it has seen.
    current: Option<(u64, Moments)>,
    rest: Rest,
}

impl Season {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: SeasonConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let buckets = vec![Bucket::default(); config.buckets];
        Ok(Self { config, buckets, current: None, rest: Rest::default() })
    }

    /// The number of the part of the period that `at` lies in, through all periods.
    fn part(&self, at: Moment) -> u64 {
        let buckets = self.buckets.len() as u128;
        let parts = u128::from(at.as_nanos()) * buckets / self.config.period.as_nanos();
        u64::try_from(parts).unwrap_or(u64::MAX)
    }

    fn learn(&mut self, part: u64, seen: Moments) {
        let index = (part % self.buckets.len() as u64) as usize;
        let bucket = &mut self.buckets[index];
        bucket.periods = bucket.periods.saturating_add(1);
        // The first periods count alike, so that the very first does not weigh most.
        let share = self.config.learn.as_f64().max(1.0 / f64::from(bucket.periods));
        let difference = seen.mean - bucket.mean;
        let within = seen.variance() - bucket.variance;
        bucket.variance += share * (within + (1.0 - share) * difference * difference);
        bucket.mean += share * difference;
    }

    /// What is usual now, and how many deviations from it `value` is.
    fn deviations(&self, part: u64, value: f64) -> Option<(f64, f64)> {
        let bucket = &self.buckets[(part % self.buckets.len() as u64) as usize];
        if bucket.periods < self.config.warm_up {
            return None;
        }
        let known = self.buckets.iter().filter(|bucket| bucket.periods > 0);
        let means = known.map(|bucket| bucket.mean);
        let (low, high) =
            means.fold((value, value), |(low, high), mean| (low.min(mean), high.max(mean)));
        let floor = (self.config.scale_floor.as_f64() * (high - low)).max(self.config.least_scale);
        let scale = bucket.variance.max(0.0).sqrt().max(floor);
        (scale > 0.0).then(|| (bucket.mean, (value - bucket.mean) / scale))
    }
}

impl Stream for Season {
    fn see(&mut self, value: f64, at: Moment) -> Option<Oddity> {
        if !value.is_finite() {
            return None;
        }
        let SeasonConfig { limit, side, refractory, .. } = self.config;
        let rests = self.rest.is_on(at, refractory);
        let part = self.part(at);
        let mut seen = Moments::default();
        match self.current {
            Some((current, so_far)) if current == part => seen = so_far,
            Some((current, so_far)) => self.learn(current, so_far),
            None => {}
        }
        seen.add(value, f64::INFINITY);
        self.current = Some((part, seen));
        let (expected, deviations) = self.deviations(part, value)?;
        if rests || deviations.abs() < limit || !side.has(deviations) {
            return None;
        }
        self.rest.begin(at, refractory);
        Some(Oddity::Far { value, expected, deviations })
    }

    fn stalled(&mut self, _gap: Duration) {
        self.rest.stalled();
    }
}
