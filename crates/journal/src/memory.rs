//! A journal in memory, for tests and for trying out: it forgets everything with its process.

use std::sync::{Mutex, PoisonError};

use salve_healer::{BoxFuture, Digest, Head, Journal, JournalError, Record, State};

use crate::chain::{self, EMPTY, Link};
use crate::prune::{self, Prunable, Pruned, Pruning, Signed, Signer};

/// A journal in memory. Apart from that it is like any other: chained, checked, in order, pruned.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    links: Vec<Link>,
    /// The last anchor, and the state that it stands for.
    pruned: Option<(Signed, String)>,
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes what is old and over from its beginning, and leaves an anchor.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`] if a setting is out of bounds or nobody signs,
    /// [`JournalError::Conflict`] if somebody else prunes as well.
    ///
    /// # Cancellation
    /// Dropped, it has removed everything or nothing.
    pub async fn prune(
        &self,
        order: &Pruning,
        signer: &dyn Signer,
    ) -> Result<Pruned, JournalError> {
        prune::prune(self, order, signer).await
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Link>) -> T) -> T {
        self.with_all(|all| work(&mut all.links))
    }

    fn with_all<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        // Links are added or removed whole or not at all, so a panic leaves none half done.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn head(links: &[Link]) -> Head {
    links.last().map_or(EMPTY, |last| Head { seq: last.seq, hash: last.hash })
}

impl Journal for MemoryJournal {
    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<Head, JournalError>> {
        Box::pin(async move {
            self.with(|links| {
                let new = chain::extend(head(links), records)?;
                links.extend(new);
                Ok(head(links))
            })
        })
    }

    fn read(&self, after: u64, at_most: usize) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        Box::pin(async move {
            self.with(|links| {
                let rest = links.iter().filter(|link| link.seq > after);
                rest.take(at_most).map(chain::record).collect()
            })
        })
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, JournalError>> {
        Box::pin(async move { Ok(self.with(|links| head(links))) })
    }

    fn base(&self) -> BoxFuture<'_, Result<State, JournalError>> {
        Box::pin(async move {
            self.with_all(|all| match &all.pruned {
                Some((_, state)) => prune::read_state(state),
                None => Ok(State::new()),
            })
        })
    }
}

impl Prunable for MemoryJournal {
    fn hash(&self, seq: u64) -> BoxFuture<'_, Result<Digest, JournalError>> {
        Box::pin(async move {
            self.with(|links| {
                let link = links.iter().find(|link| link.seq == seq);
                link.map(|link| link.hash).ok_or(JournalError::Conflict { last: head(links).seq })
            })
        })
    }

    fn anchor(&self) -> BoxFuture<'_, Result<Option<Signed>, JournalError>> {
        Box::pin(async move { Ok(self.with_all(|all| all.pruned.as_ref().map(|it| it.0.clone()))) })
    }

    fn cut(&self, signed: Signed, state: String) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            let anchor = signed.read()?;
            self.with_all(|all| {
                let before = all.pruned.as_ref().map(|(it, _)| prune::digest(&it.body));
                let there = all.links.iter().any(|link| link.seq == anchor.seq + 1);
                if before != anchor.follows || !there {
                    return Err(JournalError::Conflict { last: head(&all.links).seq });
                }
                all.links.retain(|link| link.seq > anchor.seq);
                all.pruned = Some((signed, state));
                Ok(())
            })
        })
    }
}
