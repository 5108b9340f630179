//! How long records of a journal are kept, and how often those that are older are looked for.

use std::time::Duration;

use salve_core::{Check, ConfigError, Name};
use salve_healer::{Wall, Who};

use super::Pruning;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long records of a journal are kept. Nothing is removed from one whose user has not said so, and
/// nothing without a [`Signer`](super::Signer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long a record stays after what it is about is over. Default 1 year; 1 day to 100 years.
    pub keep: Duration,
    /// How often what is older is removed; the first time at the start. Default 1 day; 1 min to 30 days.
    pub every: Duration,
    /// Who wants it, as the anchor will say. Default the program `retention`.
    pub by: Who,
}

impl Default for Retention {
    fn default() -> Self {
        let by = Who::Program(Name::literal("retention"));
        Self { keep: 365 * DAY, every: DAY, by }
    }
}

impl Retention {
    /// Keeps records for so long.
    #[must_use]
    pub fn new(keep: Duration) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Sets how often what is older is removed.
    #[must_use]
    pub const fn with_every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets who wants it.
    #[must_use]
    pub fn with_by(mut self, by: Who) -> Self {
        self.by = by;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room("journal");
        check.duration("keep", self.keep, DAY, 100 * 366 * DAY)?;
        check.duration("every", self.every, MINUTE, 30 * DAY)
    }

    /// What is to be removed at this date.
    #[must_use]
    pub fn order(&self, now: Wall) -> Pruning {
        let keep = u64::try_from(self.keep.as_millis()).unwrap_or(u64::MAX);
        let days = self.keep.as_secs() / DAY.as_secs();
        let why = format!("records are kept for {days} days");
        Pruning::new(Wall(now.0.saturating_sub(keep)), self.by.clone(), why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_younger_than_it_is_kept_stays() {
        let retention = Retention::new(2 * DAY);
        let order = retention.order(Wall(10 * 86_400_000));
        assert_eq!(order.before, Wall(8 * 86_400_000));
        assert_eq!((order.why.as_str(), order.by), ("records are kept for 2 days", retention.by));
        assert_eq!(Retention::default().order(Wall(5)).before, Wall(0), "before 1970 was nothing");
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        assert_eq!(Retention::default().validate(), Ok(()));
        let hour = Duration::from_secs(3_600);
        assert_eq!(Retention::new(hour).validate().unwrap_err().field(), "keep");
        let hasty = Retention::default().with_every(Duration::ZERO);
        assert_eq!(hasty.validate().unwrap_err().field(), "every");
    }
}
