//! Struck calls that wait, and how they are let go.

use std::sync::Arc;

use salve_core::Moment;
use salve_core::sync::Ordering;
#[cfg(any(feature = "proxy", all(feature = "guard", target_os = "linux")))]
use tokio::sync::watch;

use super::Shared;
use crate::clock;

impl Shared {
    /// Waits until `target`, or until this arming is no more.
    pub(crate) async fn wait(self: Arc<Self>, epoch: u64, target: Moment) {
        let mut epochs = self.epochs.subscribe();
        loop {
            let until = {
                let inner = self.inner.lock();
                match &inner.armed {
                    Some(present) if inner.epoch == epoch => present.armed.until,
                    _ => return,
                }
            };
            let next = clock::instant(target.min(until));
            let gone = epochs.wait_for(|now| *now != epoch);
            if tokio::time::timeout_at(next, gone).await.is_ok() {
                return;
            }
            let now = clock::now();
            if now >= target {
                return;
            }
            // The end may have been put off meanwhile; then it goes on waiting.
            self.expire(now);
        }
    }

    /// Ends as soon as no struck call is held.
    pub(crate) async fn released(&self) {
        loop {
            let released = self.released.notified();
            if self.totals.held.load(Ordering::Acquire) == 0 {
                return;
            }
            released.await;
        }
    }

    /// The number of the arming that holds; 0 while there is none.
    #[cfg(feature = "http")]
    pub(crate) fn epoch(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    /// The number of the arming that holds, now and as it changes; 0 while there is none.
    #[cfg(any(feature = "proxy", all(feature = "guard", target_os = "linux")))]
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.epochs.subscribe()
    }

    /// Ends as soon as this arming does.
    pub(crate) async fn ended(&self, epoch: u64) {
        // The sender lives in `self`, so it cannot be gone.
        let _ = self.epochs.subscribe().wait_for(|now| *now != epoch).await;
    }
}

/// Counts a struck call for as long as it is held.
#[derive(Debug)]
pub(crate) struct Held(Arc<Shared>);

impl Held {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.totals.held.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }

    /// Counts it for ever: nobody can say that it is released.
    #[cfg(all(feature = "guard", target_os = "linux"))]
    pub(crate) fn for_good(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.0.totals.held.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.released.notify_waiters();
        }
    }
}
