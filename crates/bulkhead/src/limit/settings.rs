//! The settings by which the number of places follows what the dependency can take.

use std::time::Duration;

use salve_core::{Check, ConfigError, Ratio};

/// Lets the number of places move between a floor and a ceiling. It begins with
/// [`Config::places`](crate::Config::places).
///
/// ```
/// use salve_bulkhead::{Adaptive, Algorithm, Config};
///
/// let adaptive = Adaptive::default().with_bounds(2, 100).with_algorithm(Algorithm::aimd());
/// assert!(Config::new("api").with_places(20).with_adaptive(adaptive).validate().is_ok());
/// assert!(Config::new("api").with_places(101).with_adaptive(adaptive).validate().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Adaptive {
    /// There are never fewer places. Default 1; 1 to `ceiling`.
    pub floor: u32,
    /// There are never more places. Default 200; at most 1,000,000.
    pub ceiling: u32,
    /// Latency is judged over rounds of at least this long. Default 100 ms; 1 ms to 1 min.
    /// AIMD has no rounds.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub window: Duration,
    /// What moves the limit. Default [`Algorithm::gradient2`]; [`Algorithm::baseline`] where many small clients
    /// share a server, or where callers wait however long it takes.
    pub algorithm: Algorithm,
}

/// What moves the limit.
///
/// A *loss* is a call that timed out or was answered with overload, or one that was cancelled
/// after four times the usual latency (twice, if nobody was answered since it began; at least 1 ms).
/// What was refused before it was sent, and what the classifier ignores, says nothing. A failure
/// that was quicker than usual says nothing about latency. Nothing grows unless half of the limit is
/// in use.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Algorithm {
    /// salve's own: a round's median latency against the lowest of recent rounds, *b*. The limit
    /// becomes `L g + sqrt(L g)`, where `g` is `tolerance b / median`, at least 0.5 and at most 1.
    /// A round that loses 5 % of its calls shrinks it by that share, by 10 % to 50 %.
    ///
    /// The baseline forgets what is older than `memory`. Under a standing queue it is measured
    /// anew before that, by one round at the limit that Little's law finds just enough, so that
    /// the queue is not taken for the baseline and no place stands idle. It is forgotten early if
    /// the limit has shrunk to a quarter and latency has stayed the same: the cause lies elsewhere.
    Baseline {
        /// How many times the baseline is still good. Default 1.5; 1 to 10.
        tolerance: f64,
        /// For how long the baseline counts. Default 30 s; 1 s to 1 h.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        memory: Duration,
    },
    /// Additive increase, multiplicative decrease (Chiu and Jain 1989), as in TCP: `1 / L` more
    /// for each answer; a failure, a loss or an answer that took longer than `slow` leaves
    /// `backoff` of the limit. It shrinks once in a round trip: a call that began before the
    /// limit shrank does not shrink it again.
    Aimd {
        /// What is left of the limit. Default 90 %; more than 0, less than 100 %.
        backoff: Ratio,
        /// An answer that takes longer is a loss. Default 5 s; 1 ms to 1 h.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        slow: Duration,
    },
    /// TCP Vegas (Brakmo and Peterson 1994) with the steps of Netflix's concurrency-limits: a
    /// round's mean latency and the lowest of recent rounds tell how many calls queue,
    /// `q = L (1 - lowest / mean)`. With `s = max(1, log10 L)`: up to `s` the limit grows by
    /// `6 s`, below `3 s` by `s`, above `6 s` it shrinks by `s`, and by `s` for a round with a loss.
    Vegas {
        /// For how long the lowest counts. Default 30 s; 1 s to 1 h.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        memory: Duration,
    },
    /// Gradient2 of Netflix's concurrency-limits: a round's mean latency against an average over
    /// 600 rounds, *l*. The limit moves by a fifth of the way to `L g + 4`, where `g` is
    /// `tolerance l / mean`, at least 0.5 and at most 1. The average falls by 5 % while it is twice
    /// the round's. A round that loses 5 % of its calls has a `g` of 0.5.
    Gradient2 {
        /// How many times the average is still good. Default 1.5; 1 to 10.
        tolerance: f64,
    },
}

impl Algorithm {
    /// [`Algorithm::Baseline`] with its defaults.
    #[must_use]
    pub const fn baseline() -> Self {
        Self::Baseline { tolerance: 1.5, memory: Duration::from_secs(30) }
    }

    /// [`Algorithm::Aimd`] with its defaults.
    #[must_use]
    pub const fn aimd() -> Self {
        Self::Aimd { backoff: Ratio::percent::<90>(), slow: Duration::from_secs(5) }
    }

    /// [`Algorithm::Vegas`] with its defaults.
    #[must_use]
    pub const fn vegas() -> Self {
        Self::Vegas { memory: Duration::from_secs(30) }
    }

    /// [`Algorithm::Gradient2`] with its defaults.
    #[must_use]
    pub const fn gradient2() -> Self {
        Self::Gradient2 { tolerance: 1.5 }
    }

    fn validate(self, check: Check) -> Result<(), ConfigError> {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let memory =
            |memory| check.duration("adaptive.memory", memory, Duration::from_secs(1), HOUR);
        let tolerance = |tolerance| check.range("adaptive.tolerance", tolerance, 1.0, 10.0);
        match self {
            Self::Baseline { tolerance: times, memory: long } => {
                tolerance(times).and_then(|()| memory(long))
            }
            Self::Aimd { backoff, slow } => {
                let shrinks = Ratio::ZERO < backoff && backoff < Ratio::ONE;
                check.that(
                    "adaptive.backoff",
                    backoff,
                    shrinks,
                    "more than 0% and less than 100%",
                )?;
                check.duration("adaptive.slow", slow, Duration::from_millis(1), HOUR)
            }
            Self::Vegas { memory: long } => memory(long),
            Self::Gradient2 { tolerance: times } => tolerance(times),
        }
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            floor: 1,
            ceiling: 200,
            window: Duration::from_millis(100),
            algorithm: Algorithm::gradient2(),
        }
    }
}

impl Adaptive {
    /// Sets what moves the limit.
    #[must_use]
    pub const fn with_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets the fewest and the most places that there may be.
    #[must_use]
    pub const fn with_bounds(mut self, floor: u32, ceiling: u32) -> Self {
        self.floor = floor;
        self.ceiling = ceiling;
        self
    }

    /// Sets how long a round takes at least.
    #[must_use]
    pub const fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    pub(crate) fn validate(&self, check: Check) -> Result<(), ConfigError> {
        check.range("adaptive.ceiling", self.ceiling, 1, crate::config::MOST)?;
        check.range("adaptive.floor", self.floor, 1, self.ceiling)?;
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(60));
        check.duration("adaptive.window", self.window, short, long)?;
        self.algorithm.validate(check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(adaptive: Adaptive) -> bool {
        adaptive.validate(Check::room("test")).is_ok()
    }

    /// The smallest and the largest that fit, and their neighbours.
    fn durations(least: Duration, most: Duration) -> [(Duration, bool); 4] {
        let step = Duration::from_nanos(1);
        [(least - step, false), (least, true), (most, true), (most + step, false)]
    }

    #[test]
    fn bounds_belong_to_what_they_bound() {
        let (ms, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let of = |algorithm| Adaptive::default().with_algorithm(algorithm);
        for (window, is_fit) in durations(ms, 60 * second) {
            assert_eq!(fits(Adaptive::default().with_window(window)), is_fit, "{window:?}");
        }
        for (memory, is_fit) in durations(second, 3_600 * second) {
            assert_eq!(fits(of(Algorithm::Vegas { memory })), is_fit, "{memory:?}");
            let baseline = Algorithm::Baseline { tolerance: 1.5, memory };
            assert_eq!(fits(of(baseline)), is_fit, "{memory:?}");
        }
        for (slow, is_fit) in durations(ms, 3_600 * second) {
            let backoff = Ratio::percent::<90>();
            assert_eq!(fits(of(Algorithm::Aimd { backoff, slow })), is_fit, "{slow:?}");
        }
        for (parts, is_fit) in [(0, false), (1, true), (999_999, true), (1_000_000, false)] {
            let backoff = Ratio::from_parts_per_million(parts).unwrap();
            assert_eq!(fits(of(Algorithm::Aimd { backoff, slow: second })), is_fit, "{backoff}");
        }
        for (tolerance, is_fit) in
            [(0.99, false), (1.0, true), (10.0, true), (10.01, false), (f64::NAN, false)]
        {
            assert_eq!(fits(of(Algorithm::Gradient2 { tolerance })), is_fit, "{tolerance}");
            let baseline = Algorithm::Baseline { tolerance, memory: second };
            assert_eq!(fits(of(baseline)), is_fit, "{tolerance}");
        }
        for (floor, ceiling, is_fit) in [
            (1, 1, true),
            (0, 1, false),
            (2, 1, false),
            (1, 1_000_000, true),
            (1, 1_000_001, false),
        ] {
            let bounds = Adaptive::default().with_bounds(floor, ceiling);
            assert_eq!(fits(bounds), is_fit, "{floor} to {ceiling}");
        }
    }
}
