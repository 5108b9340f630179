//! A journal in memory, for tests and for trying out: it forgets everything with its process.

use std::sync::{Mutex, PoisonError};

use salve_healer::{BoxFuture, Head, Journal, JournalError, Record};

use crate::chain::{self, EMPTY, Link};

/// A journal in memory. Apart from that it is like any other: chained, checked, in order.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Vec<Link>>);

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Link>) -> T) -> T {
        // Links are added whole or not at all, so a panic leaves none half done.
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
}
