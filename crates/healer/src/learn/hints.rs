//! What will go wrong: when a growing value reaches its limit.

use std::time::Duration;

use salve_core::Name;

use crate::kind::{Kind, Severity};
use crate::time::Time;

/// Something that will go wrong unless somebody does something: a disk that fills, a certificate
/// that ends, a failure rate that rises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// With which target.
    pub target: Name,
    /// What.
    pub kind: Kind,
    /// In how long.
    pub within: Duration,
}

impl Hint {
    /// What readings of a target let expect, as [`time_to_limit`] says.
    #[must_use]
    pub fn of(target: &Name, kind: &Kind, readings: &[(Time, f64)], limit: f64) -> Option<Self> {
        let within = time_to_limit(readings, limit)?;
        Some(Self { target: target.clone(), kind: kind.clone(), within })
    }

    /// How grave it is: low, and rising as the time comes near.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self.within.as_secs() {
            0..3_600 => Severity::High,
            3_600..86_400 => Severity::Medium,
            _ => Severity::Low,
        }
    }
}

/// Readings beyond this number are left out, the oldest first: slopes are compared in pairs.
const MOST: usize = 256;

/// How long it takes from the last reading until a value reaches its limit, if it goes on as it
/// did: by the median of all slopes (Theil 1950, Sen 1968), which a few odd readings do not move.
/// `None` if it does not go there, or with fewer than five readings. Both directions are meant: a
/// limit below the last value is reached by falling.
///
/// ```
/// use salve_healer::learn::time_to_limit;
/// use salve_healer::Time;
/// use std::time::Duration;
///
/// let readings: Vec<_> = (0..10).map(|m| (Time::from_secs(60 * m), 80.0 + m as f64)).collect();
/// assert_eq!(time_to_limit(&readings, 95.0), Some(Duration::from_secs(360)));
/// assert_eq!(time_to_limit(&readings, 50.0), None);
/// ```
#[must_use]
pub fn time_to_limit(readings: &[(Time, f64)], limit: f64) -> Option<Duration> {
    let readings = &readings[readings.len().saturating_sub(MOST)..];
    let (_, last) = readings.last().filter(|_| readings.len() >= 5)?;
    let mut slopes = Vec::new();
    for (nth, (at, value)) in readings.iter().enumerate() {
        for (later, next) in &readings[nth + 1..] {
            let time = later.since(*at).as_secs_f64();
            let slope = (next - value) / time;
            if time > 0.0 && slope.is_finite() {
                slopes.push(slope);
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    let slope = *slopes.get(slopes.len() / 2)?;
    let seconds = (limit - last) / slope;
    Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds > 0.0)
}
