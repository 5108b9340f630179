//! Ready settings for common uses, each with the schedule it is known by.

use std::borrow::Cow;
use std::time::Duration;

use salve_core::Ratio;

use crate::backoff::{Backoff, Curve, Jitter};
use crate::config::Config;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn preset(max_attempts: u32, curve: Curve, jitter: Jitter, max: Duration) -> Config {
    Config::of(max_attempts, Backoff::of(curve, jitter, max))
}

const fn doubling(first: Duration) -> Curve {
    Curve::Exponential { first, factor: 2.0 }
}

impl Config {
    /// For HTTP calls: 5 attempts; 100, 200, 400, 800 ms between them, and up to half as much
    /// more.
    #[must_use]
    pub const fn http() -> Self {
        preset(5, doubling(Duration::from_millis(100)), Jitter::Above(HALF), seconds(30))
    }

    /// For recovery strategies: 5 attempts; 1, 2, 4, 8 s between them, at most 30 s, each a tenth
    /// more or less.
    #[must_use]
    pub const fn strategy() -> Self {
        preset(5, doubling(seconds(1)), Jitter::Factor(TENTH), seconds(30))
    }

    /// For jobs of a queue: 5 tries with 10, 30, 60 and 300 s between them. The list goes on with
    /// 900 s for those who raise the number of tries.
    #[must_use]
    pub const fn queue_job() -> Self {
        const WAITS: &[Duration] =
            &[seconds(10), seconds(30), seconds(60), seconds(300), seconds(900)];
        preset(5, Curve::List(Cow::Borrowed(WAITS)), Jitter::None, seconds(900))
    }

    /// For jobs in general: 3 tries with 30 and 60 s between them. The list goes on with 180 s for
    /// those who raise the number of tries.
    #[must_use]
    pub const fn base_job() -> Self {
        const WAITS: &[Duration] = &[seconds(30), seconds(60), seconds(180)];
        preset(3, Curve::List(Cow::Borrowed(WAITS)), Jitter::None, seconds(180))
    }

    /// For commands over SSH: 3 attempts; the first at once, then after 2 to 3 s, then after 4 to
    /// 5 s.
    #[must_use]
    pub const fn ssh() -> Self {
        preset(3, doubling(seconds(2)), Jitter::Plus(seconds(1)), seconds(300))
    }

    /// For recovery after a failed health check: 3 tries, 10 s apart.
    #[must_use]
    pub const fn health_recovery() -> Self {
        preset(3, Curve::Constant(seconds(10)), Jitter::None, seconds(10))
    }
}

const HALF: Ratio = Ratio::percent::<50>();
const TENTH: Ratio = Ratio::percent::<10>();
