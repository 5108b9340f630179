//! A journal in memory.

use std::sync::Mutex;

use salve_healer::{BoxFuture, Digest, Fact, Head, Journal, JournalError, Record};

#[derive(Default)]
pub(crate) struct Memory(Mutex<Vec<Record>>);

impl Memory {
    /// What was written, in order.
    #[allow(dead_code, reason = "each test file has a copy of its own")]
    pub(crate) fn facts(&self) -> Vec<Fact> {
        self.0.lock().unwrap().iter().map(|record| record.fact.clone()).collect()
    }

    fn end(records: &[Record]) -> Head {
        Head { seq: records.last().map_or(0, |it| it.seq), hash: Digest([0; 32]) }
    }
}

impl Journal for Memory {
    fn append<'a>(&'a self, new: &'a [Record]) -> BoxFuture<'a, Result<Head, JournalError>> {
        Box::pin(async move {
            let mut records = self.0.lock().unwrap();
            records.extend_from_slice(new);
            Ok(Self::end(&records))
        })
    }

    fn read(&self, after: u64, at_most: usize) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        Box::pin(async move {
            let records = self.0.lock().unwrap();
            let rest = records.iter().filter(|it| it.seq > after);
            Ok(rest.take(at_most).cloned().collect())
        })
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, JournalError>> {
        Box::pin(async move { Ok(Self::end(&self.0.lock().unwrap())) })
    }
}
