//! One more run of a target's check, right before something drastic is done to it.

use salve_core::Name;
use salve_healer::{BoxFuture, SecondLook};

use crate::health::{self, Status};

/// Has health look again. Its finding counts there as any other does.
pub(super) struct Again(pub(super) health::Handle);

impl SecondLook for Again {
    fn is_well<'a>(&'a self, target: &'a Name) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async move {
            let sample = self.0.refresh(target.as_str()).await.ok()?;
            match sample.finding.status {
                Status::Pass | Status::Warn => Some(true),
                Status::Fail => Some(false),
                Status::Unknown => None,
            }
        })
    }
}
