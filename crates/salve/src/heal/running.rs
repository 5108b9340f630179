//! A running healer, with what keeps it informed.

use std::fmt;
use std::ops::Deref;
use std::thread;

use salve_healer::driver::Handle;
use tokio::task::{JoinHandle, JoinSet};

/// A running healer. It is a [`Handle`], to be told and asked.
///
/// **Dropped**, the healer is told to end, and nobody waits for it; health is no longer driven by it.
#[must_use = "a healer ends when it is dropped"]
pub struct Healing {
    handle: Handle,
    wheel: Option<Wheel>,
    /// Whoever watches for the healer; they end with this.
    _watching: JoinSet<()>,
}

/// Where the loop turns.
pub(super) enum Wheel {
    Task(JoinHandle<()>),
    Thread(thread::JoinHandle<()>),
}

impl Healing {
    pub(super) const fn new(handle: Handle, wheel: Wheel, watching: JoinSet<()>) -> Self {
        Self { handle, wheel: Some(wheel), _watching: watching }
    }

    /// What to clone for those that tell the healer something or ask it.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends the healer and waits for it: nothing more is started, actions that run may end for as long
    /// as the settings say, and the journal is written to its last record.
    ///
    /// # Cancellation
    /// The healer ends all the same.
    pub async fn shut_down(mut self) {
        self.handle.shut_down();
        // A loop that has panicked has ended, too.
        match self.wheel.take() {
            Some(Wheel::Task(task)) => drop(task.await),
            Some(Wheel::Thread(thread)) => {
                drop(tokio::task::spawn_blocking(move || drop(thread.join())).await);
            }
            None => {}
        }
    }
}

impl Deref for Healing {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Healing {
    fn drop(&mut self) {
        self.handle.shut_down();
    }
}

impl fmt::Debug for Healing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Healing").field("handle", &self.handle).finish_non_exhaustive()
    }
}
