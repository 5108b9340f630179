//! Several quotas of one limit, such as one per price plan.

use salve_core::{Check, ConfigError, Name};

use crate::config::ROOM;
use crate::quota::Quota;

/// The number of a tier among its [`Tiers`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tier(pub(crate) u8);

impl Tier {
    /// The tier of keys of which nothing else is known: the first.
    pub const FIRST: Self = Self(0);
    /// `starter` of [`Tiers::plans`].
    pub const STARTER: Self = Self(0);
    /// `pro` of [`Tiers::plans`].
    pub const PRO: Self = Self(1);
    /// `enterprise` of [`Tiers::plans`].
    pub const ENTERPRISE: Self = Self(2);
}

/// Quotas by name, for keys that are not all alike. A [`Tier`] stays the same tier when settings
/// change: tiers can be given other quotas, and new ones can be added behind them.
///
/// ```
/// use salve_rate_limit::{Quota, Tier, Tiers};
///
/// let plans = Tiers::plans();
/// assert_eq!(plans.find("pro"), Some(Tier::PRO));
/// assert_eq!(plans.quota(Tier::ENTERPRISE), Some(&Quota::per_minute(2_000)));
///
/// let tiers = Tiers::new("anonymous", Quota::per_minute(10)).with("member", Quota::per_minute(60));
/// assert_eq!(tiers.find("anonymous"), Some(Tier::FIRST));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tiers(Vec<(Name, Quota)>);

/// As many as there are numbers for.
const MOST: usize = 256;

impl Tiers {
    /// One tier, which is that of every key of which nothing else is known.
    #[must_use]
    pub fn new(name: impl Into<Name>, quota: Quota) -> Self {
        Self(vec![(name.into(), quota)])
    }

    /// Three plans: `starter` with 100 calls a minute, `pro` with 500, `enterprise` with 2,000.
    #[must_use]
    pub fn plans() -> Self {
        Self::new("starter", Quota::per_minute(100))
            .with("pro", Quota::per_minute(500))
            .with("enterprise", Quota::per_minute(2_000))
    }

    /// Adds a tier behind the others.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, quota: Quota) -> Self {
        self.0.push((name.into(), quota));
        self
    }

    /// The tier of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Tier> {
        let index = self.0.iter().position(|(known, _)| known.as_str() == name)?;
        u8::try_from(index).ok().map(Tier)
    }

    /// The name of a tier.
    #[must_use]
    pub fn name(&self, tier: Tier) -> Option<&Name> {
        self.0.get(usize::from(tier.0)).map(|(name, _)| name)
    }

    /// The quota of a tier.
    #[must_use]
    pub fn quota(&self, tier: Tier) -> Option<&Quota> {
        self.0.get(usize::from(tier.0)).map(|(_, quota)| quota)
    }

    /// The quota of a tier; of one that is not among these, the first's.
    pub(crate) fn quota_or_first(&self, tier: Tier) -> Quota {
        let (_, quota) = self.0.get(usize::from(tier.0)).unwrap_or(&self.0[0]);
        *quota
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        Check::room(ROOM).range("tiers", self.0.len(), 1, MOST)?;
        for (index, (name, quota)) in self.0.iter().enumerate() {
            quota.validate()?;
            let is_new = self.0[..index].iter().all(|(other, _)| other != name);
            Check::room(ROOM).that("tiers", name, is_new, "named only once")?;
        }
        Ok(())
    }

    /// Whether these may take the place of `before`.
    pub(crate) fn validate_after(&self, before: &Self) -> Result<(), ConfigError> {
        for (index, (name, _)) in before.0.iter().enumerate() {
            let stays = self.0.get(index).is_some_and(|(new, _)| new == name);
            let bound = format_args!("still tier number {}", index + 1).to_string();
            Check::room(ROOM).that("tiers", name, stays, bound)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_found_by_name_and_read_by_number() {
        let plans = Tiers::plans();
        for (tier, name, calls) in [
            (Tier::STARTER, "starter", 100),
            (Tier::PRO, "pro", 500),
            (Tier::ENTERPRISE, "enterprise", 2_000),
        ] {
            assert_eq!(plans.find(name), Some(tier));
            assert_eq!(plans.name(tier).map(Name::as_str), Some(name));
            assert_eq!(plans.quota(tier), Some(&Quota::per_minute(calls)));
        }
        assert_eq!(
            (plans.find("free"), plans.name(Tier(3)), plans.quota(Tier(3))),
            (None, None, None)
        );
    }
}
