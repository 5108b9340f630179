//! Virtual time in whole microseconds.

/// A moment or a length of time in microseconds.
pub(crate) type Micros = u64;

pub(crate) const MS: Micros = 1_000;
pub(crate) const SECOND: Micros = 1_000_000;

/// A length of time given in milliseconds.
pub(crate) fn millis(millis: f64) -> Micros {
    (millis * MS as f64).round() as Micros
}
