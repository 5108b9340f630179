//! A share between 0 and 1, compared without rounding.

use std::fmt;

use crate::ConfigError;

/// A share from 0 to 1, held in parts per million so that comparisons are exact.
///
/// ```
/// use salve_core::Ratio;
///
/// let half = Ratio::percent::<50>();
/// assert!(half.reached_by(5, 10));
/// assert!(!half.reached_by(4, 10));
/// assert_eq!(Ratio::try_from(0.3)?.of(1_000), 300);
/// # Ok::<(), salve_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct Ratio(u32);

const WHOLE: u32 = 1_000_000;

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const ONE: Self = Self(WHOLE);

    /// A share in whole percent; more than 100 does not compile.
    #[must_use]
    pub const fn percent<const P: u32>() -> Self {
        const { assert!(P <= 100, "a share is at most 100 percent") };
        Self(P * (WHOLE / 100))
    }

    /// A share in parts per million, or `None` above 1,000,000.
    #[must_use]
    pub const fn from_parts_per_million(parts: u32) -> Option<Self> {
        if parts <= WHOLE { Some(Self(parts)) } else { None }
    }

    /// The share in parts per million.
    #[must_use]
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }

    /// The share as a number from 0 to 1.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// Whether `part` of `whole` is this share or more; 0 of 0 is a share of 0.
    #[must_use]
    pub const fn reached_by(self, part: u64, whole: u64) -> bool {
        part as u128 * WHOLE as u128 >= self.0 as u128 * whole as u128 && (whole > 0 || self.0 == 0)
    }

    /// This share of `whole`, rounded down.
    #[must_use]
    pub const fn of(self, whole: u64) -> u64 {
        ((whole as u128 * self.0 as u128) / WHOLE as u128) as u64
    }
}

impl TryFrom<f64> for Ratio {
    type Error = ConfigError;

    /// Takes the nearest part per million.
    fn try_from(share: f64) -> Result<Self, ConfigError> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self((share * f64::from(WHOLE)).round() as u32))
        } else {
            Err(ConfigError::new("core", "ratio", share, "between 0 and 1"))
        }
    }
}

impl From<Ratio> for f64 {
    fn from(share: Ratio) -> Self {
        share.as_f64()
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / f64::from(WHOLE / 100))
    }
}
