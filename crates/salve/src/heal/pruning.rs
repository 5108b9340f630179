//! Prunes the healer's journal on schedule, behind signed anchors. Whatever becomes of it, the healer works on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salve_core::clock;
use salve_healer::{JournalError, Wall, driver};

use crate::journal::SqliteJournal;
use crate::journal::prune::{Retention, Signer};

/// How long to wait before the next part, if there was more to remove than is removed at once.
const PAUSE: Duration = Duration::from_secs(1);

/// Who prunes, what, and who signs for it.
pub(super) struct Pruner {
    pub(super) journal: Arc<SqliteJournal>,
    pub(super) retention: Retention,
    pub(super) signer: Arc<dyn Signer>,
}

impl Pruner {
    /// For ever. What comes of it is told as events of the healer.
    pub(super) async fn run(self, healer: driver::Handle) {
        loop {
            let more = self.once(&healer).await;
            tokio::time::sleep(if more { PAUSE } else { self.retention.every }).await;
        }
    }

    /// Whether there is more to remove.
    async fn once(&self, healer: &driver::Handle) -> bool {
        let now = u64::try_from(clock::since_unix_epoch().as_millis()).unwrap_or(u64::MAX);
        let order = self.retention.order(Wall(now));
        let pruned: Result<_, JournalError> = self.journal.prune(&order, &*self.signer).await;
        let more = pruned.as_ref().is_ok_and(|pruned| pruned.removed == order.at_most);
        healer.pruned(pruned.map(|pruned| pruned.removed));
        more
    }
}

impl fmt::Debug for Pruner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pruner").field("retention", &self.retention).finish_non_exhaustive()
    }
}
