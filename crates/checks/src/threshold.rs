//! The bounds of a number: from where on it is a warning, and from where on a failure.

use std::borrow::Cow;

use salve_core::{Check as Bounds, ConfigError};
use salve_health::Finding;

/// Which way a number gets worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Direction {
    /// The more the worse, such as the used share of a disk.
    #[default]
    Rising,
    /// The less the worse, such as the days that a certificate has left.
    Falling,
}

/// From where on a number is a warning, and from where on a failure. Equal to a bound trips it.
///
/// ```
/// use salve_checks::Thresholds;
/// use salve_health::Status;
///
/// let used = Thresholds::rising(90.0, 95.0);
/// assert_eq!(used.judge(89.9, "percent", "used").status, Status::Pass);
/// assert_eq!(used.judge(90.0, "percent", "used").status, Status::Warn);
/// assert_eq!(used.judge(f64::NAN, "percent", "used").status, Status::Unknown);
/// let left = Thresholds::falling(30.0, 7.0);
/// assert_eq!(left.judge(7.0, "days", "left").status, Status::Fail);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Thresholds {
    /// Which way the number gets worse. Default rising.
    pub direction: Direction,
    /// From where on it is a warning. Default never; not beyond `fail`.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub warn: Option<f64>,
    /// From where on it is a failure. Default never.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub fail: Option<f64>,
}

impl Thresholds {
    /// Passes every number.
    pub const NONE: Self = Self { direction: Direction::Rising, warn: None, fail: None };

    /// Warns at `warn` and more, fails at `fail` and more.
    #[must_use]
    pub const fn rising(warn: f64, fail: f64) -> Self {
        Self { direction: Direction::Rising, warn: Some(warn), fail: Some(fail) }
    }

    /// Warns at `warn` and less, fails at `fail` and less.
    #[must_use]
    pub const fn falling(warn: f64, fail: f64) -> Self {
        Self { direction: Direction::Falling, warn: Some(warn), fail: Some(fail) }
    }

    /// Warns at nothing.
    #[must_use]
    pub const fn without_warn(mut self) -> Self {
        self.warn = None;
        self
    }

    /// Fails at nothing.
    #[must_use]
    pub const fn without_fail(mut self) -> Self {
        self.fail = None;
        self
    }

    /// What `value` comes to; `what` names it in the reason, as in `used is 96 percent`.
    #[must_use]
    pub fn judge(&self, value: f64, unit: impl Into<Cow<'static, str>>, what: &str) -> Finding {
        if value.is_nan() {
            return Finding::unknown(format!("{what} is no number"));
        }
        let unit = unit.into();
        let shown = (value * 100.0).round() / 100.0;
        let side = match self.direction {
            Direction::Rising => "or more",
            Direction::Falling => "or less",
        };
        let because = |bound| format!("{what} is {shown} {unit}, {bound} {side}");
        let finding = match (self.fail, self.warn) {
            (Some(fail), _) if self.trips(value, fail) => Finding::fail(because(fail)),
            (_, Some(warn)) if self.trips(value, warn) => Finding::warn(because(warn)),
            _ => Finding::pass(),
        };
        finding.with_value(value, unit)
    }

    fn trips(&self, value: f64, bound: f64) -> bool {
        match self.direction {
            Direction::Rising => value >= bound,
            Direction::Falling => value <= bound,
        }
    }

    /// Checks that both bounds lie within `low..=high`, and that a warning comes no later than a
    /// failure.
    ///
    /// # Errors
    /// Names `field` of `room`, the bound that is wrong and what it must be.
    pub fn validate(
        &self,
        room: &'static str,
        field: &'static str,
        (low, high): (f64, f64),
    ) -> Result<(), ConfigError> {
        let bounds = Bounds::room(room);
        for bound in [self.warn, self.fail].into_iter().flatten() {
            bounds.range(field, bound, low, high)?;
        }
        let (Some(warn), Some(fail)) = (self.warn, self.fail) else { return Ok(()) };
        let limit = match self.direction {
            Direction::Rising => "at most",
            Direction::Falling => "at least",
        };
        let holds = self.trips(fail, warn);
        let bound = format_args!("{limit} the {fail} at which it fails");
        bounds.that(field, format_args!("a warning at {warn}"), holds, bound)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use salve_health::Status;

    use super::*;

    fn status(thresholds: Thresholds, value: f64) -> Status {
        thresholds.judge(value, "", "it").status
    }

    #[test]
    fn a_bound_that_is_missing_is_never_tripped() {
        let full = f64::INFINITY;
        assert_eq!(status(Thresholds::NONE, full), Status::Pass);
        assert_eq!(status(Thresholds::rising(1.0, 2.0).without_fail(), full), Status::Warn);
        assert_eq!(status(Thresholds::rising(1.0, 2.0).without_warn(), 1.5), Status::Pass);
    }

    #[test]
    fn the_reason_names_value_unit_and_bound() {
        let finding = Thresholds::rising(80.0, 90.0).judge(93.333_33, "percent", "used");
        assert_eq!(finding.reason.as_deref(), Some("used is 93.33 percent, 90 or more"));
        let value = finding.value.unwrap();
        assert_eq!((value.value, &*value.unit), (93.333_33, "percent"));
    }

    #[test]
    fn bounds_out_of_order_or_out_of_range_are_refused() {
        let refused =
            |it: Thresholds| it.validate("disk", "used", (0.0, 100.0)).unwrap_err().to_string();
        assert_eq!(
            refused(Thresholds::rising(95.0, 90.0)),
            "disk: `used` is a warning at 95, but must be at most the 90 at which it fails"
        );
        assert!(refused(Thresholds::falling(7.0, 30.0)).contains("at least the 30"));
        assert!(refused(Thresholds::rising(90.0, 101.0)).contains("between 0 and 100"));
        assert!(refused(Thresholds::rising(f64::NAN, 90.0)).contains("NaN"));
        assert!(Thresholds::rising(90.0, 90.0).validate("disk", "used", (0.0, 100.0)).is_ok());
    }

    proptest! {
        /// Upside down, falling is rising; a worse number is never judged better.
        #[test]
        fn falling_mirrors_rising(warn in -9..9, more in 0..9, low in -20..20, step in 0..9) {
            let (warn, fail) = (f64::from(warn), f64::from(warn + more));
            let rising = Thresholds::rising(warn, fail);
            let falling = Thresholds::falling(-warn, -fail);
            let (value, worse) = (f64::from(low), f64::from(low + step));
            prop_assert_eq!(status(rising, value), status(falling, -value));
            prop_assert!(status(rising, value) <= status(rising, worse));
            prop_assert_eq!(status(rising, value) == Status::Pass, value < warn);
            prop_assert_eq!(status(rising, value) == Status::Fail, value >= fail);
        }
    }
}
