//! Faults on purpose: all of `salve-chaos`, health checks that lie, and what the healer did about it.

#[cfg(feature = "healer")]
mod repairs;

use std::sync::Arc;

pub use salve_chaos::*;

#[cfg(feature = "healer")]
pub use repairs::repairs;

use crate::health::{Check, Finding};

/// A health check that looks as `check` does, and that `point` can make lie, wait and fail. See
/// [`Fault::Lie`].
///
/// ```
/// use salve::chaos::{self, Arming, Fault, Lie, Rule};
/// use salve::health::{Check, Finding, Status};
/// use salve::Ratio;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), chaos::ArmError> {
/// let lie = Rule::new("all is well", Fault::Lie(Lie::Well)).with_share(Ratio::ONE);
/// let point = chaos::Handle::new(chaos::Config::new("probe").with_rule(lie))?;
/// let check = chaos::lying(&point, || async { Finding::fail("the disk is full") });
/// assert_eq!(check.run().await.status, Status::Fail);
///
/// point.arm(Arming::new("ada", "who notices?", Duration::from_secs(60)))?;
/// assert_eq!(check.run().await.status, Status::Pass);
/// # Ok(())
/// # }
/// ```
pub fn lying(point: &Handle, check: impl Check) -> impl Check {
    let check = Arc::new(check);
    let says = Says { well: Finding::pass(), ill: Finding::fail("made to say so on purpose") };
    point.check(says, move || {
        let check = Arc::clone(&check);
        async move { check.run().await }
    })
}
