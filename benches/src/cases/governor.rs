//! governor: its direct and its keyed rate limiter, asked before a call, as its guide shows.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{Quota, RateLimiter};

use super::RATE_LIMIT;
use crate::case::Case;

const QUOTA: Quota = Quota::per_second(NonZeroU32::MAX);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::sync(RATE_LIMIT, "governor, check", || {
            let limiter = Arc::new(RateLimiter::direct(QUOTA));
            move || {
                let limiter = Arc::clone(&limiter);
                move |request| limiter.check().map(|()| request)
            }
        })
        .contended(),
        Case::sync(RATE_LIMIT, "governor, check keyed", || {
            let limiter = Arc::new(RateLimiter::keyed(QUOTA));
            move || {
                let limiter = Arc::clone(&limiter);
                move |request: u64| limiter.check_key(&(request % 16)).map(|()| request)
            }
        })
        .contended(),
    ]
}
