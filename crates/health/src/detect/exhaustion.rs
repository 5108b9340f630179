//! How long it takes until something is used up.

use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Moment};

use super::spread::{median, quantile};
use super::{Oddity, Side, Stream};
use crate::config::{DAY, MINUTE, ROOM};

/// The settings of an [`Exhaustion`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct ExhaustionConfig {
    /// Where nothing is left. Default 100.
    pub bound: f64,
    /// Whether it is reached from below (above: it grows towards the bound) or from above (below:
    /// it shrinks towards it). Default above.
    pub side: Side,
    /// How little time left is odd. Default 24 h; 1 min to 31 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub horizon: Duration,
    /// How far back the rate is taken from. Default 6 h; 1 min to 31 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub window: Duration,
}

impl Default for ExhaustionConfig {
    fn default() -> Self {
        let (horizon, window) = (DAY, 360 * MINUTE);
        Self { bound: 100.0, side: Side::Above, horizon, window }
    }
}

impl ExhaustionConfig {
    /// Sets where nothing is left: reached by growing for [`Side::Above`], by shrinking for
    /// [`Side::Below`].
    #[must_use]
    pub const fn with_bound(mut self, bound: f64, side: Side) -> Self {
        (self.bound, self.side) = (bound, side);
        self
    }

    /// Sets how little time left is odd, and how far back the rate is taken from.
    #[must_use]
    pub const fn with_horizon(mut self, horizon: Duration, window: Duration) -> Self {
        (self.horizon, self.window) = (horizon, window);
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.that("bound", self.bound, self.bound.is_finite(), "a finite number")?;
        bounds.that("side", "both", self.side != Side::Both, "above or below")?;
        bounds.duration("horizon", self.horizon, MINUTE, 31 * DAY)?;
        bounds.duration("window", self.window, MINUTE, 31 * DAY)
    }
}

/// The window is kept as so many points.
const POINTS: usize = 64;
/// A rate is taken over so many points: far enough for what comes in steps, and so near that one
/// jump is in few of the rates.
const REACH: usize = POINTS / 8;
/// There must be so many points before anything is said.
const LEAST: usize = 2 * REACH;
/// It is over when more than this many times the horizon is left.
const RELIEF: f64 = 1.25;

/// The mean of the values of one stretch of time.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    /// Since the first value, in seconds.
    at: f64,
    value: f64,
    count: u32,
}

/// Says how long it takes until the bound is reached, while that is less than the horizon.
///
/// The rate is the median of the rates between points an eighth of the window apart, and three in
/// four of them have to point towards the bound. So neither one jump nor one rotated log is a
/// trend or hides one, and noise is none. Sixteen values are enough to begin with; then points are
/// joined as the window fills, so that memory stays at 64 of them.
#[derive(Clone, Debug)]
pub struct Exhaustion {
    config: ExhaustionConfig,
    began: Option<Moment>,
    points: Vec<Point>,
    /// How much time a point stands for, in seconds.
    width: f64,
    is_raised: bool,
}

impl Exhaustion {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: ExhaustionConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let points = Vec::with_capacity(POINTS);
        Ok(Self { config, began: None, points, width: 0.0, is_raised: false })
    }

    /// Adds a value, to the last point if that still lasts.
    fn add(&mut self, value: f64, at: f64) {
        let widest = self.config.window.as_secs_f64() / POINTS as f64;
        if let Some(last) = self.points.last_mut()
            && (at / self.width.max(1e-9)).floor() <= (last.at / self.width.max(1e-9)).floor()
        {
            last.count = last.count.saturating_add(1);
            let share = 1.0 / f64::from(last.count);
            last.value += (value - last.value) * share;
            return;
        }
        while self.points.len() >= POINTS {
            if self.width >= widest {
                self.points.remove(0);
            } else {
                let span = at - self.points[0].at;
                self.width = (self.width * 2.0).max(span * 2.0 / POINTS as f64).min(widest);
                self.join();
            }
        }
        self.points.push(Point { at, value, count: 1 });
    }

    /// Joins the points that lie in the same stretch.
    fn join(&mut self) {
        let width = self.width;
        let mut joined: Vec<Point> = Vec::with_capacity(POINTS);
        for point in self.points.drain(..) {
            match joined.last_mut() {
                Some(last) if (point.at / width).floor() <= (last.at / width).floor() => {
                    let count = last.count.saturating_add(point.count);
                    let share = f64::from(point.count) / f64::from(count);
                    last.value += (point.value - last.value) * share;
                    last.count = count;
                }
                _ => joined.push(point),
            }
        }
        self.points = joined;
    }

    /// Towards the bound, a second; `None` if there is no trend towards it.
    fn rate(&self) -> Option<f64> {
        if self.points.len() < LEAST {
            return None;
        }
        let sign = if self.config.side == Side::Below { -1.0 } else { 1.0 };
        let pairs = self.points.iter().zip(&self.points[REACH..]);
        let mut rates = [0.0; POINTS];
        let mut count = 0;
        for (rate, (from, to)) in rates.iter_mut().zip(pairs) {
            *rate = sign * (to.value - from.value) / (to.at - from.at);
            count += 1;
        }
        let rates = &mut rates[..count];
        let most = quantile(rates, 0.25)?;
        median(rates).filter(|rate| most > 0.0 && rate.is_finite())
    }
}

impl Stream for Exhaustion {
    fn see(&mut self, value: f64, at: Moment) -> Option<Oddity> {
        if !value.is_finite() {
            return None;
        }
        let ExhaustionConfig { bound, side, horizon, .. } = self.config;
        let began = *self.began.get_or_insert(at);
        self.add(value, at.since(began).as_secs_f64());
        let sign = if side == Side::Below { -1.0 } else { 1.0 };
        let room = ((bound - value) * sign).max(0.0);
        let left = self.rate().map(|rate| (rate, room / rate));
        let limit = horizon.as_secs_f64() * if self.is_raised { RELIEF } else { 1.0 };
        let (rate, left) = left.filter(|(_, left)| *left <= limit).unzip();
        self.is_raised = left.is_some();
        let left = Duration::try_from_secs_f64(left?).unwrap_or(Duration::MAX);
        Some(Oddity::Exhausting { per_hour: sign * rate? * 3_600.0, left })
    }

    /// The rate is one of values over time, and time has passed in the gap as well.
    fn stalled(&mut self, _gap: Duration) {}
}
