//! The right to act where there is one healer only: always granted, with tokens that rise.

use std::time::Duration;

use salve_core::sync::{AtomicU64, Ordering};
use salve_core::{Name, clock};

use crate::action::BoxFuture;
use crate::lease::{Grant, Lease, LeaseError};

/// Grants everything at once. For one healer on one journal.
#[derive(Debug, Default)]
pub struct LocalLease(AtomicU64);

impl LocalLease {
    /// Tokens begin above `token`, the highest that was ever shown.
    #[must_use]
    pub fn above(token: u64) -> Self {
        Self(AtomicU64::new(token))
    }
}

impl Lease for LocalLease {
    fn acquire<'a>(
        &'a self,
        target: &'a Name,
        time: Duration,
    ) -> BoxFuture<'a, Result<Grant, LeaseError>> {
        Box::pin(async move {
            let token = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(Grant { target: target.clone(), token, until: clock::now().after(time) })
        })
    }

    fn renew<'a>(
        &'a self,
        grant: &'a Grant,
        time: Duration,
    ) -> BoxFuture<'a, Result<Grant, LeaseError>> {
        Box::pin(async move { Ok(Grant { until: clock::now().after(time), ..grant.clone() }) })
    }

    fn release(&self, _: Grant) -> BoxFuture<'_, Result<(), LeaseError>> {
        Box::pin(async { Ok(()) })
    }
}
