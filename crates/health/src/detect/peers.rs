//! One of many that behaves unlike the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{Check as Bounds, ConfigError, Moment, Ratio};

use super::spread::median;
use super::{Oddity, Side, Stream};
use crate::config::{DAY, ROOM};

/// The settings of [`Peers`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct PeersConfig {
    /// How many peers must have a recent value before one is judged. Default 5; 3 to 10,000.
    pub at_least: usize,
    /// How far from the median is apart, in robust deviations (1.4826 times the median of the
    /// distances from the median). Default 5; more than 0.
    pub limit: f64,
    /// A deviation is taken to be at least this share of the median. Default 10 %; 0 switches it off.
    pub scale_floor: Ratio,
    /// A deviation is taken to be at least this, in the value's own unit. Default 0; where all are
    /// 0, nobody is judged without it.
    pub least_scale: f64,
    /// Which side is odd. Default both.
    pub side: Side,
    /// How many values of a peer in a row must be apart. Default 3; 1 to 1,000.
    pub in_a_row: u32,
    /// How long a value speaks for its peer. Default 2 min; 1 ms to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub fresh_for: Duration,
}

impl Default for PeersConfig {
    fn default() -> Self {
        Self {
            at_least: 5,
            limit: 5.0,
            scale_floor: Ratio::percent::<10>(),
            least_scale: 0.0,
            side: Side::Both,
            in_a_row: 3,
            fresh_for: Duration::from_secs(120),
        }
    }
}

impl PeersConfig {
    /// Sets how many peers there must be.
    #[must_use]
    pub const fn with_at_least(mut self, peers: usize) -> Self {
        self.at_least = peers;
        self
    }

    /// Sets how far is apart, in robust deviations, and on which side.
    #[must_use]
    pub const fn with_limit(mut self, limit: f64, side: Side) -> Self {
        (self.limit, self.side) = (limit, side);
        self
    }

    /// Sets how small a deviation may get: as a share of the median, and in the value's own unit.
    #[must_use]
    pub const fn with_floor(mut self, share: Ratio, least: f64) -> Self {
        (self.scale_floor, self.least_scale) = (share, least);
        self
    }

    /// Sets how many values in a row must be apart, and how long one speaks for its peer.
    #[must_use]
    pub const fn with_patience(mut self, in_a_row: u32, fresh_for: Duration) -> Self {
        (self.in_a_row, self.fresh_for) = (in_a_row, fresh_for);
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("at_least", self.at_least, 3, 10_000)?;
        bounds.range("limit", self.limit, f64::MIN_POSITIVE, 1e9)?;
        bounds.range("least_scale", self.least_scale, 0.0, f64::MAX)?;
        bounds.range("in_a_row", self.in_a_row, 1, 1_000)?;
        bounds.duration("fresh_for", self.fresh_for, Duration::from_millis(1), DAY)
    }
}

/// A group of peers that are compared with each other: one that is slow is found, and if all are
/// slow, none stands apart. Clones are the same group.
///
/// The median and the distances from it are not moved by fewer than half of the peers
/// (Hampel 1974). Each peer is a [`Stream`] of its own and leaves when it is dropped.
///
/// ```
/// use salve_health::detect::{Peers, PeersConfig, of_latency};
///
/// let replicas = Peers::new(PeersConfig::default())?;
/// let detectors: Vec<_> = (0..7).map(|_| of_latency(replicas.join())).collect();
/// assert_eq!(replicas.len(), 7);
/// drop(detectors);
/// assert!(replicas.is_empty());
/// # Ok::<(), salve_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Peers {
    config: PeersConfig,
    members: Arc<Lock<Members>>,
}

#[derive(Debug, Default)]
struct Members {
    next: u64,
    /// The last value of each.
    last: BTreeMap<u64, Option<(f64, Moment)>>,
    /// Reused by every judgement.
    sorted: Vec<f64>,
}

impl Peers {
    /// A group without members.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: PeersConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, members: Arc::default() })
    }

    /// A new member of the group.
    #[must_use]
    pub fn join(&self) -> Peer {
        let mut members = self.members.lock();
        let number = members.next;
        members.next += 1;
        members.last.insert(number, None);
        drop(members);
        Peer { group: self.clone(), number, row: 0 }
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.lock().last.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One member of a group of [`Peers`].
#[derive(Debug)]
pub struct Peer {
    group: Peers,
    number: u64,
    /// How many values in a row were apart.
    row: u32,
}

impl Stream for Peer {
    fn see(&mut self, value: f64, at: Moment) -> Option<Oddity> {
        if !value.is_finite() {
            return None;
        }
        let config = self.group.config;
        let mut members = self.group.members.lock();
        members.last.insert(self.number, Some((value, at)));
        let found = members.judge(value, at, &config);
        drop(members);
        let Some((median, peers)) = found else {
            self.row = 0;
            return None;
        };
        self.row = self.row.saturating_add(1);
        (self.row >= config.in_a_row).then_some(Oddity::Apart { value, median, peers })
    }

    fn stalled(&mut self, _gap: Duration) {
        self.row = 0;
        // What was seen before speaks for nobody now.
        self.group.members.lock().last.insert(self.number, None);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.group.members.lock().last.remove(&self.number);
    }
}

impl Members {
    /// The median and the number of peers that `value` stands apart from.
    fn judge(&mut self, value: f64, at: Moment, config: &PeersConfig) -> Option<(f64, usize)> {
        let Self { last, sorted, .. } = self;
        let is_fresh = |seen: &Moment| at.since(*seen) <= config.fresh_for;
        sorted.clear();
        sorted.extend(last.values().flatten().filter(|(_, seen)| is_fresh(seen)).map(|(it, _)| it));
        if sorted.len() < config.at_least {
            return None;
        }
        let middle = median(sorted)?;
        sorted.iter_mut().for_each(|it| *it = (*it - middle).abs());
        let deviation = TO_SIGMA * median(sorted)?;
        let floor = (config.scale_floor.as_f64() * middle.abs()).max(config.least_scale);
        let scale = deviation.max(floor);
        let difference = value - middle;
        let is_apart = scale > 0.0 && difference.abs() >= config.limit * scale;
        (is_apart && config.side.has(difference)).then_some((middle, sorted.len()))
    }
}

/// Of a normal distribution, this many times the median distance from the median is a standard
/// deviation.
const TO_SIGMA: f64 = 1.4826;
