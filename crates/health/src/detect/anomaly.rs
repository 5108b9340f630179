//! The detector for a stream about which nothing is known.

use std::collections::VecDeque;
use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Moment};

use super::spread::Moments;
use super::{Oddity, Stream};
use crate::config::{DAY, ROOM};

/// The settings of an [`Anomaly`]. The defaults were chosen on one half of the Numenta Anomaly Benchmark and
/// tried on the other; they suit streams of some hundred values a day and more.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct AnomalyConfig {
    /// From what score on a value is odd. Default 0.05; more than 0, at most 1.
    pub limit: f64,
    /// Over how many values the level is taken. Default 20; 1 to `long`.
    pub short: usize,
    /// Over how many values the spread is taken, 8 bytes each. Default 80; 2 to 10,000.
    pub long: usize,
    /// How many values what is usual is made from; older ones fade. Default 1,000; 10 to 1,000,000.
    pub memory: u32,
    /// How many values there must be before one is judged. Default 200; 2 to `memory`.
    pub warm_up: u32,
    /// For how many values only something odder is told of. Default 450; at most 1,000,000.
    pub rest: u32,
    /// How much each alarm raises the bar for the next. Default 0.5; 0 to 100.
    pub fatigue: f64,
    /// After how many values that has worn off to a third. Default 16,000; 1 to 1,000,000,000.
    pub recovery: u32,
    /// A deviation is taken to be at least this, in the value's own unit. Default 0.
    pub least_scale: f64,
}

impl Default for AnomalyConfig {
    fn default() -> Self {
        Self {
            limit: 0.05,
            short: 20,
            long: 80,
            memory: 1_000,
            warm_up: 200,
            rest: 450,
            fatigue: 0.5,
            recovery: 16_000,
            least_scale: 0.0,
        }
    }
}

impl AnomalyConfig {
    /// Sets from what score on a value is odd.
    #[must_use]
    pub const fn with_limit(mut self, limit: f64) -> Self {
        self.limit = limit;
        self
    }

    /// Sets over how many values the level and the spread are taken.
    #[must_use]
    pub const fn with_windows(mut self, short: usize, long: usize) -> Self {
        (self.short, self.long) = (short, long);
        self
    }

    /// Sets how many values what is usual is made from, and how many there must be at first.
    #[must_use]
    pub const fn with_memory(mut self, memory: u32, warm_up: u32) -> Self {
        (self.memory, self.warm_up) = (memory, warm_up);
        self
    }

    /// Sets for how many values only something odder is told of.
    #[must_use]
    pub const fn with_rest(mut self, values: u32) -> Self {
        self.rest = values;
        self
    }

    /// Sets how much an alarm raises the bar, and after how many values that has worn off.
    #[must_use]
    pub const fn with_fatigue(mut self, fatigue: f64, recovery: u32) -> Self {
        (self.fatigue, self.recovery) = (fatigue, recovery);
        self
    }

    /// Sets how small a deviation may get, in the value's own unit.
    #[must_use]
    pub const fn with_least_scale(mut self, least: f64) -> Self {
        self.least_scale = least;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("limit", self.limit, f64::MIN_POSITIVE, 1.0)?;
        bounds.range("long", self.long, 2, 10_000)?;
        bounds.range("short", self.short, 1, self.long)?;
        bounds.range("memory", self.memory, 10, 1_000_000)?;
        bounds.range("warm_up", self.warm_up, 2, self.memory)?;
        bounds.range("rest", self.rest, 0, 1_000_000)?;
        bounds.range("fatigue", self.fatigue, 0.0, 100.0)?;
        bounds.range("recovery", self.recovery, 1, 1_000_000_000)?;
        bounds.range("least_scale", self.least_scale, 0.0, f64::MAX)
    }
}

/// Says that a value is odd in the light of everything seen so far; then only of what is odder,
/// until it has rested.
///
/// Three figures are compared with what is usual for them, each in its own standard deviations: the
/// level (the mean of a few values), the difference from what is usual at this time of the day,
/// and the spread (the deviation of some more values). The cubes of the three add up, so that one
/// that is far off suffices and three that are a little off do as well; nothing counts beyond
/// twelve deviations, and less than three together are not odd. The sum is told in whole steps, so
/// that an event is told of when it begins and not again with every value that is a little odder.
/// A stream that is odd again and again raises the bar for itself.
#[derive(Clone, Debug)]
pub struct Anomaly {
    config: AnomalyConfig,
    count: u64,
    recent: VecDeque<f64>,
    values: Moments,
    level: Moments,
    unseasonal: Moments,
    spread: Moments,
    day: [Part; PARTS],
    /// The part of the day that lasts, counted through all days, and what it has seen.
    current: Option<(u64, Moments)>,
    /// What has been odd within the rest, each with its count; the oddest first.
    peaks: VecDeque<(u64, f64)>,
    alarms: f64,
}

/// One part of the day, as it was on the days so far.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    days: u32,
    mean: f64,
}

const PARTS: usize = 48;
/// How much of a part's mean the last day makes.
const LEARN: f64 = 0.3;
/// What the level, the difference from the season and the spread weigh.
const WEIGHTS: [f64; 3] = [1.0, 0.5, 0.75];
/// So many deviations count at most.
const FARTHEST: f64 = 12.0;
/// What is less is not odd.
const LEAST: f64 = 3.0;

impl Anomaly {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: AnomalyConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            recent: VecDeque::with_capacity(config.long),
            config,
            count: 0,
            values: Moments::default(),
            level: Moments::default(),
            unseasonal: Moments::default(),
            spread: Moments::default(),
            day: [Part::default(); PARTS],
            current: None,
            peaks: VecDeque::new(),
            alarms: 0.0,
        })
    }

    /// How odd the next value is, 0 to 1; 0 as well for what is no odder than another not long ago.
    pub fn score(&mut self, value: f64, at: Moment) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        self.count += 1;
        let unseasonal = value - self.usual_now(value, at);
        self.values.add(value, f64::from(self.config.memory));
        let (level, spread) = self.level_and_spread(value);
        let far = [
            Self::deviations(&mut self.level, level, &self.config),
            Self::deviations(&mut self.unseasonal, unseasonal, &self.config),
            Self::deviations(&mut self.spread, spread, &self.config),
        ];
        let cubes = far.iter().zip(WEIGHTS).map(|(far, weight)| weight * far.powi(3));
        let odd = cubes.sum::<f64>().cbrt().floor();
        let highest = FARTHEST * WEIGHTS.iter().sum::<f64>().cbrt();
        self.told(odd) / highest
    }

    /// Half an hour's mean of the days before, or the mean of all values if there is none.
    fn usual_now(&mut self, value: f64, at: Moment) -> f64 {
        let part = u128::from(at.as_nanos()) * PARTS as u128 / DAY.as_nanos();
        let part = part as u64;
        let mut seen = Moments::default();
        match self.current {
            Some((current, so_far)) if current == part => seen = so_far,
            Some((current, so_far)) => {
                let known = &mut self.day[(current % PARTS as u64) as usize];
                known.days = known.days.saturating_add(1);
                let share = LEARN.max(1.0 / f64::from(known.days));
                known.mean += share * (so_far.mean - known.mean);
            }
            None => {}
        }
        seen.add(value, f64::INFINITY);
        self.current = Some((part, seen));
        let known = self.day[(part % PARTS as u64) as usize];
        if known.days > 0 {
            known.mean
        } else if self.values.count > 0.0 {
            self.values.mean
        } else {
            value
        }
    }

    fn level_and_spread(&mut self, value: f64) -> (f64, f64) {
        if self.recent.len() == self.config.long {
            self.recent.pop_back();
        }
        self.recent.push_front(value);
        let mean = |count: usize| {
            let sum: f64 = self.recent.iter().take(count).map(|it| it - value).sum();
            value + sum / count as f64
        };
        let level = mean(self.recent.len().min(self.config.short));
        let middle = mean(self.recent.len());
        let squares = self.recent.iter().map(|it| (it - middle) * (it - middle));
        (level, (squares.sum::<f64>() / self.recent.len() as f64).sqrt())
    }

    /// How many deviations a figure lies from what is usual, which it then becomes part of.
    fn deviations(usual: &mut Moments, figure: f64, config: &AnomalyConfig) -> f64 {
        let scale = usual.variance().sqrt().max(config.least_scale);
        let is_known = usual.count >= f64::from(config.warm_up);
        // What is smaller beside the figure than its last digits is rounding.
        let is_real = scale > 1e-12 * usual.mean.abs().max(f64::MIN_POSITIVE);
        let far = if is_known && is_real { (figure - usual.mean).abs() / scale } else { 0.0 };
        usual.add(figure, f64::from(config.memory));
        far.min(FARTHEST)
    }

    /// What is told of something so odd, in the light of what has been told before.
    fn told(&mut self, odd: f64) -> f64 {
        self.alarms *= (-1.0 / f64::from(self.config.recovery)).exp();
        let first = self.count.saturating_sub(u64::from(self.config.rest));
        while self.peaks.front().is_some_and(|(when, _)| *when < first) {
            self.peaks.pop_front();
        }
        let highest = self.peaks.front().map_or(0.0, |(_, odd)| *odd);
        while self.peaks.back().is_some_and(|(_, before)| *before <= odd) {
            self.peaks.pop_back();
        }
        self.peaks.push_back((self.count, odd));
        if odd <= highest || odd < LEAST {
            return 0.0;
        }
        let told = odd / (1.0 + self.config.fatigue * self.alarms);
        self.alarms += 1.0;
        told
    }
}

impl Stream for Anomaly {
    fn see(&mut self, value: f64, at: Moment) -> Option<Oddity> {
        let score = self.score(value, at);
        (score >= self.config.limit).then_some(Oddity::Anomalous { value, score })
    }

    /// Its rest counts values; it begins anew with the next.
    fn stalled(&mut self, _gap: Duration) {
        self.peaks.iter_mut().for_each(|(when, _)| *when = self.count);
    }
}
