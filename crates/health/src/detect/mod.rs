//! Detectors: engines that look at a stream of numbers and say when one of them is odd.
//!
//! Each takes a value with its time, keeps a bounded memory, and may say that the value is odd. None
//! reads a clock. In a registry a detector stands between a check and its target, through
//! [`of_value`] or [`of_latency`]; there it can make a pass a warning, and nothing more.
//!
//! | signal | detector | says so |
//! |---|---|---|
//! | a gauge with a known bound (memory, load, days left) | [`Threshold`] | until it has cleared |
//! | a disk, or whatever else fills up | [`Exhaustion`] | while less than a day is left |
//! | a rate or a latency without a season | [`RollingZ`] | once, then rests |
//! | the same with a daily rhythm | [`Season`] | once, then rests |
//! | a level that changes for good | [`LevelShift`] | once a shift |
//! | one replica of many | [`Peers`] | while it stands apart |
//! | nothing is known | [`Anomaly`] | once, then rests |
//!
//! A target that changes between up and down too often is found by the registry itself, which
//! tells [`Event::Flapped`](crate::Event::Flapped).
//!
//! ```
//! use salve_health::detect::{Anomaly, AnomalyConfig, of_latency};
//! use salve_health::{Config, Handle, TargetConfig, TcpCheck};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let health = Handle::new(Config::new("shop"))?;
//! let check = TcpCheck::new("127.0.0.1:5432");
//! let odd = of_latency(Anomaly::new(AnomalyConfig::default())?);
//! health.register_with(TargetConfig::new("database"), check, odd)?;
//! # Ok(())
//! # }
//! ```

mod anomaly;
mod exhaustion;
mod level_shift;
mod oddity;
mod peers;
mod rest;
mod rolling_z;
mod season;
mod spread;
mod threshold;

use std::time::Duration;

use salve_core::Moment;

pub use self::anomaly::{Anomaly, AnomalyConfig};
pub use self::exhaustion::{Exhaustion, ExhaustionConfig};
pub use self::level_shift::{LevelShift, LevelShiftConfig};
pub use self::oddity::Oddity;
pub use self::peers::{Peer, Peers, PeersConfig};
pub use self::rolling_z::{RollingZ, RollingZConfig};
pub use self::season::{Season, SeasonConfig};
pub use self::threshold::{Threshold, ThresholdConfig};
use crate::check::Detect;
use crate::finding::{Sample, Status};

/// The engine of a detector: one number after the other, each with its time.
pub trait Stream: Send + 'static {
    /// Takes the next value; `Some` if there is something odd about it. Times never go back, and
    /// values that are not finite are passed over.
    fn see(&mut self, value: f64, at: Moment) -> Option<Oddity>;

    /// Nobody looked for this long: what must hold, or rest, for some time begins that time anew.
    /// What was learnt stays.
    fn stalled(&mut self, gap: Duration);
}

/// Sides of a bound, or of what is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Side {
    /// Only what is too high is odd.
    Above,
    /// Only what is too low is odd.
    Below,
    /// Both are.
    #[default]
    Both,
}

impl Side {
    /// Whether a value so far above the usual (below, if negative) lies on this side.
    const fn has(self, difference: f64) -> bool {
        match self {
            Self::Above => difference > 0.0,
            Self::Below => difference < 0.0,
            Self::Both => difference != 0.0,
        }
    }
}

/// Looks at the value that a check has measured. Samples without one are passed over.
#[must_use]
pub fn of_value<S: Stream>(stream: S) -> impl Detect {
    Of { stream, number: |sample| sample.finding.value.as_ref().map(|observed| observed.value) }
}

/// Looks at how long a check took, in milliseconds. Runs that passed or warned count, as a failure
/// takes its own time; what was pushed took none and is passed over.
#[must_use]
pub fn of_latency<S: Stream>(stream: S) -> impl Detect {
    Of {
        stream,
        number: |sample| {
            let works = matches!(sample.finding.status, Status::Pass | Status::Warn);
            let was_run = works && sample.latency > Duration::ZERO;
            was_run.then_some(sample.latency.as_secs_f64() * 1_000.0)
        },
    }
}

struct Of<S> {
    stream: S,
    number: fn(&Sample) -> Option<f64>,
}

impl<S: Stream> Detect for Of<S> {
    fn look(&mut self, sample: &Sample) -> Option<Box<str>> {
        let value = (self.number)(sample)?;
        self.stream.see(value, sample.at).map(|oddity| oddity.to_string().into())
    }

    fn stalled(&mut self, gap: Duration) {
        self.stream.stalled(gap);
    }
}

/// Several detectors of one target: each sees every sample, and the first that finds something
/// odd gives the reason.
impl Detect for Vec<Box<dyn Detect>> {
    fn look(&mut self, sample: &Sample) -> Option<Box<str>> {
        let mut odd = None;
        for detector in self {
            let found = detector.look(sample);
            odd = odd.or(found);
        }
        odd
    }

    fn stalled(&mut self, gap: Duration) {
        self.iter_mut().for_each(|detector| detector.stalled(gap));
    }
}
