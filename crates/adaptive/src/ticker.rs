//! Ticks a controller for as long as anybody waits for it.

use std::sync::Weak;
use std::time::Duration;

use salve_core::sync::Arc;
use salve_core::{Moment, clock};

use crate::shared::Shared;

impl Shared {
    /// Sees to it that the controller is ticked when it wants to be, for as long as anybody waits.
    pub(crate) fn keep_time(self: &Arc<Self>, now: Moment) {
        let starts = {
            let mut seats = self.lock();
            let Some(next) = seats.controller.next_tick(now) else { return };
            match seats.ticks_at {
                Some(at) if at <= next => return,
                Some(_) => {
                    // Noted, so that it is told once.
                    seats.ticks_at = Some(next);
                    self.sooner.notify_one();
                    return;
                }
                None => {}
            }
            let runtime = tokio::runtime::Handle::try_current();
            seats.ticks_at = runtime.is_ok().then_some(next);
            runtime
        };
        if let Ok(runtime) = starts {
            runtime.spawn(tick(Ticker(Arc::downgrade(self))));
        }
    }
}

/// Whoever ticks the controller; there is one at most, and none while nobody waits.
struct Ticker(Weak<Shared>);

impl Drop for Ticker {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.lock().ticks_at = None;
        }
    }
}

/// Timers are no finer.
const FINEST: Duration = Duration::from_millis(1);

async fn tick(mut ticker: Ticker) {
    while let Some(shared) = ticker.0.upgrade() {
        let now = clock::now();
        let mut next = None;
        shared.settling(|seats| {
            seats.controller.tick(now);
            next = seats.controller.next_tick(now);
            seats.ticks_at = next;
        });
        let Some(next) = next else {
            // Another may have begun since: what this one leaves behind is no longer its own.
            ticker.0 = Weak::new();
            return;
        };
        let until = clock::instant(next.max(now.after(FINEST)));
        // Either way it is time to look again.
        let _ = tokio::time::timeout_at(until, shared.sooner.notified()).await;
        // Who is out of time at this very moment leaves first.
        tokio::task::yield_now().await;
    }
}
