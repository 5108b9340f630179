//! The token by which a call whose answer has only begun is settled when the answer ends.

use std::fmt;
use std::sync::Arc;

use crate::sync::Lock;
use crate::{Moment, Outcome};

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As this outcome.
    Outcome(Outcome),
    /// The caller dropped it before its end.
    Cancelled,
}

/// What a policy does at the end of an answer: give back a permit, record an outcome.
pub trait Settle: Send {
    /// Is called once, when the answer ends.
    fn settle(self: Box<Self>, end: End);
}

/// Shared between a streaming response and the policies it has passed through.
///
/// Whoever streams the answer (such as a guarded HTTP body) makes one, shows it to the policies
/// through [`Classify::settlement`](crate::Classify::settlement), and settles it at the end, on
/// an error, or when it is dropped. Until then the policies keep their permits in it.
#[derive(Clone, Default)]
pub struct Settlement(Arc<Lock<Account>>);

#[derive(Default)]
struct Account {
    waiting: Vec<Box<dyn Settle>>,
    ended: Option<End>,
    deadline: Option<Moment>,
}

impl Settlement {
    /// A settlement with nobody waiting for it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves `policy` to be settled at the end, or at once if that has come.
    pub fn attach(&self, policy: impl Settle + 'static) {
        let policy = Box::new(policy);
        let mut account = self.0.lock();
        match account.ended {
            None => account.waiting.push(policy),
            Some(end) => {
                drop(account);
                policy.settle(end);
            }
        }
    }

    /// Brings forward the moment by which the answer must have ended.
    pub fn limit(&self, deadline: Moment) {
        let mut account = self.0.lock();
        account.deadline = Some(account.deadline.map_or(deadline, |sooner| sooner.min(deadline)));
    }

    /// The moment by which the answer must have ended.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.0.lock().deadline
    }

    /// Settles every waiting policy, the innermost first. Only the first call counts.
    pub fn settle(&self, end: End) {
        let waiting = {
            let mut account = self.0.lock();
            if account.ended.is_some() {
                return;
            }
            account.ended = Some(end);
            std::mem::take(&mut account.waiting)
        };
        for policy in waiting {
            policy.settle(end);
        }
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.0.lock();
        f.debug_struct("Settlement")
            .field("waiting", &account.waiting.len())
            .field("ended", &account.ended)
            .finish()
    }
}
