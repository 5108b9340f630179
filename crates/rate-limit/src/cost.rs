//! What a request costs, and which tier it says it belongs to.

use crate::tiers::Tier;

/// Says how many calls a request counts as; 0 is free. Closures from `&Req` to `u32` do.
pub trait CostOf<Req> {
    /// What `request` costs.
    fn cost(&self, request: &Req) -> u32;
}

impl<F: Fn(&Req) -> u32, Req> CostOf<Req> for F {
    #[inline]
    fn cost(&self, request: &Req) -> u32 {
        self(request)
    }
}

/// Every request counts as one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct One;

impl<Req> CostOf<Req> for One {
    #[inline]
    fn cost(&self, _: &Req) -> u32 {
        1
    }
}

/// Says which tier the key of a request belongs to, if the request knows. Closures from `&Req` to
/// `Option<Tier>` do.
pub trait TierOf<Req> {
    /// The tier of `request`; `None` leaves its key's tier as it is.
    fn tier(&self, request: &Req) -> Option<Tier>;
}

impl<F: Fn(&Req) -> Option<Tier>, Req> TierOf<Req> for F {
    #[inline]
    fn tier(&self, request: &Req) -> Option<Tier> {
        self(request)
    }
}

/// Leaves every key in the tier it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsBefore;

impl<Req> TierOf<Req> for AsBefore {
    #[inline]
    fn tier(&self, _: &Req) -> Option<Tier> {
        None
    }
}
