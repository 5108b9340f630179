//! Random walks of the engines beside slow, obvious twins.

mod history;
mod schedule;
mod score;
mod target;

use std::time::Duration;

use salve_core::Moment;

const fn at(ms: u64) -> Moment {
    Moment::from_nanos(ms * 1_000_000)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
